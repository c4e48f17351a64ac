//! Limits of a key: starts per minute and concurrent runs, counted for every way to start, shown in
//! headers, and released.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::StatusCode;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::fixture::{answer, json_of, until};

const GREET: &str = "input: [{ name: name, type: string }]\n\
                     nodes: [{ id: say, type: template, template: 'Hello <api.name>' }]\n\
                     output: { said: <say.content> }\n";

/// Creates a key for all workflows, with all scopes but `admin`.
pub(crate) async fn limited_key(server: &TestServer, limits: Value) -> String {
    let request = json!({
        "name": "limited", "workflows": "*", "scopes": ["run", "read", "cancel"], "limits": limits
    });
    let (status, made) = answer(server.post("/v1/keys", ADMIN_KEY).json(&request)).await;
    assert_eq!(status, 201, "{made}");
    made["key"].as_str().unwrap().to_owned()
}

/// Returns `X-RateLimit-Limit`, `-Remaining` and `-Reset`, or `None` without these headers.
pub(crate) fn allowance(response: &Response) -> Option<[i64; 3]> {
    let number =
        |name: &str| Some(response.headers().get(name)?.to_str().unwrap().parse().unwrap());
    Some([
        number("x-ratelimit-limit")?,
        number("x-ratelimit-remaining")?,
        number("x-ratelimit-reset")?,
    ])
}

pub(crate) fn retry_after(response: &Response) -> u64 {
    response.headers()["retry-after"].to_str().unwrap().parse().unwrap()
}

fn greet(server: &TestServer, key: &str) -> RequestBuilder {
    server.post("/v1/workflows/greet/runs", key).json(&json!({ "input": { "name": "Ada" } }))
}

async fn runs_of(server: &TestServer, workflow: &str) -> usize {
    let (_, listed) =
        answer(server.get(&format!("/v1/workflows/{workflow}/runs?limit=100"), ADMIN_KEY)).await;
    listed["items"].as_array().unwrap().len()
}

/// A server whose workflow `call` hangs in its outside call until the receiver releases it.
async fn hanging() -> (TestServer, Receiver) {
    let receiver = Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "{}".to_owned())).await;
    let server = TestServer::start().await;
    let document = format!(
        "nodes: [{{ id: call, type: http, url: \"{}/\" }}]\noutput: {{ status: <call.status> }}\n",
        receiver.url
    );
    server.publish("call", &document).await;
    server.publish("greet", GREET).await;
    (server, receiver)
}

fn call(server: &TestServer, key: &str) -> RequestBuilder {
    server.post("/v1/workflows/call/runs", key).header("prefer", "respond-async")
}

#[tokio::test]
async fn a_burst_is_answered_then_refused_until_it_comes_back() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    let key = limited_key(&server, json!({ "requests_per_minute": 60, "burst": 2 })).await;
    let began = server.now().millis();
    for remaining in [1, 0] {
        let response = greet(&server, &key).send().await.unwrap();
        let [limit, left, reset] = allowance(&response).unwrap();
        assert_eq!((response.status().as_u16(), limit, left), (200, 2, remaining));
        assert!((reset - began / 1_000) <= 4, "whole seconds since 1970");
    }
    let refused = greet(&server, &key).send().await.unwrap();
    assert_eq!(
        (retry_after(&refused), allowance(&refused).unwrap()[..2].to_vec()),
        (1, vec![2, 0])
    );
    let (status, problem) = json_of(refused).await;
    assert_eq!((status, &problem["code"]), (429, &json!("rate_limited")));
    assert!(problem["detail"].as_str().unwrap().ends_with("try again in 1 s"), "{problem}");
    assert_eq!(runs_of(&server, "greet").await, 2, "nothing was made");

    let read = server.get("/v1/workflows/greet/runs", &key).send().await.unwrap();
    assert_eq!((read.status().as_u16(), allowance(&read)), (200, None), "reads are not limited");
    assert_eq!(allowance(&greet(&server, ADMIN_KEY).send().await.unwrap()), None);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(greet(&server, &key).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn many_at_once_start_the_burst_and_no_more() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    let key = limited_key(&server, json!({ "requests_per_minute": 1, "burst": 20 })).await;
    let mut tasks = JoinSet::new();
    for n in 0..50 {
        let prefer = if n % 2 == 0 { "wait=5" } else { "respond-async" };
        tasks.spawn(greet(&server, &key).header("prefer", prefer).send());
    }
    let refused = tasks
        .join_all()
        .await
        .into_iter()
        .filter(|response| response.as_ref().unwrap().status() == 429)
        .count();
    assert_eq!((refused, runs_of(&server, "greet").await), (30, 20));
}

#[tokio::test]
async fn every_way_to_start_counts_and_a_request_that_starts_nothing_does_not() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    let key = limited_key(&server, json!({ "requests_per_minute": 1, "burst": 4 })).await;
    let left = async |request: RequestBuilder| {
        allowance(&request.send().await.unwrap()).map(|[_, left, _]| left)
    };
    assert_eq!(
        left(server.post("/v1/workflows/greet/runs", &key).json(&json!({ "input": {} }))).await,
        None,
        "400"
    );
    assert_eq!(left(server.post("/v1/workflows/nothing/runs", &key)).await, None, "404");
    let first = greet(&server, &key).send().await.unwrap();
    assert_eq!(allowance(&first).unwrap()[1], 3);
    let run = first.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(left(greet(&server, &key).header("prefer", "respond-async")).await, Some(2));
    assert_eq!(left(greet(&server, &key).header("accept", "text/event-stream")).await, Some(1));
    assert_eq!(left(server.post(&format!("/v1/runs/{run}/replay"), &key)).await, Some(0));
    assert_eq!(
        server.post(&format!("/v1/runs/{run}/replay"), &key).send().await.unwrap().status(),
        429
    );
    assert_eq!(
        greet(&server, &key).header("accept", "text/event-stream").send().await.unwrap().status(),
        429
    );
}

#[tokio::test]
async fn a_repeated_request_counts_once() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    let key =
        limited_key(&server, json!({ "requests_per_minute": 1, "burst": 1, "concurrent_runs": 1 }))
            .await;
    let start =
        |idempotency_key: &str| greet(&server, &key).header("idempotency-key", idempotency_key);
    assert_eq!(start("k").send().await.unwrap().status(), 200);
    for prefer in ["wait=5", "respond-async"] {
        let again = start("k").header("prefer", prefer).send().await.unwrap();
        assert!(
            again.status().is_success() && again.headers()["idempotent-replayed"] == "true",
            "{again:?}"
        );
    }
    let stream = start("k").header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(
        (stream.status().as_u16(), stream.headers()["idempotent-replayed"].to_str().unwrap()),
        (200, "true")
    );
    let other = server
        .post("/v1/workflows/greet/runs", &key)
        .header("idempotency-key", "k")
        .json(&json!({ "input": { "name": "Bob" } }));
    assert_eq!(answer(other).await.0, 422);
    assert_eq!(answer(start("another")).await.0, 429);
}

#[tokio::test]
async fn runs_at_once_are_counted_until_they_end() {
    let (server, receiver) = hanging().await;
    let key =
        limited_key(&server, json!({ "requests_per_minute": 1_000, "concurrent_runs": 2 })).await;
    let (_, detached) = answer(call(&server, &key)).await;
    // Its caller disconnects: the run goes on and counts.
    let waiting = tokio::spawn(server.post("/v1/workflows/call/runs", &key).send());
    receiver.until(|all| all.len() == 2).await;
    waiting.abort();

    for request in [
        call(&server, &key),
        greet(&server, &key),
        greet(&server, &key).header("accept", "text/event-stream"),
    ] {
        let refused = request.send().await.unwrap();
        let [limit, left, _] = allowance(&refused).unwrap();
        assert_eq!((refused.status().as_u16(), limit, left, retry_after(&refused)), (429, 2, 0, 1));
    }
    assert_eq!(runs_of(&server, "call").await, 2, "nothing was made");
    // Refused starts took nothing: 998 of 1,000 are left, plus the refill since.
    let (_, limits) = answer(server.get("/api/users/me/usage-limits", &key)).await;
    assert!(limits["rateLimit"]["sync"]["remaining"].as_u64().unwrap() >= 998, "{limits}");

    let run = format!("/v1/runs/{}", detached["id"].as_str().unwrap());
    assert!(
        server.post(&format!("{run}/cancel"), &key).send().await.unwrap().status().is_success()
    );
    until(|| server.get(&run, &key), |run| run["status"] == "cancelled").await;
    assert_eq!(answer(greet(&server, &key)).await.0, 200, "a cancelled run has released its place");
    assert_eq!(
        answer(greet(&server, &key)).await.0,
        200,
        "an ended run releases its place before its answer"
    );
    let streamed = greet(&server, &key).header("accept", "text/event-stream").send().await.unwrap();
    assert!(streamed.text().await.unwrap().contains("run.finished"));

    assert_eq!(call(&server, &key).send().await.unwrap().status(), 202);
    assert_eq!(call(&server, &key).send().await.unwrap().status(), 429);
    receiver.let_go();
    until(
        || server.get("/v1/workflows/call/runs?status=succeeded", &key),
        |runs| runs["items"].as_array().unwrap().len() == 2,
    )
    .await;
    assert_eq!(call(&server, &key).send().await.unwrap().status(), 202);
}

#[tokio::test]
async fn limits_are_shown_kept_and_within_bounds() {
    let server = TestServer::start().await;
    let limits = json!({ "requests_per_minute": 60, "burst": 10, "concurrent_runs": 3 });
    limited_key(&server, limits.clone()).await;
    server.key(&["*"], &["run"]).await;
    let (_, listed) = answer(server.get("/v1/keys", ADMIN_KEY)).await;
    assert_eq!(
        (&listed["items"][0]["limits"], &listed["items"][1]["limits"]),
        (&limits, &Value::Null)
    );
    let path = format!("/v1/keys/{}/rotate", listed["items"][0]["id"].as_str().unwrap());
    assert_eq!(answer(server.post(&path, ADMIN_KEY)).await.1["limits"], limits);

    let wrong =
        json!({ "requests_per_minute": 0, "burst": 5_000_000_000_u64, "concurrent_runs": 10_001 });
    let request = json!({ "name": "k", "workflows": "*", "scopes": ["run"], "limits": wrong });
    let (status, problem) = answer(server.post("/v1/keys", ADMIN_KEY).json(&request)).await;
    assert_eq!(status, 400);
    assert_eq!(
        problem["errors"],
        json!([
            { "pointer": "/limits/requests_per_minute", "message": "must be 1 to 1000000" },
            { "pointer": "/limits/burst", "message": "must be 1 to 1000000" },
            { "pointer": "/limits/concurrent_runs", "message": "must be 1 to 200" },
        ])
    );
}

#[tokio::test]
async fn sims_usage_limits_are_those_of_the_key() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    let key = limited_key(&server, json!({ "requests_per_minute": 30, "burst": 2 })).await;
    let limits = async || {
        let response = server.get("/api/users/me/usage-limits", &key).send().await.unwrap();
        let shown = allowance(&response).unwrap();
        (shown, json_of(response).await.1["rateLimit"]["sync"].clone())
    };
    for (left, is_limited) in [(2, false), (1, false), (0, true)] {
        let (shown, mut sync) = limits().await;
        assert!(sync["resetAt"].take().as_str().unwrap().ends_with('Z'));
        assert_eq!(shown[..2], [2, left]);
        let expected = json!({
            "isLimited": is_limited,
            "limit": 30,
            "requestsPerMinute": 30,
            "maxBurst": 2,
            "remaining": left,
            "resetAt": null
        });
        assert_eq!(sync, expected);
        server
            .request(Method::POST, "/api/workflows/greet/execute", &key)
            .json(&json!({ "name": "Ada" }))
            .send()
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn what_is_noted_belongs_to_one_request() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    let mut keys = Vec::new();
    for burst in [10, 20, 30] {
        keys.push((
            burst,
            limited_key(&server, json!({ "requests_per_minute": 1, "burst": burst })).await,
        ));
    }
    let mut tasks = JoinSet::new();
    for (burst, key) in keys.iter().cycle().take(15) {
        let request = greet(&server, key);
        let burst = *burst;
        tasks.spawn(async move { (burst, allowance(&request.send().await.unwrap()).unwrap()) });
    }
    let mut most = BTreeMap::new();
    for (burst, [limit, remaining, _]) in tasks.join_all().await {
        assert_eq!(limit, burst);
        let taken = burst - remaining;
        assert!((1..=5).contains(&taken), "{taken} of {burst}");
        let so_far = most.entry(burst).or_insert(taken);
        *so_far = taken.max(*so_far);
    }
    // A request that was sent first and counted second has its own time: two may say the same.
    assert_eq!(most, BTreeMap::from([(10, 5), (20, 5), (30, 5)]));
    assert_eq!(allowance(&greet(&server, ADMIN_KEY).send().await.unwrap()), None);
}

#[tokio::test]
async fn a_start_refused_for_its_run_id_says_what_it_left() {
    let server = TestServer::start().await;
    server.publish("greet", GREET).await;
    let key = limited_key(&server, json!({ "requests_per_minute": 1, "burst": 9 })).await;
    let execute = || {
        let request = server.request(Method::POST, "/api/workflows/greet/execute", &key);
        request.header("x-execution-id", "mine").json(&json!({ "name": "Ada" })).send()
    };
    let (first, second) = (execute().await.unwrap(), execute().await.unwrap());
    assert_eq!((first.status().as_u16(), allowance(&first).unwrap()[1]), (200, 8));
    assert_eq!((second.status().as_u16(), allowance(&second).unwrap()[1]), (409, 7));
}
