//! The tools of an agent: each is a node that runs under a call of the model, or a server's.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};

use super::child::ChildTool;
use super::fields::{
    CODE, CONNECTOR, DESCRIPTION, FETCH, HTTP, MCP, OF_CONNECTOR, OF_ONE_TOOL, OF_SERVER,
    PARAMETERS, PREFIX, PYTHON, TOOL, TOOL_NAME, TOOLS, VERSION, WORKFLOW,
};
use super::mcp::{Address, Server, mirrored};
use super::operation;
use crate::call::{Action, CallError, McpRequest, ModelTool, ToolResult, TurnCall};
use crate::child::ChildName;
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::kind::{Bindings, CallEnd, KindSpec, Kinds, Node, Planned, Price};
use crate::schema::{Misfit, Schema};

/// The name that a tool's arguments are bound to.
pub(super) const ARGUMENTS: &str = "tool";
pub(super) const MAX_TOOLS: usize = 128;
const MAX_SERVERS: usize = 16;
pub(super) const MAX_NAME: usize = 64;
/// What the model gets of a tool's answer.
const MAX_RESULT_BYTES: usize = 256 << 10;

/// A tool that the model sees.
#[derive(Debug)]
pub(super) struct Tool {
    pub(super) shown: ModelTool,
    pub(super) target: Target,
}

/// What a call of the tool calls.
#[derive(Debug)]
pub(super) enum Target {
    Node {
        parameters: Schema,
        node: Arc<dyn Node>,
        answer: Answer,
    },
    Server {
        address: Arc<Address>,
        /// The server's own name of the tool.
        name: String,
        /// Compiled for the first call that a plan judges; `None`: it is beyond our bounds, and the
        /// server judges by itself.
        parameters: OnceLock<Option<Schema>>,
    },
    Workflow(ChildName),
}

/// What the model gets of a node's output.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    Field(&'static str),
    Whole,
}

/// The author's entries.
#[derive(Default)]
pub(super) struct Written {
    pub(super) tools: Vec<Tool>,
    pub(super) servers: Vec<Server>,
    pub(super) children: Vec<ChildTool>,
}

/// Reads the author's tools, and the servers that have more.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Written {
    let written = fields.list(&TOOLS).unwrap_or_default();
    if written.len() > MAX_TOOLS {
        fields.error(&TOOLS.name, format!("an agent has at most {MAX_TOOLS} tools"));
    }
    let path = fields.path_of(&TOOLS.name);
    let mut names = BTreeSet::new();
    let mut read = Written::default();
    for (index, tool) in written.iter().take(MAX_TOOLS).enumerate() {
        let Value::Object(object) = tool else {
            fields.error(
                &TOOLS.name,
                "a tool is an object with `name` and `http`, `fetch`, `code` or `python`, or \
                 `connector`, or `workflow`, or `mcp`",
            );
            continue;
        };
        let path = format!("{path}/{index}");
        match fields.inner(&path, object, TOOL, |fields| Entry::read(fields, index)) {
            Some(Entry::Tool(tool)) => {
                note_name(fields, &mut names, &tool.shown.name);
                read.tools.push(*tool);
            }
            Some(Entry::Child(tool)) => {
                note_name(fields, &mut names, &tool.name);
                read.children.push(tool);
            }
            Some(Entry::Server(server)) => read.servers.push(server),
            None => {}
        }
    }
    if read.servers.len() > MAX_SERVERS {
        fields.error(&TOOLS.name, format!("an agent has at most {MAX_SERVERS} MCP servers"));
    }
    read
}

fn note_name(fields: &mut Fields<'_, '_>, names: &mut BTreeSet<String>, name: &str) {
    if !names.insert(name.to_owned()) {
        fields.error(&TOOLS.name, format!("there are two tools `{name}`"));
    }
}

/// Notes the entry for those who show the node, whatever is wrong with it.
fn note(fields: &mut Fields<'_, '_>) {
    let kinds = [
        (&HTTP, "http"),
        (&FETCH, "fetch"),
        (&CODE, "code"),
        (&PYTHON, "python"),
        (&WORKFLOW, "workflow"),
        (&CONNECTOR, "connector"),
        (&MCP, "mcp"),
    ];
    let Some((field, kind)) = kinds.into_iter().find(|(field, _)| fields.is_given(field)) else {
        return;
    };
    let text = |name: &str| fields.given(name).and_then(Value::as_str);
    let names = [TOOL_NAME.name, PREFIX.name, field.name.clone()];
    let name = names.iter().find_map(|name| text(name));
    fields.note_tool(name.unwrap_or_default(), kind);
}

enum Entry {
    Tool(Box<Tool>),
    Child(ChildTool),
    Server(Server),
}

impl Entry {
    fn read(fields: &mut Fields<'_, '_>, index: usize) -> Option<Self> {
        note(fields);
        let is_server = fields.is_given(&MCP);
        let misplaced = if is_server { OF_ONE_TOOL } else { OF_SERVER };
        for spec in misplaced {
            if fields.is_given(spec) {
                let side = if is_server { "has no place beside" } else { "belongs to" };
                fields.error(&spec.name, format!("`{}` {side} `mcp`", spec.name));
            }
        }
        if fields.is_given(&CONNECTOR) {
            return operation::read(fields).map(|tool| Self::Tool(Box::new(tool)));
        }
        for spec in OF_CONNECTOR {
            if fields.is_given(spec) {
                fields.error(&spec.name, format!("`{}` belongs to `connector`", spec.name));
            }
        }
        if is_server {
            return Some(Self::Server(Server::read(fields, index)));
        }
        if fields.is_given(&WORKFLOW) {
            return Some(Self::Child(ChildTool::read(fields)));
        }
        if fields.is_given(&VERSION) {
            fields.error(&VERSION.name, "`version` belongs to `workflow`");
        }
        Tool::read(fields).map(|tool| Self::Tool(Box::new(tool)))
    }
}

/// Returns whether every model can read a name.
pub(super) fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    !name.is_empty() && name.bytes().all(is_allowed)
}

impl Tool {
    fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        if !fields.is_given(&TOOL_NAME) {
            fields.error_here("`name` is missing");
        }
        let name = fields.string(&TOOL_NAME).unwrap_or_default().to_owned();
        if !name.is_empty() && (name.len() > MAX_NAME || !is_name(&name)) {
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
        Some(Self {
            shown,
            target: Target::Node { parameters: compiled, node, answer: Answer::Field(answer) },
        })
    }

    /// Plans a call, which is refused if its arguments do not fit.
    pub(super) fn plan(
        &self,
        name: String,
        call: &TurnCall,
        scope: &Scope<'_>,
        allowance: &mut usize,
    ) -> Planned {
        self.allowed(name.clone(), call, scope, allowance).unwrap_or_else(|message| {
            let code = "invalid_arguments".to_owned();
            Planned::refused(name, CallError { code, message, ..CallError::default() })
        })
    }

    /// Returns the call, or why the model may not make it.
    fn allowed(
        &self,
        name: String,
        call: &TurnCall,
        scope: &Scope<'_>,
        allowance: &mut usize,
    ) -> Result<Planned, String> {
        if call.invalid.is_some() {
            return Err("the arguments are no JSON object".to_owned());
        }
        let arguments = Value::Object(call.arguments.clone());
        if let Some(misfit) = self.misfit(&arguments, allowance) {
            let at = if misfit.pointer.is_empty() { "" } else { " at " };
            let (pointer, reason) = (&misfit.pointer, &misfit.reason);
            return Err(format!("the arguments do not fit the parameters{at}{pointer}: {reason}"));
        }
        Ok(match &self.target {
            Target::Node { node, .. } => {
                Planned::node(name, Arc::clone(node), Bindings(Arc::new(arguments)))
            }
            Target::Server { address, name: own_name, .. } => {
                let call = address.call(McpRequest::CallTool {
                    name: own_name.clone(),
                    arguments: call.arguments.clone(),
                    mirrored: mirrored(&self.shown.parameters, &call.arguments),
                });
                Planned::call(name, Action::Mcp(call), Price::Free)
            }
            Target::Workflow(child) => match scope.child(child, arguments) {
                Ok(child) => Planned::child(name, child),
                Err(error) => Planned::refused(name, error.into()),
            },
        })
    }

    fn misfit(&self, arguments: &Value, allowance: &mut usize) -> Option<Misfit> {
        let parameters = match &self.target {
            Target::Node { parameters, .. } => parameters,
            Target::Server { parameters, .. } => {
                let compiled = || Schema::compile(&self.shown.parameters).ok();
                parameters.get_or_init(compiled).as_ref()?
            }
            // The workflow judges by its input section.
            Target::Workflow(_) => return None,
        };
        parameters.misfits_within(arguments, allowance).into_iter().next()
    }

    /// What the model gets of a call that has ended.
    pub(super) fn result(&self, call: &TurnCall, end: &CallEnd) -> ToolResult {
        match (&end.result, &self.target) {
            (Ok(outcome), Target::Node { answer, .. }) => {
                let answer = match answer {
                    Answer::Field(name) => outcome.value.get(name).unwrap_or(&Value::Null),
                    Answer::Whole => &outcome.value,
                };
                result(call, text_of(answer), false)
            }
            (Ok(outcome), Target::Server { .. }) => {
                let is_error = outcome.value.get("is_error") == Some(&Value::Bool(true));
                result(call, said(&outcome.value), is_error)
            }
            (Ok(outcome), Target::Workflow(_)) => result(call, text_of(&outcome.value), false),
            (Err(error), _) => result(call, described(error), true),
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
    for (spec, name, answer) in
        [(&HTTP, "http", "data"), (&FETCH, "fetch", "text"), (&PYTHON, "python", "result")]
    {
        if fields.is_given(spec) {
            return Some((fields.inner_node(spec, kind(name)?, ARGUMENTS)?, answer));
        }
    }
    if fields.is_given(&CODE) {
        return Some((fields.node_here(kind("function")?, ARGUMENTS), "result"));
    }
    None
}

/// What a server's tool said. Servers repeat structured content as text; one that did not has
/// nothing else.
fn said(output: &Value) -> String {
    let field = |name| output.get(name).filter(|field| !field.is_null());
    let content = field("content").map(text_of).unwrap_or_default();
    match field("structured") {
        Some(structured) if content.is_empty() => text_of(structured),
        _ => content,
    }
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
