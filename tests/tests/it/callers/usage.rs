//! What a run cost: failed attempts count, what nobody knows is null, and nothing is 0.

use axum::http::StatusCode;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use serde_json::{Value, json};

use crate::fixture::{answer, until};

/// A model of OpenAI that answers each attempt with the next of these.
async fn model(answers: &'static [(u16, &'static str)]) -> Receiver {
    Receiver::start(move |_, before| {
        let (status, content) = answers[before.min(answers.len() - 1)];
        let status = StatusCode::from_u16(status).unwrap();
        if status != StatusCode::OK {
            return Reply::Now(status, content.to_owned());
        }
        let chunk = json!({ "choices": [{ "index": 0, "delta": { "content": content } }] });
        let end = json!({
            "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100 }
        });
        let text = format!("data: {chunk}\n\ndata: {end}\n\ndata: [DONE]\n\n");
        let headers = vec![("content-type", "text/event-stream".to_owned())];
        Reply::With(StatusCode::OK, headers, text)
    })
    .await
}

fn agent(url: &str, more: &str) -> String {
    format!(
        "nodes: [{{ id: call, type: agent, model: openai/gpt-5-mini, base_url: \"{url}/v1\", \
         api_key: x, prompt: hi, {more} }}]\n\
         output: {{ said: <call.content> }}\n"
    )
}

/// Tokens and cost of the run and of its node, which must agree.
async fn usage(answers: &'static [(u16, &'static str)], more: &str) -> (Value, Value, String) {
    let (server, model) = (TestServer::start().await, model(answers).await);
    server.publish("w", &agent(&model.url, more)).await;
    let start = server.post("/v1/workflows/w/runs", ADMIN_KEY).json(&json!({}));
    let (_, run) = answer(start).await;
    let path = format!("/v1/runs/{}/trace", run["id"].as_str().unwrap());
    let (_, trace) = answer(server.get(&path, ADMIN_KEY)).await;
    let nodes = trace["nodes"].as_array().unwrap();
    let node = nodes.iter().find(|node| node["node"] == "call").unwrap();
    let usage = &run["usage"];
    assert_eq!(
        (&node["tokens"], &node["cost_nano_usd"]),
        (&usage["tokens"], &usage["cost_nano_usd"]),
        "{trace}"
    );
    let status = run["status"].as_str().unwrap().to_owned();
    (usage["tokens"].clone(), usage["cost_nano_usd"].clone(), status)
}

const SCHEMA: &str = "schema: { type: object, properties: { a: { type: number } }, required: [a] }";
const AGAIN: &str = "retry: { max_attempts: 2, backoff: 10ms }";

fn used(tokens: u64, nano: u64, status: &str) -> (Value, Value, String) {
    (json!(tokens), json!(nano), status.to_owned())
}

fn unknown(status: &str) -> (Value, Value, String) {
    (Value::Null, Value::Null, status.to_owned())
}

#[tokio::test]
async fn a_failed_attempt_counts_with_what_it_used() {
    assert_eq!(usage(&[(200, "hi")], "").await, used(1100, 450_000, "succeeded"));
    // Answered, paid for, and not what the schema asks.
    assert_eq!(usage(&[(200, "no")], SCHEMA).await, used(1100, 450_000, "failed"));
    // Refused before anything was done.
    let limited = usage(&[(429, "slow down"), (200, "hi")], AGAIN).await;
    assert_eq!(limited, used(1100, 450_000, "succeeded"));
    assert_eq!(usage(&[(401, "no")], "").await, used(0, 0, "failed"));
}

#[tokio::test]
async fn what_nobody_knows_is_null_and_not_left_out() {
    let broken = usage(&[(500, "oops"), (200, "hi")], AGAIN).await;
    assert_eq!(broken, unknown("succeeded"), "the first attempt may have cost something");
    assert_eq!(usage(&[(500, "oops")], "").await, unknown("failed"));
}

#[tokio::test]
async fn a_cancelled_call_has_an_unknown_cost() {
    let receiver = Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, String::new())).await;
    let server = TestServer::start().await;
    server.publish("w", &agent(&receiver.url, "")).await;
    let start = server.post("/v1/workflows/w/runs", ADMIN_KEY).header("prefer", "respond-async");
    let (_, run) = answer(start).await;
    receiver.until(|all| !all.is_empty()).await;
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    server.post(&format!("{path}/cancel"), ADMIN_KEY).send().await.unwrap();
    let ended = until(|| server.get(&path, ADMIN_KEY), |run| !run["ended_at"].is_null()).await;
    assert_eq!(ended["status"], "cancelled");
    let unknown = json!({
        "tokens": null, "input_tokens": null, "output_tokens": null, "cost_nano_usd": null
    });
    assert_eq!(ended["usage"], unknown);
    receiver.let_go();
}

#[tokio::test]
async fn an_unknown_price_is_null_and_no_cost_is_zero_in_every_dialect() {
    let server = TestServer::start().await;
    server
        .publish("free", "nodes: [{ id: a, type: agent, model: offline/echo, prompt: hi }]")
        .await;
    let model = model(&[(200, "hi")]).await;
    let unpriced = agent(&model.url, "").replace("gpt-5-mini", "nobodys-model");
    server.publish("unpriced", &unpriced).await;
    let key = server.key(&["free", "unpriced"], &["run", "read"]).await;
    for (workflow, cost) in [("free", "0"), ("unpriced", "null")] {
        let invoke = server.post("/v1/workflow/invoke", &key).header("x-workflow-id", workflow);
        let text = invoke.json(&json!({ "input": {} })).send().await.unwrap().text().await.unwrap();
        assert!(text.contains(&format!("\"totalCost\":{cost},")), "{text}");
        let run: Value = serde_json::from_str(&text).unwrap();
        let id = run["workflowRunId"].as_str().unwrap();
        let native = server.get(&format!("/v1/runs/{id}"), &key).send().await.unwrap();
        let native = native.text().await.unwrap();
        assert!(native.contains(&format!("\"cost_nano_usd\":{cost}}}")), "{native}");
        let expected = if cost == "0" { "\"cost\":{\"total\":0}" } else { "\"cost\":null" };
        for path in [
            format!("/api/workflows/{workflow}/executions/{id}"),
            format!("/api/v2/workflows/{workflow}/runs/{id}"),
        ] {
            let sim = server.get(&path, &key).send().await.unwrap().text().await.unwrap();
            assert!(sim.contains(expected), "{path}: {sim}");
        }
    }
}

/// Requests without a body say how the run ended in the words of their dialect.
#[tokio::test]
async fn a_get_hook_speaks_its_dialects_words() {
    let receiver = Receiver::ok().await;
    let server = TestServer::start().await;
    server.publish("good", "nodes: [{ id: a, type: template, template: x }]").await;
    let failing = "nodes: [{ id: a, type: function, code: \"throw new Error('no')\" }]";
    server.publish("bad", failing).await;
    let key = server.key(&["good", "bad"], &["run"]).await;
    for (workflow, gptbots, native) in
        [("good", "SUCCEED", "succeeded"), ("bad", "FAILED", "failed")]
    {
        for method in ["GET", "DELETE"] {
            let hook = |name: &str| {
                let url = format!("{}/{workflow}-{method}-{name}?fr=1", receiver.url);
                json!([{ "method": method, "url": url }])
            };
            let body = json!({ "input": {}, "isAsync": true, "webhook": hook("gptbots") });
            let invoke = server.post("/v1/workflow/invoke", &key).header("x-workflow-id", workflow);
            assert_eq!(invoke.json(&body).send().await.unwrap().status(), 200);
            let path = format!("/v1/workflows/{workflow}/runs");
            let body = json!({ "webhooks": hook("native") });
            server.post(&path, &key).json(&body).send().await.unwrap();
            for (name, word) in [("gptbots", gptbots), ("native", native)] {
                let path = format!("/{workflow}-{method}-{name}");
                let is_ours = |uri: &axum::http::Uri| uri.path() == path;
                receiver.until(|all| all.iter().any(|got| is_ours(&got.uri))).await;
                let all = receiver.received();
                let query = all.iter().find(|got| is_ours(&got.uri)).unwrap().uri.query().unwrap();
                assert!(query.starts_with("fr=1&"), "{query}");
                assert!(query.ends_with(&format!("&status={word}")), "{query}");
            }
        }
    }
}
