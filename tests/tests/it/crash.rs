//! `kill -9` of a real process: every accepted run ends, and no recorded call is made again.

use std::path::Path;

use axum::http::StatusCode;
use flowgate_tests::process::Process;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, publish};
use serde_json::{Value, json};

use crate::fixture::until;

const RUNS: usize = 10;

/// Two sequential calls. The second one hangs until the receiver releases it.
fn two_calls(receiver: &str) -> String {
    format!(
        r#"
input: [{{ name: i, type: number }}]
nodes:
  - {{ id: first, type: http, url: "{receiver}/first/<api.i>" }}
  - {{ id: second, type: http, url: "{receiver}/second/<api.i>",
      query: {{ after: "<first.data.said>" }} }}
output: {{ said: <second.data.said> }}
"#
    )
}

async fn receiver() -> Receiver {
    Receiver::start(|request, _| {
        let said = |what: &str| json!({ "said": what }).to_string();
        if request.uri.path().starts_with("/first/") {
            Reply::Now(StatusCode::OK, said("one"))
        } else {
            Reply::WhenLetGo(StatusCode::OK, said("two"))
        }
    })
    .await
}

async fn start_detached(process: &Process, client: &reqwest::Client) -> Vec<String> {
    let mut ids = Vec::new();
    for i in 0..RUNS {
        let request = client
            .post(format!("{}/v1/workflows/calls/runs", process.url))
            .bearer_auth(ADMIN_KEY)
            .header("prefer", "respond-async");
        let answer = request.json(&json!({ "input": { "i": i } })).send().await.unwrap();
        assert_eq!(answer.status(), 202);
        let run: Value = answer.json().await.unwrap();
        ids.push(run["id"].as_str().unwrap().to_owned());
    }
    ids
}

async fn ended(process: &Process, client: &reqwest::Client, id: &str) -> Value {
    until(
        || client.get(format!("{}/v1/runs/{id}", process.url)).bearer_auth(ADMIN_KEY),
        |run| !run["ended_at"].is_null(),
    )
    .await
}

/// Kills and restarts `kills` times while all second calls hang. Returns how often each one went
/// out.
async fn survive(folder: &Path, kills: usize) {
    let (receiver, client) = (receiver().await, reqwest::Client::new());
    let mut process = Process::start(folder).await;
    publish(&client, &process.url, "calls", &two_calls(&receiver.url)).await;
    let ids = start_detached(&process, &client).await;
    for kill in 0..kills {
        if kill == 0 {
            receiver
                .until(|all| {
                    all.iter().filter(|request| request.uri.path().starts_with("/second/")).count()
                        == RUNS
                })
                .await;
        } else {
            // During the recovery: some calls are out again, others not yet.
            receiver
                .until(|all| {
                    all.iter().filter(|request| request.uri.path().starts_with("/second/")).count()
                        > RUNS * kill
                })
                .await;
        }
        process.kill().await;
        process = Process::start(folder).await;
    }
    receiver.let_go();
    for id in &ids {
        let run = ended(&process, &client, id).await;
        assert_eq!(
            (&run["status"], &run["output"]["said"]),
            (&json!("succeeded"), &json!("two")),
            "{run}"
        );
    }
    for i in 0..RUNS {
        assert_eq!(receiver.count(&format!("/first/{i}")), 1, "a recorded call is not repeated");
        let second = receiver.count(&format!("/second/{i}"));
        assert!(
            (1..=1 + kills).contains(&second),
            "{second} second calls of run {i} after {kills} kills"
        );
    }
}

#[tokio::test]
async fn ten_runs_survive_a_kill() {
    survive(tempfile::tempdir().unwrap().path(), 1).await;
}

#[tokio::test]
async fn ten_runs_survive_two_more_kills_during_recovery() {
    survive(tempfile::tempdir().unwrap().path(), 3).await;
}

#[tokio::test]
async fn an_attempt_that_has_failed_is_not_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_, before| match before {
        0 => Reply::Now(StatusCode::SERVICE_UNAVAILABLE, "{}".to_owned()),
        _ => Reply::WhenLetGo(StatusCode::OK, "{}".to_owned()),
    })
    .await;
    let client = reqwest::Client::new();
    let process = Process::start(folder.path()).await;
    let document = format!(
        "nodes: [{{ id: call, type: http, url: \"{}/call\", retry: {{ max_attempts: 3, backoff: \
         10ms }} }}]\n\
         output: {{ status: <call.status> }}\n",
        receiver.url
    );
    publish(&client, &process.url, "w", &document).await;
    let start = client
        .post(format!("{}/v1/workflows/w/runs", process.url))
        .bearer_auth(ADMIN_KEY)
        .header("prefer", "respond-async");
    let run: Value = start.json(&json!({})).send().await.unwrap().json().await.unwrap();
    let id = run["id"].as_str().unwrap();
    receiver.until(|all| all.len() == 2).await;
    process.kill().await;
    let process = Process::start(folder.path()).await;
    receiver.until(|all| all.len() == 3).await;
    receiver.let_go();
    assert_eq!(ended(&process, &client, id).await["status"], "succeeded");
    let trace = client.get(format!("{}/v1/runs/{id}/trace", process.url)).bearer_auth(ADMIN_KEY);
    let trace: Value = trace.send().await.unwrap().json().await.unwrap();
    let call =
        trace["nodes"].as_array().unwrap().iter().find(|node| node["node"] == "call").unwrap();
    assert_eq!(call["attempts"], 2, "the process was killed during the second attempt: {call}");
    assert_eq!(receiver.count("/call"), 3);
}

#[tokio::test]
async fn an_attached_run_is_interrupted_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, client) = (receiver().await, reqwest::Client::new());
    let process = Process::start(folder.path()).await;
    publish(&client, &process.url, "calls", &two_calls(&receiver.url)).await;
    let request = client
        .post(format!("{}/v1/workflows/calls/runs", process.url))
        .bearer_auth(ADMIN_KEY)
        .json(&json!({ "input": { "i": 1 } }));
    let waiting = tokio::spawn(request.send());
    receiver
        .until(|all| all.iter().any(|request| request.uri.path().starts_with("/second/")))
        .await;
    process.kill().await;
    assert!(waiting.await.unwrap().is_err());

    let process = Process::start(folder.path()).await;
    let runs: Value = client
        .get(format!("{}/v1/workflows/calls/runs", process.url))
        .bearer_auth(ADMIN_KEY)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let run = ended(&process, &client, runs["items"][0]["id"].as_str().unwrap()).await;
    assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failed"), &json!("interrupted")));
    assert_eq!(receiver.count("/second/1"), 1, "an attached run is not resumed");
}

#[tokio::test]
async fn a_node_that_may_run_once_is_interrupted_by_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, client) = (receiver().await, reqwest::Client::new());
    let process = Process::start(folder.path()).await;
    let document = two_calls(&receiver.url)
        .replace("{ id: second, type: http,", "{ id: second, type: http, at_most_once: true,");
    publish(&client, &process.url, "calls", &document).await;
    let ids = start_detached(&process, &client).await;
    receiver
        .until(|all| {
            all.iter().filter(|request| request.uri.path().starts_with("/second/")).count() == RUNS
        })
        .await;
    process.kill().await;

    let process = Process::start(folder.path()).await;
    receiver.let_go();
    for (i, id) in ids.iter().enumerate() {
        let run = ended(&process, &client, id).await;
        assert_eq!(
            (&run["status"], &run["error"]["code"], &run["error"]["node"]),
            (&json!("failed"), &json!("interrupted"), &json!("second"))
        );
        assert_eq!(receiver.count(&format!("/second/{i}")), 1);
    }
}
