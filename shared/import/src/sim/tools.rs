//! Tools of an agent.

use serde_json::{Map, Value, json};

use super::Flow;
use super::agent::is_unused;
use super::http::child_id;
use super::vendors;
use crate::ids::slug;
use crate::js;
use crate::json::{fields, filled, text};
use crate::keys::host_of;
use crate::text::{Part, Text};

const MAX_TOOLS: usize = 100;
const MAX_NAME: usize = 60;

impl Flow<'_, '_> {
    pub(super) fn tools(&mut self, at: usize, _agent: &str) -> Vec<Value> {
        let written = self.blocks[at].list("tools");
        let mut names = Vec::new();
        let mut tools = Vec::new();
        if written.len() > MAX_TOOLS {
            let note = format!("it has {} tools; {MAX_TOOLS} were taken", written.len());
            self.draft.entry(self.blocks[at].id).unsupported(note);
        }
        for tool in written.iter().take(MAX_TOOLS).filter(|tool| !is_unused(tool)) {
            if let Some(mut made) = self.tool(at, tool) {
                if let Some(Value::String(name)) = made.get_mut("name") {
                    *name = fresh_name(name, &names);
                    names.push(name.clone());
                }
                tools.push(made.into());
            }
        }
        tools
    }

    fn tool(&mut self, at: usize, tool: &Value) -> Option<Map<String, Value>> {
        let params = fields(tool.get("params"));
        let made = match text(tool.get("type")).as_str() {
            "knowledge" => return None,
            "custom-tool" => self.custom_tool(at, tool),
            "mcp" => self.server(at, params),
            "workflow" | "workflow_input" => {
                let child = child_id(&text(params.get("workflowId")));
                child.map(|child| json!({ "workflow": child }))
            }
            kind => self.vendor_tool(at, kind, tool, params),
        };
        match made {
            Some(Value::Object(made)) => Some(made),
            _ => Some(self.missing_tool(at, tool)),
        }
    }

    /// `{ schema: { function: { name, description, parameters } }, code }`: the parameters are
    /// variables of the code.
    fn custom_tool(&mut self, at: usize, tool: &Value) -> Option<Value> {
        let function = tool.get("schema").map(|schema| schema.get("function").unwrap_or(schema));
        let function = fields(function);
        let code = filled(tool.get("code"))?;
        let name = filled(function.get("name")).or_else(|| filled(tool.get("title")))?;
        let parameters = function.get("parameters").filter(|schema| schema.is_object()).cloned();
        let mut parameters = parameters.unwrap_or_else(|| json!({ "type": "object" }));
        parameters["type"] = "object".into();
        let mut whole = Text::default();
        for name in fields(parameters.get("properties")).keys().filter(|name| is_word(name)) {
            whole.push(Part::Literal(format!("const {name} = ")));
            whole.push(Part::Reference(format!("tool.{name}")));
            whole.push(Part::Literal("\n".to_owned()));
        }
        whole.append(self.read(at, code, false));
        let code = self.draft.javascript(&whole);
        let description = text(function.get("description"));
        let name = slug(name);
        Some(json!({
            "name": name, "description": description, "parameters": parameters, "code": code
        }))
    }

    fn server(&mut self, at: usize, params: &Map<String, Value>) -> Option<Value> {
        let url = filled(params.get("serverUrl")).or_else(|| filled(params.get("url")))?;
        host_of(url)?;
        let url = self.read(at, url, true);
        let mut server = json!({ "mcp": self.draft.text(&url) });
        if let Some(name) = filled(params.get("toolName")) {
            server["only"] = json!([name]);
        }
        let note = "the tool is asked for at its MCP server; give it its login as `headers`";
        self.draft.entry(self.blocks[at].id).approximated(note);
        Some(server)
    }

    fn vendor_tool(
        &mut self,
        at: usize,
        kind: &str,
        tool: &Value,
        params: &Map<String, Value>,
    ) -> Option<Value> {
        let operation = filled(tool.get("operation")).or_else(|| filled(tool.get("toolId")));
        let mapping = vendors::of(kind, operation.unwrap_or_default())?;
        let mut fixed = Map::new();
        for field in mapping.fields {
            let given = field.theirs.iter().find_map(|name| filled(params.get(*name)));
            if let Some(given) = given {
                fixed.insert(field.ours.to_owned(), self.json_of_text(at, given, false));
            }
        }
        let note =
            format!("log in to `{}` with the secret `{}`", mapping.connector(), mapping.login());
        self.draft.entry(self.blocks[at].id).note(note);
        let mut made = json!({ "connector": mapping.becomes });
        if !fixed.is_empty() {
            made["with"] = fixed.into();
        }
        Some(made)
    }

    /// A tool that says to the model that it is not there.
    fn missing_tool(&mut self, at: usize, tool: &Value) -> Map<String, Value> {
        let title = filled(tool.get("toolId")).or_else(|| filled(tool.get("title")));
        let title = title.or_else(|| filled(tool.get("type"))).unwrap_or("tool");
        let why = format!("the tool `{title}` was not imported");
        self.draft.entry(self.blocks[at].id).unsupported(&why);
        let code = format!("throw new Error({})", js::string(&why));
        let made = json!({
            "name": slug(title), "description": format!("Not available: {title}"),
            "parameters": { "type": "object" }, "code": code
        });
        fields(Some(&made)).clone()
    }
}

fn fresh_name(name: &str, taken: &[String]) -> String {
    let base = &name[..name.floor_char_boundary(MAX_NAME)];
    let numbered = (2..).map(|n| format!("{base}_{n}"));
    let mut names = std::iter::once(base.to_owned()).chain(numbered);
    names.find(|name| !taken.contains(name)).unwrap_or_default()
}

/// Whether JavaScript takes it as the name of a variable.
fn is_word(name: &str) -> bool {
    const RESERVED: [&str; 16] = [
        "class", "const", "default", "delete", "do", "else", "export", "for", "function", "if",
        "in", "let", "new", "return", "this", "var",
    ];
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !RESERVED.contains(&name)
}
