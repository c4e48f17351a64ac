//! The run protocol from outside: what must hold however a run changes its owner.

use std::time::Duration;

use axum::http::StatusCode;
use flowgate_tests::process::Process;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer, publish};
use serde_json::{Value, json};

use crate::fixture::{answer, until};

fn one_call(receiver: &Receiver, fields: &str) -> String {
    format!(
        "nodes: [{{ id: call, type: http, url: \"{}/call\"{fields} }}]\n\
         output: {{ status: <call.status> }}\n",
        receiver.url
    )
}

async fn hanging() -> Receiver {
    Receiver::start(|_, _| Reply::WhenLetGo(StatusCode::OK, "{}".to_owned())).await
}

async fn ended(server: &TestServer, run: &str) -> Value {
    until(|| server.get(&format!("/v1/runs/{run}"), ADMIN_KEY), |run| !run["ended_at"].is_null())
        .await
}

async fn only_run(server: &TestServer, workflow: &str) -> String {
    let runs = server.get(&format!("/v1/workflows/{workflow}/runs"), ADMIN_KEY);
    answer(runs).await.1["items"][0]["id"].as_str().unwrap().to_owned()
}

/// This must hold even if the request arrives between the worker's claim and its first call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_is_felt_at_once_however_early_it_comes() {
    let receiver = hanging().await;
    let server = TestServer::start().await;
    server.publish("w", &one_call(&receiver, "")).await;
    let start_and_cancel = async || {
        let (_, run) = answer(
            server.post("/v1/workflows/w/runs", ADMIN_KEY).header("prefer", "respond-async"),
        )
        .await;
        let id = run["id"].as_str().unwrap().to_owned();
        answer(server.post(&format!("/v1/runs/{id}/cancel"), ADMIN_KEY)).await;
        id
    };
    for _ in 0..20 {
        let ids = futures_util::future::join_all((0..20).map(|_| start_and_cancel())).await;
        let began = std::time::Instant::now();
        for id in ids {
            assert_eq!(ended(&server, &id).await["status"], "cancelled");
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn the_workflows_webhook_hears_of_a_run_that_a_crash_ended() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|request, _| match request.uri.path() {
        "/call" => Reply::WhenLetGo(StatusCode::OK, "{}".to_owned()),
        _ => Reply::Now(StatusCode::OK, "{}".to_owned()),
    })
    .await;
    let client = reqwest::Client::new();
    let process = Process::start(folder.path()).await;
    let document = format!(
        "input: [{{ name: who, type: string }}]\n{}webhook: {{ url: \"{}/done/<api.who>\" }}\n",
        one_call(&receiver, ""),
        receiver.url
    );
    publish(&client, &process.url, "w", &document).await;
    let start = client
        .post(format!("{}/v1/workflows/w/runs", process.url))
        .bearer_auth(ADMIN_KEY)
        .json(&json!({ "input": { "who": "ada" } }));
    let waiting = tokio::spawn(start.send());
    receiver.until(|all| all.len() == 1).await;
    process.kill().await;
    assert!(waiting.await.unwrap().is_err());

    let _process = Process::start(folder.path()).await;
    receiver.until(|all| all.len() == 2).await;
    let hook = &receiver.received()[1];
    let body: Value = serde_json::from_slice(&hook.body).unwrap();
    assert_eq!(
        (hook.uri.path(), &body["status"], &body["error"]["code"]),
        ("/done/ada", &json!("failed"), &json!("interrupted"))
    );
}

#[tokio::test]
async fn a_stop_hands_over_the_run_of_a_caller_who_has_gone() {
    let receiver = hanging().await;
    let server =
        TestServer::start_with(|settings| settings.drain = Duration::from_millis(200)).await;
    server.publish("w", &one_call(&receiver, "")).await;
    let waiting = tokio::spawn(server.post("/v1/workflows/w/runs", ADMIN_KEY).send());
    receiver.until(|all| all.len() == 1).await;
    waiting.abort();
    assert!(waiting.await.is_err());
    let run = only_run(&server, "w").await;
    let server = server.restart().await;
    receiver.until(|all| all.len() == 2).await;
    receiver.let_go();
    assert_eq!(ended(&server, &run).await["status"], "succeeded");
}

/// Nothing crashed: a call that is open when the caller's wait ends is neither repeated nor
/// abandoned.
#[tokio::test]
async fn a_call_outlives_its_callers_wait() {
    let receiver = hanging().await;
    let server =
        TestServer::start_with(|settings| settings.drain = Duration::from_millis(100)).await;
    for (workflow, fields) in [("plain", ""), ("once", ", at_most_once: true")] {
        server.publish(workflow, &one_call(&receiver, fields)).await;
    }
    let mut runs = Vec::new();
    for workflow in ["plain", "once"] {
        let (status, run) = answer(
            server
                .post(&format!("/v1/workflows/{workflow}/runs"), ADMIN_KEY)
                .header("prefer", "wait=1"),
        )
        .await;
        assert_eq!((status, &run["status"]), (202, &json!("running")), "{run}");
        runs.push(run["id"].as_str().unwrap().to_owned());
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    receiver.let_go();
    for run in &runs {
        let run = ended(&server, run).await;
        assert_eq!(
            (&run["status"], &run["output"]),
            (&json!("succeeded"), &json!({ "status": 200 })),
            "{run}"
        );
        let events = server
            .get(&format!("/v1/runs/{}/events", run["id"].as_str().unwrap()), ADMIN_KEY)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert_eq!(events.matches("event: node.started").count(), 3, "{events}");
    }
    assert_eq!(receiver.count("/call"), 2);
}

#[tokio::test]
async fn a_key_lists_the_workflows_it_names() {
    let server = TestServer::start().await;
    for id in ["a", "b", "c"] {
        server.publish(id, "nodes: [{ id: say, type: template, template: hi }]\n").await;
    }
    let key = server.key(&["a", "c"], &["author"]).await;
    let (status, listed) = answer(server.get("/v1/workflows", &key)).await;
    let ids: Vec<_> =
        listed["items"].as_array().into_iter().flatten().map(|item| item["id"].clone()).collect();
    assert_eq!((status, ids), (200, vec![json!("a"), json!("c")]));
    let key = server.key(&["a", "c"], &["run"]).await;
    assert_eq!(answer(server.get("/v1/workflows", &key)).await.0, 403);
}
