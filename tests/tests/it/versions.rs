//! A run keeps the version it started with. New runs use the active version.

use axum::http::StatusCode;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use serde_json::{Value, json};

fn saying(what: &str) -> String {
    format!(
        "nodes: [{{ id: say, type: template, template: {what} }}]\n\
         output: {{ said: <say.content> }}\n"
    )
}

async fn json_of(request: reqwest::RequestBuilder) -> Value {
    request.send().await.unwrap().json().await.unwrap()
}

/// Returns the current answer of each API.
async fn said(server: &TestServer, key: &str) -> Vec<Value> {
    let native = json_of(server.post("/v1/workflows/w/runs", key).json(&json!({}))).await["output"]
        ["said"]
        .clone();
    let gptbots = json_of(server.post("/v1/workflow/invoke", key).json(&json!({ "input": {} })))
        .await["output"]["said"]
        .clone();
    let execute = server.post("/api/workflows/w/execute", key).json(&json!({}));
    let sim = json_of(execute).await["output"]["said"].clone();
    let started = json_of(server.post("/v1/flow/w/run", key).json(&json!({}))).await;
    let path = format!("/v1/flow/w/run/{}", started["run_id"].as_str().unwrap());
    let aiflow = loop {
        let answer = server.get(&path, key).send().await.unwrap();
        if answer.headers()["x-run-status"] == "succeeded" {
            break answer.json::<Value>().await.unwrap()["said"].clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    vec![native, gptbots, sim, aiflow]
}

#[tokio::test]
async fn all_dialects_answer_from_the_active_version_at_once() {
    let server = TestServer::start().await;
    server.publish("w", &saying("one")).await;
    let key = server.key(&["w"], &["run", "read"]).await;
    assert_eq!(said(&server, &key).await, vec![json!("one"); 4]);
    server.publish("w", &saying("two")).await;
    assert_eq!(said(&server, &key).await, vec![json!("two"); 4]);
    let back =
        server.post("/v1/workflows/w/rollback", ADMIN_KEY).json(&json!({})).send().await.unwrap();
    assert_eq!(back.status(), 200);
    server.settle().await;
    assert_eq!(said(&server, &key).await, vec![json!("one"); 4]);
}

#[tokio::test]
async fn a_run_ends_on_the_version_it_started_with() {
    let server = TestServer::start().await;
    let receiver = Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "{}".to_owned())).await;
    let first = format!(
        "nodes: [{{ id: call, type: http, url: \"{}/\" }}, {{ id: say, type: template, after: \
         call, template: one }}]\n\
         output: {{ said: <say.content> }}\n",
        receiver.url
    );
    server.publish("w", &first).await;
    let run = json_of(
        server
            .post("/v1/workflows/w/runs", ADMIN_KEY)
            .header("prefer", "respond-async")
            .json(&json!({})),
    )
    .await;
    receiver.until(|all| all.len() == 1).await;
    server.publish("w", &saying("two")).await;
    let now = json_of(server.post("/v1/workflows/w/runs", ADMIN_KEY).json(&json!({}))).await;
    assert_eq!((&now["version"], &now["output"]["said"]), (&json!("1.0.1"), &json!("two")));

    receiver.let_go();
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    let ended = loop {
        let read = json_of(server.get(&path, ADMIN_KEY)).await;
        if !read["ended_at"].is_null() {
            break read;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    assert_eq!((&ended["version"], &ended["output"]["said"]), (&json!("1.0.0"), &json!("one")));
}
