//! Servers of tools: each tool becomes a workflow of its own.

use std::collections::BTreeSet;

use serde_json::Value;

use super::asked::Asked;
use super::flow::{Flow, Here};
use super::graph::Graph;
use super::{http, vendors};
use crate::draft::{Draft, Node};
use crate::{Importing, Root};

/// A file may become 50 workflows.
const MAX_TOOLS: usize = 40;

/// Adds the workflows; returns the steps that they were made of.
pub(super) fn read(
    root: &Root<'_>,
    importing: &mut Importing<'_>,
    graph: &Graph<'_>,
) -> BTreeSet<usize> {
    let is_server =
        |at: &usize| graph.steps[*at].kind == "mcpTrigger" && !graph.steps[*at].disabled;
    let servers: Vec<usize> = (0..graph.steps.len()).filter(is_server).collect();
    let tools_of = |server: &usize| graph.helpers(*server, "ai_tool");
    let named: BTreeSet<usize> =
        servers.iter().flat_map(tools_of).chain(servers.iter().copied()).collect();
    let is_named = |at: usize| named.contains(&at) || graph.steps[at].is_note();
    let is_alone = (0..graph.steps.len()).all(is_named);
    let mut done = BTreeSet::new();
    for server in servers {
        let tools = tools_of(&server);
        let (tools, more) = tools.split_at(tools.len().min(MAX_TOOLS.saturating_sub(done.len())));
        for tool in tools.iter().copied() {
            let name = graph.steps[tool].origin.name.clone();
            let draft = Draft::new("", &name, &root.path);
            let mut flow = Flow::new(draft, importing, graph, &[tool]);
            if done.insert(server) {
                list_server(&mut flow, server, more);
                if is_alone && done.len() == 1 {
                    list_notes(&mut flow);
                }
            }
            read_tool(&mut flow, tool);
            let draft = flow.draft;
            importing.add(draft);
            done.insert(tool);
        }
        if !tools.is_empty() {
            done.extend(more);
        }
    }
    if is_alone && named.is_subset(&done) && !done.is_empty() {
        done.extend(0..graph.steps.len());
    }
    done
}

/// Lists the server, and its tools beyond the bound.
fn list_server(flow: &mut Flow<'_, '_, '_>, server: usize, more: &[usize]) {
    let origin = &flow.step(server).origin;
    flow.draft.list(origin);
    let note =
        "each of the server's tools is a workflow, which is called over HTTP and not over MCP";
    flow.draft.entry(&origin.id).approximated(note);
    for tool in more {
        let origin = &flow.step(*tool).origin;
        flow.draft.list(origin);
        flow.draft.entry(&origin.id).unsupported(format!("only {MAX_TOOLS} tools are read"));
    }
}

fn list_notes(flow: &mut Flow<'_, '_, '_>) {
    for step in flow.graph.steps.iter().filter(|step| step.is_note()) {
        flow.draft.list(&step.origin);
        flow.draft.entry(&step.origin.id).note("a note of the file: left out");
    }
}

/// What a model would say is the workflow's input.
fn read_tool(flow: &mut Flow<'_, '_, '_>, tool: usize) {
    let step = flow.step(tool);
    flow.draft.list(&step.origin);
    let id = flow.draft.ids.claim(&step.origin.id, &step.origin.name);
    flow.here = Here::default();
    (flow.here.at, flow.here.id) = (tool, id);
    if flow.computes_with_asked() {
        super::kinds::unsupported(flow, "a tool that has no counterpart");
        return;
    }
    flow.asked = Some(Asked::default());
    let made = match step.kind.trim_end_matches("Tool") {
        "httpRequest" => http::as_tool(flow),
        kind => vendors::as_call(flow, kind),
    };
    flow.asked = None;
    let Some((kind, fields)) = made else {
        super::kinds::unsupported(flow, "a tool that has no counterpart");
        return;
    };
    let mut node = Node::new(flow.here.id.clone(), kind);
    if let Value::Object(own) = from_input(fields) {
        node.fields.extend(own);
    }
    flow.add_named(node);
    flow.flush_values();
    flow.draft.entry(&step.origin.id).note("a tool of a server; what it asks for is the input");
}

/// `<tool.x>` is `<api.input.x>`.
fn from_input(value: Value) -> Value {
    match value {
        Value::String(text) => text.replace("<tool.", "<api.input.").into(),
        Value::Array(list) => list.into_iter().map(from_input).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (name, from_input(value))).collect()
        }
        other => other,
    }
}
