//! Hostile callers, and secrets that must not leak anywhere.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use flowgate_tests::receiver::{Received, Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use serde_json::{Map, Value, json};

use crate::fixture::{answer, until};

const PLAIN: &str =
    "nodes: [{ id: draft, type: template, template: x }]\noutput: { o: <draft.content> }";

#[tokio::test]
async fn many_headers_and_many_selected_outputs_are_refused_at_once() {
    let server = TestServer::start().await;
    server.publish("plain", PLAIN).await;
    let key = server.key(&["plain"], &["run"]).await;
    let began = Instant::now();

    let headers: Map<String, Value> = (0..90_000).map(|n| (format!("h{n}"), json!(""))).collect();
    let webhooks = json!({ "webhooks": [{ "url": "https://example.com", "headers": headers }] });
    let (status, reply) =
        answer(server.post("/v1/workflows/plain/runs", &key).json(&webhooks)).await;
    assert_eq!(
        (status, &reply["detail"]),
        (400, &json!("webhooks[0].headers has 90000 headers, at most 50 are allowed"))
    );

    let webhook = json!({
        "input": {},
        "isAsync": true,
        "webhook": [{ "method": "POST", "url": "https://example.com", "headers": headers }]
    });
    let (status, reply) = answer(server.post("/v1/workflow/invoke", &key).json(&webhook)).await;
    assert_eq!(
        (status, &reply["message"]),
        (400, &json!("webhook[0].headers has 90000 headers, at most 50 are allowed"))
    );

    let selected: Vec<_> = (0..90_000).map(|n| format!("draft.a{n}")).collect();
    let body = json!({ "stream": true, "selectedOutputs": selected });
    let (status, reply) =
        answer(server.post("/api/workflows/plain/execute", &key).json(&body)).await;
    assert_eq!(
        (status, &reply["details"][0]["message"]),
        (400, &json!("has 90000 names, at most 100 are allowed"))
    );

    // Each of these kept a core busy for minutes.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    server.stop().await;
}

#[tokio::test]
async fn headers_of_ours_cannot_be_sent_in_our_name() {
    let server = TestServer::start().await;
    server.publish("plain", PLAIN).await;
    let key = server.key(&["plain"], &["run"]).await;
    for name in ["Flowgate-Event", "webhook-id", "Host"] {
        let body =
            json!({ "webhooks": [{ "url": "https://example.com", "headers": { name: "x" } }] });
        let (status, reply) =
            answer(server.post("/v1/workflows/plain/runs", &key).json(&body)).await;
        let detail = format!("webhooks[0].headers header {} may not be set", name.to_lowercase());
        assert_eq!((status, &reply["detail"]), (400, &json!(detail)));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_key_that_may_not_read_cannot_read_by_replaying() {
    let server = TestServer::start().await;
    server.publish("plain", PLAIN).await;
    let (run, both) =
        (server.key(&["plain"], &["run"]).await, server.key(&["plain"], &["run", "read"]).await);
    let started = answer(
        server.post("/v1/workflows/plain/runs", &run).json(&json!({ "input": { "a": "private" } })),
    )
    .await
    .1;
    let replay = format!("/v1/runs/{}/replay", started["id"].as_str().unwrap());
    let (status, reply) = answer(server.post(&replay, &run)).await;
    assert_eq!((status, &reply["detail"]), (403, &json!("the key does not have the scope `read`")));
    assert_eq!(answer(server.post(&replay, &both)).await.0, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_traceparent_comes_back() {
    const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let server = TestServer::start().await;
    for (sent, expected) in [(TRACEPARENT, Some(TRACEPARENT)), ("nonsense", None)] {
        let answer =
            server.get("/health", ADMIN_KEY).header("traceparent", sent).send().await.unwrap();
        assert_eq!(
            answer.headers().get("traceparent").map(|value| value.to_str().unwrap()),
            expected
        );
    }
    server.stop().await;
}

/// The log down to DEBUG. At TRACE the HTTP library logs the host of every connection.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Repeats the whole request, and also its header values word by word.
fn echo(request: &Received, _: usize) -> Reply {
    let headers: BTreeMap<_, _> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    let words: Vec<_> = headers.values().filter_map(|value| value.rsplit(' ').next()).collect();
    let body = String::from_utf8_lossy(&request.body);
    let echoed =
        json!({ "uri": request.uri.to_string(), "headers": headers, "words": words, "body": body });
    let status = if request.uri.path().starts_with("/fail") {
        StatusCode::NOT_FOUND
    } else {
        StatusCode::OK
    };
    Reply::Now(status, echoed.to_string())
}

#[tokio::test]
async fn no_secret_comes_out() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .with_writer(move || writer.clone());
    // The whole server runs on this one thread.
    let logging = tracing::subscriber::set_default(subscriber.finish());
    let everything = use_every_secret().await;
    drop(logging);
    let here = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    let logged = here + &everything.log_elsewhere;
    assert!(!logged.is_empty(), "the log was kept");
    for (place, text) in everything
        .places
        .iter()
        .map(|(place, text)| (place.as_str(), text.as_str()))
        .chain([("log", logged.as_str())])
    {
        for secret in &everything.secrets {
            let at = text.find(secret.as_str());
            assert!(
                at.is_none(),
                "{secret} in {place}: {}",
                &text[at.unwrap_or(0).saturating_sub(200)..]
            );
        }
    }
}

#[derive(Default)]
struct Everything {
    secrets: Vec<String>,
    places: Vec<(String, String)>,
    log_elsewhere: String,
}

async fn use_every_secret() -> Everything {
    let receiver = Receiver::start(echo).await;
    let server = TestServer::start().await;
    let base = &receiver.url;
    let mut all = Everything::default();
    let secrets = [
        ("TOKEN", "cnry-Token-7f3a9c".to_owned(), "cnry-Token-7f3a9c"),
        // A URL splits this at its punctuation. The end that stays whole is not hexadecimal, since
        // a request id could contain that by chance.
        ("PART", "cnry-Part/51bd?x canary-88e2".to_owned(), "canary-88e2"),
        ("HOST", "cnry-Host-20aa".to_owned(), "cnry-host-20aa"),
        ("WHOLE", format!("{base}/fail/cnry-Whole-c4d1?k=1 "), "cnry-Whole-c4d1"),
        ("SIGN", "cnry-Sign-90ef".to_owned(), "cnry-Sign-90ef"),
        ("OPENAI_API_KEY", "cnry-Model-66b0".to_owned(), "cnry-Model-66b0"),
        ("OPENAI_BASE_URL", format!("{base}/fail/v1"), "cnry-Model-66b0"),
    ];
    for (name, value, shown) in &secrets {
        let put = server
            .request(reqwest::Method::PUT, &format!("/v1/secrets/{name}"), ADMIN_KEY)
            .json(&json!({ "value": value }));
        assert_eq!(put.send().await.unwrap().status(), 204);
        all.secrets.push((*shown).to_owned());
    }
    let http = |url: &str| {
        json!({ "id": "a", "type": "http", "method": "POST", "url": url,
        "query": { "q": "{{PART}}" }, "headers": { "authorization": "Bearer {{TOKEN}}" }, "body": { "b": "{{TOKEN}}" } })
    };
    let hook = |url: &str| {
        json!({ "id": "w", "type": "webhook", "url": url,
        "headers": { "authorization": "Bearer {{TOKEN}}" }, "signature": "{{SIGN}}", "body": 1 })
    };
    let workflows = [
        (
            "good",
            json!([
                http(&format!("{base}/x/{{{{TOKEN}}}}/{{{{PART}}}}")),
                hook(&format!("{base}/hook/{{{{TOKEN}}}}"))
            ]),
        ),
        (
            "bad",
            json!([
                http(&format!("{base}/fail/{{{{PART}}}}")),
                hook(&format!("{base}/fail/{{{{PART}}}}"))
            ]),
        ),
        ("whole", json!([http("{{WHOLE}}")])),
        ("host", json!([http("https://{{HOST}}.invalid/x"), hook("https://{{HOST}}.invalid/x")])),
        (
            "model",
            json!([{
                "id": "a", "type": "agent", "model": "openai/gpt-5-mini", "prompt": "hello"
            }]),
        ),
    ];
    let key = server.key(&["*"], &["run", "read", "trace"]).await;
    all.secrets.extend([
        key.clone(),
        ADMIN_KEY.to_owned(),
        "cnry-Caller-19d7".to_owned(),
        "cnry-Flow-3c3c".to_owned(),
    ]);
    let mut runs = Vec::new();
    for (id, nodes) in &workflows {
        server
            .publish(id, &json!({ "name": id, "nodes": nodes, "output": { "o": 1 } }).to_string())
            .await;
        let signing =
            answer(server.get(&format!("/v1/workflows/{id}/signing-secret"), ADMIN_KEY)).await.1;
        all.secrets
            .push(signing["secrets"][0].as_str().unwrap().trim_start_matches("whsec_").to_owned());

        let webhook = json!({
            "method": "POST",
            "url": format!("{base}/done"),
            "headers": { "authorization": "Bearer cnry-Caller-19d7" }
        });
        let started = answer(
            server
                .post(&format!("/v1/workflows/{id}/runs"), &key)
                .json(&json!({ "webhooks": [webhook] })),
        )
        .await
        .1;
        runs.push(started["id"].as_str().unwrap().to_owned());
        all.places.push((format!("the run of {id}"), started.to_string()));
        let options = json!({ "global_webhook": {
            "url": format!("{base}/done"), "signature": "cnry-Flow-3c3c"
        } });
        let started = answer(
            server
                .post(&format!("/v1/flow/{id}/run"), &key)
                .json(&json!({ "run_options": options })),
        )
        .await
        .1;
        runs.push(started["run_id"].as_str().unwrap().to_owned());
        let stream = server
            .post(&format!("/api/workflows/{id}/execute"), &key)
            .json(&json!({ "stream": true, "selectedOutputs": ["a", "w"] }));
        all.places.push((
            format!("the stream of {id}"),
            stream.send().await.unwrap().text().await.unwrap(),
        ));
    }
    for run in &runs {
        let attempted = |deliveries: &Value| {
            deliveries["items"]
                .as_array()
                .unwrap()
                .iter()
                .all(|one| !one["attempts"].as_array().unwrap().is_empty())
        };
        until(|| server.get(&format!("/v1/runs/{run}"), &key), |run| run["ended_at"].is_string())
            .await;
        until(|| server.get(&format!("/v1/runs/{run}/deliveries"), &key), attempted).await;
        for part in ["", "/trace", "/events", "/deliveries"] {
            let text = server
                .get(&format!("/v1/runs/{run}{part}"), &key)
                .send()
                .await
                .unwrap()
                .text()
                .await
                .unwrap();
            all.places.push((format!("{part} of {run}"), text));
        }
    }
    let secrets = answer(server.get("/v1/secrets", ADMIN_KEY)).await.1;
    all.places.push(("the list of secrets".to_owned(), secrets.to_string()));
    all.log_elsewhere = server.log_elsewhere().await;
    server.stop().await;
    all
}
