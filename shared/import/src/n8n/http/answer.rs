//! The answer of a request, as the items of the node.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::draft::Node;
use crate::json::{fields, filled, is_true, items, text};
use crate::n8n::flow::{Flow, Out};
use crate::n8n::graph::Step;
use crate::n8n::items::{Item, Items};

/// How the answer is read, and what the item is.
pub(super) fn read(flow: &mut Flow<'_, '_, '_>, mut node: Node) -> Vec<Out> {
    let parameters = flow.current().parameters;
    let options = fields(parameters.get("options"));
    let response = fields(fields(options.get("response")).get("response"));
    let format = filled(response.get("responseFormat"))
        .or(filled(parameters.get("responseFormat")))
        .unwrap_or("autodetect")
        .to_owned();
    let whole = is_true(response.get("fullResponse")) || is_true(options.get("fullResponse"));
    if is_true(response.get("neverError")) || is_true(options.get("ignoreResponseCode")) {
        node = node.with("accept", "any");
    }
    let id = flow.here.id.clone();
    let mut items = Items::one(Item::of(&id, "data"));
    match format.as_str() {
        kind if kind == "file" || kind == "autodetect" && reads_file(flow) => {
            node = node.with("as", "file");
            items = Items::one(Item::fields([])).with_file(Some(format!("{id}.data")));
        }
        "text" | "string" => {
            node = node.with("as", "text");
            let name = filled(response.get("outputPropertyName"))
                .or(filled(parameters.get("dataPropertyName")))
                .unwrap_or("data");
            items = Items::one(Item::fields([(name, Item::of(&id, "data"))]));
        }
        _ if reads_text(flow) => {
            items = Items::one(Item::fields([("data", Item::of(&id, "data"))]));
        }
        _ if !whole && flow.graph.lines.iter().any(|line| line.from == flow.here.at) => {
            flow.approximated(
                "an answer that is a list is one item here; n8n makes an item of each",
            );
        }
        _ => {}
    }
    if whole {
        items = Items::one(Item::fields([
            ("body", Item::of(&id, "data")),
            ("data", Item::of(&id, "data")),
            ("headers", Item::of(&id, "headers")),
            ("statusCode", Item::of(&id, "status")),
        ]));
    }
    flow.add_named(node);
    vec![flow.out(items)]
}

/// A page of the web is text: the node behind it reads `data`.
fn reads_text(flow: &Flow<'_, '_, '_>) -> bool {
    let at = flow.here.at;
    let mut next = flow.graph.lines.iter().filter(|line| line.from == at).map(|line| line.to);
    next.any(|to| {
        let step = flow.step(to);
        matches!(step.kind.as_str(), "html" | "htmlExtract" | "markdown" | "xml")
    })
}

/// Whether a node behind it takes a file. Some nodes between them only hand it on.
fn reads_file(flow: &Flow<'_, '_, '_>) -> bool {
    let mut seen = BTreeSet::from([flow.here.at]);
    let mut open = vec![flow.here.at];
    while let Some(at) = open.pop() {
        for line in flow.graph.lines.iter().filter(|line| line.from == at) {
            let step = flow.step(line.to);
            if takes_file(step) {
                return true;
            }
            let hands_on = ["if", "switch", "filter", "wait", "merge", "set", "limit"];
            if hands_on.contains(&step.kind.as_str()) && seen.insert(line.to) && seen.len() < 20 {
                open.push(line.to);
            }
        }
    }
    false
}

/// Whether a node works on a file of its item.
pub(in crate::n8n) fn takes_file(step: &Step<'_>) -> bool {
    let parameters = step.parameters;
    let operation = text(parameters.get("operation"));
    let is = |name: &str, value: &str| text(parameters.get(name)) == value;
    match step.kind.as_str() {
        "extractFromFile" | "readPDF" => true,
        "googleDrive" => matches!(operation.as_str(), "" | "upload") && !is("resource", "folder"),
        "slack" => is("resource", "file"),
        "httpRequest" => {
            let body = fields(parameters.get("bodyParameters")).get("parameters");
            let is_file = |one: &Value| text(one.get("parameterType")) == "formBinaryData";
            is("contentType", "binaryData") || items(body).iter().any(is_file)
        }
        "lc:openAi" | "googleGemini" => {
            matches!(operation.as_str(), "transcribe" | "translate")
                || is("inputType", "base64")
                || is("inputType", "binary")
        }
        _ => is_true(parameters.get("binaryData")) || is_true(parameters.get("sendBinaryData")),
    }
}
