//! Each rule by one change of one document.

use serde_json::{Value, json};

use crate::breaks;

/// Something of everything.
fn document() -> Value {
    let text = json!({ "type": "string" });
    let variant = |tag: &str| {
        let tags = json!({ "type": "string", "enum": [tag] });
        let properties = json!({ "type": tags, tag: text });
        json!({ "type": "object", "required": ["type"], "properties": properties })
    };
    let parameters = json!([
        { "name": "limit", "in": "query", "schema": { "type": "integer", "maximum": 100 } },
        { "name": "Prefer", "in": "header", "schema": { "type": ["string", "null"] } },
    ]);
    let start = json!({
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": text,
            "mode": { "type": "string", "enum": ["wait", "async"] },
            "tree": { "oneOf": [{ "$ref": "#/components/schemas/Tree" }, { "type": "null" }] },
        },
    });
    let run = json!({
        "allOf": [
            { "$ref": "#/components/schemas/Tree" },
            {
                "type": "object",
                "required": ["id", "status"],
                "properties": {
                    "id": text,
                    "status": { "type": "string", "enum": ["running", "ended"] },
                    "at": { "type": "string", "format": "date-time" },
                    "count": { "type": "integer" },
                    "last": { "oneOf": [variant("a"), variant("b")] },
                },
            },
        ],
    });
    let tree = json!({ "type": "object", "properties": {
        "children": { "type": "array", "items": { "$ref": "#/components/schemas/Tree" } },
        "name": { "type": "string", "maxLength": 9 },
    } });
    let json_of = |name: &str| {
        let named = json!({ "$ref": format!("#/components/schemas/{name}") });
        json!({ "application/json": { "schema": named } })
    };
    json!({
        "paths": { "/runs": {
            "get": {
                "operationId": "list",
                "security": [{}],
                "responses": { "200": { "content": json_of("Run") } },
            },
            "post": {
                "operationId": "start",
                "parameters": parameters,
                "requestBody": { "content": json_of("Start") },
                "responses": {
                    "201": { "content": json_of("Run") },
                    "404": { "content": json_of("Tree") },
                },
            },
        } },
        "webhooks": { "ended": { "post": {
            "parameters": [{ "name": "webhook-id", "in": "header", "required": true }],
            "requestBody": { "content": json_of("Run") },
        } } },
        "components": { "schemas": { "Start": start, "Run": run, "Tree": tree } },
    })
}

/// What stands at the pointer is replaced, or removed by `null`; a last part `-` appends to a list.
fn changed(pointer: &str, value: Value) -> Value {
    let mut document = document();
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    let last = last.replace("~1", "/");
    match document.pointer_mut(parent).unwrap_or_else(|| panic!("there is no {parent}")) {
        Value::Array(list) if last == "-" => list.push(value),
        Value::Array(list) if value.is_null() => drop(list.remove(last.parse().unwrap())),
        Value::Array(list) => list[last.parse::<usize>().unwrap()] = value,
        Value::Object(map) if value.is_null() => assert!(map.remove(&last).is_some(), "{pointer}"),
        Value::Object(map) => drop(map.insert(last, value)),
        other => panic!("{parent} is {other}"),
    }
    document
}

#[track_caller]
fn check(pointer: &str, value: Value, expected: &[&str]) {
    let found = breaks(&document(), &changed(pointer, value.clone()));
    let found: Vec<_> = found.into_iter().map(|(place, what)| format!("{place} {what}")).collect();
    assert_eq!(found, expected, "{pointer} = {value}");
}

const POST: &str = "/paths/~1runs/post";
const START: &str = "/components/schemas/Start";
const RUN: &str = "/components/schemas/Run/allOf/1";
const TREE: &str = "/components/schemas/Tree";

fn at(base: &str, rest: &str) -> String {
    format!("{base}/{rest}")
}

#[test]
fn the_same_breaks_nothing() {
    assert_eq!(breaks(&document(), &document()).len(), 0);
}

#[test]
fn operations() {
    check("/paths/~1runs", Value::Null, &["GET /runs is removed", "POST /runs is removed"]);
    check(POST, Value::Null, &["POST /runs is removed"]);
    let renamed = "POST /runs has another operationId, by which clients name it";
    check(&at(POST, "operationId"), json!("begin"), &[renamed]);
    check("/paths/~1runs/get/security", Value::Null, &["GET /runs needs a key now"]);
    check("/paths/~1more", json!({ "get": { "operationId": "more" } }), &[]);
}

#[test]
fn parameters() {
    check(&at(POST, "parameters/0"), Value::Null, &["POST /runs ?limit is removed"]);
    check(&at(POST, "parameters/0/required"), json!(true), &["POST /runs ?limit is required now"]);
    check(
        &at(POST, "parameters/0/schema/maximum"),
        json!(50),
        &["POST /runs ?limit has a narrower `maximum`"],
    );
    check(&at(POST, "parameters/0/schema/maximum"), json!(200), &[]);
    check(&at(POST, "parameters/0/schema/maximum"), Value::Null, &[]);
    let bounded = &["POST /runs ?limit has a narrower `minimum`"];
    check(&at(POST, "parameters/0/schema/minimum"), json!(1), bounded);
    let no_null = &["POST /runs Prefer: no longer takes null"];
    check(&at(POST, "parameters/1/schema/type"), json!("string"), no_null);
    let new = |required: bool| json!({ "name": "q", "in": "query", "required": required });
    check(&at(POST, "parameters/-"), new(true), &["POST /runs ?q is new and required"]);
    check(&at(POST, "parameters/-"), new(false), &[]);
}

#[test]
fn bodies_that_callers_send() {
    check(&at(POST, "requestBody/required"), json!(true), &["POST /runs needs a body now"]);
    let gone = &["POST /runs application/json is removed"];
    check(&at(POST, "requestBody/content"), json!({}), gone);
    check(&at(START, "properties/mode"), Value::Null, &["Start.mode is removed"]);
    check(&at(START, "required/-"), json!("mode"), &["Start.mode is required now"]);
    check(&at(START, "properties/new"), json!({ "type": "string" }), &[]);
    let fewer = &["Start.mode no longer takes \"async\""];
    check(&at(START, "properties/mode/enum"), json!(["wait"]), fewer);
    check(&at(START, "properties/mode/enum/-"), json!("later"), &[]);
    check(&at(START, "properties/mode/enum"), Value::Null, &[]);
    let closed = &["Start.id has other values than those of its enum"];
    check(&at(START, "properties/id/enum"), json!(["a"]), closed);
    check(&at(START, "properties/id/type"), json!("integer"), &["Start.id no longer takes string"]);
    check(&at(START, "properties/id/type"), json!(["integer", "string"]), &[]);
    check(&at(START, "properties/id"), json!({}), &[]);
    check(&at(START, "properties/id/pattern"), json!("^a"), &["Start.id has another pattern"]);
    let closed = &["Start no longer takes unknown fields"];
    check(&at(START, "additionalProperties"), json!(false), closed);
    check(&at(START, "properties/tree/oneOf/1"), Value::Null, &["Start.tree no longer takes null"]);
    let mut required = document()["components"]["schemas"]["Start"].clone();
    required["required"] = json!(["id", "new"]);
    required["properties"]["new"] = json!({ "type": "string" });
    check(START, required, &["Start.new is new and required"]);
}

#[test]
fn bodies_that_callers_read() {
    check(&at(POST, "responses/201"), Value::Null, &["POST /runs 201 is removed"]);
    check(&at(POST, "responses/404"), Value::Null, &[]);
    check(&at(POST, "responses/409"), json!({}), &[]);
    let gone = &["POST /runs 201 application/json is removed"];
    check(&at(POST, "responses/201/content"), json!({ "text/plain": {} }), gone);
    check(&at(RUN, "properties/at"), Value::Null, &["Run.at is removed"]);
    check(&at(RUN, "required"), json!(["id"]), &["Run.status may be missing now"]);
    check(&at(RUN, "required/-"), json!("at"), &[]);
    check(&at(RUN, "properties/new"), json!({ "type": "string" }), &[]);
    let more = &["Run.status may be \"waiting\" now"];
    check(&at(RUN, "properties/status/enum/-"), json!("waiting"), more);
    check(&at(RUN, "properties/status/enum"), json!(["ended"]), &[]);
    let open = &["Run.status has other values than those of its enum"];
    check(&at(RUN, "properties/status/enum"), Value::Null, open);
    check(&at(RUN, "properties/id/type"), json!(["string", "null"]), &["Run.id may be null now"]);
    check(&at(RUN, "properties/id"), json!({}), &["Run.id may be anything now"]);
    check(&at(RUN, "properties/count/type"), json!("number"), &["Run.count may be number now"]);
    check(&at(RUN, "properties/at/format"), json!("date"), &["Run.at has another format"]);
    check(&at(RUN, "properties/last/oneOf/1"), Value::Null, &[]);
    let other = json!({ "type": "object", "required": ["type"], "properties": {
        "type": { "type": "string", "enum": ["c"] } } });
    check(&at(RUN, "properties/last/oneOf/-"), other, &["Run.last may be type=\"c\" now"]);
    let within = &["Run.last.b is removed"];
    check(&at(RUN, "properties/last/oneOf/1/properties/b"), Value::Null, within);
}

/// `Tree` contains itself, is sent and is read.
#[test]
fn schemas_that_go_both_ways() {
    check(
        &at(TREE, "properties/name"),
        Value::Null,
        &["Run.name is removed", "Tree.name is removed"],
    );
    check(
        &at(TREE, "properties/name/maxLength"),
        json!(8),
        &["Tree.name has a narrower `maxLength`"],
    );
    let list = &[
        "Run.children[] may be string now",
        "Tree.children[] may be string now",
        "Tree.children[] no longer takes Tree",
    ];
    check(&at(TREE, "properties/children/items"), json!({ "type": "string" }), list);
}

#[test]
fn webhooks() {
    check("/webhooks/ended", Value::Null, &["POST ended is removed"]);
    let unsent = &["POST ended webhook-id: is not sent any more"];
    check("/webhooks/ended/post/parameters/0", Value::Null, unsent);
    check("/webhooks/ended/post/parameters/0/required", json!(false), unsent);
    let text = json!({ "application/json": { "schema": { "type": "string" } } });
    let other = &["POST ended application/json may be string now"];
    check("/webhooks/ended/post/requestBody/content", text, other);
}

#[test]
fn a_schema_that_gets_a_name_is_the_same() {
    let mut named = document();
    let schema = named["components"]["schemas"]["Start"]["properties"]["mode"].take();
    named["components"]["schemas"]["Mode"] = schema;
    named["components"]["schemas"]["Start"]["properties"]["mode"] =
        json!({ "oneOf": [{ "$ref": "#/components/schemas/Mode" }, { "type": "null" }] });
    assert_eq!(breaks(&document(), &named).len(), 0);
}
