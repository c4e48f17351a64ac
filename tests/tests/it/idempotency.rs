//! A thousand concurrent starts with one `Idempotency-Key`: one run, and every caller gets its
//! answer or must retry.

use std::collections::HashSet;
use std::time::Duration;

use axum::http::StatusCode;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::fixture::{answer, json_of};

const CONCURRENT: usize = 1_000;

/// A workflow whose only outside call is slow.
async fn server() -> (TestServer, Receiver) {
    let receiver = Receiver::start(|_, _| {
        Reply::After(Duration::from_millis(500), StatusCode::OK, "{}".to_owned())
    })
    .await;
    let server = TestServer::start().await;
    let document = format!(
        "input: [{{ name: n, type: number }}]\n\
         nodes: [{{ id: call, type: http, url: \"{}/\" }}]\n\
         output: {{ n: <api.n>, status: <call.status> }}\n",
        receiver.url
    );
    server.publish("w", &document).await;
    (server, receiver)
}

fn start(server: &TestServer, n: u32) -> RequestBuilder {
    server
        .post("/v1/workflows/w/runs", ADMIN_KEY)
        .header("idempotency-key", "one")
        .json(&json!({ "input": { "n": n } }))
}

async fn all_concurrent(request: impl Fn() -> RequestBuilder, times: usize) -> Vec<Response> {
    let mut tasks = JoinSet::new();
    for _ in 0..times {
        tasks.spawn(request().send());
    }
    tasks.join_all().await.into_iter().map(|response| response.expect("an answer")).collect()
}

fn is_replayed(response: &Response) -> bool {
    response.headers().get("idempotent-replayed").is_some_and(|value| value == "true")
}

/// Checks for one run, one call, and no other body under the key.
async fn one_run(server: &TestServer, receiver: &Receiver) -> String {
    receiver.until(|all| !all.is_empty()).await;
    let (_, listed) = answer(server.get("/v1/workflows/w/runs", ADMIN_KEY)).await;
    let runs = listed["items"].as_array().unwrap();
    assert_eq!((runs.len(), receiver.count("/")), (1, 1));
    for prefer in ["wait=5", "respond-async"] {
        let (status, problem) = answer(start(server, 2).header("prefer", prefer)).await;
        assert_eq!((status, &problem["code"]), (422, &json!("idempotency_mismatch")));
    }
    let stream = start(server, 2).header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(stream.status(), 422);
    runs[0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_who_wait() {
    let (server, receiver) = server().await;
    let (mut begun, mut replayed, mut must_retry) = (Vec::new(), Vec::new(), 0);
    for response in all_concurrent(|| start(&server, 1), CONCURRENT).await {
        let is_replayed = is_replayed(&response);
        let retry_after =
            response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        match json_of(response).await {
            (200, run) if is_replayed => replayed.push(run),
            (200, run) => begun.push(run),
            (409, problem) => {
                assert_eq!(
                    (&problem["code"], retry_after.as_deref()),
                    (&json!("still_running"), Some("1"))
                );
                must_retry += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((begun.len(), replayed.len() + must_retry), (1, CONCURRENT - 1));
    assert!(replayed.iter().all(|run| *run == begun[0]), "the same answer");
    assert_eq!(begun[0]["id"], one_run(&server, &receiver).await);
    let again = start(&server, 1).send().await.unwrap();
    assert!(is_replayed(&again));
    assert_eq!(json_of(again).await, (200, begun.remove(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_who_do_not_wait() {
    let (server, receiver) = server().await;
    let (mut ids, mut begun) = (HashSet::new(), 0);
    for response in
        all_concurrent(|| start(&server, 1).header("prefer", "respond-async"), CONCURRENT).await
    {
        begun += usize::from(!is_replayed(&response));
        let (status, run) = json_of(response).await;
        assert_eq!(status, 202, "{run}");
        ids.insert(run["id"].as_str().unwrap().to_owned());
    }
    assert_eq!((begun, ids), (1, HashSet::from([one_run(&server, &receiver).await])));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_stream() {
    let (server, receiver) = server().await;
    let responses =
        all_concurrent(|| start(&server, 1).header("accept", "text/event-stream"), 100).await;
    assert_eq!(responses.iter().filter(|response| !is_replayed(response)).count(), 1);
    let mut finished = HashSet::new();
    for response in responses {
        assert_eq!(response.status(), 200);
        let frames = response.text().await.unwrap();
        let last = frames
            .split("event: run.finished\nid: 1-4294967295\ndata: ")
            .nth(1)
            .unwrap_or_else(|| panic!("{frames}"));
        finished.insert(
            serde_json::from_str::<Value>(last.trim()).unwrap()["id"].as_str().unwrap().to_owned(),
        );
    }
    assert_eq!(finished, HashSet::from([one_run(&server, &receiver).await]));
}

/// Without outside calls a run is one write at its end, and all other requests find it.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_runs_that_need_nothing_are_one() {
    let server = TestServer::start().await;
    server
        .publish(
            "w",
            "input: [{ name: n, type: number }]\n\
             nodes: [{ id: say, type: template, template: '<api.n>' }]\n\
             output: { said: <say.content> }\n",
        )
        .await;
    let responses = all_concurrent(|| start(&server, 1), CONCURRENT).await;
    assert_eq!(responses.iter().filter(|response| !is_replayed(response)).count(), 1);
    let mut answers = HashSet::new();
    for response in responses {
        let (status, run) = json_of(response).await;
        assert_eq!(status, 200);
        answers.insert(run.to_string());
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answer(start(&server, 2)).await.0, 422);
}
