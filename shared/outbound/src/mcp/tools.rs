//! The tools of a server, page by page.

use flowgate_engine::call::CallError;
use flowgate_engine::json;
use serde_json::{Value, json};

use super::{invalid_answer, mcp_error};
use crate::too_large;

const MAX_TOOLS: usize = 128;
const MAX_NAME_BYTES: usize = 256;
const MAX_SCHEMA_BYTES: usize = 64 << 10;
const MAX_LIST_BYTES: usize = 1 << 20;

pub(super) struct ToolList<'r> {
    /// Empty: all.
    only: &'r [String],
    tools: Vec<Value>,
    bytes: usize,
}

impl<'r> ToolList<'r> {
    pub(super) fn new(only: &'r [String]) -> Self {
        Self { only, tools: Vec::new(), bytes: 0 }
    }

    pub(super) fn add(&mut self, page: &Value) -> Result<(), CallError> {
        let Some(tools) = page.get("tools").and_then(Value::as_array) else {
            return Err(invalid_answer("a list of tools has no `tools`"));
        };
        tools.iter().try_for_each(|tool| self.add_tool(tool))
    }

    fn add_tool(&mut self, tool: &Value) -> Result<(), CallError> {
        let name = tool.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let Some(name) = name.filter(|name| name.len() <= MAX_NAME_BYTES) else {
            let message =
                format!("a tool of the list has no name of at most {MAX_NAME_BYTES} bytes");
            return Err(invalid_answer(message));
        };
        if !self.only.is_empty() && !self.only.iter().any(|wanted| wanted == name) {
            return Ok(());
        }
        if self.tools.len() == MAX_TOOLS {
            return Err(mcp_error(format!("the server lists more than {MAX_TOOLS} tools")));
        }
        let description = tool.get("description").and_then(Value::as_str).unwrap_or_default();
        let schema = schema_of(name, tool.get("inputSchema"))?;
        let listed = json!({ "name": name, "description": description, "input_schema": schema });
        self.bytes += json::size(&listed);
        if self.bytes > MAX_LIST_BYTES {
            return Err(too_large("the list of tools", MAX_LIST_BYTES));
        }
        self.tools.push(listed);
        Ok(())
    }

    /// Whether no further page can add a tool that is wanted.
    pub(super) fn is_complete(&self) -> bool {
        let has = |name: &String| self.tools.iter().any(|tool| tool["name"] == name.as_str());
        !self.only.is_empty() && self.only.iter().all(has)
    }

    pub(super) fn output(self) -> Value {
        json!({ "tools": self.tools })
    }
}

/// A schema that describes anything but an object would make a provider refuse all tools.
fn schema_of(name: &str, schema: Option<&Value>) -> Result<Value, CallError> {
    let Some(Value::Object(schema)) = schema else {
        return Err(invalid_answer(format!("the tool {name:?} has no schema of its input")));
    };
    let mut schema = schema.clone();
    let of_object = schema.entry("type").or_insert_with(|| "object".into());
    if of_object != "object" {
        let message = format!("the tool {name:?} takes something else than an object");
        return Err(invalid_answer(message));
    }
    let schema = Value::Object(schema);
    if json::size(&schema) > MAX_SCHEMA_BYTES {
        return Err(too_large(&format!("the schema of the tool {name:?}"), MAX_SCHEMA_BYTES));
    }
    Ok(schema)
}
