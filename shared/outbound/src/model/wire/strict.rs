//! The subset of JSON Schema that OpenAI enforces to the letter.

use serde_json::{Map, Value, json};

const MAX_PROPERTIES: usize = 5_000;
const MAX_DEPTH: usize = 10;

/// What the subset lacks.
pub(super) const REFUSED: [&str; 16] = [
    "allOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "patternProperties",
    "propertyNames",
    "unevaluatedProperties",
    "unevaluatedItems",
    "prefixItems",
    "contains",
    "$dynamicRef",
    "$recursiveRef",
];

/// String formats of the subset.
const FORMATS: [&str; 9] =
    ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];

/// Rewrites a schema for strict mode: every property required, and optional ones nullable instead.
/// Returns `None` if the subset cannot express it.
pub(super) fn strict(schema: &Value) -> Option<Value> {
    if schema.get("anyOf").is_some() {
        return None;
    }
    let mut left = MAX_PROPERTIES;
    let strict = rewritten(schema, 0, &mut left)?;
    (strict["type"] == "object").then_some(strict)
}

fn rewritten(schema: &Value, depth: usize, left: &mut usize) -> Option<Value> {
    let schema = schema.as_object()?;
    if depth > MAX_DEPTH || REFUSED.iter().any(|word| schema.contains_key(*word)) {
        return None;
    }
    if let Some(target) = schema.get("$ref") {
        // It takes no words beside it.
        return Some(json!({ "$ref": target }));
    }
    let mut strict = Map::new();
    for (word, value) in schema {
        let value = match word.as_str() {
            // These two are set below; a schema of our dialect needs no name of it.
            "required" | "additionalProperties" | "$schema" | "$id" | "default" => continue,
            // The answer is checked against the whole schema.
            "uniqueItems" | "minProperties" | "maxProperties" => continue,
            "format" if !FORMATS.iter().any(|known| value == known) => continue,
            "properties" => properties(schema, value.as_object()?, depth, left)?,
            "items" => rewritten(value, depth + 1, left)?,
            "anyOf" => {
                let options = value.as_array()?.iter();
                options.map(|option| rewritten(option, depth + 1, left)).collect::<Option<_>>()?
            }
            "$defs" | "definitions" => {
                let defined = value.as_object()?.iter();
                let defined = defined
                    .map(|(name, value)| Some((name.clone(), rewritten(value, depth + 1, left)?)));
                Value::Object(defined.collect::<Option<_>>()?)
            }
            _ => value.clone(),
        };
        strict.insert(word.clone(), value);
    }
    if has_type(schema, "object") || schema.contains_key("properties") {
        close(schema, &mut strict)?;
    }
    Some(Value::Object(strict))
}

fn properties(
    schema: &Map<String, Value>,
    properties: &Map<String, Value>,
    depth: usize,
    left: &mut usize,
) -> Option<Value> {
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|n| n == name));
    *left = left.checked_sub(properties.len())?;
    let property = |(name, property): (&String, &Value)| {
        let property = rewritten(property, depth + 1, left)?;
        let property = if is_required(name) { property } else { nullable(property) };
        Some((name.clone(), property))
    };
    properties.iter().map(property).collect::<Option<Map<_, _>>>().map(Value::Object)
}

/// Allows the listed properties and no others. An object of free names has no strict form.
fn close(schema: &Map<String, Value>, strict: &mut Map<String, Value>) -> Option<()> {
    let is_open = matches!(schema.get("additionalProperties"), Some(more) if more != false);
    let names: Vec<Value> =
        strict.get("properties")?.as_object()?.keys().cloned().map(Value::String).collect();
    let required = schema.get("required").and_then(Value::as_array);
    let is_listed = required.is_none_or(|required| required.iter().all(|r| names.contains(r)));
    if is_open || !is_listed {
        return None;
    }
    strict.insert("required".to_owned(), Value::Array(names));
    strict.insert("additionalProperties".to_owned(), Value::Bool(false));
    Some(())
}

fn has_type(schema: &Map<String, Value>, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(word)) => word == name,
        Some(Value::Array(words)) => words.iter().any(|word| word == name),
        _ => false,
    }
}

fn nullable(mut schema: Value) -> Value {
    let allows_null = match &schema["type"] {
        Value::String(word) => word == "null",
        Value::Array(words) => words.iter().any(|word| word == "null"),
        _ => false,
    };
    let has_values = schema.get("enum").is_some() || schema.get("const").is_some();
    if allows_null {
        return schema;
    }
    match &mut schema["type"] {
        Value::String(word) if !has_values => {
            let word = std::mem::take(word);
            schema["type"] = json!([word, "null"]);
            schema
        }
        Value::Array(words) if !has_values => {
            words.push("null".into());
            schema
        }
        // `schema["type"]` has made a null of what was absent.
        kind => {
            if kind.is_null()
                && let Some(fields) = schema.as_object_mut()
            {
                fields.remove("type");
            }
            json!({ "anyOf": [schema, { "type": "null" }] })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_properties_stay_optional() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "a": { "type": "string", "minLength": 1 },
                "b": { "type": "integer" },
                "c": { "enum": ["x", "y"] },
                "d": { "$ref": "#/$defs/d" },
                "e": { "type": "array", "items": { "type": "object", "properties": {} } },
                "f": { "type": ["number", "null"] }
            },
            "required": ["a"],
            "$defs": { "d": { "type": "object", "properties": { "n": { "type": "number" } } } }
        });
        let closed = |properties: Value, required: Value| {
            json!({
                "type": "object", "properties": properties, "required": required,
                "additionalProperties": false
            })
        };
        let mut expected = closed(
            json!({
                "a": { "type": "string", "minLength": 1 },
                "b": { "type": ["integer", "null"] },
                "c": { "anyOf": [{ "enum": ["x", "y"] }, { "type": "null" }] },
                "d": { "anyOf": [{ "$ref": "#/$defs/d" }, { "type": "null" }] },
                "e": { "type": ["array", "null"], "items": closed(json!({}), json!([])) },
                "f": { "type": ["number", "null"] }
            }),
            json!(["a", "b", "c", "d", "e", "f"]),
        );
        expected["$defs"] =
            json!({ "d": closed(json!({ "n": { "type": ["number", "null"] } }), json!(["n"])) });
        assert_eq!(strict(&schema), Some(expected));
    }

    #[test]
    fn words_that_are_refused_are_left_to_our_own_check() {
        let schema = json!({
            "type": "object",
            "properties": {
                "a": { "type": "string", "format": "uri" },
                "b": { "type": "string", "format": "date" },
                "c": { "$ref": "#/$defs/d", "description": "of c" },
                "d": { "type": "array", "items": { "type": "number" }, "uniqueItems": true }
            },
            "required": ["a", "b", "c", "d"]
        });
        assert_eq!(
            strict(&schema).unwrap()["properties"],
            json!({
                "a": { "type": "string" },
                "b": { "type": "string", "format": "date" },
                "c": { "$ref": "#/$defs/d" },
                "d": { "type": "array", "items": { "type": "number" } }
            })
        );
    }

    #[test]
    fn what_the_subset_lacks_is_not_strict() {
        let object = |more: Value| {
            let mut schema = json!({ "type": "object", "properties": { "a": {} } });
            schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            schema
        };
        assert!(strict(&object(json!({}))).is_some());
        for more in [
            json!({ "additionalProperties": true }),
            json!({ "additionalProperties": { "type": "string" } }),
            json!({ "anyOf": [{}] }),
            json!({ "allOf": [{}] }),
            json!({ "patternProperties": {} }),
            json!({ "required": ["b"] }),
            json!({ "properties": { "a": { "type": "object" } } }),
            json!({ "properties": { "a": { "oneOf": [{}] } } }),
            json!({ "properties": { "a": true } }),
        ] {
            assert_eq!(strict(&object(more.clone())), None, "{more}");
        }
        assert_eq!(strict(&json!({ "type": "array", "items": {} })), None);
        let deep = (0..20).fold(
            json!({ "type": "string" }),
            |inner, _| json!({ "type": "object", "properties": { "a": inner } }),
        );
        assert_eq!(strict(&deep), None);
    }
}
