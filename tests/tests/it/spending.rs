//! Budgets of workflows and starts, over HTTP.

use flowgate_tests::receiver::Receiver;
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use serde_json::{Value, json};

async fn run(server: &TestServer, body: Value) -> (u16, Value) {
    let request = server.post("/v1/workflows/w/runs", ADMIN_KEY).json(&body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

const TWO: &str = "
nodes:
  - { id: a, type: agent, model: offline/echo, prompt: twelve words that the offline model says again }
  - { id: b, type: agent, model: offline/echo, prompt: <a.content> }
output: { b: <b.content> }";

#[tokio::test]
async fn a_start_may_name_a_budget() {
    let server = TestServer::start().await;
    server.publish("w", TWO).await;
    let (_, whole) = run(&server, json!({})).await;
    assert_eq!(whole["status"], "succeeded", "{whole}");
    let (status, cut) = run(&server, json!({ "budget": { "max_tokens": 5 } })).await;
    assert_eq!((status, &cut["status"]), (200, &json!("failed")), "{cut}");
    let error = &cut["error"];
    assert_eq!((&error["code"], &error["node"]), (&json!("budget_exhausted"), &json!("b")));
    let used = cut["usage"]["tokens"].as_u64().unwrap();
    assert!(used >= 5 && used < whole["usage"]["tokens"].as_u64().unwrap(), "{cut}");
}

#[tokio::test]
async fn a_wrong_budget_starts_nothing() {
    let server = TestServer::start().await;
    server.publish("w", TWO).await;
    for (budget, pointer) in [
        (json!({ "max_tokens": -1 }), "/budget/max_tokens"),
        (json!({ "max_cost_usd": "1" }), "/budget/max_cost_usd"),
        (json!({ "tokens": 1 }), "/budget/tokens"),
        (json!(5), "/budget"),
    ] {
        let (status, problem) = run(&server, json!({ "budget": budget })).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (400, &json!(pointer)), "{problem}");
    }
}

#[tokio::test]
async fn a_model_without_a_known_price_is_not_asked() {
    let (server, receiver) = (TestServer::start().await, Receiver::ok().await);
    let document = format!(
        "budget: {{ max_cost_usd: 1 }}\nnodes: [{{ id: a, type: agent, model: openai/nobody-knows, \
         prompt: x, base_url: \"{}\", api_key: k }}]",
        receiver.url
    );
    server.publish("w", &document).await;
    let (_, run) = run(&server, json!({})).await;
    assert_eq!(run["error"]["code"], "budget_exhausted", "{run}");
    assert!(run["error"]["message"].as_str().unwrap().contains("nobody-knows"), "{run}");
    assert!(receiver.received().is_empty());
}
