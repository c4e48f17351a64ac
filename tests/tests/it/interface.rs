//! What a workflow takes and leaves, and its own OpenAPI document.

use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

use crate::fixture::answer;

const STORY: &str = r#"
name: Story
description: Writes a story
input:
  - { name: topic, description: What it is about, schema: { enum: [sea, sky] } }
  - { name: words, type: number, default: 80, value: 20 }
nodes:
  - { id: draft, type: agent, model: offline/echo, prompt: <api.input.topic> }
  - { id: http, type: template, template: x }
output: { story: <draft.content>, cost: <draft.cost>, deep: <draft.data.x> }
"#;

#[tokio::test]
async fn an_interface_has_the_fields_with_their_types() {
    let server = TestServer::start().await;
    server.publish("story", STORY).await;
    let key = server.key(&["story"], &["run"]).await;
    let (status, found) = answer(server.get("/v1/workflows/story/interface", &key)).await;
    assert_eq!(status, 200, "{found}");
    let expected = json!({
        "workflow_id": "story",
        "version": "1.0.0",
        "name": "Story",
        "description": "Writes a story",
        "endpoint": "/v1/workflows/story/runs",
        "inputs": [
            {
                "name": "topic", "type": "string", "required": true,
                "description": "What it is about",
                "schema": { "enum": ["sea", "sky"] }, "enum": ["sea", "sky"],
            },
            { "name": "words", "type": "number", "required": false, "default": 80, "value": 20 },
        ],
        "outputs": [
            { "name": "story", "type": "string", "nullable": false, "source": "<draft.content>" },
            { "name": "cost", "type": "number", "nullable": true, "source": "<draft.cost>" },
            { "name": "deep", "type": null, "nullable": true, "source": "<draft.data.x>" },
        ],
        "input_schema": {
            "type": "object",
            "properties": {
                "topic": {
                    "enum": ["sea", "sky"], "type": "string", "description": "What it is about"
                },
                "words": { "type": "number", "default": 80 },
            },
            "required": ["topic"],
            "additionalProperties": false,
        },
        "output_schema": {
            "type": "object",
            "properties": {
                "story": { "type": "string" }, "cost": { "type": ["number", "null"] }, "deep": {},
            },
            "required": ["story", "cost", "deep"],
            "additionalProperties": false,
        },
        "streams": ["draft"],
        "webhook": false,
    });
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_is_not_published_is_shown_to_authors() {
    let server = TestServer::start().await;
    let draft = server.request(Method::PUT, "/v1/workflows/new", ADMIN_KEY).body(STORY);
    assert_eq!(answer(draft).await.0, 200);
    let [caller, author] =
        [server.key(&["new"], &["run"]).await, server.key(&["new"], &["author"]).await];
    let path = "/v1/workflows/new/interface";
    let (status, refused) = answer(server.get(path, &caller)).await;
    assert_eq!((status, &refused["code"]), (409, &json!("not_published")));
    let (status, found) = answer(server.get(path, &author)).await;
    assert_eq!((status, &found["version"]), (200, &json!("draft")));
    server.publish("new", &STORY.replace("topic", "subject")).await;
    let version = |query: &str| format!("{path}?version={query}");
    assert_eq!(answer(server.get(path, &author)).await.1["inputs"][0]["name"], "subject");
    let (status, _) = answer(server.get(&version("draft"), &caller)).await;
    assert_eq!(status, 403);
    assert_eq!(answer(server.get(&version("1.0.0"), &caller)).await.0, 200);
    assert_eq!(answer(server.get(&version("9.9.9"), &caller)).await.0, 404);
}

#[tokio::test]
async fn refusals_of_what_describes_a_workflow() {
    let server = TestServer::start().await;
    server.publish("story", STORY).await;
    server.publish("other", STORY).await;
    let key = server.key(&["other"], &["read", "run", "author"]).await;
    let none = server.key(&["story"], &["cancel"]).await;
    for what in ["interface", "openapi.json", "snippets"] {
        let path = format!("/v1/workflows/story/{what}");
        assert_eq!(answer(server.get(&path, &key)).await.0, 404, "{what}");
        assert_eq!(answer(server.get(&path, &none)).await.0, 403, "{what}");
        let (status, refused) = answer(server.get(&format!("{path}?x=1"), ADMIN_KEY)).await;
        assert_eq!((status, &refused["code"]), (400, &json!("invalid_input")), "{what}");
    }
    for query in ["lang=cobol", "mode=later", "lang=Python"] {
        let path = format!("/v1/workflows/story/snippets?{query}");
        let (status, refused) = answer(server.get(&path, ADMIN_KEY)).await;
        assert_eq!(status, 400, "{refused}");
    }
}

#[tokio::test]
async fn a_workflow_has_an_openapi_document_of_its_own() {
    let server = TestServer::start().await;
    let with_reference = STORY.replace(
        "schema: { enum: [sea, sky] }",
        "type: object, schema: { $ref: '#/$defs/it', $defs: { it: { type: object } } }",
    );
    server.publish("story", &with_reference).await;
    let (status, document) =
        answer(server.get("/v1/workflows/story/openapi.json", ADMIN_KEY)).await;
    assert_eq!(status, 200);
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["title"], "Story");
    assert_eq!(document["servers"][0]["url"], server.public_url);
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(
        paths,
        [
            "/v1/workflows/story/runs",
            "/v1/runs/{run_id}",
            "/v1/runs/{run_id}/events",
            "/v1/runs/{run_id}/cancel"
        ]
    );
    let start = &document["paths"]["/v1/workflows/story/runs"]["post"];
    assert_eq!(start["requestBody"]["required"], true);
    let schemas = &document["components"]["schemas"];
    let topic = &schemas["StartRun"]["properties"]["input"]["properties"]["topic"];
    assert_eq!(topic["$id"], "urn:flowgate:input:0", "its references begin at it");
    assert_eq!(schemas["WorkflowOutput"]["properties"]["story"]["type"], "string");
    every_reference_is_there(&document, &document);
}

/// References into an author's schema begin with its own `#`.
fn every_reference_is_there(document: &Value, value: &Value) {
    match value {
        Value::Object(fields) => {
            let reference = fields.get("$ref").and_then(Value::as_str).unwrap_or_default();
            if let Some(pointer) = reference.strip_prefix("#/components") {
                let there = document["components"].pointer(pointer);
                assert!(there.is_some(), "{reference}");
            }
            fields.values().for_each(|field| every_reference_is_there(document, field));
        }
        Value::Array(items) => items.iter().for_each(|it| every_reference_is_there(document, it)),
        _ => {}
    }
}
