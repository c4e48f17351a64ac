//! What blocks leave, and how references to it are written.

use flowgate_engine::expr::reference::PathStep;
use serde_json::Value;

use super::agent::schema;
use super::block::Block;
use super::vendors::{self, Mapping};

/// What references to a block read.
pub(super) enum Leaves {
    /// The workflow's input.
    Input,
    /// No node is made of it.
    Nothing,
    /// With the JSON Schema of its answer.
    Agent(Option<Value>),
    Evaluator,
    Function,
    Http,
    Branch,
    Loop,
    Parallel,
    /// The whole output is under `result`.
    Workflow,
    Knowledge,
    Variables,
    Response,
    Approval,
    Webhook,
    /// One value: the name that we give it, and those of Sim.
    One(&'static str, &'static [&'static str]),
    Vendor(&'static Mapping),
    /// Never read: a note.
    Remark,
    /// A function that throws.
    Stub,
}

impl Leaves {
    pub(super) fn of(block: &Block<'_>) -> Self {
        if block.is_trigger {
            return if block.is_enabled { Self::Input } else { Self::Nothing };
        }
        if !block.is_enabled {
            return Self::Nothing;
        }
        match block.kind() {
            "agent" => Self::Agent(schema(block)),
            "evaluator" => Self::Evaluator,
            "function" => Self::Function,
            "api" => Self::Http,
            "condition" | "router" | "router_v2" => Self::Branch,
            "loop" => Self::Loop,
            "parallel" => Self::Parallel,
            "workflow" | "workflow_input" => Self::Workflow,
            "knowledge" => Self::Knowledge,
            "variables" => Self::Variables,
            "response" => Self::Response,
            "human_in_the_loop" => Self::Approval,
            "webhook_request" => Self::Webhook,
            "wait" => Self::One("until", &["status"]),
            "translate" => Self::One("content", &["content"]),
            "thinking" => Self::One("content", &["acknowledgedThought"]),
            "image_generator" => Self::One("url", &["image", "content"]),
            "note" => Self::Remark,
            _ => vendors::mapping(block).map_or(Self::Stub, Self::Vendor),
        }
    }

    /// Writes a path that references use. Returns nothing for what the node does not leave.
    pub(super) fn path(&self, path: &[PathStep]) -> Option<Vec<PathStep>> {
        let (first, rest) = match path.split_first() {
            Some((PathStep::Field(first), rest)) => (first.as_str(), rest),
            Some(_) => return None,
            None => ("", path),
        };
        match self {
            Self::Agent(schema) => agent(schema.as_ref(), first, rest),
            Self::Evaluator => match first {
                "" | "content" | "tokens" | "model" | "cost" => agent(None, first, rest),
                metric => Some(join(&["data", metric], rest)),
            },
            Self::Function => own(first, rest, "result", &["result", "stdout"]),
            Self::Http => own(first, rest, "data", &["data", "status", "headers"]),
            Self::Branch => match first {
                "selectedOption" | "selectedPath" | "selectedRoute" => Some(join(&["branch"], &[])),
                "reasoning" => Some(join(&["reason"], &[])),
                _ => None,
            },
            Self::Loop | Self::Parallel => own(first, rest, "results", &["results"]),
            Self::Workflow => (first == "result" && !rest.is_empty()).then(|| rest.to_vec()),
            Self::Knowledge => knowledge(first, rest),
            Self::Response => own(first, rest, "data", &["data", "status", "headers"]),
            Self::Webhook => own(first, rest, "data", &["data"]),
            Self::Approval => match first {
                "response" | "submission" | "" => Some(join(&["data"], rest)),
                field => Some(join(&["data", field], rest)),
            },
            Self::One(name, names) => {
                (first.is_empty() || names.contains(&first)).then(|| join(&[name], &[]))
            }
            Self::Vendor(mapping) => {
                let name = mapping.outputs.iter().find(|(theirs, _)| *theirs == first)?.1;
                Some(join(&[name], rest))
            }
            Self::Stub => Some(join(&["result"], path)),
            Self::Input | Self::Nothing | Self::Variables | Self::Remark => None,
        }
    }
}

fn join(first: &[&str], rest: &[PathStep]) -> Vec<PathStep> {
    let first = first.iter().map(|name| PathStep::Field((*name).to_owned()));
    first.chain(rest.iter().cloned()).collect()
}

/// A field of the same name; nothing stands for `default`.
fn own(first: &str, rest: &[PathStep], default: &str, names: &[&str]) -> Option<Vec<PathStep>> {
    let first = if first.is_empty() { default } else { first };
    names.contains(&first).then(|| join(&[first], rest))
}

fn agent(schema: Option<&Value>, first: &str, rest: &[PathStep]) -> Option<Vec<PathStep>> {
    let has = |name: &str| {
        let properties = schema.and_then(|schema| schema.get("properties"));
        properties.is_some_and(|properties| properties.get(name).is_some())
    };
    match (first, rest) {
        (name, _) if has(name) => Some(join(&["data", name], rest)),
        ("" | "content", []) => Some(join(&["content"], &[])),
        ("content", [PathStep::Field(name), ..]) if has(name) => Some(join(&["data"], rest)),
        ("model", _) => Some(join(&["model"], &[])),
        ("cost", _) => Some(join(&["cost"], &[])),
        ("toolCalls", _) => Some(join(&["tool_calls"], &[])),
        ("tokens", [PathStep::Field(of)]) => {
            let of = match of.as_str() {
                "prompt" => "input",
                "completion" => "output",
                of => of,
            };
            Some(join(&["tokens", of], &[]))
        }
        ("tokens", []) => Some(join(&["tokens"], &[])),
        _ => None,
    }
}

fn knowledge(first: &str, rest: &[PathStep]) -> Option<Vec<PathStep>> {
    match (first, rest) {
        ("" | "results", []) => Some(join(&["matches"], &[])),
        ("results", [item @ PathStep::Item(_), PathStep::Field(name)]) => {
            let name = match name.as_str() {
                "content" => "text",
                "similarity" => "score",
                "documentName" => "source",
                name => name,
            };
            let field = PathStep::Field(name.to_owned());
            Some(join(&["matches"], &[item.clone(), field]))
        }
        _ => None,
    }
}
