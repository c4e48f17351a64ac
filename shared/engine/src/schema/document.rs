//! Makes the schema: a document that has one of everything is read, and what the readers ask for is noted.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::document::Document;
use crate::node::{KIND_NAMES, timeouts};
use crate::shape::Shape;
use crate::workflow::{MAX_ITERATIONS, asked};

/// What the readers asked for, by the pointer of the object they read.
#[derive(Debug, Default)]
pub(crate) struct Asked(BTreeMap<String, Object>);

#[derive(Debug, Default)]
struct Object {
    /// In the order in which they were asked for; the first shape that says something holds.
    fields: Vec<(&'static str, Shape)>,
    all: Vec<&'static str>,
    any: Option<[&'static str; 2]>,
    one: Option<[&'static str; 2]>,
}

impl Asked {
    pub(crate) fn field(&mut self, path: &str, name: &'static str, shape: Shape) {
        let fields = &mut self.object(path).fields;
        match fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) if *known == Shape::Any => *known = shape,
            Some(_) => {}
            None => fields.push((name, shape)),
        }
    }

    pub(crate) fn all(&mut self, path: &str, name: &'static str) {
        let all = &mut self.object(path).all;
        if !all.contains(&name) {
            all.push(name);
        }
    }

    pub(crate) fn any(&mut self, path: &str, names: [&'static str; 2]) {
        self.object(path).any = Some(names);
    }

    pub(crate) fn one(&mut self, path: &str, names: [&'static str; 2]) {
        self.object(path).one = Some(names);
    }

    fn object(&mut self, path: &str) -> &mut Object {
        self.0.entry(path.to_owned()).or_default()
    }

    /// The objects at this place of the document, and what is inside them.
    fn schema(&self, path: &str, docs: &Docs) -> Value {
        let object = &self.0[path];
        let mut properties = Map::new();
        for (name, shape) in object.fields.iter().filter(|(_, shape)| *shape != Shape::Nothing) {
            let inner = [format!("{path}/{name}"), format!("{path}/{name}/0")];
            let mut schema = match (shape, inner.each_ref().map(|path| self.0.contains_key(path))) {
                (Shape::Object, [true, _]) => self.schema(&inner[0], &Docs::none()),
                (Shape::List, [_, true]) => json!({ "type": "array", "items": self.schema(&inner[1], docs.of_items(name)) }),
                _ => schema_of(*shape),
            };
            if let Some(text) = docs.0.get(*name) {
                schema["description"] = json!(text);
            }
            properties.insert((*name).to_owned(), schema);
        }
        let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        if !object.all.is_empty() {
            schema["required"] = json!(object.all);
        }
        let each = |names: &[&str; 2]| names.map(|name| json!({ "required": [name] }));
        for (keyword, names) in [("anyOf", &object.any), ("oneOf", &object.one)] {
            if let Some(names) = names {
                schema[keyword] = json!(each(names));
            }
        }
        schema
    }
}

fn schema_of(shape: Shape) -> Value {
    match shape {
        Shape::Any | Shape::Nothing => json!({}),
        Shape::Words => json!({ "type": "string" }),
        Shape::Text => json!({ "type": ["string", "number", "boolean"] }),
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::Integer(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Number(least, most) => json!({ "type": "number", "minimum": least, "maximum": most }),
        Shape::Duration(..) => json!({ "type": "string", "pattern": r"^\s*([0-9]+(ms|s|m|h|d))+\s*$" }),
        Shape::Object | Shape::JsonSchema => json!({ "type": "object" }),
        Shape::List => json!({ "type": "array" }),
        Shape::Texts => json!({ "type": "object", "additionalProperties": { "type": ["string", "number", "boolean", "null"] } }),
        Shape::OneOf(names) => json!({ "enum": names }),
        Shape::Method(names) => json!({ "type": "string", "anyOf": [{ "enum": names }, { "pattern": in_any_case(names) }] }),
        Shape::After => json!({ "type": ["string", "array"], "items": { "type": "string" } }),
        Shape::Each => json!({ "type": ["array", "string"] }),
        Shape::Count => json!({ "type": ["integer", "string"], "minimum": 0, "maximum": MAX_ITERATIONS }),
        Shape::Id => json!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$" }),
        Shape::Kind(name) => json!({ "const": name }),
        Shape::Nodes => json!({ "type": "array", "minItems": 1, "items": { "$ref": "#/definitions/node" } }),
    }
}

/// Patterns of JSON Schema have no flags.
fn in_any_case(names: &[&str]) -> String {
    let letters = |name: &&str| {
        name.chars().fold(String::new(), |mut pattern, letter| {
            let _ = write!(pattern, "[{letter}{}]", letter.to_ascii_lowercase());
            pattern
        })
    };
    format!("^({})$", names.iter().map(letters).collect::<Vec<_>>().join("|"))
}

/// Fields and what is said of them in a table of a file's documentation.
struct Docs(BTreeMap<String, String>);

impl Docs {
    fn none() -> Self {
        Self(BTreeMap::new())
    }

    fn read(source: &str) -> Self {
        let mut docs = Self::none();
        for line in source.lines().map_while(|line| line.strip_prefix("//!")) {
            let Some((names, text)) = line.trim().strip_prefix("| `").and_then(|row| row.split_once(" | ")) else { continue };
            let text = text.trim_end_matches('|').trim().trim_end_matches("; or").replace("\\|", "|");
            for name in format!("`{names}").split('`').skip(1).step_by(2) {
                docs.0.insert(name.to_owned(), text.clone());
            }
        }
        docs
    }

    /// What the file says goes before what is said of all nodes.
    fn over(mut self, common: &Self) -> Self {
        for (name, text) in &common.0 {
            self.0.entry(name.clone()).or_insert_with(|| text.clone());
        }
        self
    }

    fn of_items(&self, list: &str) -> &'static Self {
        static INPUT: std::sync::LazyLock<Docs> = std::sync::LazyLock::new(|| Docs::read(include_str!("../input.rs")));
        static NONE: Docs = Docs(BTreeMap::new());
        if list == "input" { &INPUT } else { &NONE }
    }
}

/// Each kind's file, which begins with its documentation.
fn source_of(kind: &str) -> &'static str {
    match kind {
        "output" => include_str!("../node/output.rs"),
        "template" => include_str!("../node/template.rs"),
        "function" => include_str!("../node/function.rs"),
        "http" => include_str!("../node/http.rs"),
        "condition" => include_str!("../node/condition.rs"),
        "agent" => include_str!("../node/agent.rs"),
        "webhook" => include_str!("../node/webhook.rs"),
        "response" => include_str!("../node/response.rs"),
        "loop" => include_str!("../node/loop.rs"),
        "parallel" => include_str!("../node/parallel.rs"),
        "note" => include_str!("../node/note.rs"),
        other => panic!("the kind {other} has no documentation here"),
    }
}

/// One of everything that has fields.
fn probe() -> Document {
    let node = |kind: &&str| json!({ "id": kind, "type": kind, "retry": {}, "branches": [{}], "messages": [{}], "nodes": [{ "id": "n" }] });
    let nodes: Vec<Value> = KIND_NAMES.iter().map(node).collect();
    Document::parse(&json!({ "input": [{}], "webhook": {}, "nodes": nodes }).to_string()).unwrap()
}

pub(super) fn document_schema() -> Value {
    let asked = asked(&probe());
    let common = Docs::read(include_str!("../node.rs"));
    let mut definitions = Map::new();
    definitions.insert("node".to_owned(), node_schema());
    for (index, kind) in KIND_NAMES.into_iter().enumerate() {
        let source = source_of(kind);
        let mut schema = asked.schema(&format!("/nodes/{index}"), &Docs::read(source).over(&common));
        let title = source.lines().next().and_then(|line| line.split_once(": ")).map_or("", |(_, title)| title);
        schema["description"] = json!(title);
        if timeouts(kind).is_none() {
            for field in ["retry", "timeout", "at_most_once"] {
                schema["properties"][field]["deprecated"] = json!(true);
                schema["properties"][field]["description"] = json!(format!("has no effect: a {kind} node makes no call"));
            }
        }
        definitions.insert(kind.to_owned(), schema);
    }
    let mut schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Flowgate workflow",
        "description": "Text may hold references such as <draft.content> and <api.field>.",
    });
    let root = asked.schema("", &Docs::read(include_str!("../workflow/settings.rs")));
    for (keyword, value) in root.as_object().unwrap() {
        schema[keyword] = value.clone();
    }
    let webhook = Docs::read(source_of("webhook"));
    for (name, field) in schema["properties"]["webhook"]["properties"].as_object_mut().unwrap() {
        field["description"] = json!(webhook.0[name]);
    }
    schema["definitions"] = Value::Object(definitions);
    schema
}

/// Its kind decides about its fields.
fn node_schema() -> Value {
    let rule = |kind: &&str| {
        json!({
            "if": { "properties": { "type": { "const": kind } }, "required": ["type"] },
            "then": { "$ref": format!("#/definitions/{kind}") },
        })
    };
    json!({
        "type": "object",
        "properties": { "type": { "enum": KIND_NAMES } },
        "required": ["id", "type"],
        "allOf": KIND_NAMES.iter().map(rule).collect::<Vec<_>>(),
    })
}
