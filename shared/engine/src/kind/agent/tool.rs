//! The tools of an agent: each is a node that runs under a call of the model.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::fields::{CODE, DESCRIPTION, HTTP, PARAMETERS, TOOL, TOOL_NAME, TOOLS};
use crate::call::{CallError, ModelTool, ToolResult, TurnCall};
use crate::compile::fields::Fields;
use crate::kind::{Bindings, CallEnd, KindSpec, Kinds, Node, Planned};
use crate::schema::Schema;

/// The name that a tool's arguments are bound to.
const ARGUMENTS: &str = "tool";
const MAX_TOOLS: usize = 128;
const MAX_NAME: usize = 64;
/// What the model gets of a tool's answer.
const MAX_RESULT_BYTES: usize = 256 << 10;

#[derive(Debug)]
pub(super) struct Tool {
    /// What the model sees of it.
    pub(super) shown: ModelTool,
    parameters: Schema,
    node: Arc<dyn Node>,
    /// The field of the node's output that the model gets.
    answer: &'static str,
}

pub(super) fn read(fields: &mut Fields<'_, '_>) -> Vec<Tool> {
    let written = fields.list(&TOOLS).unwrap_or_default();
    if written.len() > MAX_TOOLS {
        fields.error(&TOOLS.name, format!("an agent has at most {MAX_TOOLS} tools"));
    }
    let path = fields.path_of(&TOOLS.name);
    let mut names = BTreeSet::new();
    let mut tools = Vec::new();
    for (index, tool) in written.iter().take(MAX_TOOLS).enumerate() {
        let Value::Object(object) = tool else {
            fields.error(&TOOLS.name, "a tool is an object with a `name`, and `http` or `code`");
            continue;
        };
        let path = format!("{path}/{index}");
        let tool = fields.inner(&path, object, TOOL, Tool::read);
        tools.extend(tool.filter(|tool| {
            let is_new = names.insert(tool.shown.name.clone());
            if !is_new {
                let name = &tool.shown.name;
                fields.error(&TOOLS.name, format!("there are two tools `{name}`"));
            }
            is_new
        }));
    }
    tools
}

impl Tool {
    fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let name = fields.string(&TOOL_NAME).unwrap_or_default().to_owned();
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if !name.is_empty() && (name.len() > MAX_NAME || !name.bytes().all(is_allowed)) {
            let rule = format!("`name` has letters, digits, `_` and `-`, at most {MAX_NAME}");
            fields.error(&TOOL_NAME.name, rule);
        }
        let description = fields.string(&DESCRIPTION).unwrap_or_default().to_owned();
        let parameters = fields.get(&PARAMETERS).cloned();
        let parameters =
            parameters.unwrap_or_else(|| json!({ "type": "object", "properties": {} }));
        if parameters.get("type").is_some_and(|kind| kind != "object") {
            fields.error(&PARAMETERS.name, "`parameters` describes an object");
        }
        let compiled = match Schema::compile(&parameters) {
            Ok(compiled) => compiled,
            Err(message) => {
                fields.error(&PARAMETERS.name, message.replace("`schema`", "`parameters`"));
                return None;
            }
        };
        let (node, answer) = read_node(fields)?;
        let shown = ModelTool { name, description, parameters };
        Some(Self { shown, parameters: compiled, node, answer })
    }

    /// Plans a call, or returns why the model may not make it.
    pub(super) fn plan(&self, name: String, call: &TurnCall) -> Result<Planned, String> {
        if call.invalid.is_some() {
            return Err("the arguments are no JSON object".to_owned());
        }
        let arguments = Value::Object(call.arguments.clone());
        if let Some(misfit) = self.parameters.misfits(&arguments).first() {
            let at = if misfit.pointer.is_empty() { "" } else { " at " };
            let (pointer, reason) = (&misfit.pointer, &misfit.reason);
            return Err(format!("the arguments do not fit the parameters{at}{pointer}: {reason}"));
        }
        Ok(Planned::node(name, Arc::clone(&self.node), Bindings(Arc::new(arguments))))
    }

    /// What the model gets of a call that has ended.
    pub(super) fn result(&self, call: &TurnCall, end: &CallEnd) -> ToolResult {
        match &end.result {
            Ok(outcome) => {
                let answer = outcome.value.get(self.answer).unwrap_or(&Value::Null);
                result(call, text_of(answer), false)
            }
            Err(error) => result(call, described(error), true),
        }
    }
}

pub(super) fn result(call: &TurnCall, content: String, is_error: bool) -> ToolResult {
    let TurnCall { id, name, .. } = call;
    ToolResult { id: id.clone(), name: name.clone(), content: shortened(content), is_error }
}

/// The node of the tool's kind, and the field of its output that is the answer.
fn read_node(fields: &mut Fields<'_, '_>) -> Option<(Arc<dyn Node>, &'static str)> {
    let kind = |name| -> Option<&KindSpec> { Kinds::standard().find(name).map(|kind| &**kind) };
    if fields.is_given(&HTTP) {
        let node = fields.inner_node(&HTTP, kind("http")?, ARGUMENTS)?;
        return Some((node, "data"));
    }
    if fields.is_given(&CODE) {
        return Some((fields.node_here(kind("function")?, ARGUMENTS), "result"));
    }
    None
}

fn text_of(answer: &Value) -> String {
    match answer {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The error, and what the server said with it: a model can often mend its call by that.
fn described(error: &CallError) -> String {
    let CallError { code, message, output, .. } = error;
    let data = output.as_ref().and_then(|output| output.get("data")).filter(|data| !data.is_null());
    let data = data.map_or_else(String::new, |data| format!("\n{}", text_of(data)));
    format!("error {code}: {message}{data}")
}

fn shortened(mut text: String) -> String {
    let left_out = text.len().saturating_sub(MAX_RESULT_BYTES);
    if left_out > 0 {
        text.truncate(text.floor_char_boundary(MAX_RESULT_BYTES));
        text.push_str(&format!("\n[{left_out} more bytes were left out]"));
    }
    text
}
