//! An operation as an agent's tool: the model gives the fields that the author leaves open.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::kind::{ConnectorNode, field_specs};
use super::template::LOGIN;
use super::{Effect, Operation, Shared};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::{Reference, Source};
use crate::field::{FieldSpec, Required};
use crate::kind::{Done, Node, NodeError, Plan};

/// What the model sees of an operation, and the node that a call of it runs.
pub(crate) struct OperationTool {
    pub(crate) description: String,
    /// JSON Schema of what the model gives.
    pub(crate) parameters: Value,
    pub(crate) node: Arc<dyn Node>,
}

/// The fields that the author may fix. Only the settings must be there.
pub(crate) fn fixed_fields(operation: &Shared) -> Vec<FieldSpec> {
    let is_setting = |name: &str| operation.settings.iter().any(|setting| setting.name == name);
    let mut specs = field_specs(operation);
    specs.retain(|spec| spec.name != LOGIN);
    for spec in specs.iter_mut().filter(|spec| !is_setting(&spec.name)) {
        spec.required = Required::No;
        spec.default = Cow::Borrowed("the model's");
    }
    specs
}

/// Reads what the author fixes; `login` is the secret, `at_most_once` the author's word.
pub(crate) fn read_tool(
    fields: &mut Fields<'_, '_>,
    operation: &Shared,
    login: String,
    at_most_once: Option<bool>,
) -> OperationTool {
    let node = ConnectorNode::fixed(fields, operation, login);
    let fixed: Vec<&str> = node.names().collect();
    for name in operation.required().filter(|name| !fixed.contains(name)) {
        if operation.properties().any(|(known, schema)| known == name && is_file(schema)) {
            let message = format!("`{name}` is a file, which no model can give: fix it here");
            fields.error_here(message);
        }
    }
    let parameters = parameters(operation, &fixed);
    let at_most_once = at_most_once.unwrap_or(!operation.may_repeat());
    let description = match operation.details.is_empty() {
        true => format!("{}.", operation.summary.trim_end_matches('.')),
        false => format!("{}. {}", operation.summary.trim_end_matches('.'), operation.details),
    };
    OperationTool { description, parameters, node: Arc::new(ToolNode { node, at_most_once }) }
}

/// The fields that are not fixed. Rules about several fields are left to the call itself: not
/// every provider takes them, and what is fixed may fulfil them.
fn parameters(operation: &Operation, fixed: &[&str]) -> Value {
    let is_open = |name: &str| !fixed.contains(&name);
    let open = operation.properties().filter(|(name, schema)| is_open(name) && !is_file(schema));
    let properties: Map<String, Value> =
        open.map(|(name, schema)| (name.clone(), schema.clone())).collect();
    let required: Vec<&str> =
        operation.required().filter(|name| properties.contains_key(*name)).collect();
    let mut parameters = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        parameters["required"] = json!(required);
    }
    parameters["additionalProperties"] = false.into();
    parameters
}

fn is_file(schema: &Value) -> bool {
    schema.get("format").is_some_and(|format| format == "file")
}

#[derive(Debug)]
struct ToolNode {
    node: ConnectorNode,
    /// Whether what writes goes out once. The agent's own setting is about its model.
    at_most_once: bool,
}

impl Node for ToolNode {
    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        let arguments =
            scope.read(&Reference { source: Source::Bound { up: 0 }, path: Vec::new() });
        let mut plan = self.node.plan_with(arguments.as_object(), scope, done)?;
        if let Plan::Perform(calls) = &mut plan {
            for call in calls {
                call.at_most_once.get_or_insert(self.at_most_once);
            }
        }
        Ok(plan)
    }
}

impl Effect {
    /// Whether a model may have this effect without the author's word for it.
    pub(crate) fn is_allowed_unasked(self) -> bool {
        self != Self::Delete
    }
}
