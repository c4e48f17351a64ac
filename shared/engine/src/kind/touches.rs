//! What a node is about, in one line: its model, its address, its condition. Read from its fields
//! as written, so that drafts with problems have it, too.

use serde_json::{Map, Value};

use crate::expr::marked::Marked;
use crate::expr::reference::{PathStep, Piece, ReferenceText, scan};

/// In characters.
pub(crate) const MAX_TOUCHES: usize = 120;
/// What is read of a text, so that a long one costs nothing.
const MAX_READ: usize = 512;

/// Which fields say it. Each is a JSON pointer into the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touches {
    Nothing,
    /// The first of these fields that is given.
    Text(&'static [&'static str]),
    /// The names in the objects that these fields are.
    Names(&'static [&'static str]),
    /// `method`, or this default, and the path of `url`.
    Address {
        method: Option<&'static str>,
    },
    /// `model`, or the first of `models`, without its provider.
    Model,
}

impl Touches {
    /// Returns one line of at most 120 characters; `None` if the author has written none of it.
    pub(crate) fn read(self, node: &Map<String, Value>) -> Option<String> {
        let line = match self {
            Self::Nothing => None,
            Self::Text(fields) => fields.iter().find_map(|field| text(at(node, field)?)),
            Self::Names(fields) => names(node, fields),
            Self::Address { method } => address(node, method),
            Self::Model => model(node),
        };
        line.map(|line| clipped(&line, MAX_TOUCHES)).filter(|line| !line.is_empty())
    }
}

fn at<'n>(node: &'n Map<String, Value>, pointer: &str) -> Option<&'n Value> {
    let (field, rest) = match pointer[1..].split_once('/') {
        Some((field, _)) => (field, &pointer[1 + field.len()..]),
        None => (&pointer[1..], ""),
    };
    node.get(field)?.pointer(rest).filter(|value| !value.is_null())
}

/// The first line of a text, with references as their paths.
fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text,
        Value::Array(items) => return Some(format!("{} items", items.len())),
        Value::Object(fields) => match Marked::in_text(value) {
            Some(Marked::Raw(text) | Marked::Text(text)) => {
                return Some(clipped(text, MAX_TOUCHES));
            }
            None => return Some(listed(fields.keys())),
        },
        other => return Some(other.to_string()),
    };
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(shown(line, |reference| inner(reference).to_owned()))
}

/// Shows the beginning of a text.
fn shown(text: &str, mut reference: impl FnMut(&ReferenceText<'_>) -> String) -> String {
    let text = &text[..text.floor_char_boundary(MAX_READ)];
    let mut shown = String::new();
    for piece in scan(text) {
        match piece {
            Piece::Reference(found) if !found.path.is_empty() => shown.push_str(&reference(&found)),
            Piece::Reference(found) => shown.push_str(found.source),
            Piece::Secret(name) => shown.push_str(&format!("{{{{{name}}}}}")),
            Piece::Text(text) => shown.push_str(text),
        }
    }
    shown
}

fn inner<'a>(found: &ReferenceText<'a>) -> &'a str {
    found.source.trim_start_matches('<').trim_end_matches('>')
}

fn names(node: &Map<String, Value>, fields: &[&str]) -> Option<String> {
    let objects: Vec<_> = fields.iter().filter_map(|field| at(node, field)?.as_object()).collect();
    let names = objects.iter().flat_map(|object| object.keys());
    (!objects.is_empty()).then(|| listed(names))
}

/// `a, b, c`, as far as it is shown.
fn listed<'n>(names: impl Iterator<Item = &'n String>) -> String {
    let mut list = String::new();
    for name in names {
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push_str(name);
        if list.len() > MAX_READ {
            break;
        }
    }
    list
}

fn address(node: &Map<String, Value>, method: Option<&str>) -> Option<String> {
    let url = node.get("url")?.as_str()?.trim();
    let url = shown(url, |found| match url[..found.at].contains('?') {
        true => inner(found).to_owned(),
        false => format!("{{{}}}", last_step(found)),
    });
    let path = path_of(&url);
    let method = method.map(|default| {
        let written = node.get("method").and_then(Value::as_str);
        clipped(written.unwrap_or(default), 16).to_ascii_uppercase()
    });
    Some(method.map_or_else(|| path.to_owned(), |method| format!("{method} {path}")))
}

fn last_step(found: &ReferenceText<'_>) -> String {
    let field = found.path.iter().rev().find_map(|step| match step {
        PathStep::Field(name) => Some(name.clone()),
        PathStep::Item(_) => None,
    });
    field.unwrap_or_else(|| found.node.to_owned())
}

/// The path of an address with its query, or its host where there is no path.
fn path_of(url: &str) -> &str {
    let after_scheme = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let rest = after_scheme.unwrap_or(url);
    match rest.find('/') {
        Some(at) if rest.len() > at + 1 => &rest[at..],
        _ => rest.trim_end_matches('/'),
    }
}

fn model(node: &Map<String, Value>) -> Option<String> {
    let model = text(at(node, "/model").or_else(|| at(node, "/models/0"))?)?;
    Some(model.split_once('/').map_or(model.clone(), |(_, name)| name.to_owned()))
}

/// Returns one line of at most `max` characters.
pub(crate) fn clipped(text: &str, max: usize) -> String {
    let mut clipped: String =
        text.chars().take(max).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(max).is_some() {
        clipped.pop();
        clipped.push('…');
    }
    clipped.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kind::Kinds;

    fn check(node: Value, expected: Option<&str>) {
        let kind = Kinds::standard().find(node["type"].as_str().unwrap()).unwrap();
        let touches = kind.touches.read(node.as_object().unwrap());
        assert_eq!(touches.as_deref(), expected, "{node}");
    }

    #[test]
    fn addresses_are_paths() {
        let http = |url: &str, expected: &str| {
            check(json!({ "type": "http", "url": url, "method": "post" }), Some(expected));
        };
        http("https://x.example/a/<api.input.id>/b", "POST /a/{id}/b");
        http("https://x.example/?q=<loop.item>&u=http://y/z", "POST /?q=loop.item&u=http://y/z");
        http("https://x.example/", "POST x.example");
        http("http://x.example", "POST x.example");
        http("{{BASE}}/a", "POST /a");
        http("<api.url>", "POST {url}");
        http("<api.urls[0]>/x", "POST /x");
        check(json!({ "type": "fetch", "url": "https://x.example/é😀" }), Some("/é😀"));
        check(json!({ "type": "http" }), None);
        check(json!({ "type": "http", "url": 7 }), None);
        check(json!({ "type": "http", "url": "" , "method": ["x"] }), Some("GET"));
    }

    #[test]
    fn other_kinds_say_what_they_are_about() {
        check(json!({ "type": "agent", "models": ["openai/a", "b"] }), Some("a"));
        check(json!({ "type": "agent", "model": "<api.model>" }), Some("api.model"));
        check(json!({ "type": "agent", "model": null }), None);
        check(json!({ "type": "loop", "for": 3 }), Some("3"));
        check(json!({ "type": "loop", "each": [1, 2] }), Some("2 items"));
        check(json!({ "type": "condition", "branches": [] }), None);
        check(json!({ "type": "condition", "branches": [{ "if": "<a.b> > 1" }] }), Some("a.b > 1"));
        check(json!({ "type": "output", "values": { "a": 1, "b": 2 } }), Some("a, b"));
        check(json!({ "type": "template", "template": { "raw": "<a.b>\n x" } }), Some("<a.b>  x"));
        check(json!({ "type": "template", "template": "\n\n  one\ntwo" }), Some("one"));
        check(json!({ "type": "template", "template": "" }), None);
        let long = "é".repeat(100_000);
        let cut = format!("{}…", "é".repeat(MAX_TOUCHES - 1));
        check(json!({ "type": "template", "template": long }), Some(&cut));
        check(json!({ "type": "set", "values": { long: 1 } }), Some(&cut));
    }
}
