//! JSON Schemas of answers: what a parser or a node asks a model for.

use serde_json::{Map, Value, json};

use crate::json::{fields, is_true, items, text};
use crate::n8n::flow::Flow;

const TYPES: [&str; 7] = ["string", "number", "integer", "boolean", "object", "array", "null"];

/// An example is read that deep; a model cannot answer more deeply either.
const MAX_DEPTH: usize = 20;

/// The schema of the parser that hangs on a node, or on the parser there that mends its answers.
pub(super) fn of_parser(flow: &mut Flow<'_, '_, '_>, at: usize) -> Option<Value> {
    let mut parser = parser_of(flow, at)?;
    if flow.step(parser).kind == "outputParserAutofixing" {
        parser = parser_of(flow, parser)?;
    }
    of_own(flow, parser)
}

fn parser_of(flow: &mut Flow<'_, '_, '_>, at: usize) -> Option<usize> {
    let helper = flow.graph.helpers(at, "ai_outputParser").first().copied()?;
    flow.draft.entry(&flow.step(helper).origin.id).note("the schema of an answer");
    Some(helper)
}

/// The schema that a parser itself has.
fn of_own(flow: &mut Flow<'_, '_, '_>, parser: usize) -> Option<Value> {
    let step = flow.step(parser);
    let entry = flow.draft.entry(&step.origin.id);
    match step.kind.as_str() {
        // It mends the answers of another such parser, or of itself.
        "outputParserAutofixing" => return None,
        "outputParserItemList" => {
            let list = json!({ "type": "array", "items": { "type": "string" } });
            return Some(object([("response".to_owned(), list)]));
        }
        _ => {}
    }
    let schema = of_settings(step.parameters).unwrap_or_else(|| {
        entry.approximated("its schema cannot be read: any text field `output`");
        object([("output".to_owned(), json!({ "type": "string" }))])
    });
    Some(as_object(schema))
}

/// A schema as it stands in a node's parameters, or one of an example; `None` if neither can be
/// read.
pub(super) fn of_settings(parameters: &Map<String, Value>) -> Option<Value> {
    let is_manual = text(parameters.get("schemaType")) == "manual";
    match parameters.get("jsonSchemaExample").filter(|_| !is_manual) {
        Some(example) => Some(of_example(&parsed(example)?, MAX_DEPTH)),
        None => parsed(parameters.get("inputSchema").or(parameters.get("jsonSchema"))?),
    }
}

/// The schema of fields that a node lists one by one.
pub(super) fn of_attributes(parameters: &Map<String, Value>) -> Value {
    let (mut properties, mut required) = (Map::new(), Map::new());
    for one in items(fields(parameters.get("attributes")).get("attributes")) {
        let name = text(one.get("name"));
        let kind = match text(one.get("type")).as_str() {
            "number" => "number",
            "boolean" => "boolean",
            _ => "string",
        };
        let about = text(one.get("description"));
        let about = about.trim_start_matches('=');
        properties.insert(name.clone(), json!({ "type": kind, "description": about }));
        if is_true(one.get("required")) {
            required.insert(name, Value::Null);
        }
    }
    let required: Vec<&String> = required.keys().collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

/// An object all of whose fields must be there.
pub(super) fn object(properties: impl IntoIterator<Item = (String, Value)>) -> Value {
    let properties = Map::from_iter(properties);
    let required: Vec<Value> = properties.keys().map(|name| name.as_str().into()).collect();
    let own = [
        ("type", "object".into()),
        ("required", required.into()),
        ("properties", properties.into()),
    ];
    Value::Object(own.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
}

/// An answer is an object: any other one becomes its field `output`.
pub(super) fn as_object(mut schema: Value) -> Value {
    mend(&mut schema);
    let has_references = schema.to_string().contains("$ref");
    let is_object = schema["type"] == "object" && !has_references;
    if is_object || schema.get("properties").is_some() {
        schema["type"] = "object".into();
        return schema;
    }
    let inner = if has_references { json!({}) } else { schema };
    object([("output".to_owned(), inner)])
}

fn parsed(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) => serde_json::from_str(text.trim_start_matches('=').trim()).ok(),
        other => Some(other.clone()),
    }
}

fn of_example(example: &Value, depth: usize) -> Value {
    let within = |value: &Value| of_example(value, depth - 1);
    match example {
        _ if depth == 0 => json!({}),
        Value::Object(fields) => {
            object(fields.iter().map(|(name, value)| (name.clone(), within(value))))
        }
        Value::Array(list) => {
            json!({ "type": "array", "items": list.first().map_or(json!({}), within) })
        }
        Value::Number(_) => json!({ "type": "number" }),
        Value::Bool(_) => json!({ "type": "boolean" }),
        Value::String(_) => json!({ "type": "string" }),
        Value::Null => json!({}),
    }
}

/// Takes out what no schema may say: files hold such.
fn mend(schema: &mut Value) {
    let Value::Object(fields) = schema else {
        *schema = json!({});
        return;
    };
    fields.retain(|name, value| match name.as_str() {
        "$schema" | "example" => false,
        "type" => is_type(value),
        "required" => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
        "properties" => value.is_object(),
        "additionalProperties" => value.is_boolean(),
        _ => true,
    });
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.values_mut().for_each(mend);
    }
    if let Some(items) = fields.get_mut("items") {
        mend(items);
    }
}

fn is_type(value: &Value) -> bool {
    let is_name = |value: &Value| value.as_str().is_some_and(|name| TYPES.contains(&name));
    match value {
        Value::Array(list) => !list.is_empty() && list.iter().all(is_name),
        one => is_name(one),
    }
}
