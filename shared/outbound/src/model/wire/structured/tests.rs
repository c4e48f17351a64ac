use flowgate_engine::call::{ModelCall, ModelMessage};

use super::*;
use crate::model::wire::Enforcement;

fn object(more: Value) -> Value {
    let mut schema = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    schema
}

#[test]
fn what_the_subset_lacks_becomes_a_hint() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "T",
        "type": "object",
        "properties": {
            "a": { "type": "string", "minLength": 1, "pattern": "^x", "format": "date" },
            "b": { "type": "integer", "minimum": 1, "maximum": 9, "description": "How many." },
            "c": { "enum": ["x", 1, null] },
            "d": { "$ref": "#/$defs/d", "description": "dropped" },
            "e": { "type": "array", "items": { "type": ["number", "null"] }, "minItems": 1 },
            "f": { "type": "array", "items": { "type": "string", "format": "iri" }, "minItems": 2 },
            "g": { "oneOf": [{ "type": "string" }, { "const": true }] }
        },
        "required": ["a", "b", "d"],
        "additionalProperties": false,
        "minProperties": 2,
        "$defs": { "d": { "type": "object", "properties": { "n": { "type": "number" } } } }
    });
    assert_eq!(
        structured(&schema),
        Some(json!({
            "title": "T",
            "type": "object",
            "properties": {
                "a": {
                    "type": "string", "format": "date",
                    "description": "minLength: 1, pattern: \"^x\""
                },
                "b": { "type": "integer", "description": "How many. (minimum: 1, maximum: 9)" },
                "c": { "enum": ["x", 1, null] },
                "d": { "$ref": "#/$defs/d" },
                "e": { "type": "array", "items": { "type": ["number", "null"] }, "minItems": 1 },
                "f": {
                    "type": "array", "description": "minItems: 2",
                    "items": { "type": "string", "description": "format: \"iri\"" }
                },
                "g": { "anyOf": [{ "type": "string" }, { "const": true }] }
            },
            "required": ["a", "b", "d"],
            "additionalProperties": false,
            "description": "minProperties: 2",
            "$defs": { "d": {
                "type": "object", "properties": { "n": { "type": "number" } },
                "additionalProperties": false
            } }
        }))
    );
}

#[test]
fn what_the_subset_cannot_express_is_not_sent() {
    assert!(structured(&object(json!({}))).is_some());
    let property = |property: Value| object(json!({ "properties": { "a": property } }));
    for schema in [
        json!({}),
        json!(true),
        json!({ "type": "object" }),
        json!({ "type": "array", "items": { "type": "string" } }),
        json!({ "$ref": "#/$defs/a", "$defs": { "a": object(json!({})) } }),
        object(json!({ "additionalProperties": true })),
        object(json!({ "additionalProperties": { "type": "string" } })),
        object(json!({ "allOf": [{}] })),
        object(json!({ "not": {} })),
        object(json!({ "if": {}, "then": {} })),
        object(json!({ "patternProperties": {} })),
        object(json!({ "anyOf": [{ "type": "string" }], "oneOf": [{ "type": "string" }] })),
        object(json!({ "required": ["b"] })),
        object(json!({ "required": [1] })),
        property(json!({})),
        property(json!(true)),
        property(json!({ "type": "object" })),
        property(json!({ "type": ["object", "null"] })),
        property(json!({ "type": "array", "prefixItems": [{ "type": "string" }] })),
        property(json!({ "enum": [{ "b": 1 }] })),
        property(json!({ "const": [1] })),
        property(json!({ "$ref": "#" })),
        property(json!({ "$ref": 1 })),
        property(json!({ "$ref": "https://example.com/a" })),
        property(json!({ "$ref": "#/$defs/a" })),
        property(object(json!({ "$defs": { "a": { "type": "string" } } }))),
    ] {
        assert_eq!(structured(&schema), None, "{schema}");
    }
}

#[test]
fn an_object_is_closed_whatever_else_it_may_be() {
    for mut inner in [
        json!({ "type": ["object", "null"], "properties": {} }),
        json!({ "anyOf": [{ "type": "null" }], "properties": {} }),
    ] {
        let written = object(json!({ "properties": { "a": inner } }));
        inner["additionalProperties"] = false.into();
        assert_eq!(structured(&written).unwrap()["properties"]["a"], inner);
    }
}

#[test]
fn no_definition_leads_back_to_itself() {
    let check = |definitions: Value, expected: bool| {
        let schema = object(json!({
            "properties": { "a": { "$ref": "#/$defs/a" } }, "$defs": definitions
        }));
        assert_eq!(structured(&schema).is_some(), expected, "{schema}");
    };
    let leads_to = |name: &str| {
        object(json!({ "properties": { "x": {
        "type": "array", "items": { "$ref": format!("#/$defs/{name}") }
    } } }))
    };
    let leaf = json!({ "type": "string" });
    check(json!({ "a": leads_to("b"), "b": leads_to("c"), "c": leaf }), true);
    check(json!({ "c": leaf, "b": leads_to("c"), "a": leads_to("b") }), true);
    check(json!({ "a": leads_to("a") }), false);
    check(json!({ "a": leads_to("b"), "b": leads_to("c"), "c": leads_to("b") }), false);
    check(json!({ "a": leads_to("b"), "b": leads_to("nowhere") }), false);
    let many = |count: usize| {
        let definition = |n: usize| (format!("d{n}"), leads_to(&format!("d{}", n + 1)));
        let mut definitions: Map<String, Value> = (0..count).map(definition).collect();
        definitions.insert(format!("d{count}"), leaf.clone());
        definitions.insert("a".to_owned(), leaf.clone());
        // None is optional.
        definitions.values_mut().filter(|d| d["type"] == "object").for_each(|definition| {
            definition["required"] = json!(["x"]);
        });
        Value::Object(definitions)
    };
    check(many(90), true);
    check(many(200), false);
}

#[test]
fn a_schema_has_limits() {
    let optional = |count: usize| {
        let property = |n: usize| (n.to_string(), json!({ "type": "string" }));
        object(json!({ "properties": (0..count).map(property).collect::<Map<_, _>>() }))
    };
    assert!(structured(&optional(MAX_OPTIONAL)).is_some());
    assert_eq!(structured(&optional(MAX_OPTIONAL + 1)), None);
    let unions = |count: usize| {
        let property = |n: usize| (n.to_string(), json!({ "type": ["string", "null"] }));
        let properties: Map<_, _> = (0..count).map(property).collect();
        let required: Vec<_> = properties.keys().cloned().collect();
        object(json!({ "properties": properties, "required": required }))
    };
    assert!(structured(&unions(MAX_UNIONS)).is_some());
    assert_eq!(structured(&unions(MAX_UNIONS + 1)), None);
    let deep = (0..100)
        .fold(json!({ "type": "string" }), |inner, _| json!({ "type": "array", "items": inner }));
    assert_eq!(structured(&object(json!({ "properties": { "a": deep } }))), None);
}

#[test]
fn a_schema_that_is_not_sent_stands_in_the_text() {
    let check = |schema: Value, messages: Vec<ModelMessage>| {
        let call = ModelCall { messages, schema: Some(schema), ..ModelCall::default() };
        system_and_schema(&Ask::new("p", "m", &call, Enforcement::Provider))
    };
    let system = || vec![ModelMessage::system("Be brief.")];
    let (text, schema) = check(object(json!({})), system());
    assert_eq!((text.as_str(), schema.is_some()), ("Be brief.", true));
    let open = json!({ "type": "object" });
    let instructions = ask::instructions(&open);
    assert!(instructions.contains("{\"type\":\"object\"}"));
    assert_eq!(check(open.clone(), system()), (format!("Be brief.\n\n{instructions}"), None));
    assert_eq!(check(open, vec![]), (instructions, None));
}
