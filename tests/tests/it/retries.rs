//! A call that failed goes out again: when, and whether it may.

use std::net::TcpListener;
use std::time::Duration;

use axum::http::StatusCode;
use flowgate_core::time::Timestamp;
use flowgate_tests::receiver::{Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use serde_json::{Value, json};

/// Fails at first, and then answers like a model of OpenAI, which http nodes take as text.
async fn upstream(status: u16, asks: &'static str) -> Receiver {
    let answer = "data: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"done\"}}]}\n\n\
                  data: {\"choices\": [{\"index\": 0, \"delta\": {}, \"finish_reason\": \
                  \"stop\"}]}\n\n\
                  data: [DONE]\n\n";
    Receiver::start(move |_, before| match before {
        0 => {
            let headers =
                if asks.is_empty() { vec![] } else { vec![("retry-after", asks.to_owned())] };
            Reply::With(StatusCode::from_u16(status).expect("a status"), headers, "busy".to_owned())
        }
        _ => Reply::With(
            StatusCode::OK,
            vec![("content-type", "text/event-stream".to_owned())],
            answer.to_owned(),
        ),
    })
    .await
}

fn http(url: &str, fields: &str) -> String {
    format!(
        "nodes: [{{ id: call, type: http, method: POST, url: \"{url}/x\", {fields} }}]\n\
         output: {{ data: <call.data> }}\n"
    )
}

fn agent(url: &str, fields: &str) -> String {
    format!(
        "nodes: [{{ id: call, type: agent, model: openai/gpt-4o, base_url: \"{url}/v1\", api_key: \
         x, prompt: hi, {fields} }}]\n\
         output: {{ data: <call.content> }}\n"
    )
}

/// The run, and how many attempts its node took.
async fn run(server: &TestServer, document: &str, prefer: &str) -> (Value, u64) {
    server.publish("w", document).await;
    let start =
        server.post("/v1/workflows/w/runs", ADMIN_KEY).header("prefer", prefer).json(&json!({}));
    let mut run: Value = start.send().await.unwrap().json().await.unwrap();
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap_or_else(|| panic!("{run}")));
    while run["ended_at"].is_null() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        run = server.get(&path, ADMIN_KEY).send().await.unwrap().json().await.unwrap();
    }
    let trace: Value =
        server.get(&format!("{path}/trace"), ADMIN_KEY).send().await.unwrap().json().await.unwrap();
    let node = trace["nodes"].as_array().unwrap().iter().find(|node| node["node"] == "call");
    (run, node.and_then(|node| node["attempts"].as_u64()).unwrap_or_else(|| panic!("{trace}")))
}

/// How long each attempt of the call waited before it went out, by the trace.
async fn waits(server: &TestServer, run: &Value) -> Vec<Duration> {
    let path = format!("/v1/runs/{}/trace", run["id"].as_str().unwrap());
    let trace: Value = server.get(&path, ADMIN_KEY).send().await.unwrap().json().await.unwrap();
    let node = trace["nodes"].as_array().unwrap().iter().find(|node| node["node"] == "call");
    let attempts = node.unwrap()["calls"][0]["attempts"].as_array().unwrap().iter();
    attempts
        .map(|attempt| {
            let at = |field: &str| Timestamp::parse_rfc3339(attempt[field].as_str().unwrap());
            at("started_at").unwrap().since(at("queued_at").unwrap())
        })
        .collect()
}

/// The times between the requests that came in.
fn pauses(receiver: &Receiver) -> Vec<Duration> {
    let received = receiver.received();
    received.windows(2).map(|two| two[1].at.duration_since(two[0].at)).collect()
}

const SOON: &str = "retry: { max_attempts: 2, backoff: 10ms }";

#[tokio::test]
async fn a_retry_comes_no_earlier_than_the_server_asks() {
    let server = TestServer::start().await;
    for (kind, status, prefer) in [
        (http as fn(&str, &str) -> String, 429, "wait=30"),
        (http, 503, "respond-async"),
        (agent, 429, "respond-async"),
        (agent, 503, "wait=30"),
    ] {
        let receiver = upstream(status, "1").await;
        let (run, attempts) = run(&server, &kind(&receiver.url, SOON), prefer).await;
        assert_eq!((&run["status"], attempts), (&json!("succeeded"), 2), "{run}");
        let [pause] = pauses(&receiver)[..] else { panic!("{:?}", receiver.received()) };
        assert!(pause >= Duration::from_secs(1), "{status} {prefer} {pause:?}");
        let waited = waits(&server, &run).await;
        assert_eq!(waited.len(), 2);
        assert!(waited[0] < Duration::from_secs(1), "{waited:?}");
        assert!(waited[1] >= Duration::from_secs(1), "{waited:?}");
    }
}

#[tokio::test]
async fn a_server_that_asks_for_more_than_five_minutes_is_not_waited_for() {
    let server = TestServer::start().await;
    let receiver = upstream(429, "301").await;
    let (run, attempts) = run(&server, &http(&receiver.url, SOON), "wait=30").await;
    assert_eq!(
        (&run["status"], &run["error"]["code"], attempts),
        (&json!("failed"), &json!("http_status"), 1),
        "{run}"
    );
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn a_call_that_may_go_out_once_goes_out_again_where_nothing_happened() {
    let server = TestServer::start().await;
    let once = format!("at_most_once: true, {SOON}");
    for prefer in ["wait=30", "respond-async"] {
        let receiver = upstream(429, "").await;
        let (ran, attempts) = run(&server, &http(&receiver.url, &once), prefer).await;
        assert_eq!(
            (&ran["status"], attempts, receiver.received().len()),
            (&json!("succeeded"), 2, 2),
            "{ran}"
        );

        let receiver = upstream(500, "").await;
        let (ran, attempts) = run(&server, &http(&receiver.url, &once), prefer).await;
        assert_eq!(
            (&ran["error"]["code"], attempts, receiver.received().len()),
            (&json!("http_status"), 1, 1),
            "{ran}"
        );

        let closed =
            TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap();
        let (ran, attempts) = run(&server, &http(&format!("http://{closed}"), &once), prefer).await;
        assert_eq!((&ran["error"]["code"], attempts), (&json!("connect"), 2), "{ran}");
    }
}
