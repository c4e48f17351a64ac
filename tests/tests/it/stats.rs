//! `GET /v1/stats`: sums of what runs came to.

use flowgate_tests::server::{ADMIN_KEY, TestServer};
use serde_json::{Value, json};

use crate::fixture::{answer, until};

const WORKFLOW: &str = "
input: [{ name: fails, type: boolean, default: false }]
nodes:
  - { id: which, type: condition, branches: [{ name: bad, if: <api.fails> }, { name: good }] }
  - { id: boom, type: function, after: [which.bad], code: \"throw new Error('no')\" }
  - { id: say, type: agent, after: [which.good], model: offline/echo, prompt: one two three }
output: { said: <say.content> }";

async fn run(server: &TestServer, workflow: &str, key: &str, fails: bool) -> Value {
    let path = format!("/v1/workflows/{workflow}/runs");
    let (status, run) =
        answer(server.post(&path, key).json(&json!({ "input": { "fails": fails } }))).await;
    assert_eq!(status, 200, "{run}");
    run
}

async fn stats(server: &TestServer, key: &str, query: &str) -> Value {
    let (status, stats) = answer(server.get(&format!("/v1/stats?{query}"), key)).await;
    assert_eq!(status, 200, "{stats}");
    stats
}

/// What was counted by name: runs and failed runs.
fn named(stats: &Value) -> Vec<(&str, u64, u64)> {
    let item = |item: &'_ Value| {
        let number = |name: &str| item[name].as_u64().unwrap();
        (number("runs"), number("failed"))
    };
    let items = stats["items"].as_array().unwrap().iter();
    let mut named: Vec<_> = items
        .map(|of| {
            let (runs, failed) = item(of);
            (of["name"].as_str().unwrap_or_default(), runs, failed)
        })
        .collect();
    named.sort_unstable();
    named
}

#[tokio::test]
async fn runs_are_summed_by_what_is_asked() {
    let server = TestServer::start().await;
    server.publish("one", WORKFLOW).await;
    server.publish("two", WORKFLOW).await;
    let key = server.key(&["one"], &["run", "read"]).await;
    let mut tokens = 0;
    for fails in [false, false, true] {
        tokens += run(&server, "one", &key, fails).await["usage"]["tokens"].as_u64().unwrap();
    }
    run(&server, "two", ADMIN_KEY, false).await;

    let total = stats(&server, &key, "workflow=one").await;
    let item = &total["items"][0];
    assert_eq!((&item["runs"], &item["failed"]), (&json!(3), &json!(1)), "{total}");
    assert_eq!((&item["tokens"], &item["cost_unknown_runs"]), (&json!(tokens), &json!(0)));
    assert!((item["failure_rate"].as_f64().unwrap() - 1.0 / 3.0).abs() < 1e-9, "{total}");
    let [p50, p95, p99] = ["p50_ms", "p95_ms", "p99_ms"].map(|p| item[p].as_u64().unwrap());
    assert!(p50 <= p95 && p95 <= p99, "{total}");

    let by = async |by: &str| stats(&server, ADMIN_KEY, &format!("workflow=one&by={by}")).await;
    let key_id = key.split('_').nth(1).unwrap();
    assert_eq!(named(&by("state").await), [("failed", 1, 1), ("succeeded", 2, 0)]);
    assert_eq!(named(&by("version").await), [("1.0.0", 3, 1)]);
    assert_eq!(named(&by("key").await), [(key_id, 3, 1)]);
    assert_eq!(named(&by("code").await), [("code_error", 1, 1)]);
    assert_eq!(named(&by("node").await), [("boom", 1, 1)]);

    // The key's own workflows, or all.
    let own = stats(&server, &key, "by=workflow").await;
    assert_eq!(named(&own), [("one", 3, 1)]);
    let all = stats(&server, ADMIN_KEY, "by=workflow").await;
    assert_eq!(named(&all), [("one", 3, 1), ("two", 1, 0)]);
    let series = stats(&server, &key, "step=hour").await;
    assert!((24..=25).contains(&series["items"].as_array().unwrap().len()), "{series}");
    let runs = series["items"].as_array().unwrap().iter().map(|item| item["runs"].as_u64());
    assert_eq!(runs.sum::<Option<u64>>(), Some(3));
    let early = "workflow=one&from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z";
    assert_eq!(stats(&server, &key, early).await["items"][0]["runs"], 0);
}

/// A run that ends in another process, or after a restart, is counted once.
#[tokio::test]
async fn detached_runs_are_counted_once() {
    let server = TestServer::start().await;
    server.publish("one", WORKFLOW).await;
    let request = server.post("/v1/workflows/one/runs", ADMIN_KEY).json(&json!({}));
    let (status, run) = answer(request.header("prefer", "respond-async")).await;
    assert_eq!(status, 202, "{run}");
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    until(|| server.get(&path, ADMIN_KEY), |run| !run["ended_at"].is_null()).await;
    let counted = |stats: &Value| stats["items"][0]["runs"] == 1;
    until(|| server.get("/v1/stats?workflow=one", ADMIN_KEY), counted).await;
}

#[tokio::test]
async fn a_wrong_question_is_refused_by_its_name() {
    let server = TestServer::start().await;
    server.publish("one", WORKFLOW).await;
    let key = server.key(&["one"], &["read"]).await;
    for (query, status, said) in [
        ("workflow=two", 404, "workflow not found"),
        ("workflow=one&step=week", 400, "`step`"),
        ("workflow=one&by=user", 400, "`by`"),
        ("workflow=one&from=soon", 400, "`from`"),
        ("workflow=one&to=9", 400, "`to`"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", 400, "before `to`"),
        ("from=2020-01-01T00:00:00Z", 400, "92 days"),
        ("from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z&step=hour", 400, "744 steps"),
        ("bucket=hour", 400, "`bucket`"),
        ("workflow=one&from=0001-01-01T00:00:00Z&to=9999-12-30T22:00:00Z", 400, "92 days"),
    ] {
        let (got, problem) = answer(server.get(&format!("/v1/stats?{query}"), &key)).await;
        assert_eq!(got, status, "{query}: {problem}");
        assert!(problem.to_string().contains(said), "{query}: {problem}");
    }
    let caller = server.key(&["one"], &["run"]).await;
    assert_eq!(answer(server.get("/v1/stats?workflow=one", &caller)).await.0, 403);
}
