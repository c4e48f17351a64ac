//! Runs over the native routes: every way to start, then read, list, explain, cancel and replay.

use axum::http::StatusCode;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

mod lists;

const GREET: &str = r#"
name: Greeting
input:
  - { name: name, type: string }
  - { name: n, type: number, default: 1 }
nodes:
  - { id: greet, type: template, template: "Hello <api.name> x<api.n>" }
output: { greeting: <greet.content> }
"#;

fn calling(url: &str) -> String {
    format!(
        "nodes: [{{ id: call, type: http, url: \"{url}/\" }}]\n\
         output: {{ status: <call.status> }}\n"
    )
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

async fn json_of(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn greeting() -> TestServer {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    server
}

/// A server whose workflow hangs in its outside call.
async fn hanging() -> (TestServer, Receiver) {
    let receiver = Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "{}".to_owned())).await;
    let server = TestServer::start().await;
    server.publish("call", &calling(&receiver.url)).await;
    (server, receiver)
}

async fn until_ended(server: &TestServer, run: &str) -> Value {
    loop {
        let (_, run) = json_of(server.get(&format!("/v1/runs/{run}"), ADMIN_KEY)).await;
        if !run["ended_at"].is_null() {
            return run;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_waiting_caller_gets_the_run() {
    let server = greeting().await;
    let body = json!({ "input": { "name": "Ada", "n": 3 }, "user": "u1" });
    let response =
        server.post("/v1/workflows/greet/runs", ADMIN_KEY).json(&body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let (id, location) = (
        header(&response, "x-run-id").unwrap().to_owned(),
        header(&response, "location").unwrap().to_owned(),
    );
    assert!(!header(&response, "x-request-id").unwrap().is_empty());
    let run: Value = response.json().await.unwrap();
    assert!(location.ends_with(&format!("/v1/runs/{id}")), "{location}");
    let links = &run["links"];
    assert_eq!(
        (&links["self"], &links["trace"]),
        (&json!(location), &json!(format!("{location}/trace")))
    );
    insta::assert_json_snapshot!(run, {
        ".id" => "[id]", ".created_at" => "[time]", ".started_at" => "[time]",
        ".ended_at" => "[time]", ".duration_ms" => "[ms]", ".queued_ms" => "[ms]", ".links" => "[links]",
    }, @r#"
    {
      "id": "[id]",
      "workflow_id": "greet",
      "workflow_name": "Greeting",
      "version": "1.0.0",
      "status": "succeeded",
      "user": "u1",
      "key": null,
      "mode": "wait",
      "input": {
        "name": "Ada",
        "n": 3
      },
      "output": {
        "greeting": "Hello Ada x3"
      },
      "error": null,
      "usage": {
        "tokens": 0,
        "input_tokens": 0,
        "output_tokens": 0,
        "cost_nano_usd": 0
      },
      "created_at": "[time]",
      "started_at": "[time]",
      "ended_at": "[time]",
      "queued_ms": "[ms]",
      "duration_ms": "[ms]",
      "links": "[links]"
    }
    "#);
    let (status, read) = json_of(server.get(&format!("/v1/runs/{id}"), ADMIN_KEY)).await;
    assert_eq!((status, read), (200, run));
}

#[tokio::test]
async fn a_failed_run_is_an_answer() {
    let server = TestServer::start().await;
    server
        .publish(
            "fails",
            "nodes: [{ id: code, type: function, code: 'throw new Error(\"no\")' }]\n\
             output: { x: <code.result> }\n",
        )
        .await;
    let (status, run) = json_of(server.post("/v1/workflows/fails/runs", ADMIN_KEY)).await;
    assert_eq!(
        (status, &run["status"], &run["error"]["node"]),
        (200, &json!("failed"), &json!("code")),
        "{run}"
    );
}

#[tokio::test]
async fn a_caller_who_does_not_wait_learns_where_to_look() {
    let server = greeting().await;
    let request = server
        .post("/v1/workflows/greet/runs", ADMIN_KEY)
        .header("prefer", "respond-async")
        .json(&json!({ "input": { "name": "Ada" } }));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 202);
    assert_eq!(header(&response, "preference-applied"), Some("respond-async"));
    assert_eq!(header(&response, "retry-after"), Some("1"));
    let path = header(&response, "location").unwrap().to_owned();
    let run: Value = response.json().await.unwrap();
    assert_eq!(run["status"], "pending");
    let id = run["id"].as_str().unwrap();
    assert!(path.ends_with(id));
    assert_eq!(until_ended(&server, id).await["output"], json!({ "greeting": "Hello Ada x1" }));
}

#[tokio::test]
async fn past_its_wait_a_run_goes_on_alone() {
    let (server, receiver) = hanging().await;
    receiver.let_go();
    let slow = Receiver::start(|_, _| {
        Reply::After(std::time::Duration::from_millis(2_500), StatusCode::OK, "{}".to_owned())
    })
    .await;
    server
        .publish(
            "slow",
            &format!(
                "nodes: [{{ id: a, type: http, url: \"{0}/a\" }}, {{ id: b, type: http, after: a, \
                 url: \"{0}/b\" }}]\n\
                 output: {{ s: <b.status> }}\n",
                slow.url
            ),
        )
        .await;
    let response = server
        .post("/v1/workflows/slow/runs", ADMIN_KEY)
        .header("prefer", "wait=1")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (response.status().as_u16(), header(&response, "preference-applied")),
        (202, Some("wait=1"))
    );
    let run: Value = response.json().await.unwrap();
    assert_eq!(
        until_ended(&server, run["id"].as_str().unwrap()).await["output"],
        json!({ "s": 200 })
    );
    assert_eq!((slow.count("/a"), slow.count("/b")), (1, 1));
}

#[tokio::test]
async fn a_version_can_be_pinned() {
    let server = greeting().await;
    server.publish("greet", &GREET.replace("Hello", "Bye")).await;
    let run = |path: &str| {
        json_of(server.post(path, ADMIN_KEY).json(&json!({ "input": { "name": "Ada" } })))
    };
    assert_eq!(run("/v1/workflows/greet/runs").await.1["output"]["greeting"], "Bye Ada x1");
    assert_eq!(
        run("/v1/workflows/greet/runs?version=1.0.0").await.1["output"]["greeting"],
        "Hello Ada x1"
    );
    let (status, problem) = run("/v1/workflows/greet/runs?version=9.9.9").await;
    assert_eq!((status, &problem["code"]), (404, &json!("version_not_found")));
}

#[tokio::test]
async fn an_idempotency_key_starts_one_run() {
    let server = greeting().await;
    let start = |name: &str, prefer: &str| {
        let body = json!({ "input": { "name": name } });
        server
            .post("/v1/workflows/greet/runs", ADMIN_KEY)
            .header("idempotency-key", "k1")
            .header("prefer", prefer)
            .json(&body)
            .send()
    };
    let first = start("Ada", "wait=5").await.unwrap();
    assert_eq!(header(&first, "idempotent-replayed"), None);
    let first: Value = first.json().await.unwrap();
    let again = start("Ada", "wait=5").await.unwrap();
    assert_eq!(
        (again.status().as_u16(), header(&again, "idempotent-replayed")),
        (200, Some("true"))
    );
    assert_eq!(again.json::<Value>().await.unwrap(), first);
    let detached = start("Ada", "respond-async").await.unwrap();
    assert_eq!(
        (detached.status().as_u16(), header(&detached, "idempotent-replayed")),
        (202, Some("true"))
    );
    assert_eq!(detached.json::<Value>().await.unwrap()["id"], first["id"]);
    let other = start("Bob", "wait=5").await.unwrap();
    assert_eq!(other.status(), 422);
    assert_eq!(other.json::<Value>().await.unwrap()["code"], "idempotency_mismatch");
}

#[tokio::test]
async fn an_idempotency_key_of_a_run_that_goes_on() {
    let (server, receiver) = hanging().await;
    let start = |prefer: &str| {
        server
            .post("/v1/workflows/call/runs", ADMIN_KEY)
            .header("idempotency-key", "k")
            .header("prefer", prefer)
            .send()
    };
    assert_eq!(start("respond-async").await.unwrap().status(), 202);
    assert_eq!(start("respond-async").await.unwrap().status(), 202);
    let waiting = start("wait=5").await.unwrap();
    assert_eq!((waiting.status().as_u16(), header(&waiting, "retry-after")), (409, Some("1")));
    assert_eq!(waiting.json::<Value>().await.unwrap()["code"], "still_running");
    receiver.let_go();
    let stream = server
        .post("/v1/workflows/call/runs", ADMIN_KEY)
        .header("idempotency-key", "k")
        .header("accept", "text/event-stream");
    let stream = stream.send().await.unwrap();
    assert_eq!(
        (stream.status().as_u16(), header(&stream, "idempotent-replayed")),
        (200, Some("true"))
    );
    let frames = stream.text().await.unwrap();
    assert!(frames.starts_with("event: node.started\nid: 1-1\n"), "{frames}");
    assert!(frames.contains("event: run.finished\nid: 1-4294967295\ndata: {"), "{frames}");
    assert_eq!(receiver.count("/"), 1);
}

#[tokio::test]
async fn a_trace_shows_each_node() {
    let server = greeting().await;
    let (_, run) = json_of(
        server
            .post("/v1/workflows/greet/runs", ADMIN_KEY)
            .json(&json!({ "input": { "name": "Ada" } })),
    )
    .await;
    let (status, trace) =
        json_of(server.get(&format!("/v1/runs/{}/trace", run["id"].as_str().unwrap()), ADMIN_KEY))
            .await;
    assert_eq!(status, 200);
    let node =
        trace["nodes"].as_array().unwrap().iter().find(|node| node["node"] == "greet").unwrap();
    assert_eq!(
        (&node["status"], &node["output"]["content"]),
        (&json!("succeeded"), &json!("Hello Ada x1"))
    );
    assert!(node["started_at"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn a_run_is_cancelled_once() {
    let (server, receiver) = hanging().await;
    let (_, run) = json_of(
        server.post("/v1/workflows/call/runs", ADMIN_KEY).header("prefer", "respond-async"),
    )
    .await;
    let id = run["id"].as_str().unwrap();
    receiver.until(|all| all.len() == 1).await;
    let (status, _) = json_of(server.post(&format!("/v1/runs/{id}/cancel"), ADMIN_KEY)).await;
    assert!([200, 202].contains(&status), "{status}");
    assert_eq!(until_ended(&server, id).await["status"], "cancelled");
    let (status, problem) = json_of(server.post(&format!("/v1/runs/{id}/cancel"), ADMIN_KEY)).await;
    assert_eq!((status, &problem["code"]), (409, &json!("already_cancelled")));
}

#[tokio::test]
async fn an_ended_run_cannot_be_cancelled() {
    let server = greeting().await;
    let (_, run) = json_of(
        server
            .post("/v1/workflows/greet/runs", ADMIN_KEY)
            .json(&json!({ "input": { "name": "Ada" } })),
    )
    .await;
    let (status, problem) = json_of(
        server.post(&format!("/v1/runs/{}/cancel", run["id"].as_str().unwrap()), ADMIN_KEY),
    )
    .await;
    assert_eq!((status, &problem["code"]), (409, &json!("already_succeeded")));
}

#[tokio::test]
async fn a_replay_is_the_same_run_anew() {
    let server = greeting().await;
    let (_, run) = json_of(
        server
            .post("/v1/workflows/greet/runs", ADMIN_KEY)
            .json(&json!({ "input": { "name": "Ada" } })),
    )
    .await;
    server.publish("greet", &GREET.replace("Hello", "Bye")).await;
    let path = format!("/v1/runs/{}/replay", run["id"].as_str().unwrap());
    let (status, again) = json_of(server.post(&path, ADMIN_KEY)).await;
    assert_eq!(
        (status, &again["output"], &again["version"]),
        (200, &run["output"], &json!("1.0.0"))
    );
    assert_ne!(again["id"], run["id"]);
    let (status, _) =
        json_of(server.post(&path, ADMIN_KEY).header("prefer", "respond-async")).await;
    assert_eq!(status, 202);
    let (status, problem) =
        json_of(server.post(&path, ADMIN_KEY).json(&json!({ "input": {} }))).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (400, &json!("/input/name")));
}

#[tokio::test]
async fn what_is_not_saved_is_gone() {
    let server = greeting().await;
    let body = json!({ "input": { "name": "Ada" }, "save": false });
    let (_, run) = json_of(server.post("/v1/workflows/greet/runs", ADMIN_KEY).json(&body)).await;
    assert_eq!(run["output"]["greeting"], "Hello Ada x1");
    let id = run["id"].as_str().unwrap();
    for path in ["", "/events", "/trace"] {
        let (status, problem) =
            json_of(server.get(&format!("/v1/runs/{id}{path}"), ADMIN_KEY)).await;
        assert_eq!((status, &problem["code"]), (410, &json!("gone")), "{path}");
    }
    assert_eq!(json_of(server.post(&format!("/v1/runs/{id}/replay"), ADMIN_KEY)).await.0, 410);
}

#[tokio::test]
async fn a_stream_begins_with_the_run_and_ends_with_it() {
    let server = greeting().await;
    let request =
        server.post("/v1/workflows/greet/runs", ADMIN_KEY).header("accept", "text/event-stream");
    let response = request.json(&json!({ "input": { "name": "Ada" } })).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), header(&response, "content-type")),
        (200, Some("text/event-stream; charset=utf-8"))
    );
    let id = header(&response, "x-run-id").unwrap().to_owned();
    let text = response.text().await.unwrap();
    let events: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!((events[0], *events.last().unwrap()), ("run.started", "run.finished"), "{text}");
    assert!(
        text.starts_with(&format!(
            "event: run.started\n\
             data: {{\"run_id\":\"{id}\",\"workflow_id\":\"greet\",\"version\":\"1.0.0\"}}\n\n"
        )),
        "{text}"
    );
    assert!(text.ends_with("\n\n"));
}

#[tokio::test]
async fn a_stream_that_lasts_too_long_says_where_it_goes_on() {
    let receiver = Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "{}".to_owned())).await;
    let short = |settings: &mut flowgate_app::Settings| {
        settings.longest_stream = std::time::Duration::from_millis(300);
        settings.longest_follow = std::time::Duration::from_millis(1_500);
        settings.drain = std::time::Duration::from_millis(100);
    };
    let server = TestServer::start_with(short).await;
    server.publish("call", &calling(&receiver.url)).await;
    let started = server
        .post("/v1/workflows/call/runs", ADMIN_KEY)
        .header("accept", "text/event-stream")
        .send()
        .await
        .unwrap();
    let id = header(&started, "x-run-id").unwrap().to_owned();
    let text = started.text().await.unwrap();
    let end = format!(
        "event: reconnect\ndata: {{\"run_id\":\"{id}\",\"events\":\"{}/v1/runs/{id}/events\"}}\n\n",
        server.public_url
    );
    assert!(text.contains("event: node.started\nid: 1-1\n"), "{text}");
    assert!(text.ends_with(&end), "{text}");

    let began = std::time::Instant::now();
    let followed = server
        .get(&format!("/v1/runs/{id}/events?after=1-1"), ADMIN_KEY)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(followed.ends_with(&end), "the log shows it too: {followed}");
    assert!(began.elapsed().as_millis() >= 1_500, "and has a time of its own");
    receiver.let_go();
    assert_eq!(until_ended(&server, &id).await["status"], "succeeded");
    let rest = server
        .get(&format!("/v1/runs/{id}/events"), ADMIN_KEY)
        .header("last-event-id", "1-1")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(!rest.contains("id: 1-1\n") && rest.contains("event: run.finished\n"), "{rest}");
    let (status, _) = json_of(
        server.get(&format!("/v1/runs/{id}/events"), ADMIN_KEY).header("last-event-id", "first"),
    )
    .await;
    assert_eq!(status, 400);
}
