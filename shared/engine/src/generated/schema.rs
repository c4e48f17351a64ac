//! The JSON Schema of the workflow document, for completion and checks in editors.
//!
//! It covers structure only: [`crate::Workflow::compile`] checks references, code and conditions.
//! The compiler treats an empty field as absent; the schema reports it.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::compile::settings;
use crate::field::{FieldSpec, FieldType, Required};
use crate::kind::node_fields::{self, CALL_FIELDS};
use crate::kind::{KindSpec, Kinds};
use crate::workflow::MAX_ITERATIONS;

pub fn document(kinds: &Kinds) -> Value {
    let mut schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Flowgate workflow",
        "description": "Text may hold references such as <draft.content> and <api.field>. In any \
                        JSON, { $raw: … } is text that is never scanned, and { $text: … } is text \
                        even if it is one reference.",
    });
    if let Value::Object(root) = object_schema(settings::FIELDS) {
        schema.as_object_mut().expect("made above").extend(root);
    }
    let mut definitions = Map::new();
    definitions.insert("node".to_owned(), node_schema(kinds));
    definitions.insert("marked_text".to_owned(), marked_text());
    definitions.extend(kinds.iter().map(|kind| (kind.name.to_string(), kind_schema(kind))));
    schema["definitions"] = Value::Object(definitions);
    schema
}

/// The `type` decides which fields are allowed.
fn node_schema(kinds: &Kinds) -> Value {
    let rule = |kind: &str| {
        json!({
            "if": { "properties": { "type": { "const": kind } }, "required": ["type"] },
            "then": { "$ref": format!("#/definitions/{kind}") },
        })
    };
    json!({
        "type": "object",
        "properties": { "type": { "anyOf": [
            { "enum": kinds.names().collect::<Vec<_>>() },
            // An operation of the document's own connectors.
            { "type": "string", "pattern": "^[a-z][a-z0-9_]*\\.[a-z][a-z0-9_]*$" },
        ] } },
        "required": ["id", "type"],
        "allOf": kinds.names().map(rule).collect::<Vec<_>>(),
    })
}

fn kind_schema(kind: &KindSpec) -> Value {
    let is_own = |spec: &&FieldSpec| kind.fields.iter().all(|own| own.name != spec.name);
    let common = node_fields::FIELDS.iter().filter(is_own).cloned();
    let fields: Vec<FieldSpec> = common.chain(kind.fields.iter().cloned()).collect();
    let mut schema = object_schema(&fields);
    schema["description"] = json!(kind.summary);
    schema["properties"]["type"] = json!({ "const": &*kind.name, "description": "the kind" });
    if kind.call.is_none() {
        for field in CALL_FIELDS {
            let property = &mut schema["properties"][field];
            if property["type"] == "object" {
                // Its content is never read.
                *property = json!({ "type": "object" });
            }
            property["deprecated"] = json!(true);
            property["description"] =
                json!(format!("has no effect: a {} node makes no call", kind.name));
        }
    }
    schema
}

fn object_schema(fields: &[FieldSpec]) -> Value {
    let mut properties = Map::new();
    let (mut all, mut any, mut one, mut at_most_one) = (Vec::new(), None, None, None);
    for spec in fields.iter().filter(|spec| spec.field_type != FieldType::Nothing) {
        match spec.required {
            Required::No => {}
            Required::Yes => all.push(&*spec.name),
            Required::AnyOf(names) => any = Some(names),
            Required::OneOf(names) => one = Some(names),
            Required::AtMostOneOf(names) => at_most_one = Some(names),
        }
        let mut schema = field_schema(&spec.field_type);
        schema["description"] = json!(spec.help);
        properties.insert(spec.name.clone().into_owned(), schema);
    }
    let mut schema =
        json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !all.is_empty() {
        schema["required"] = json!(all);
    }
    for (keyword, names) in [("anyOf", any), ("oneOf", one)] {
        if let Some(names) = names {
            let each = names.iter().map(|name| json!({ "required": [name] }));
            schema[keyword] = each.collect();
        }
    }
    if let Some(names) = at_most_one {
        schema["not"] = json!({ "anyOf": pairs(names) });
    }
    schema
}

/// Matches objects that have two of the fields.
fn pairs(names: &[&str]) -> Vec<Value> {
    let with_later = |(at, name): (usize, &&str)| -> Vec<Value> {
        names[at + 1..].iter().map(|later| json!({ "required": [name, later] })).collect()
    };
    names.iter().enumerate().flat_map(with_later).collect()
}

fn field_schema(field_type: &FieldType) -> Value {
    match field_type {
        FieldType::Any | FieldType::Nothing => json!({}),
        FieldType::Words | FieldType::Code | FieldType::Kind => json!({ "type": "string" }),
        FieldType::Text => text_schema(&["string", "number", "boolean"]),
        FieldType::Boolean => json!({ "type": "boolean" }),
        FieldType::Integer(min, max) => {
            json!({ "type": "integer", "minimum": min, "maximum": max })
        }
        FieldType::Number(min, max) => json!({ "type": "number", "minimum": min, "maximum": max }),
        FieldType::NumberRef(min, max) => {
            json!({ "type": ["number", "string"], "minimum": min, "maximum": max })
        }
        FieldType::IntegerRef(min, max) => {
            json!({ "type": ["integer", "string"], "minimum": min, "maximum": max })
        }
        FieldType::Duration(..) => {
            json!({ "type": "string", "pattern": r"^\s*([0-9]+(ms|s|m|h|d))+\s*$" })
        }
        FieldType::Object | FieldType::JsonSchema => json!({ "type": "object" }),
        FieldType::Fields(fields) => object_schema(fields),
        FieldType::List => json!({ "type": "array" }),
        FieldType::Items(fields) => json!({ "type": "array", "items": object_schema(fields) }),
        FieldType::ItemsRef(fields) => {
            json!({ "type": ["array", "string"], "items": object_schema(fields) })
        }
        FieldType::TextList => {
            json!({ "type": "array", "items": { "type": ["string", "number", "boolean"] } })
        }
        FieldType::Texts => json!({
            "type": "object",
            "additionalProperties": text_schema(&["string", "number", "boolean", "null"]),
        }),
        FieldType::OneOf(names) => json!({ "enum": names }),
        FieldType::Method(names) => json!({
            "type": "string",
            "anyOf": [{ "enum": names }, { "pattern": in_any_case(names) }],
        }),
        FieldType::Statuses => {
            let status = json!({ "anyOf": [
                { "type": "integer", "minimum": 100, "maximum": 599 },
                { "type": "string", "pattern": "^(any|[1-5]xx|[1-5][0-9][0-9])$" },
            ] });
            json!({ "anyOf": [status, { "type": "array", "minItems": 1, "items": status }] })
        }
        FieldType::After => json!({ "type": ["string", "array"], "items": { "type": "string" } }),
        FieldType::Each => json!({ "type": ["array", "string"] }),
        FieldType::Count => {
            json!({ "type": ["integer", "string"], "minimum": 0, "maximum": MAX_ITERATIONS })
        }
        FieldType::OnError => json!({ "anyOf": [
            { "enum": ["fail", "continue"] },
            {
                "type": "object",
                "properties": { "default": { "description": "the node's output after a failure" } },
                "required": ["default"],
                "additionalProperties": false,
            },
        ] }),
        FieldType::Id => {
            json!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$" })
        }
        FieldType::Nodes => json!({
            "type": "array",
            "minItems": 1,
            "items": { "$ref": "#/definitions/node" },
        }),
    }
}

/// A text, or one that the author marks: `{ raw: … }`.
fn text_schema(types: &[&str]) -> Value {
    json!({ "anyOf": [{ "type": types }, { "$ref": "#/definitions/marked_text" }] })
}

fn marked_text() -> Value {
    let text = |help: &str| json!({ "type": "string", "description": help });
    let (raw, kept) =
        ("text that holds no reference and no secret", "text, even if it is one reference");
    json!({
        "type": "object",
        "properties": {
            "raw": text(raw), "text": text(kept), "$raw": text(raw), "$text": text(kept),
        },
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
    })
}

/// JSON Schema patterns have no flags, so each letter matches both cases.
fn in_any_case(names: &[&str]) -> String {
    let letters = |name: &&str| {
        name.chars().fold(String::new(), |mut pattern, letter| {
            let _ = write!(pattern, "[{letter}{}]", letter.to_ascii_lowercase());
            pattern
        })
    };
    format!("^({})$", names.iter().map(letters).collect::<Vec<_>>().join("|"))
}
