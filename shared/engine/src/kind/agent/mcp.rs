//! The tools of MCP servers: listed before the first turn, and called as the model asks.

use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::fields::{MCP, MCP_HEADERS, ONLY, PREFIX};
use super::tool::{MAX_NAME, Target, Tool, is_name};
use crate::call::{Action, McpCall, McpRequest, ModelTool, Rendered, RenderedUrl};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::Text;
use crate::kind::http::render_texts;
use crate::kind::{Done, NodeError, Planned, Price};

const MAX_PREFIX: usize = 32;
/// The client of the protocol sets them itself.
const OWN_HEADERS: [&str; 2] = ["accept", "content-type"];
const OWN_PREFIX: &str = "mcp-";
/// The end of a name that is not the server's own.
const HASH_BYTES: usize = 3;

/// An MCP server, as an entry of `tools`.
#[derive(Debug)]
pub(super) struct Server {
    /// Of the entry.
    index: usize,
    url: Text,
    headers: Vec<(String, Text)>,
    /// Empty: all.
    only: Vec<String>,
    prefix: Option<String>,
}

/// Where a server is, for one run.
#[derive(Debug)]
pub(super) struct Address {
    url: RenderedUrl,
    headers: Vec<(String, Rendered)>,
}

/// A tool as its list was recorded.
#[derive(Deserialize)]
struct Listed {
    name: String,
    #[serde(default)]
    description: String,
    input_schema: Value,
}

impl Server {
    pub(super) fn read(fields: &mut Fields<'_, '_>, index: usize) -> Self {
        Self {
            index,
            url: fields.url(&MCP).unwrap_or_default(),
            headers: read_headers(fields),
            only: read_only(fields),
            prefix: read_prefix(fields),
        }
    }

    /// Returns the tools, or the call that lists them.
    pub(super) fn tools(
        &self,
        scope: &Scope<'_>,
        done: &Done,
    ) -> Result<Result<Vec<Tool>, Box<Planned>>, NodeError> {
        let address = Address {
            url: self.url.render_url(scope)?,
            headers: render_texts(&self.headers, scope)?,
        };
        let name = format!("tools{}", self.index);
        match done.value(&name).map_err(|error| self.about(error))? {
            Some(listed) => self.listed(&listed, Arc::new(address)).map(Ok),
            None => {
                let call = address.call(McpRequest::ListTools { only: self.only.clone() });
                Ok(Err(Box::new(Planned::call(name, Action::Mcp(call), Price::Free))))
            }
        }
    }

    fn listed(&self, listed: &Value, address: Arc<Address>) -> Result<Vec<Tool>, NodeError> {
        let listed = Vec::<Listed>::deserialize(&listed["tools"])
            .map_err(|_| NodeError::internal("a recorded list of tools cannot be read"))?;
        let has = |name: &String| listed.iter().any(|tool| tool.name == *name);
        if let Some(missing) = self.only.iter().find(|name| !has(name)) {
            let message = format!("the server has no tool {missing:?}");
            return Err(self.about(NodeError::new("unknown_tool", message)));
        }
        let is_wanted = |tool: &Listed| self.only.is_empty() || self.only.contains(&tool.name);
        let wanted = listed.into_iter().filter(is_wanted);
        Ok(wanted.map(|tool| self.tool(tool, Arc::clone(&address))).collect())
    }

    fn tool(&self, listed: Listed, address: Arc<Address>) -> Tool {
        let Listed { name, description, input_schema: parameters } = listed;
        let shown = match &self.prefix {
            Some(prefix) => fitting(&format!("{prefix}_{name}")),
            None => fitting(&name),
        };
        let shown = ModelTool { name: shown, description, parameters };
        Tool { shown, target: Target::Server { address, name, parameters: OnceLock::new() } }
    }

    fn about(&self, error: NodeError) -> NodeError {
        let Self { index, .. } = self;
        let message = format!("the tools of the server at tools[{index}]: {}", error.message);
        NodeError { message, ..error }
    }
}

impl Address {
    pub(super) fn call(&self, request: McpRequest) -> McpCall {
        McpCall { url: self.url.clone(), headers: self.headers.clone(), request }
    }
}

fn read_headers(fields: &mut Fields<'_, '_>) -> Vec<(String, Text)> {
    let headers = fields.request_headers(&MCP_HEADERS);
    for (name, _) in &headers {
        let lower = name.to_ascii_lowercase();
        if OWN_HEADERS.contains(&lower.as_str()) || lower.starts_with(OWN_PREFIX) {
            fields
                .error(&MCP_HEADERS.name, format!("the protocol sets the header `{name}` itself"));
        }
    }
    headers
}

fn read_only(fields: &mut Fields<'_, '_>) -> Vec<String> {
    let Some(written) = fields.list(&ONLY) else { return Vec::new() };
    let names: Vec<String> = written.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if names.is_empty() || names.len() < written.len() {
        fields.error(&ONLY.name, "`only` needs at least one tool, and names of tools alone");
    }
    names
}

fn read_prefix(fields: &mut Fields<'_, '_>) -> Option<String> {
    let prefix = fields.string(&PREFIX)?;
    if prefix.len() > MAX_PREFIX || !is_name(prefix) {
        let rule = format!("`prefix` has letters, digits, `_` and `-`, at most {MAX_PREFIX}");
        fields.error(&PREFIX.name, rule);
    }
    Some(prefix.to_owned())
}

/// Returns a name that every model can read: the name itself, or one that always stands for it.
fn fitting(name: &str) -> String {
    if name.len() <= MAX_NAME && is_name(name) {
        return name.to_owned();
    }
    let digest = Sha256::digest(name);
    let hash: String = digest[..HASH_BYTES].iter().map(|byte| format!("{byte:02x}")).collect();
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let readable = name.chars().map(|c| if is_allowed(c) { c } else { '_' });
    let kept = MAX_NAME - 2 * HASH_BYTES - 1;
    format!("{}_{hash}", readable.take(kept).collect::<String>())
}

/// The arguments that go into headers as well, so that what lies between may route by them:
/// properties of the schema that say `x-mcp-header`.
pub(super) fn mirrored(schema: &Value, arguments: &Map<String, Value>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        let Some(argument) = arguments.get(name) else { continue };
        if let Value::Object(inner) = argument {
            found.extend(mirrored(property, inner));
        }
        let Some(header) = property.get("x-mcp-header").and_then(Value::as_str) else { continue };
        let text = match argument {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => argument.to_string(),
            _ => continue,
        };
        found.push((header.to_owned(), text));
    }
    found
}
