//! A workflow that starts itself comes to an end, in whatever way it does.

use axum::http::StatusCode;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use serde_json::{Value, json};

use crate::fixture::{answer, until};

/// The number of runs that may lead to each other.
const MAX: usize = 25;

#[tokio::test]
async fn a_workflow_whose_webhook_starts_it_again_stops() {
    let server = TestServer::start().await;
    let document = format!(
        "nodes:\n  - {{ id: again, type: webhook, method: POST, url: \
         \"{}/v1/workflows/circle/runs\", headers: {{ authorization: \"Bearer {ADMIN_KEY}\" \
         }}, body: {{}} }}\n",
        server.url
    );
    server.publish("circle", &document).await;
    let (status, run) =
        answer(server.post("/v1/workflows/circle/runs", ADMIN_KEY).json(&json!({}))).await;
    assert_eq!(status, 200, "{run}");
    let list = || server.get("/v1/workflows/circle/runs?limit=100", ADMIN_KEY);
    let runs = until(list, |list| list["items"].as_array().unwrap().len() == MAX).await;
    // The webhook of the last one is refused, and not tried again.
    let last = runs["items"][0]["id"].as_str().unwrap();
    let deliveries = || server.get(&format!("/v1/runs/{last}/deliveries"), ADMIN_KEY);
    let refused = until(deliveries, |list| list["items"][0]["status"] == "exhausted").await;
    let attempt: &Value = &refused["items"][0]["attempts"][0];
    assert_eq!(attempt["status"], 508, "{attempt}");
    assert!(attempt["answer"].as_str().unwrap().contains("loop_detected"), "{attempt}");
    assert_eq!(answer(list()).await.1["items"].as_array().unwrap().len(), MAX);
}

#[tokio::test]
async fn calls_and_webhooks_carry_the_count_and_nobody_else_sets_it() {
    let (server, receiver) = (
        TestServer::start().await,
        Receiver::start(|_, _| Reply::Now(StatusCode::OK, "{}".to_owned())).await,
    );
    let document = format!(
        "nodes:\n  - {{ id: call, type: http, url: \"{0}/call\" }}\n\
         webhook: {{ url: \"{0}/end\" }}\n",
        receiver.url
    );
    server.publish("w", &document).await;
    let start = server.post("/v1/workflows/w/runs", ADMIN_KEY).header("flowgate-hops", "7");
    let body = json!({ "webhooks": [{ "url": format!("{}/caller", receiver.url) }] });
    assert_eq!(answer(start.json(&body)).await.0, 200);
    receiver.until(|all| all.len() == 3).await;
    for request in receiver.received() {
        let counts: Vec<_> = request.headers.get_all("flowgate-hops").iter().collect();
        assert_eq!(counts, ["8"], "{}", request.uri);
    }
}

#[tokio::test]
async fn a_job_that_a_run_asked_for_goes_on_counting() {
    let (server, receiver) = (TestServer::start().await, Receiver::ok().await);
    let document = format!("nodes: [{{ id: call, type: http, url: \"{}/x\" }}]", receiver.url);
    server.publish("w", &document).await;
    assert_eq!(answer(server.post("/v1/workflows/w/runs", ADMIN_KEY)).await.0, 200);
    let replay = |hops: usize| {
        let replay = server.post("/v1/workflows/w/runs/replay", ADMIN_KEY);
        replay.header("flowgate-hops", hops.to_string())
    };
    let (status, problem) = answer(replay(MAX - 1)).await;
    assert_eq!((status, &problem["code"]), (508, &json!("loop_detected")), "{problem}");
    assert_eq!(answer(replay(MAX - 2)).await.0, 202);
    receiver.until(|all| all.len() == 2).await;
    let all = receiver.received();
    let counts: Vec<_> = all.iter().map(|request| &request.headers["flowgate-hops"]).collect();
    assert_eq!(counts, ["1", "25"]);
}

#[tokio::test]
async fn every_api_refuses_a_start_that_too_many_runs_led_to() {
    let server = TestServer::start().await;
    server.publish("w", "nodes: [{ id: say, type: template, template: hi }]\n").await;
    for (path, code) in [
        ("/v1/workflows/w/runs", "/code"),
        ("/v1/workflow/invoke", "/code"),
        ("/api/workflows/w/execute", "/code"),
        ("/api/v2/workflows/w/execute", "/error/code"),
        ("/v1/flow/w/run", "/error/code"),
    ] {
        let start = |hops: &'static str| {
            let key = server.post(path, ADMIN_KEY).header("X-Workflow-Id", "w");
            key.header("flowgate-hops", hops).json(&json!({ "input": {} }))
        };
        let response = start("25").send().await.unwrap();
        let (status, body): (u16, Value) =
            (response.status().as_u16(), response.json().await.unwrap());
        assert_eq!(status, 508, "{path}: {body}");
        assert!(body.pointer(code).is_some(), "{path}: {body}");
        let allowed = start("24").send().await.unwrap().status();
        assert!(allowed.is_success(), "{path}: {allowed}");
    }
}
