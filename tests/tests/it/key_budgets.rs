//! Budgets of keys, over HTTP, and that never more is spent beyond one than the calls in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use flowgate_tests::process::Process;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer, publish};
use reqwest::Client;
use serde_json::{Value, json};

use crate::fixture::{answer, until};

const TWO: &str = "
nodes:
  - { id: a, type: agent, model: offline/echo, prompt: twelve words that the model says again }
  - { id: b, type: agent, model: offline/echo, prompt: <a.content> }
output: { b: <b.content> }";

async fn budgeted_key(client: &Client, url: &str, budget: Value) -> Value {
    let body = json!({
        "name": "b", "workflows": "*", "scopes": ["run", "read"], "budget": budget
    });
    let request = client.post(format!("{url}/v1/keys")).bearer_auth(ADMIN_KEY).json(&body);
    let (status, made) = answer(request).await;
    assert_eq!(status, 201, "{made}");
    made
}

async fn key_of(server: &TestServer, budget: Value) -> Value {
    budgeted_key(&server.client, &server.url, budget).await
}

async fn run(server: &TestServer, workflow: &str, key: &Value) -> Value {
    let path = format!("/v1/workflows/{workflow}/runs");
    let request = server.post(&path, key["key"].as_str().unwrap()).json(&json!({}));
    let (status, run) = answer(request).await;
    assert_eq!(status, 200, "{run}");
    run
}

#[tokio::test]
async fn what_a_key_has_spent_refuses_further_calls_of_all_its_runs() {
    let server = TestServer::start().await;
    server.publish("w", TWO).await;
    let key = key_of(&server, json!({ "max_tokens": 30, "per": "day" })).await;
    assert_eq!(key["budget"], json!({ "max_cost_usd": null, "max_tokens": 30, "per": "day" }));
    let mut used = 0;
    let failed = loop {
        let run = run(&server, "w", &key).await;
        used += run["usage"]["tokens"].as_u64().unwrap();
        if run["status"] == "failed" {
            break run;
        }
    };
    assert_eq!(failed["error"]["code"], "budget_exhausted", "{failed}");
    assert!(failed["error"]["message"].as_str().unwrap().contains("30"), "{failed}");
    assert!(used >= 30, "{used}");
    // Nothing more goes out, for this key alone.
    assert_eq!(run(&server, "w", &key).await["usage"]["tokens"], 0);
    let other = key_of(&server, json!({ "max_tokens": 1000, "per": "month" })).await;
    assert_eq!(run(&server, "w", &other).await["status"], "succeeded");

    let shown = answer(server.get("/v1/keys/self", key["key"].as_str().unwrap())).await.1;
    let spent = &shown["budget"]["spent"];
    assert_eq!((&spent["tokens"], &spent["left_tokens"]), (&json!(used), &json!(0)), "{shown}");
    assert!(spent["resets_at"].as_str().unwrap().ends_with("T00:00:00.000Z"), "{shown}");
    let path = format!("/v1/keys/{}", key["id"].as_str().unwrap());
    let read = answer(server.get(&path, ADMIN_KEY)).await.1;
    assert_eq!(read["budget"], shown["budget"]);

    // A key that follows it has spent the same.
    let (status, next) = answer(server.post(&format!("{path}/rotate"), ADMIN_KEY)).await;
    assert_eq!(status, 201, "{next}");
    assert_eq!(run(&server, "w", &next).await["error"]["code"], "budget_exhausted");
}

#[tokio::test]
async fn a_wrong_budget_makes_no_key() {
    let server = TestServer::start().await;
    for (budget, pointers) in [
        (json!({ "per": "day" }), vec!["/budget/max_cost_usd"]),
        (json!({ "max_tokens": 1 }), vec!["/budget/per"]),
        (
            json!({ "max_tokens": -1, "max_cost_usd": "1", "per": "year", "x": 1 }),
            vec!["/budget/per", "/budget/max_cost_usd", "/budget/max_tokens", "/budget/x"],
        ),
        (json!({ "max_cost_usd": 1e300, "per": "day" }), vec!["/budget/max_cost_usd"]),
        (json!(5), vec!["/budget"]),
    ] {
        let body = json!({ "name": "b", "workflows": "*", "budget": budget });
        let (status, problem) = answer(server.post("/v1/keys", ADMIN_KEY).json(&body)).await;
        let errors = problem["errors"].as_array().unwrap().iter();
        let named: Vec<_> = errors.map(|error| error["pointer"].as_str().unwrap()).collect();
        assert_eq!((status, named), (400, pointers), "{budget}");
    }
    let keys = answer(server.get("/v1/keys", ADMIN_KEY)).await.1;
    assert_eq!(keys["items"], json!([]));
}

#[tokio::test]
async fn the_operators_credential_reads_itself() {
    let server = TestServer::start().await;
    let own = answer(server.get("/v1/keys/self", ADMIN_KEY)).await.1;
    assert_eq!((&own["id"], &own["workflows"]), (&Value::Null, &json!("*")), "{own}");
    assert_eq!(answer(server.get("/v1/keys/nobody", ADMIN_KEY)).await.0, 404);
}

/// A model that answers after a moment, with tokens that depend on how many it was asked before.
struct Model {
    receiver: Receiver,
    tokens: Arc<AtomicU64>,
}

const MAX_TOKENS: u64 = 97;

impl Model {
    async fn start(seed: u64) -> Self {
        let (tokens, asked) = (Arc::new(AtomicU64::new(0)), AtomicU64::new(seed));
        let sum = tokens.clone();
        let receiver = Receiver::start(move |_, _| {
            let n = asked.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let used = 1 + (n >> 32) % MAX_TOKENS;
            sum.fetch_add(used, Ordering::SeqCst);
            let answer = json!({
                "id": "x", "object": "chat.completion", "created": 1, "model": "gpt-4o",
                "choices": [{
                    "index": 0, "finish_reason": "stop",
                    "message": { "role": "assistant", "content": "said" }
                }],
                "usage": { "prompt_tokens": used - 1, "completion_tokens": 1, "total_tokens": used }
            });
            Reply::After(Duration::from_millis((n >> 40) % 40), StatusCode::OK, answer.to_string())
        })
        .await;
        Self { receiver, tokens }
    }

    /// Three calls, two of them at the same time.
    fn document(&self) -> String {
        let agent = |id: &str, prompt: &str| {
            format!(
                "  - {{ id: {id}, type: agent, model: openai/gpt-4o, base_url: \"{}/v1\", api_key: \
                 k, prompt: \"{prompt}\" }}\n",
                self.receiver.url
            )
        };
        let nodes = [agent("a", "x"), agent("b", "<a.content>"), agent("c", "<a.content>")];
        format!("nodes:\n{}output: {{ b: <b.content>, c: <c.content> }}\n", nodes.concat())
    }
}

/// Each of `runs` concurrent runs has two calls in flight at most.
#[tokio::test]
async fn concurrent_runs_spend_at_most_their_calls_in_flight_beyond_the_budget() {
    for seed in [3, 17, 90] {
        const RUNS: u64 = 8;
        const BUDGET: u64 = 600;
        let (server, model) = (TestServer::start().await, Model::start(seed).await);
        server.publish("w", &model.document()).await;
        let key = key_of(&server, json!({ "max_tokens": BUDGET, "per": "month" })).await;
        for _ in 0..4 {
            let runs = (0..RUNS).map(|_| run(&server, "w", &key));
            futures_util::future::join_all(runs).await;
        }
        let spent = model.tokens.load(Ordering::SeqCst);
        assert!(spent >= BUDGET, "seed {seed}: {spent}: the budget was not reached");
        assert!(spent <= BUDGET + 2 * RUNS * MAX_TOKENS, "seed {seed}: {spent}");
        let path = format!("/v1/keys/{}", key["id"].as_str().unwrap());
        let shown = answer(server.get(&path, ADMIN_KEY)).await.1;
        assert_eq!(shown["budget"]["spent"]["tokens"], spent, "seed {seed}: each call once");
        assert_eq!(shown["budget"]["spent"]["unmetered_calls"], 0);
    }
}

/// Nobody says what they used: they count as what they were sent, and may have been answered.
#[tokio::test]
async fn calls_that_are_cancelled_or_past_the_deadline_count() {
    let server = TestServer::start().await;
    let silent = Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, String::new())).await;
    let document = |deadline: &str| {
        format!(
            "deadline: {deadline}\nnodes:\n  - {{ id: a, type: agent, model: openai/gpt-4o, \
             base_url: \"{}/v1\", api_key: k, prompt: \"{}\", max_tokens: 50 }}\n",
            silent.url,
            "words ".repeat(100)
        )
    };
    server.publish("w", &document("1h")).await;
    server.publish("late", &document("3s")).await;
    let key =
        key_of(&server, json!({ "max_tokens": 1_000, "max_cost_usd": 1, "per": "day" })).await;
    let secret = key["key"].as_str().unwrap();
    for (number, workflow) in (1..).zip(["w", "late"]) {
        let start = server.post(&format!("/v1/workflows/{workflow}/runs"), secret);
        let (_, run) = answer(start.header("prefer", "respond-async").json(&json!({}))).await;
        let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
        while silent.received().len() < number {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if workflow == "w" {
            let cancel = server.post(&format!("{path}/cancel"), ADMIN_KEY);
            assert!(cancel.send().await.unwrap().status().is_success());
        }
        until(|| server.get(&path, secret), |run| !run["ended_at"].is_null()).await;
        let shown = answer(server.get("/v1/keys/self", secret)).await.1;
        let spent = &shown["budget"]["spent"];
        assert_eq!(spent["unknown_calls"], number, "{workflow}: {shown}");
        // 600 bytes are 150 tokens, at $2.50 per million; 50 were allowed, at $10.
        assert_eq!(spent["tokens"], 200 * number, "{workflow}: {shown}");
        assert_eq!(spent["cost_nano_usd"], 875_000 * number, "{workflow}: {shown}");
    }
}

/// What was in flight at a kill was paid, and nobody knows of it.
#[tokio::test]
async fn kills_add_only_what_was_in_flight() {
    const RUNS: u64 = 6;
    const BUDGET: u64 = 700;
    const KILLS: u64 = 2;
    let folder = tempfile::tempdir().unwrap();
    let (model, client) = (Model::start(5).await, Client::new());
    let mut process = Process::start(folder.path()).await;
    publish(&client, &process.url, "w", &model.document()).await;
    let key =
        budgeted_key(&client, &process.url, json!({ "max_tokens": BUDGET, "per": "day" })).await;
    let secret = key["key"].as_str().unwrap();
    let mut runs = Vec::new();
    for round in 0..=KILLS {
        for _ in 0..RUNS {
            let start = client
                .post(format!("{}/v1/workflows/w/runs", process.url))
                .bearer_auth(secret)
                .header("prefer", "respond-async")
                .json(&json!({}));
            let (status, run) = answer(start).await;
            assert_eq!(status, 202, "{run}");
            runs.push(run["id"].as_str().unwrap().to_owned());
        }
        if round < KILLS {
            tokio::time::sleep(Duration::from_millis(60)).await;
            process.kill().await;
            process = Process::start(folder.path()).await;
        }
    }
    for id in &runs {
        let read = || client.get(format!("{}/v1/runs/{id}", process.url)).bearer_auth(secret);
        until(read, |run| !run["ended_at"].is_null()).await;
    }
    let path = format!("{}/v1/keys/self", process.url);
    let shown = answer(client.get(path).bearer_auth(secret)).await.1;
    let counted = shown["budget"]["spent"]["tokens"].as_u64().unwrap();
    let paid = model.tokens.load(Ordering::SeqCst);
    let in_flight = 2 * RUNS * (KILLS + 1) * MAX_TOKENS;
    assert!(counted <= paid, "{counted} of {paid}: no call counts twice");
    assert!(paid - counted <= KILLS * in_flight, "{counted} of {paid}");
    assert!(counted <= BUDGET + in_flight, "{counted}");
    process.kill().await;
}
