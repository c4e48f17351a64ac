//! Connectors over real HTTP: a document's own, and every try of the shipped files.

mod shipped;
mod written;

use axum::http::StatusCode;
use flowgate_tests::process::Process;
use flowgate_tests::receiver::{Received, Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer, publish};
use reqwest::Method;
use serde_json::{Value, json};

use crate::fixture::until;

/// A connector of the document's own: steps, pages, and an error under 200.
fn document(receiver: &str, node: &str) -> String {
    let host = receiver.trim_start_matches("http://");
    format!(
        "
input: [{{ name: room, type: string }}]
connectors:
  - connector: chat
    hosts: ['{host}']
    base: {receiver}/api
    auth: {{ type: bearer }}
    errors: [{{ when: body.ok == false, code: <body.error> }}]
    operations:
      post:
        summary: Posts in two steps
        effect: write
        fields: {{ required: [room], properties: {{ room: {{ type: string }} }} }}
        steps:
          open: {{ request: {{ method: POST, path: '/open/<in.room>' }} }}
          close:
            request:
              {{ method: POST, path: '/close/<open.body.ticket>', body: {{ room: <in.room> }} }}
        answer: {{ said: <close.body.said> }}
      list:
        summary: Lists in pages
        effect: read
        request: {{ path: /list }}
        pages: {{ items: <body.items>, next: <body.next>, into: query.cursor }}
        answer: {{ items: <items> }}
nodes: [{{ id: a, {node} }}]
"
    )
}

fn ok(body: &Value) -> Reply {
    Reply::Now(StatusCode::OK, body.to_string())
}

fn is_logged_in(request: &Received) -> bool {
    request.headers.get("authorization").is_some_and(|it| it == "Bearer t0ken-of-the-chat")
}

async fn set_secret(client: &reqwest::Client, url: &str, name: &str, value: &str) {
    let set = client.put(format!("{url}/v1/secrets/{name}")).bearer_auth(ADMIN_KEY);
    let answer = set.json(&json!({ "value": value })).send().await.unwrap();
    assert_eq!(answer.status(), 204, "{name}");
}

async fn run(server: &TestServer, id: &str, input: Value) -> Value {
    let start = server.post(&format!("/v1/workflows/{id}/runs"), ADMIN_KEY);
    start.json(&json!({ "input": input })).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_documents_own_connector_takes_steps_and_pages_and_reads_errors() {
    let receiver = Receiver::start(|request, before| {
        assert!(is_logged_in(request), "{request:?}");
        match (request.uri.path(), before) {
            ("/api/open/a%20b", _) => ok(&json!({ "ok": true, "ticket": "t/1" })),
            ("/api/close/t%2F1", _) => ok(&json!({ "ok": true, "said": "done" })),
            ("/api/list", 0) => ok(&json!({ "items": [1, 2], "next": "c2" })),
            ("/api/list", _) => {
                assert_eq!(request.uri.query(), Some("cursor=c2"));
                ok(&json!({ "items": [3], "next": "" }))
            }
            _ => ok(&json!({ "ok": false, "error": "no_such_room" })),
        }
    })
    .await;
    let server = TestServer::start().await;
    set_secret(&server.client, &server.url, "CHAT_TOKEN", "t0ken-of-the-chat").await;
    let post = document(&receiver.url, "type: chat.post, room: <api.room>");
    server.publish("post", &post).await;
    let ended = run(&server, "post", json!({ "room": "a b" })).await;
    assert_eq!(ended["output"], json!({ "said": "done" }), "{ended}");
    let failed = run(&server, "post", json!({ "room": "gone" })).await;
    assert_eq!(failed["error"]["code"], "no_such_room", "{failed}");
    server.publish("list", &document(&receiver.url, "type: chat.list")).await;
    let ended = run(&server, "list", json!({ "room": "" })).await;
    assert_eq!(ended["output"], json!({ "items": [1, 2, 3] }), "{ended}");
    assert_eq!(receiver.count("/api/list"), 2);
}

#[tokio::test]
async fn a_draft_names_the_secrets_that_are_missing() {
    let server = TestServer::start().await;
    let save = async |document: &str| -> Vec<String> {
        let put = server.request(Method::PUT, "/v1/workflows/w", ADMIN_KEY);
        let put = put.header("content-type", "application/yaml").body(document.to_owned());
        let answer: Value = put.send().await.unwrap().json().await.unwrap();
        let problems = answer["problems"].as_array().unwrap_or_else(|| panic!("{answer}")).iter();
        let shown = |it: &Value| format!("{} {} {}", it["severity"], it["path"], it["message"]);
        problems.map(shown).collect()
    };
    let document = "nodes:\n  - { id: a, type: slack.list_channels }\n  - { id: b, type: http, \
                    url: 'https://x.example/', headers: { k: '{{OTHER}}' } }\n";
    let warning = |path: &str, name: &str| {
        format!(
            "\"warning\" \"{path}\" \"there is no secret {name} yet: a call that needs it fails\""
        )
    };
    let (first, second) =
        (warning("/nodes/0", "SLACK_TOKEN"), warning("/nodes/1/headers/k", "OTHER"));
    assert_eq!(save(document).await, [first, second.clone()]);
    set_secret(&server.client, &server.url, "SLACK_TOKEN", "t0ken-of-the-chat").await;
    assert_eq!(save(document).await, [second]);
}

/// The first step's result is recorded before the process dies: it is not made again.
#[tokio::test]
async fn a_process_that_dies_between_two_steps_makes_no_completed_call_again() {
    let receiver = Receiver::start(|request, _| {
        assert!(is_logged_in(request), "{request:?}");
        match request.uri.path() {
            "/api/open/r" => ok(&json!({ "ticket": "t" })),
            _ => Reply::WhenLetGo(StatusCode::OK, json!({ "said": "done" }).to_string()),
        }
    })
    .await;
    let (folder, client) = (tempfile::tempdir().unwrap(), reqwest::Client::new());
    let process = Process::start(folder.path()).await;
    set_secret(&client, &process.url, "CHAT_TOKEN", "t0ken-of-the-chat").await;
    let node = "type: chat.post, room: <api.room>, at_most_once: false";
    publish(&client, &process.url, "post", &document(&receiver.url, node)).await;
    let start = client
        .post(format!("{}/v1/workflows/post/runs", process.url))
        .bearer_auth(ADMIN_KEY)
        .header("prefer", "respond-async");
    let started = start.json(&json!({ "input": { "room": "r" } })).send().await.unwrap();
    let started: Value = started.json().await.unwrap();
    let id = started["id"].as_str().unwrap_or_else(|| panic!("{started}"));
    receiver.until(|all| all.iter().any(|it| it.uri.path() == "/api/close/t")).await;
    process.kill().await;
    let process = Process::start(folder.path()).await;
    receiver.until(|all| all.len() == 3).await;
    receiver.let_go();
    let ended = until(
        || client.get(format!("{}/v1/runs/{id}", process.url)).bearer_auth(ADMIN_KEY),
        |run| !run["ended_at"].is_null(),
    )
    .await;
    assert_eq!(ended["output"], json!({ "said": "done" }), "{ended}");
    assert_eq!((receiver.count("/api/open/r"), receiver.count("/api/close/t")), (1, 2));
}
