//! Many runs again, by a job.

use std::collections::BTreeMap;
use std::time::Duration;

use flowgate_tests::process::Process;
use flowgate_tests::server::{ADMIN_KEY, TestServer, issue_key, publish};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use super::Models;
use crate::fixture::{answer, until};

const RUNS: usize = 500;

/// Starts failing runs, and waits for their ends.
async fn fail(client: &Client, url: &str, runs: usize) {
    for _ in 0..runs {
        let start = client.post(format!("{url}/v1/workflows/w/runs")).bearer_auth(ADMIN_KEY);
        let (status, run) = answer(start.header("prefer", "respond-async")).await;
        assert_eq!(status, 202, "{run}");
    }
    until_all(client, url, "failed", runs).await;
}

/// Waits until so many runs are in this state. Returns all of them.
async fn until_all(client: &Client, url: &str, state: &str, runs: usize) -> Vec<Value> {
    for _ in 0..900 {
        let all = list(client, url).await;
        if all.iter().filter(|run| run["status"] == *state).count() >= runs {
            return all;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("{runs} runs did not become {state}")
}

async fn list(client: &Client, url: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let next = cursor.map_or(String::new(), |cursor| format!("&cursor={cursor}"));
        let page = format!("{url}/v1/workflows/w/runs?limit=100{next}");
        let (_, mut page) = answer(client.get(page).bearer_auth(ADMIN_KEY)).await;
        all.append(page["items"].as_array_mut().unwrap());
        let Some(next) = page["next_cursor"].as_str() else { return all };
        cursor = Some(next.to_owned());
    }
}

/// As long as it goes on: a step that a kill cut is due again after a minute.
async fn until_done(get: impl Fn() -> RequestBuilder) -> Value {
    until_asked(async || answer(get()).await.1, |job| !job["ended_at"].is_null()).await
}

async fn until_asked<T>(ask: impl AsyncFn() -> T, enough: impl Fn(&T) -> bool) -> T {
    for _ in 0..900 {
        let last = ask().await;
        if enough(&last) {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("it did not come in time")
}

/// Each failed run began again once.
fn check_once(all: &[Value], runs: usize) {
    let mut origins: BTreeMap<&str, usize> = BTreeMap::new();
    for origin in all.iter().filter_map(|run| run["origin"].as_str()) {
        *origins.entry(origin).or_default() += 1;
    }
    assert_eq!(origins.len(), runs);
    assert!(origins.values().all(|count| *count == 1), "{origins:?}");
}

#[tokio::test]
async fn five_hundred_runs_go_on_from_their_failed_node() {
    let (server, models) = (TestServer::start().await, Models::refusing().await);
    let client = Client::new();
    server.publish("w", &models.document()).await;
    fail(&client, &server.url, RUNS).await;
    models.answer();
    let path = "/v1/workflows/w/runs/replay";
    let (status, job) =
        answer(server.post(path, ADMIN_KEY).json(&json!({ "state": "failed" }))).await;
    assert_eq!((status, &job["kind"]), (202, &json!("replay")), "{job}");
    let job_path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
    let job = until_done(|| server.get(&job_path, ADMIN_KEY)).await;
    assert_eq!(job["progress"], json!({ "done": RUNS, "failed": 0, "total": RUNS }), "{job}");
    assert_eq!(job["status"], "done");
    let all = until_all(&client, &server.url, "succeeded", RUNS).await;
    check_once(&all, RUNS);
    assert_eq!(models.asked(), [RUNS, RUNS, 2 * RUNS, RUNS, RUNS]);
    let (status, problem) = answer(server.post(&format!("{job_path}/cancel"), ADMIN_KEY)).await;
    assert_eq!((status, &problem["code"]), (409, &json!("job_ended")));
}

#[tokio::test]
async fn a_job_and_its_runs_survive_kills() {
    const KILLED: usize = 80;
    let (folder, models) = (tempfile::tempdir().unwrap(), Models::refusing().await);
    let client = Client::new();
    let mut process = Process::start(folder.path()).await;
    publish(&client, &process.url, "w", &models.document()).await;
    fail(&client, &process.url, KILLED).await;
    models.answer();
    let begin = client.post(format!("{}/v1/workflows/w/runs/replay", process.url));
    let (_, job) = answer(begin.bearer_auth(ADMIN_KEY).json(&json!({ "state": "failed" }))).await;
    let job = job["id"].as_str().unwrap().to_owned();
    for kill in 1..=3 {
        let calls = || async { models.receiver.received().len() };
        until_asked(calls, |calls| *calls >= 3 * KILLED + 60 * kill).await;
        process.kill().await;
        process = Process::start(folder.path()).await;
    }
    let url = process.url.clone();
    let get = || client.get(format!("{url}/v1/jobs/{job}")).bearer_auth(ADMIN_KEY);
    let job = until_done(get).await;
    assert_eq!(job["progress"], json!({ "done": KILLED, "failed": 0, "total": KILLED }), "{job}");
    let all = until_all(&client, &url, "succeeded", KILLED).await;
    check_once(&all, KILLED);
    let [first, second, rest @ ..] = models.asked();
    assert_eq!([first, second], [KILLED; 2], "what was taken over is not made again");
    // In flight at a kill.
    assert!(rest[0] >= 2 * KILLED && rest[1] >= KILLED && rest[2] >= KILLED, "{rest:?}");
    process.kill().await;
}

#[tokio::test]
async fn a_job_keeps_to_the_limits_of_its_key_and_can_be_cancelled() {
    let (server, models) = (TestServer::start().await, Models::refusing().await);
    let client = Client::new();
    server.publish("w", &models.document()).await;
    fail(&client, &server.url, 10).await;
    models.answer();
    let limits = json!({ "requests_per_minute": 3, "burst": 3 });
    let key = json!({
        "name": "k", "workflows": ["w"], "scopes": ["run", "read", "cancel"], "limits": limits
    });
    let (status, key) = answer(server.post("/v1/keys", ADMIN_KEY).json(&key)).await;
    assert_eq!(status, 201, "{key}");
    let key = key["key"].as_str().unwrap();
    let (status, job) = answer(server.post("/v1/workflows/w/runs/replay", key)).await;
    assert_eq!(status, 202, "{job}");
    let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
    let begun = until(|| server.get(&path, key), |job| job["progress"]["done"] == 3).await;
    assert_eq!((&begun["status"], &begun["progress"]["total"]), (&json!("running"), &json!(10)));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (_, later) = answer(server.get(&path, key)).await;
    assert_eq!(later["progress"]["done"], 3, "{later}");
    let (status, problem) = answer(server.post("/v1/workflows/w/runs/replay", key)).await;
    assert_eq!((status, &problem["code"]), (409, &json!("already_replaying")), "{problem}");
    // Neither a key of another workflow nor one that may not cancel.
    let other = issue_key(&client, &server.url, &["x"], &["run", "read", "cancel"]).await;
    let reader = issue_key(&client, &server.url, &["w"], &["run", "read"]).await;
    assert!([403, 404].contains(&answer(server.get(&path, &other)).await.0));
    assert_eq!(answer(server.post(&format!("{path}/cancel"), &reader)).await.0, 403);
    let (status, cancelled) = answer(server.post(&format!("{path}/cancel"), key)).await;
    assert_eq!((status, &cancelled["status"]), (200, &json!("cancelled")));
    assert_eq!(answer(server.post("/v1/workflows/w/runs/replay", key)).await.0, 202);
}

#[tokio::test]
async fn a_job_passes_over_tries_unless_it_is_for_the_draft() {
    let server = TestServer::start().await;
    server.publish("w", "nodes: [{ id: a, type: template, template: x }]").await;
    let runs = "/v1/workflows/w/runs";
    let pinned = json!({ "pins": { "a": { "content": "y" } } });
    let starts = [
        server.post(runs, ADMIN_KEY),
        server.post(&format!("{runs}?version=draft"), ADMIN_KEY),
        server.post(runs, ADMIN_KEY).json(&json!({ "until": "a" })),
        server.post(runs, ADMIN_KEY).json(&pinned),
    ];
    for start in starts {
        assert_eq!(answer(start).await.0, 200);
    }
    for (body, begun) in [(json!({}), 1), (json!({ "version": "draft" }), 5)] {
        let replay = server.post(&format!("{runs}/replay"), ADMIN_KEY).json(&body);
        let (status, job) = answer(replay).await;
        assert_eq!(status, 202, "{job}");
        let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
        let job = until_done(|| server.get(&path, ADMIN_KEY)).await;
        assert_eq!(job["progress"], json!({ "done": begun, "failed": 0, "total": begun }));
    }
}

#[tokio::test]
async fn what_a_job_cannot_do_is_refused_at_once() {
    let server = TestServer::start().await;
    server.publish("w", "nodes: [{ id: a, type: template, template: x }]").await;
    let path = "/v1/workflows/w/runs/replay";
    let body = json!({ "state": "running", "created_from": "yesterday", "more": 1 });
    let (status, problem) = answer(server.post(path, ADMIN_KEY).json(&body)).await;
    assert_eq!((status, problem["errors"].as_array().unwrap().len()), (400, 3), "{problem}");
    for body in [json!({ "version": "9.9.9" }), json!({ "version": "1.0.0", "from": "b" })] {
        let (status, problem) = answer(server.post(path, ADMIN_KEY).json(&body)).await;
        assert_eq!((status, problem["errors"].as_array().unwrap().len()), (400, 1), "{problem}");
    }
    assert_eq!(answer(server.post("/v1/workflows/v/runs/replay", ADMIN_KEY)).await.0, 404);
    // Without a version each run has its own: those that lack the node fail, one by one.
    answer(server.post("/v1/workflows/w/runs", ADMIN_KEY)).await;
    let (_, job) = answer(server.post(path, ADMIN_KEY).json(&json!({ "from": "b" }))).await;
    let job_path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
    let job = until_done(|| server.get(&job_path, ADMIN_KEY)).await;
    assert_eq!(
        job["progress"],
        json!({ "done": 0, "failed": 1, "last_failure": "/from `b` names no node", "total": 1 })
    );
}
