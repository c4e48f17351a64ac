//! Dify: an app's DSL. Its workflow is a graph of nodes; references name nodes by their ids.

mod graph;
mod flow;
mod read;
mod prelude;
mod nodes;
mod outputs;
mod start;
mod model;
mod agents;
mod tools;
mod code;
mod jinja;
mod conditions;
mod http;
mod containers;
mod variables;
mod lists;
mod python;
mod chat;
#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::json::{fields, filled, is_true, text};
use crate::{Importing, Root};
use flow::Flow;
use graph::Graph;

/// The newest version of the DSL whose nodes are known.
const NEWEST: (u32, u32) = (0, 6);

pub(crate) fn is_dify(root: &Value) -> bool {
    let has = |path: &str| root.pointer(path).is_some_and(|value| !value.is_null());
    let is_app = has("/app/mode") && (has("/workflow") || has("/model_config"));
    let is_graph =
        |path: &str| has(&format!("{path}/edges")) && has(&format!("{path}/nodes/0/data/type"));
    let is_pipeline = text(root.get("kind")) == "rag_pipeline";
    is_app || is_pipeline || is_graph("/workflow/graph") || is_graph("/graph")
}

pub(crate) fn read(root: &Root<'_>, importing: &mut Importing<'_>) {
    if text(root.value.get("kind")) == "rag_pipeline" {
        let message = "a pipeline that fills a knowledge base; only apps can be imported";
        return importing.problem(&root.path, message);
    }
    let (workflow, below) = match root.value.get("workflow") {
        Some(Value::Object(workflow)) => (workflow, "/workflow"),
        _ => (fields(Some(root.value)), ""),
    };
    if !workflow.contains_key("graph") {
        return chat::read(root, importing);
    }
    let path = format!("{}{below}/graph", root.path);
    let Some(mut graph) = Graph::read(fields(workflow.get("graph")), &path, importing) else {
        return;
    };
    graph.keep_known(|from, handle| flow::branch(from, handle).is_some());
    let mut flow = Flow::new(root, workflow, &graph, importing);
    flow.say(&version_note(root.value));
    flow.say(&feature_note(workflow.get("features")));
    let draft = flow.run();
    importing.add(draft);
}

/// What a version of the DSL means for the import, if anything.
fn version_note(root: &Value) -> String {
    let version = text(root.get("version"));
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
    match (version.is_empty(), numbers.next().flatten(), numbers.next().flatten()) {
        (true, ..) => String::new(),
        (_, Some(major), Some(minor)) if (major, minor) <= NEWEST => String::new(),
        _ => {
            let (major, minor) = NEWEST;
            format!("version `{version}` of the DSL is read as {major}.{minor}")
        }
    }
}

/// What an app does beside its graph. What only its own pages show is not worth a word.
fn feature_note(features: Option<&Value>) -> String {
    let features = fields(features);
    let is_on = |name: &str| is_true(fields(features.get(name)).get("enabled"));
    match is_on("sensitive_word_avoidance") {
        true => "the app's moderation of words was left out".to_owned(),
        false => String::new(),
    }
}

fn app_name<'n>(root: &'n Value, file: Option<&'n str>) -> &'n str {
    filled(fields(root.get("app")).get("name")).or(file).unwrap_or("Dify")
}
