//! A workflow as a tool: the model sends its input, and gets its output.

use super::fields::{DESCRIPTION, PARAMETERS, TOOL_NAME};
use super::tool::{MAX_NAME, Target, Tool, is_name};
use crate::call::ModelTool;
use crate::child::ChildName;
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::kind::NodeError;
use crate::kind::workflow;

/// A tool whose parameters are those of the version that the run has pinned.
#[derive(Debug)]
pub(super) struct ChildTool {
    pub(super) name: String,
    /// `None`: the workflow's own.
    description: Option<String>,
    child: ChildName,
}

impl ChildTool {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let child = workflow::read_name(fields);
        let name = fields.string(&TOOL_NAME).unwrap_or(&child.workflow).to_owned();
        if fields.is_given(&TOOL_NAME) && (name.len() > MAX_NAME || !is_name(&name)) {
            let rule = format!("`name` has letters, digits, `_` and `-`, at most {MAX_NAME}");
            fields.error(&TOOL_NAME.name, rule);
        }
        if fields.is_given(&PARAMETERS) {
            let message = "`parameters` has no place beside `workflow`: they are its input";
            fields.error(&PARAMETERS.name, message);
        }
        let description = fields.string(&DESCRIPTION).map(str::to_owned);
        Self { name, description, child }
    }

    /// The tool as the model sees it in this run.
    pub(super) fn shown(&self, scope: &Scope<'_>) -> Result<Tool, NodeError> {
        let (_, workflow) = scope.children().find(&self.child)?;
        let description = match &self.description {
            Some(description) => description.clone(),
            None if workflow.description.is_empty() => workflow.name.clone(),
            None => workflow.description.clone(),
        };
        let parameters = workflow.input_schema();
        let shown = ModelTool { name: self.name.clone(), description, parameters };
        Ok(Tool { shown, target: Target::Workflow(self.child.clone()) })
    }
}
