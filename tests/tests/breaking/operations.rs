//! Compares paths, parameters, bodies and answers.

use serde_json::{Map, Value};

use crate::schemas::{Comparison, Direction};

/// Webhooks go the other way: their bodies and headers are read by callers.
pub(crate) fn compare(comparison: &mut Comparison<'_>) {
    for (kind, is_sent) in [("paths", false), ("webhooks", true)] {
        for (path, methods) in object(&comparison.old[kind]) {
            for (method, old) in object(methods) {
                let place = format!("{} {path}", method.to_ascii_uppercase());
                let new = &comparison.new[kind][path][method];
                match (new.is_null(), is_sent) {
                    (true, _) => comparison.note(&place, "is removed"),
                    (false, true) => webhook(comparison, &place, old, new),
                    (false, false) => operation(comparison, &place, old, new),
                }
            }
        }
    }
}

fn operation(comparison: &mut Comparison<'_>, place: &str, old: &Value, new: &Value) {
    if old["operationId"] != new["operationId"] {
        comparison.note(place, "has another operationId, by which clients name it");
    }
    let is_open = |operation: &Value| operation["security"] == serde_json::json!([{}]);
    if is_open(old) && !is_open(new) {
        comparison.note(place, "needs a key now");
    }
    parameters(comparison, place, old, new);
    body(comparison, place, old, new);
    answers(comparison, place, old, new);
}

fn parameters(comparison: &mut Comparison<'_>, place: &str, old: &Value, new: &Value) {
    for parameter in list(&old["parameters"]) {
        let place = format!("{place} {}", id(parameter));
        match list(&new["parameters"]).iter().find(|other| id(other) == id(parameter)) {
            None => comparison.note(&place, "is removed"),
            Some(other) => {
                if parameter["required"] != true && other["required"] == true {
                    comparison.note(&place, "is required now");
                }
                let schemas = (&parameter["schema"], &other["schema"]);
                comparison.schemas(Direction::Sent, &place, schemas.0, schemas.1);
            }
        }
    }
    for parameter in list(&new["parameters"]) {
        let is_known = list(&old["parameters"]).iter().any(|other| id(other) == id(parameter));
        if parameter["required"] == true && !is_known {
            comparison.note(&format!("{place} {}", id(parameter)), "is new and required");
        }
    }
}

/// `?limit` in the query, `Prefer:` in the header.
fn id(parameter: &Value) -> String {
    let name = parameter["name"].as_str().unwrap_or_default();
    match parameter["in"].as_str() {
        Some("query") => format!("?{name}"),
        Some("path") => format!("{{{name}}}"),
        _ => format!("{name}:"),
    }
}

fn body(comparison: &mut Comparison<'_>, place: &str, old: &Value, new: &Value) {
    let (old, new) = (&old["requestBody"], &new["requestBody"]);
    if new["required"] == true && old["required"] != true {
        comparison.note(place, "needs a body now");
    }
    contents(comparison, Direction::Sent, place, &old["content"], &new["content"]);
}

/// Callers rely on the statuses of success. Of refusals, they rely on the shape.
fn answers(comparison: &mut Comparison<'_>, place: &str, old: &Value, new: &Value) {
    for (status, answer) in object(&old["responses"]) {
        let other = &new["responses"][status];
        let place = format!("{place} {status}");
        if !other.is_null() {
            let contents_of = (&answer["content"], &other["content"]);
            contents(comparison, Direction::Read, &place, contents_of.0, contents_of.1);
        } else if status.starts_with('2') {
            comparison.note(&place, "is removed");
        }
    }
}

fn contents(
    comparison: &mut Comparison<'_>,
    direction: Direction,
    place: &str,
    old: &Value,
    new: &Value,
) {
    for (media_type, content) in object(old) {
        let place = format!("{place} {media_type}");
        match &new[media_type] {
            Value::Null => comparison.note(&place, "is removed"),
            other => comparison.schemas(direction, &place, &content["schema"], &other["schema"]),
        }
    }
}

fn webhook(comparison: &mut Comparison<'_>, place: &str, old: &Value, new: &Value) {
    for header in list(&old["parameters"]) {
        let other = list(&new["parameters"]).iter().find(|other| id(other) == id(header));
        let is_sent = other.is_some_and(|other| other["required"] == header["required"]);
        if header["required"] == true && !is_sent {
            comparison.note(&format!("{place} {}", id(header)), "is not sent any more");
        }
    }
    let contents_of = (&old["requestBody"]["content"], &new["requestBody"]["content"]);
    contents(comparison, Direction::Read, place, contents_of.0, contents_of.1);
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> + use<'_> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
