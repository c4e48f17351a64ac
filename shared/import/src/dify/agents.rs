//! Agents with tools.

use serde_json::{Map, Value, json};

use super::flow::Flow;
use super::graph::Step;
use super::model::name_of;
use super::read::renamed;
use super::tools;
use crate::draft::Node;
use crate::json::{fields, filled, items, number, text};

const MAX_TURNS: f64 = 50.0;
const MAX_SERVERS: usize = 20;

pub(super) fn obstacle(step: &Step<'_>) -> Option<String> {
    let strategy = step.text("agent_strategy_name");
    let is_known = [
        "",
        "function_calling",
        "ReAct",
        "react",
        "mcp_sse_function_calling",
        "mcp_sse_ReAct",
        "function_calling_mcp",
    ]
    .contains(&strategy.as_str())
        || strategy.to_ascii_lowercase().contains("function_call")
        || strategy.to_ascii_lowercase().contains("react");
    if !is_known {
        return Some(format!("the strategy `{strategy}` has no counterpart"));
    }
    let parameters = step.object("agent_parameters");
    let model = fields(parameters.get("model").and_then(|model| model.get("value")));
    name_of(model).is_none().then(|| "it names no model".to_owned())
}

impl<'a> Flow<'a, '_, '_> {
    pub(super) fn agent(&mut self, step: &Step<'a>) {
        let parameters = step.object("agent_parameters");
        let value = |name: &str| parameters.get(name).and_then(|field| field.get("value"));
        let model = fields(value("model"));
        let mut node = self.model(step, Node::new(self.id(step), "agent"), model);
        let prompt = self.template(step, &text(value("query")));
        let instruction = self.template(step, &text(value("instruction")));
        if !instruction.is_empty() {
            let system = self.draft.text(&instruction);
            node = node.with("system", system);
        }
        let prompt = self.draft.text(&prompt);
        node = node.with("prompt", prompt);
        if let Some(turns) = number(value("maximum_iterations")).filter(|turns| *turns >= 1.0) {
            node = node.with("max_turns", turns.min(MAX_TURNS) as u64);
        }
        if self.remembers(step) {
            node = self.with_memory(step, node);
        }
        let mut tools = Vec::new();
        for tool in items(value("tools")) {
            if tool.get("enabled") == Some(&Value::Bool(false)) {
                continue;
            }
            match tools::for_agent(tool) {
                Some(tool) => tools.push(tool),
                None => {
                    let name = text(tool.get("tool_name"));
                    let note = format!("its tool `{name}` has no counterpart");
                    self.draft.entry(step.id()).unsupported(note);
                }
            }
        }
        for name in ["mcp_server", "mcp_servers_config", "servers_config"] {
            if let Some(servers) = value(name) {
                tools.extend(self.mcp_servers(step, servers));
            }
        }
        let node = node.with_some("tools", (!tools.is_empty()).then_some(tools));
        let default = renamed(&self.default_of(step), &[("text", "content")]);
        let node = self.failing(step, node, Some(default));
        self.add(step, node);
    }

    /// The servers of the Model Context Protocol that an agent names, as text that is JSON.
    fn mcp_servers(&mut self, step: &Step<'a>, servers: &Value) -> Vec<Value> {
        let written = text(Some(servers));
        if written.trim().is_empty() {
            return Vec::new();
        }
        let servers = match serde_json::from_str::<Value>(&written) {
            Ok(servers) => servers,
            Err(_) if written.trim().starts_with("http") => {
                json!({ "mcp": { "url": written.trim() } })
            }
            Err(_) => {
                let note = "the list of its MCP servers could not be read";
                self.draft.entry(step.id()).unsupported(note);
                return Vec::new();
            }
        };
        let servers = servers.get("mcpServers").unwrap_or(&servers);
        let mut tools = Vec::new();
        for (name, server) in fields(Some(servers)).iter().take(MAX_SERVERS) {
            let Some(url) = filled(server.get("url")) else {
                let note = format!("the MCP server `{name}` has no URL");
                self.draft.entry(step.id()).unsupported(note);
                continue;
            };
            let host = super::http::host(url);
            let sent = self.sent(step, "url", url, host.as_deref());
            let url = self.draft.text(&sent);
            let mut headers = Map::new();
            for (header, value) in fields(server.get("headers")) {
                let value = self.sent(step, header, &text(Some(value)), host.as_deref());
                let value = self.draft.text(&value);
                headers.insert(header.clone(), value);
            }
            tools.push(match headers.is_empty() {
                true => json!({ "mcp": url }),
                false => json!({ "mcp": url, "headers": headers }),
            });
        }
        tools
    }
}
