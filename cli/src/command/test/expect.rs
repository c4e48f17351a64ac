//! What a case expects, and how it is compared with what a run left.

mod matcher;

use flowgate_engine::NodeStatus;
use serde_json::{Map, Value};

use super::drive::{Ended, Seen};
use super::reader::{Reader, below};
use crate::library::Program;

pub(super) use matcher::Difference;

const FIELDS: &[&str] = &["status", "output", "error", "ran", "skipped", "nodes"];
const STATES: &[&str] = &["succeeded", "failed"];

#[derive(Debug, Default)]
pub(super) struct Expect {
    /// `succeeded` unless the case says otherwise.
    status: String,
    output: Option<Value>,
    /// What the run's error is like: `{code, message, node}`.
    error: Option<Value>,
    ran: Vec<String>,
    skipped: Vec<String>,
    /// The outputs of nodes, by id.
    nodes: Vec<(String, Value)>,
}

impl Expect {
    pub(super) fn read(
        reader: &mut Reader<'_>,
        value: &Value,
        path: &str,
        program: &Program,
    ) -> Option<Self> {
        let fields = reader.object(value, path, FIELDS)?;
        if fields.is_empty() {
            reader.error(path, "must say what is expected: `status`, `output`, `error`, `ran` …");
        }
        let error = fields.get("error").map(|error| match error {
            Value::String(code) => serde_json::json!({ "code": code }),
            other => other.clone(),
        });
        let default = if error.is_some() { "failed" } else { "succeeded" };
        let status = reader.text(fields, "status", path).unwrap_or_else(|| default.to_owned());
        if !STATES.contains(&status.as_str()) {
            reader.error(&below(path, "status"), "must be succeeded or failed");
        }
        for name in ["output", "error"] {
            let found = fields.get(name).into_iter();
            found.for_each(|value| matcher::check(reader, value, &below(path, name)));
        }
        let mut nodes_of = |name| nodes(reader, fields, name, path, program);
        let (ran, skipped) = (nodes_of("ran"), nodes_of("skipped"));
        let nodes = outputs(reader, fields, path, program);
        Some(Self { status, output: fields.get("output").cloned(), error, ran, skipped, nodes })
    }

    /// Whether the run's error must have this code.
    pub(super) fn names(&self, code: &str) -> bool {
        self.error.as_ref().is_some_and(|error| error["code"] == code)
    }

    /// Returns everything that is not as expected.
    pub(super) fn compare(&self, ended: &Ended) -> Vec<Difference> {
        let mut found = Vec::new();
        if ended.status != self.status {
            found.push(Difference::of(
                "/status",
                &self.status.as_str().into(),
                ended.status.into(),
            ));
        }
        if let Some(error) = &self.error {
            found.extend(matcher::compare(error, &ended.error, "/error"));
        }
        if let Some(output) = &self.output {
            found.extend(matcher::compare(output, &ended.output, "/output"));
        }
        for node in &self.ran {
            let state = ended.state_of(node);
            if !matches!(state, Some(NodeStatus::Succeeded | NodeStatus::Failed)) {
                found.push(Difference::said(format!("/ran/{node}"), "to run", words(state)));
            }
        }
        for node in &self.skipped {
            let state = ended.state_of(node);
            if !matches!(state, None | Some(NodeStatus::Skipped)) {
                found.push(Difference::said(
                    format!("/skipped/{node}"),
                    "not to run",
                    words(state),
                ));
            }
        }
        for (node, expected) in &self.nodes {
            let path = below("/nodes", node);
            match left_by(ended.last(node)) {
                Ok(left) => found.extend(matcher::compare(expected, left, &path)),
                Err(why) => found.push(Difference::absent(path, expected, why)),
            }
        }
        found
    }
}

/// Returns the output of a node that ran. One that failed without an output has left `null`.
fn left_by(seen: Option<&Seen>) -> Result<&Value, &'static str> {
    match seen {
        Some(Seen { status: Some(NodeStatus::Succeeded | NodeStatus::Failed), output, .. }) => {
            Ok(output.as_deref().unwrap_or(&Value::Null))
        }
        _ => Err("the node did not run"),
    }
}

fn words(state: Option<NodeStatus>) -> &'static str {
    match state {
        None => "did not begin",
        Some(NodeStatus::Succeeded) => "succeeded",
        Some(NodeStatus::Failed) => "failed",
        Some(NodeStatus::Skipped) => "was skipped",
        Some(NodeStatus::Cancelled) => "was cancelled",
    }
}

/// Returns the ids of the nodes that a list names.
fn nodes(
    reader: &mut Reader<'_>,
    fields: &Map<String, Value>,
    name: &str,
    path: &str,
    program: &Program,
) -> Vec<String> {
    let named = reader.texts(fields, name, path);
    named.into_iter().filter_map(|(node, place)| id(reader, &node, &place, program)).collect()
}

fn outputs(
    reader: &mut Reader<'_>,
    fields: &Map<String, Value>,
    path: &str,
    program: &Program,
) -> Vec<(String, Value)> {
    let path = below(path, "nodes");
    let written = fields.get("nodes").and_then(|nodes| reader.map(nodes, &path));
    let mut outputs = Vec::new();
    for (name, expected) in written.into_iter().flatten() {
        let place = below(&path, name);
        matcher::check(reader, expected, &place);
        outputs.extend(id(reader, name, &place, program).map(|id| (id, expected.clone())));
    }
    outputs
}

fn id(reader: &mut Reader<'_>, node: &str, place: &str, program: &Program) -> Option<String> {
    match program.workflow.accept_node(node) {
        Ok(id) => Some(id),
        Err(message) => {
            reader.error(place, message);
            None
        }
    }
}
