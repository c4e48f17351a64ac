//! Runs that wait for a time or a person: their callers, `kill -9`, and who may answer.

#![expect(clippy::print_stdout, reason = "the figures are for people")]

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use flowgate_tests::process::Process;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer, issue_key, publish};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::fixture::until;

async fn json_of(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// A call, a wait, a call.
fn around(node: &str, output: &str, receiver: &str) -> String {
    format!(
        r#"
input: [{{ name: for, type: string, default: 1h }}, {{ name: t, type: string, default: draft }}]
nodes:
  - {{ id: before, type: http, url: "{receiver}/before" }}
  - {node}
  - {{ id: later, type: http, url: "{receiver}/later", after: [pause] }}
output: {{ {output}, later: <later.status> }}
"#
    )
}

const WAIT: &str = "{ id: pause, type: wait, for: <api.for>, after: [before] }";
const APPROVAL: &str = r#"{ id: pause, type: approval, message: "Send <api.t>?", after: [before],
      fields: [{ name: text, value: <api.t> }, { name: n, type: number, value: 3 }] }"#;

const ANSWER: &str = "approved: <pause.approved>, data: <pause.data>, by: <pause.by>";

async fn receiver() -> Receiver {
    Receiver::start(|_, _| Reply::Now(StatusCode::OK, "{}".to_owned())).await
}

async fn paths(receiver: &Receiver) -> Vec<String> {
    receiver.received().iter().map(|request| request.uri.path().to_owned()).collect()
}

async fn start(server: &TestServer, input: Value) -> (u16, Value) {
    let body = json!({ "input": input });
    json_of(server.post("/v1/workflows/w/runs", ADMIN_KEY).json(&body)).await
}

async fn until_state(server: &TestServer, id: &str, state: &str) -> Value {
    until(|| server.get(&format!("/v1/runs/{id}"), ADMIN_KEY), |run| run["status"] == *state).await
}

async fn answer(server: &TestServer, id: &str, answer: &Value) -> (u16, Value) {
    json_of(server.post(&format!("/v1/runs/{id}/resume"), ADMIN_KEY).json(answer)).await
}

/// As a browser sends a form.
async fn send_form(url: &str, form: &'static str) -> u16 {
    let request = Client::new().post(url).body(form);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    request.send().await.unwrap().status().as_u16()
}

/// A server, and the id of a run that asks.
async fn asking() -> (TestServer, Receiver, String) {
    let (server, receiver) = (TestServer::start().await, receiver().await);
    server.publish("w", &around(APPROVAL, ANSWER, &receiver.url)).await;
    let (status, run) = start(&server, json!({})).await;
    assert_eq!((status, &run["status"]), (202, &json!("waiting")), "{run}");
    let id = run["id"].as_str().unwrap().to_owned();
    (server, receiver, id)
}

#[tokio::test]
async fn a_wait_that_fits_keeps_the_caller() {
    let (server, receiver) = (TestServer::start().await, receiver().await);
    server.publish("w", &around(WAIT, "until: <pause.until>", &receiver.url)).await;
    let begun = Instant::now();
    let (status, run) = start(&server, json!({ "for": "1200ms" })).await;
    assert_eq!((status, &run["status"]), (200, &json!("succeeded")), "{run}");
    assert!(begun.elapsed() >= Duration::from_millis(1_200));
    assert!(run["output"]["until"].as_str().unwrap().ends_with('Z'), "{run}");
}

#[tokio::test]
async fn a_longer_wait_answers_its_caller_at_once() {
    let (server, receiver) = (TestServer::start().await, receiver().await);
    server.publish("w", &around(WAIT, "until: <pause.until>", &receiver.url)).await;
    let begun = Instant::now();
    let (status, run) = start(&server, json!({})).await;
    assert_eq!((status, &run["status"]), (202, &json!("waiting")), "{run}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(paths(&receiver).await, ["/before"]);
    let id = run["id"].as_str().unwrap();
    let (status, cancelled) =
        json_of(server.post(&format!("/v1/runs/{id}/cancel"), ADMIN_KEY)).await;
    assert_eq!((status, &cancelled["status"]), (200, &json!("cancelled")), "{cancelled}");
}

#[tokio::test]
async fn every_dialect_says_that_a_run_waits() {
    let server = TestServer::start().await;
    server.publish("w", "nodes: [{ id: ok, type: approval, message: ok? }]").await;
    let key = server.key(&["w"], &["run", "read"]).await;
    let gptbots = json!({ "input": {}, "userId": "u", "isAsync": false });
    let (status, body) = json_of(server.post("/v1/workflow/invoke", &key).json(&gptbots)).await;
    assert_eq!((status, &body["status"]), (200, &json!("RUNNING")), "{body}");
    let (status, body) =
        json_of(server.post("/api/workflows/w/execute", &key).json(&json!({}))).await;
    assert_eq!((status, &body["status"]), (200, &json!("paused")), "{body}");
    let v2 = || server.post("/api/v2/workflows/w/execute", &key);
    let (status, body) = json_of(v2().json(&json!({ "input": {} }))).await;
    assert_eq!((status, &body["data"]["status"]), (200, &json!("paused")), "{body}");
    let (status, body) = json_of(server.post("/v1/flow/w/run", &key).json(&json!({}))).await;
    assert_eq!((status, &body["status"]), (202, &json!("pending")), "{body}");
    let stream = v2().json(&json!({ "input": {}, "stream": true })).send().await.unwrap();
    let frames = stream.text().await.unwrap();
    assert!(frames.contains("\"success\":true") && frames.contains("\"paused\""), "{frames}");
    let native = server.post("/v1/workflows/w/runs", &key).header("accept", "text/event-stream");
    let frames = native.json(&json!({ "input": {} })).send().await.unwrap().text().await.unwrap();
    assert!(frames.contains("event: reconnect"), "{frames}");
}

#[tokio::test]
async fn an_answer_goes_on_with_what_the_person_changed() {
    let (server, receiver, id) = asking().await;
    let (_, questions) = json_of(server.get(&format!("/v1/runs/{id}/questions"), ADMIN_KEY)).await;
    let asked = &questions["items"][0];
    assert_eq!((&asked["node"], &asked["message"]), (&json!("pause"), &json!("Send draft?")));
    assert_eq!(
        asked["fields"],
        json!([
            { "name": "text", "type": "string", "description": "", "value": "draft" },
            { "name": "n", "type": "number", "description": "", "value": 3 },
        ])
    );
    let (status, resumed) =
        answer(&server, &id, &json!({ "approved": true, "data": { "text": "better" } })).await;
    assert_eq!(status, 202, "{resumed}");
    let run = until_state(&server, &id, "succeeded").await;
    let pause = &run["output"];
    assert_eq!(
        (&pause["approved"], &pause["data"], &pause["by"]),
        (&json!(true), &json!({ "text": "better", "n": 3 }), &json!("admin"))
    );
    assert_eq!(paths(&receiver).await, ["/before", "/later"], "no call is repeated");
    let (status, refused) = answer(&server, &id, &json!({ "approved": false })).await;
    assert_eq!((status, &refused["code"]), (409, &json!("already_succeeded")), "{refused}");
}

#[tokio::test]
async fn one_of_many_answers_counts() {
    let (server, receiver, id) = asking().await;
    let answers = (0..16).map(|n| {
        let data = json!({ "approved": true, "data": { "n": n } });
        let request = server.post(&format!("/v1/runs/{id}/resume"), ADMIN_KEY).json(&data);
        async move { json_of(request).await.0 }
    });
    let statuses = futures_util::future::join_all(answers).await;
    let stored: Vec<usize> =
        statuses.iter().enumerate().filter(|(_, status)| **status == 202).map(|(n, _)| n).collect();
    assert_eq!(stored.len(), 1, "{statuses:?}");
    let run = until_state(&server, &id, "succeeded").await;
    assert_eq!(run["output"]["data"]["n"], json!(stored[0]));
    assert_eq!(paths(&receiver).await, ["/before", "/later"]);
}

#[tokio::test]
async fn wrong_answers_are_refused_and_change_nothing() {
    let (server, _receiver, id) = asking().await;
    for (body, status, says) in [
        (json!({}), 400, "approved"),
        (json!({ "approved": "yes" }), 400, "approved"),
        (json!({ "approved": true, "data": { "n": "x" } }), 400, "/data/n"),
        (json!({ "approved": true, "data": { "m": 1 } }), 400, "/data/m"),
        (json!({ "approved": true, "data": [] }), 400, "data"),
        (json!({ "approved": true, "node": "other" }), 409, "not_asked"),
        (json!({ "approved": true, "data": { "text": "x".repeat(300_000) } }), 413, "too_large"),
    ] {
        let (got, problem) = answer(&server, &id, &body).await;
        assert_eq!(got, status, "{problem}");
        assert!(problem.to_string().contains(says), "{says}: {problem}");
    }
    until_state(&server, &id, "waiting").await;
    let client = Client::new();
    let other = issue_key(&client, &server.url, &["other"], &["run", "read"]).await;
    let reads = issue_key(&client, &server.url, &["w"], &["read"]).await;
    for (key, expected) in [(&other, 404), (&reads, 403)] {
        let request = server.post(&format!("/v1/runs/{id}/resume"), key);
        assert_eq!(json_of(request.json(&json!({ "approved": true }))).await.0, expected);
    }
    let (_, seen) = json_of(server.get(&format!("/v1/runs/{id}/questions"), &reads)).await;
    assert_eq!(seen["items"][0].get("link"), None, "who only reads gets no link: {seen}");
}

#[tokio::test]
async fn a_person_answers_on_the_page_behind_the_link() {
    let (server, _receiver, id) = asking().await;
    let (_, questions) = json_of(server.get(&format!("/v1/runs/{id}/questions"), ADMIN_KEY)).await;
    let link = questions["items"][0]["link"].as_str().unwrap();
    let client = Client::new();
    let page = client.get(link).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("'none'"));
    let html = page.text().await.unwrap();
    assert!(html.contains("Send draft?") && html.contains("draft</textarea>"), "{html}");
    for wrong in [format!("{link}x"), link.replace(&id, "run_00000000000000000000000000000000")] {
        assert_eq!(client.get(&wrong).send().await.unwrap().status(), 404, "{wrong}");
        assert_eq!(send_form(&wrong, "approved=true").await, 404);
    }
    let form = "field.text=a%0D%0Ab&field.n=7.5&approved=true";
    assert_eq!(send_form(link, form).await, 200);
    let run = until_state(&server, &id, "succeeded").await;
    let pause = &run["output"];
    assert_eq!(
        (&pause["data"], &pause["by"]),
        (&json!({ "text": "a\nb", "n": 7.5 }), &json!("link"))
    );
    assert_eq!(send_form(link, form).await, 409);
}

/// The receiver gets a question once, also after crashes, and can answer by its link.
#[tokio::test]
async fn a_question_reaches_a_webhook_with_its_link() {
    let (folder, client, receiver) =
        (tempfile::tempdir().unwrap(), Client::new(), receiver().await);
    let mut process = Process::start(folder.path()).await;
    let asking = r#"{ id: pause, type: approval, message: "Send <api.t>?", after: [before],
        fields: [{ name: n, type: number, value: 3 }],
        webhook: { url: "URL/asked?<api.t>", headers: { x-team: "<api.t>" } } }"#;
    let node = asking.replace("URL", &receiver.url);
    publish(&client, &process.url, "w", &around(&node, ANSWER, &receiver.url)).await;
    let url = format!("{}/v1/workflows/w/runs", process.url);
    let (status, run) =
        json_of(client.post(url).bearer_auth(ADMIN_KEY).json(&json!({ "input": {} }))).await;
    assert_eq!(status, 202, "{run}");
    for _ in 0..2 {
        process.kill().await;
        process = Process::start(folder.path()).await;
    }
    let asked = || {
        let received = receiver.received();
        received.into_iter().filter(|request| request.uri.path() == "/asked").collect::<Vec<_>>()
    };
    while asked().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let request = asked().remove(0);
    assert_eq!(
        (request.uri.query(), request.headers["x-team"].as_bytes()),
        (Some("draft"), &b"draft"[..])
    );
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        (&body["run_id"], &body["node"], &body["message"], &body["fields"]),
        (
            &run["id"],
            &json!("pause"),
            &json!("Send draft?"),
            &json!([{ "name": "n", "type": "number", "value": 3 }])
        )
    );
    let path = body["link"].as_str().unwrap().split_once("/v1/").unwrap().1;
    let link = format!("{}/v1/{path}", process.url);
    assert_eq!(send_form(&link, "field.n=4&approved=true").await, 200);
    let url = format!("{}/v1/runs/{}", process.url, run["id"].as_str().unwrap());
    let ended = until(|| client.get(&url).bearer_auth(ADMIN_KEY), |run| !run["ended_at"].is_null());
    assert_eq!(ended.await["output"]["data"], json!({ "n": 4 }));
    let mut ids: Vec<_> =
        asked().iter().map(|request| request.headers["webhook-id"].clone()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1, "an attempt that a crash cut short is repeated under its id");
    process.kill().await;
}

#[tokio::test]
async fn what_a_workflow_writes_is_no_html() {
    let server = TestServer::start().await;
    let hostile = "<script>alert(1)</script>\"'&";
    let document = json!({
        "name": hostile,
        "nodes": [{ "id": "a", "type": "approval", "message": { "raw": hostile },
            "fields": [{ "name": hostile, "description": hostile, "value": { "raw": hostile } }] }],
    });
    server.publish("w", &document.to_string()).await;
    let (_, run) = start(&server, json!({})).await;
    let id = run["id"].as_str().unwrap();
    let (_, questions) = json_of(server.get(&format!("/v1/runs/{id}/questions"), ADMIN_KEY)).await;
    let link = questions["items"][0]["link"].as_str().unwrap();
    let html = Client::new().get(link).send().await.unwrap().text().await.unwrap();
    assert!(!html.contains("<script"), "{html}");
    assert!(html.contains("&lt;script&gt;alert(1)"), "{html}");
}

#[tokio::test]
async fn a_question_that_nobody_answers_times_out() {
    let server = TestServer::start().await;
    let document = "
nodes:
  - { id: ask, type: approval, message: ok?, timeout: 1s }
  - { id: late, type: template, template: \"<ask.code>: <ask.error>\", after: [ask.error] }
output: { late: <late.content> }";
    server.publish("w", document).await;
    let (_, run) = start(&server, json!({})).await;
    let run = until_state(&server, run["id"].as_str().unwrap(), "succeeded").await;
    assert_eq!(run["output"]["late"], "timeout: nobody answered in time");
}

#[tokio::test]
async fn a_run_that_fails_asks_nobody_any_more() {
    let (server, receiver) = (TestServer::start().await, failing().await);
    let yaml = format!(
        "nodes:\n  - {{ id: ask, type: approval, message: 'ok?' }}\n  \
         - {{ id: call, type: http, url: '{}/fails' }}\n",
        receiver.url
    );
    server.publish("w", &yaml).await;
    let (_, run) = start(&server, json!({})).await;
    let id = run["id"].as_str().unwrap();
    let run = until_state(&server, id, "failed").await;
    assert_eq!(
        (&run["error"]["node"], &run["error"]["code"]),
        (&json!("call"), &json!("http_status"))
    );
    let listed = json_of(server.get("/v1/questions", ADMIN_KEY)).await.1;
    assert_eq!(listed["items"], json!([]), "{listed}");
    assert_eq!(answer(&server, id, &json!({ "approved": true })).await.0, 409);
}

/// What is asked in a part of the run that has ended is asked no more, while the run goes on.
#[tokio::test]
async fn a_part_that_fails_asks_nobody_any_more() {
    let (server, receiver) = (TestServer::start().await, failing().await);
    let yaml = format!(
        r#"
nodes:
  - id: part
    type: parallel
    each: [a]
    on_error: {{ default: {{ results: [] }} }}
    nodes:
      - {{ id: ask, type: approval, message: "ok?" }}
      - {{ id: call, type: http, url: "{}/fails" }}
  - {{ id: second, type: approval, message: "and now?", after: part }}
output: {{ said: <second.approved> }}
"#,
        receiver.url
    );
    server.publish("w", &yaml).await;
    let (_, run) = start(&server, json!({})).await;
    let id = run["id"].as_str().unwrap();
    let asked = |list: &Value| list["items"][0]["message"] == "and now?";
    let list = until(|| server.get("/v1/questions", ADMIN_KEY), asked).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "{list}");
    assert_eq!(answer(&server, id, &json!({ "approved": true })).await.0, 202);
    let run = until_state(&server, id, "succeeded").await;
    assert_eq!(run["output"], json!({ "said": true }), "{run}");
}

async fn failing() -> Receiver {
    Receiver::start(|_, _| Reply::Now(StatusCode::BAD_REQUEST, "{}".to_owned())).await
}

#[tokio::test]
async fn questions_in_a_loop_are_answered_one_by_one() {
    let server = TestServer::start().await;
    let document = "
nodes:
  - id: each
    type: parallel
    each: [a, b, c]
    nodes: [{ id: ask, type: approval, message: \"<parallel.item>?\",
      fields: [{ name: t, value: <parallel.item> }] }]
    result: <ask.data.t>
output: { all: <each.results> }";
    server.publish("w", document).await;
    let (_, run) = start(&server, json!({})).await;
    let id = run["id"].as_str().unwrap();
    let (status, problem) = answer(&server, id, &json!({ "approved": true })).await;
    assert_eq!(status, 400, "{problem}");
    assert!(problem.to_string().contains("several"), "{problem}");
    for n in [2, 0, 1] {
        let node = format!("each[{n}]/ask");
        let data = json!({ "t": format!("edited {n}") });
        let body = json!({ "node": node, "approved": true, "data": data });
        assert_eq!(answer(&server, id, &body).await.0, 202);
    }
    let run = until_state(&server, id, "succeeded").await;
    assert_eq!(run["output"]["all"], json!(["edited 0", "edited 1", "edited 2"]));
}

/// Waits and questions survive, and no call is made again.
#[tokio::test]
async fn waits_and_questions_survive_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, client) = (receiver().await, Client::new());
    let mut process = Process::start(folder.path()).await;
    publish(&client, &process.url, "w", &around(WAIT, "until: <pause.until>", &receiver.url)).await;
    publish(&client, &process.url, "ask", &around(APPROVAL, ANSWER, &receiver.url)).await;
    let mut ids = Vec::new();
    for (workflow, input) in [("w", json!({ "for": "9s" })), ("ask", json!({}))] {
        let request = client
            .post(format!("{}/v1/workflows/{workflow}/runs", process.url))
            .bearer_auth(ADMIN_KEY)
            .header("prefer", "wait=1")
            .json(&json!({ "input": input }));
        let (status, run) = json_of(request).await;
        assert_eq!((status, &run["status"]), (202, &json!("waiting")), "{run}");
        ids.push(run["id"].as_str().unwrap().to_owned());
    }
    for _ in 0..3 {
        process.kill().await;
        process = Process::start(folder.path()).await;
    }
    let resume = client
        .post(format!("{}/v1/runs/{}/resume", process.url, ids[1]))
        .bearer_auth(ADMIN_KEY)
        .json(&json!({ "approved": true }));
    assert_eq!(json_of(resume).await.0, 202);
    process.kill().await;
    process = Process::start(folder.path()).await;
    for id in &ids {
        let run = until(
            || client.get(format!("{}/v1/runs/{id}", process.url)).bearer_auth(ADMIN_KEY),
            |run| !run["ended_at"].is_null(),
        )
        .await;
        assert_eq!(run["status"], "succeeded", "{run}");
    }
    let mut seen = paths(&receiver).await;
    seen.sort();
    let (before, later) = seen.split_at(2);
    assert!(before.iter().all(|path| path == "/before"), "{seen:?}");
    assert!((2..=3).contains(&later.len()), "at most one call in flight was repeated: {seen:?}");
    process.kill().await;
}

const MANY: usize = 10_000;

/// Ten thousand waiting runs: what they take, and that they all end when their time has come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "for its figures"]
async fn ten_thousand_runs_wait() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(folder.path()).await;
    let client = Client::new();
    let document = "input: [{ name: until, type: string }]\n\
                    nodes: [{ id: w, type: wait, until: <api.until> }]";
    publish(&client, &process.url, "w", document).await;
    let (idle, _) = process.memory().unwrap();
    let until_then = jiff::Timestamp::now() + Duration::from_secs(60);
    let begun = Instant::now();
    start_many(&client, &process.url, &until_then.to_string()).await;
    println!("{MANY} runs accepted after {:?}", begun.elapsed());
    until_counted(&client, &process.url, "waiting", MANY).await;
    let (waiting, peak) = process.memory().unwrap();
    println!("RSS: idle {}, with them {}, peak {} MiB", idle >> 20, waiting >> 20, peak >> 20);
    process.kill().await;
    let begun = Instant::now();
    process = Process::start(folder.path()).await;
    let health = client.get(format!("{}/health", process.url)).send().await.unwrap();
    assert!(health.status().is_success());
    let (restarted, _) = process.memory().unwrap();
    println!("after kill -9: up after {:?}, RSS {} MiB", begun.elapsed(), restarted >> 20);
    let left = until_then.duration_since(jiff::Timestamp::now());
    tokio::time::sleep(left.unsigned_abs()).await;
    let begun = Instant::now();
    until_counted(&client, &process.url, "succeeded", MANY).await;
    println!("all ended {:?} after their time", begun.elapsed());
    process.kill().await;
}

async fn start_many(client: &Client, url: &str, until: &str) {
    const AT_ONCE: usize = 50;
    let starts = (0..AT_ONCE).map(|_| async {
        for _ in 0..MANY / AT_ONCE {
            let request = client.post(format!("{url}/v1/workflows/w/runs")).bearer_auth(ADMIN_KEY);
            let request = request.header("prefer", "respond-async");
            let answer = request.json(&json!({ "input": { "until": until } })).send().await;
            assert_eq!(answer.unwrap().status(), 202);
        }
    });
    futures_util::future::join_all(starts).await;
}

/// Waits until so many runs are in that state.
async fn until_counted(client: &Client, url: &str, state: &str, count: usize) {
    loop {
        let (mut found, mut cursor) = (0, String::new());
        loop {
            let page = format!("{url}/v1/workflows/w/runs?limit=100&status={state}{cursor}");
            let (_, page) = json_of(client.get(page).bearer_auth(ADMIN_KEY)).await;
            found += page["items"].as_array().unwrap().len();
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        if found == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
