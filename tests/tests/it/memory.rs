//! Sessions from end to end: a chat that remembers, whose it is, what is added once, and what is
//! erased.

use std::time::Duration;

use axum::http::StatusCode;
use flowgate_tests::receiver::{Received, Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::fixture::{answer, until};
use crate::several::killed::Alive;

fn document(upstream: &Receiver) -> String {
    format!(
        r#"
input: [{{ name: i, type: string }}, {{ name: session, type: string, default: "" }}]
variables: [{{ name: seen, value: [], session: <api.session> }}]
nodes:
  - id: a
    type: agent
    model: openai/gpt-5-mini
    base_url: "{0}/v1"
    api_key: none
    prompt: <api.i>
    memory: {{ session: <api.session>, turns: 100 }}
  - {{ id: s, type: variables, append: {{ seen: <api.i> }}, after: a }}
output: {{ said: <a.content>, seen: <s.seen>, before: <variable.seen> }}
"#,
        upstream.url
    )
}

/// The model says how many messages it has read.
async fn upstream(is_held: impl Fn(&str, usize) -> bool + Send + Sync + 'static) -> Receiver {
    let seen = std::sync::Mutex::new(std::collections::HashMap::<_, usize>::new());
    Receiver::start(move |request, _| {
        let messages = messages(request);
        let text = format!("read {}", messages.len());
        let choice = json!({ "index": 0, "delta": { "content": text }, "finish_reason": "stop" });
        let delta = json!({ "choices": [choice] });
        let said = format!("data: {delta}\n\ndata: [DONE]\n\n");
        let last = messages.last().unwrap()["content"].as_str().unwrap().to_owned();
        let mut seen = seen.lock().unwrap();
        let before = seen.entry(last.clone()).or_default();
        let held = is_held(&last, *before);
        *before += 1;
        if held { Reply::WhenLetGo(StatusCode::OK, said) } else { Reply::Now(StatusCode::OK, said) }
    })
    .await
}

fn messages(request: &Received) -> Vec<Value> {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    body["messages"].as_array().unwrap().clone()
}

async fn server(upstream: &Receiver) -> TestServer {
    let server = TestServer::start().await;
    server.publish("w", &document(upstream)).await;
    server
}

async fn run_with(server: &TestServer, key: &str, body: Value) -> Value {
    let (status, run) = answer(server.post("/v1/workflows/w/runs", key).json(&body)).await;
    assert_eq!(status, 200, "{run}");
    run
}

async fn run(server: &TestServer, i: &str, session: &str) -> Value {
    let input = json!({ "i": i, "session": session });
    let run = run_with(server, ADMIN_KEY, json!({ "input": input })).await;
    assert_eq!(run["status"], "succeeded", "{run:#}");
    run["output"].clone()
}

#[tokio::test]
async fn a_chat_remembers() {
    let upstream = upstream(|_, _| false).await;
    let server = server(&upstream).await;
    let first = run(&server, "one", "s").await;
    assert_eq!(first, json!({ "said": "read 1", "seen": ["one"], "before": ["one"] }));
    let second = run(&server, "two", "s").await;
    assert_eq!((&second["said"], &second["seen"]), (&json!("read 3"), &json!(["one", "two"])));
    let last = messages(upstream.received().last().unwrap());
    assert_eq!(
        last,
        [
            json!({ "role": "user", "content": "one" }),
            json!({ "role": "assistant", "content": "read 1" }),
            json!({ "role": "user", "content": "two" }),
        ]
    );
    assert_eq!(run(&server, "three", "other").await["said"], "read 1");
    for _ in 0..2 {
        let none = run(&server, "four", "").await;
        assert_eq!((&none["said"], &none["seen"]), (&json!("read 1"), &json!(["four"])));
    }
    assert_eq!(run(&server, "five", "s").await["said"], "read 5");
}

#[tokio::test]
async fn concurrent_runs_of_one_session_are_all_remembered() {
    let upstream = upstream(|_, _| false).await;
    let server = server(&upstream).await;
    let names: Vec<String> = (0..12).map(|n| format!("r{n}")).collect();
    join_all(names.iter().map(|name| run(&server, name, "s"))).await;
    let after = run(&server, "last", "s").await;
    assert_eq!(after["said"], "read 25");
    let mut seen: Vec<String> = serde_json::from_value(after["seen"].clone()).unwrap();
    assert_eq!(seen.pop().unwrap(), "last");
    seen.sort();
    let mut expected = names;
    expected.sort();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_session_of_another_key_or_user_is_refused() {
    let upstream = upstream(|_, _| false).await;
    let server = server(&upstream).await;
    let (mine, theirs) =
        (server.key(&["w"], &["run", "read"]).await, server.key(&["w"], &["run", "read"]).await);
    let body = |i: &str, user: &str| json!({ "input": { "i": i, "session": "s" }, "user": user });
    let first = run_with(&server, &mine, body("one", "ada")).await;
    assert_eq!(first["status"], "succeeded", "{first:#}");
    for (key, user, code) in
        [(&theirs, "ada", "session_of_another_key"), (&mine, "bob", "session_of_another_user")]
    {
        let refused = run_with(&server, key, body("two", user)).await;
        assert_eq!(refused["status"], "failed", "{refused:#}");
        assert_eq!(refused["error"]["code"], code, "{refused:#}");
    }
    assert_eq!(upstream.received().len(), 1, "no model was asked");
    let again = run_with(&server, &mine, body("two", "ada")).await;
    assert_eq!(again["output"]["said"], "read 3", "nothing was stored: {again:#}");
    let body = json!({ "input": { "i": "three", "session": "s" } });
    let operator = run_with(&server, ADMIN_KEY, body).await;
    assert_eq!(operator["output"]["said"], "read 5", "{operator:#}");
}

async fn key_made(server: &TestServer) -> Value {
    let body = json!({ "name": "k", "workflows": ["w"], "scopes": ["run", "read"] });
    let (status, made) = answer(server.post("/v1/keys", ADMIN_KEY).json(&body)).await;
    assert_eq!(status, 201, "{made}");
    made
}

#[tokio::test]
async fn a_rotated_key_has_its_sessions_and_uploads() {
    let upstream = upstream(|_, _| false).await;
    let server = server(&upstream).await;
    let mut key = key_made(&server).await;
    let text = |key: &Value| key["key"].as_str().unwrap().to_owned();
    let upload = server.post("/v1/files?name=a.txt", &text(&key)).body("text");
    let (status, file) = answer(upload).await;
    assert_eq!(status, 201, "{file}");
    let body = json!({ "input": { "i": "one", "session": "s" }, "user": "ada" });
    for read in ["read 1", "read 3", "read 5"] {
        let run = run_with(&server, &text(&key), body.clone()).await;
        assert_eq!(run["output"]["said"], read, "{run:#}");
        let path = format!("/v1/files/{}", file["$file"].as_str().unwrap());
        assert_eq!(server.get(&path, &text(&key)).send().await.unwrap().status(), 200);
        let path = format!("/v1/keys/{}/rotate", key["id"].as_str().unwrap());
        let (status, next) = answer(server.post(&path, ADMIN_KEY)).await;
        assert_eq!(status, 201, "{next}");
        key = next;
    }
}

#[tokio::test]
async fn a_token_of_the_operator_is_not_the_operator() {
    let upstream = upstream(|_, _| false).await;
    let server = server(&upstream).await;
    let key = server.key(&["w"], &["run", "read"]).await;
    let made = answer(server.post("/v1/tokens", ADMIN_KEY).json(&json!({ "workflow_id": "w" })));
    let (status, made) = made.await;
    assert_eq!(status, 201, "{made}");
    let token = made["token"].as_str().unwrap();
    let body = |session: &str, user: Value| {
        let input = json!({ "i": "x", "session": session });
        json!({ "input": input, "user": user })
    };
    run_with(&server, &key, body("of key", json!("ada"))).await;
    run_with(&server, ADMIN_KEY, body("of ada", json!("ada"))).await;
    for (session, user, code) in [
        ("of key", json!("ada"), json!("session_of_another_key")),
        ("of key", Value::Null, json!("session_of_another_key")),
        ("of ada", json!("bob"), json!("session_of_another_user")),
        ("of ada", json!("ada"), Value::Null),
    ] {
        let run = run_with(&server, token, body(session, user)).await;
        assert_eq!(run["error"]["code"], code, "{session}: {run:#}");
    }
    let other_user = run_with(&server, ADMIN_KEY, body("of ada", json!("bob"))).await;
    assert_eq!(other_user["error"]["code"], "session_of_another_user", "{other_user:#}");
}

#[tokio::test]
async fn a_rerun_uses_the_session_of_its_origin_and_takes_over_none() {
    let upstream = upstream(|_, _| false).await;
    let server = server(&upstream).await;
    let (mine, theirs) =
        (server.key(&["w"], &["run", "read"]).await, server.key(&["w"], &["run", "read"]).await);
    let body = |session: &str| json!({ "input": { "i": "x", "session": session }, "user": "ada" });
    let first = run_with(&server, &mine, body("s")).await;
    let path = format!("/v1/runs/{}/replay", first["id"].as_str().unwrap());
    let replay = async |key: &str, body: Value| answer(server.post(&path, key).json(&body)).await.1;
    for (key, read) in [(theirs.as_str(), "read 3"), (ADMIN_KEY, "read 5")] {
        let again = replay(key, json!({})).await;
        assert_eq!(again["output"]["said"], read, "{again:#}");
    }
    let input = |session: &str| json!({ "input": { "i": "y", "session": session } });
    let refused = replay(&theirs, input("s")).await;
    assert_eq!(refused["error"]["code"], "session_of_another_key", "{refused:#}");
    let begun = replay(ADMIN_KEY, input("new")).await;
    assert_eq!(begun["status"], "succeeded", "{begun:#}");
    let goes_on = run_with(&server, &mine, body("new")).await;
    assert_eq!(goes_on["output"]["said"], "read 3", "{goes_on:#}");
}

#[tokio::test]
async fn a_run_that_is_not_saved_keeps_nothing() {
    let upstream = upstream(|_, _| false).await;
    let server = server(&upstream).await;
    run(&server, "one", "s").await;
    let unsaved = json!({ "input": { "i": "CANARY", "session": "s" }, "save": false });
    let (_, answered) = answer(server.post("/v1/workflows/w/runs", ADMIN_KEY).json(&unsaved)).await;
    assert_eq!(answered["status"], "succeeded", "{answered:#}");
    assert_eq!(messages(upstream.received().last().unwrap()).len(), 3, "it reads the session");
    let after = run(&server, "two", "s").await;
    assert_eq!((&after["said"], &after["seen"]), (&json!("read 3"), &json!(["one", "two"])));
}

#[tokio::test]
async fn a_users_sessions_are_erased() {
    let upstream = upstream(|_, _| false).await;
    let server = server(&upstream).await;
    let body = |user: &str| json!({ "input": { "i": "x", "session": user }, "user": user });
    for user in ["ann", "bob"] {
        run_with(&server, ADMIN_KEY, body(user)).await;
    }
    let (status, job) =
        answer(server.request(axum::http::Method::DELETE, "/v1/users/ann/runs", ADMIN_KEY)).await;
    assert_eq!(status, 202, "{job}");
    let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
    until(|| server.get(&path, ADMIN_KEY), |job| !job["ended_at"].is_null()).await;
    assert_eq!(run_with(&server, ADMIN_KEY, body("ann")).await["output"]["said"], "read 1");
    assert_eq!(run_with(&server, ADMIN_KEY, body("bob")).await["output"]["said"], "read 3");
}

#[tokio::test]
async fn large_variables_are_refused_and_leave_the_session_as_it_was() {
    let upstream = upstream(|_, _| false).await;
    let server = server(&upstream).await;
    run(&server, "one", "s").await;
    let large = json!({ "input": { "i": "x".repeat(400 << 10), "session": "s" } });
    let refused = run_with(&server, ADMIN_KEY, large).await;
    assert_eq!(refused["error"]["code"], "session_full", "{}", refused["error"]);
    assert_eq!(run(&server, "two", "s").await["seen"], json!(["one", "two"]));
}

/// Killed while the model answers, and again after it has: one turn a run.
#[tokio::test]
async fn a_kill_doubles_no_turn() {
    let upstream = upstream(|last, before| last.starts_with("held") && before == 0).await;
    let before = Alive::start(&document(&upstream)).await;
    let mut runs = Vec::new();
    for i in ["held1", "held2", "free1", "free2"] {
        let start = before.at().client.post(format!("{}/v1/workflows/w/runs", before.at().url));
        let body = json!({ "input": { "i": i, "session": "s" } });
        let start = start.bearer_auth(ADMIN_KEY).header("prefer", "respond-async").json(&body);
        runs.push(answer(start).await.1["id"].as_str().unwrap().to_owned());
    }
    upstream.until(|all| all.len() >= 4).await;
    // Some have kept their turn, some are about to.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let after = before.kill_and_restart().await;
    for run in &runs {
        let ended = after.at().ended(run).await;
        assert_eq!(ended["status"], "succeeded", "{ended:#}");
    }
    let start = after.at().client.post(format!("{}/v1/workflows/w/runs", after.at().url));
    let body = json!({ "input": { "i": "last", "session": "s" } });
    let (_, last) = answer(start.bearer_auth(ADMIN_KEY).json(&body)).await;
    assert_eq!(last["output"]["said"], "read 9", "{last:#}");
    let mut seen: Vec<String> = serde_json::from_value(last["output"]["seen"].clone()).unwrap();
    seen.sort();
    assert_eq!(seen, ["free1", "free2", "held1", "held2", "last"]);
}
