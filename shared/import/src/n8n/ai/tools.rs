//! What a model may call: other workflows, code, requests, MCP servers, and nodes.

use flowgate_engine::expr::reference::readable;
use serde_json::{Value, json};

use super::http_tool;
use super::schema::object;
use crate::draft::Node;
use crate::ids;
use crate::json::{filled, text};
use crate::n8n::asked::Asked;
use crate::n8n::flow::Flow;
use crate::n8n::graph::Step;
use crate::n8n::{http, kinds, lexer, vendors};
use crate::text::{Part, Text};

const CALCULATOR: &str = "\
const text = String(<tool.expression>);
if (!/^[-+*\\/%().\\d\\seE]*$/.test(text)) throw new Error('numbers and operators only');
return Function(`return (${text})`)();";

pub(super) fn with_tools(flow: &mut Flow<'_, '_, '_>, node: Node) -> Node {
    let mut tools = Vec::new();
    for helper in flow.graph.helpers(flow.here.at, "ai_tool") {
        let tool = tool(flow, helper);
        let entry = flow.draft.entry(&flow.graph.steps[helper].origin.id);
        match tool {
            Some(tool) => {
                entry.note("a tool of an agent");
                tools.push(tool);
            }
            None => entry.unsupported("a tool that has no counterpart: left out"),
        }
    }
    if tools.is_empty() { node } else { node.with("tools", tools) }
}

fn tool(flow: &mut Flow<'_, '_, '_>, helper: usize) -> Option<Value> {
    let step = flow.step(helper);
    match step.kind.as_str() {
        "toolWorkflow" => workflow(flow, step),
        "toolCode" => code(flow, step),
        "toolCalculator" => Some(json!({
            "name": name_of(step), "description": "Calculates an arithmetic expression",
            "parameters": texts(["expression"]), "code": CALCULATOR,
        })),
        "toolThink" => Some(json!({
            "name": name_of(step), "description": "Notes a thought",
            "parameters": texts(["thought"]), "code": "return <tool.thought>",
        })),
        "toolWikipedia" => Some(json!({
            "name": name_of(step), "description": "Searches Wikipedia",
            "parameters": texts(["query"]), "http": {
                "url": "https://en.wikipedia.org/w/api.php",
                "query": { "action": "query", "list": "search", "format": "json",
                    "srsearch": "<tool.query>" } },
        })),
        "toolHttpRequest" => http_tool::read(flow, helper, &name_of(step), &about(step)),
        "mcpClientTool" => mcp(step),
        kind if kind.ends_with("Tool") => node_as_tool(flow, helper),
        _ => None,
    }
}

fn name_of(step: &Step<'_>) -> String {
    ids::slug(filled(step.parameters.get("name")).unwrap_or(&step.origin.name))
}

fn about(step: &Step<'_>) -> String {
    let names = ["toolDescription", "description"];
    let given = names.iter().find_map(|name| filled(step.parameters.get(*name)));
    given.unwrap_or(&step.origin.name).trim_start_matches('=').to_owned()
}

/// Parameters that are all texts.
fn texts<const N: usize>(names: [&str; N]) -> Value {
    object(names.map(|name| (name.to_owned(), json!({ "type": "string" }))))
}

fn workflow(flow: &mut Flow<'_, '_, '_>, step: &Step<'_>) -> Option<Value> {
    let workflow = kinds::called_workflow(flow, step.parameters)?.id;
    let note = format!("the workflow `{workflow}` must be published");
    flow.draft.entry(&step.origin.id).approximated(note);
    Some(json!({ "workflow": workflow, "name": name_of(step), "description": about(step) }))
}

fn code(flow: &mut Flow<'_, '_, '_>, step: &Step<'_>) -> Option<Value> {
    let code = filled(step.parameters.get("jsCode"))?;
    if code.contains("require(") || code.contains("helpers.") {
        return None;
    }
    let text = Text(vec![
        Part::Literal("const query = ".to_owned()),
        Part::Reference("tool.query".to_owned()),
        Part::Literal(format!(";\n{}", lexer::shielded(code))),
    ]);
    let code = flow.draft.javascript(&text);
    Some(json!({ "name": name_of(step), "description": about(step),
        "parameters": texts(["query"]), "code": code }))
}

fn mcp(step: &Step<'_>) -> Option<Value> {
    let parameters = step.parameters;
    let url = filled(parameters.get("endpointUrl")).or(filled(parameters.get("sseEndpoint")))?;
    let is_open = matches!(text(parameters.get("authentication")).as_str(), "" | "none");
    let is_plain = url.starts_with("http") && readable(url).is_empty();
    (is_open && is_plain).then(|| json!({ "mcp": url }))
}

/// A node that a model calls. What it says by `$fromAI` is asked of the model.
fn node_as_tool(flow: &mut Flow<'_, '_, '_>, helper: usize) -> Option<Value> {
    let step = flow.step(helper);
    let at = std::mem::replace(&mut flow.here.at, helper);
    let before = flow.asked.replace(Asked::default());
    let made = match step.kind.trim_end_matches("Tool") {
        _ if flow.computes_with_asked() => None,
        "httpRequest" => http::as_tool(flow),
        kind => vendors::as_tool(flow, kind),
    };
    let asked = std::mem::replace(&mut flow.asked, before).unwrap_or_default();
    flow.here.at = at;
    let (key, request) = made?;
    let mut tool = json!({ "name": ids::slug(&step.origin.name), "description": about(step) });
    if key == "http" {
        tool["parameters"] = object(asked.schemas());
        tool["http"] = request;
    } else {
        tool["connector"] = key.into();
        tool["with"] = request;
        vendors::allow(flow, helper, key, &mut tool);
    }
    Some(tool)
}
