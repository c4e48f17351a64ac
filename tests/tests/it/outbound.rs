//! Outbound calls to real servers on loopback: http nodes, models, webhooks, and the address rule.

#![expect(clippy::unwrap_used, reason = "tests panic when they fail")]

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use flowgate_core::clock::Clock;
use flowgate_core::secret::{Keyring, SecretInfo, Secrets};
use flowgate_core::system::SystemClock;
use flowgate_core::time::Timestamp;
use flowgate_engine::call::{
    Action, Call, CallError, CallOutput, CallResult, Chunk, HttpCall, ModelCall, ModelMessage,
    ModelRole, Piece, Rendered,
};
use flowgate_outbound::{CodeSession, Outbound, OutboundSettings, PreparedWebhook, Resolver};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[derive(Default)]
pub(crate) struct StoredSecrets {
    values: Mutex<HashMap<String, String>>,
    reads: AtomicUsize,
}

#[async_trait]
impl Secrets for StoredSecrets {
    async fn keyring(&self, create: Keyring) -> anyhow::Result<Keyring> {
        Ok(create)
    }
    async fn put(&self, name: &str, value: &str, _: Timestamp) -> anyhow::Result<()> {
        self.values.lock().unwrap().insert(name.to_owned(), value.to_owned());
        Ok(())
    }
    async fn get(&self, name: &str) -> anyhow::Result<Option<String>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        Ok(self.values.lock().unwrap().get(name).cloned())
    }
    async fn list(&self) -> anyhow::Result<Vec<SecretInfo>> {
        Ok(Vec::new())
    }
    async fn delete(&self, name: &str) -> anyhow::Result<bool> {
        Ok(self.values.lock().unwrap().remove(name).is_some())
    }
}

pub(crate) struct FixedClock;

#[async_trait]
impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_758_765_323_024)
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

/// Resolves every name to loopback, except the named ones.
struct Names;

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let address = match name {
            "metadata.example" => "169.254.169.254",
            "private.example" => "10.0.0.1",
            "gone.example" => return Err(io::Error::other("no such name")),
            _ => "127.0.0.1",
        };
        Ok(vec![address.parse().unwrap()])
    }
}

struct World {
    outbound: Outbound,
    secrets: Arc<StoredSecrets>,
}

/// The settings of `serve`: loopback is allowed.
fn world() -> World {
    world_with(OutboundSettings { allow_loopback: true, ..OutboundSettings::default() }, &[])
}

fn world_with(settings: OutboundSettings, stored: &[(&str, &str)]) -> World {
    let secrets = Arc::new(StoredSecrets::default());
    let values = stored.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    *secrets.values.lock().unwrap() = values.collect();
    let outbound =
        Outbound::with_resolver(settings, secrets.clone(), Arc::new(FixedClock), Arc::new(Names));
    World { outbound, secrets }
}

fn world_with_secrets(stored: &[(&str, &str)]) -> World {
    world_with(OutboundSettings { allow_loopback: true, ..OutboundSettings::default() }, stored)
}

impl World {
    async fn perform(
        &self,
        action: Action,
        timeout: Duration,
        chunks: &mut Vec<String>,
    ) -> Result<CallOutput, CallError> {
        let call = Call {
            action,
            input_hash: String::new(),
            delay: Duration::ZERO,
            timeout,
            at_most_once: false,
            seed: 1,
        };
        let mut keep = |Chunk::Text(text)| chunks.push(text);
        match self.outbound.perform(&call, &CodeSession::default(), &mut keep).await {
            CallResult::Succeeded(output) => Ok(output),
            CallResult::Failed(error) => Err(error),
        }
    }

    async fn http(&self, call: HttpCall) -> Result<Value, CallError> {
        let output =
            self.perform(Action::Http(call), Duration::from_secs(5), &mut Vec::new()).await;
        output.map(|output| output.value)
    }

    /// Returns the answer and its chunks.
    async fn model(&self, call: ModelCall) -> (Result<CallOutput, CallError>, Vec<String>) {
        let mut chunks = Vec::new();
        let result = self.perform(Action::Model(call), Duration::from_secs(5), &mut chunks).await;
        (result, chunks)
    }
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// Reads a request's head, writes these pieces with a pause between them, and closes.
async fn serve_raw(pieces: Vec<(Duration, Vec<u8>)>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let pieces = pieces.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = socket.read(&mut request).await;
                for (wait, piece) in pieces {
                    tokio::time::sleep(wait).await;
                    if socket.write_all(&piece).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn text(text: impl Into<String>) -> Rendered {
    Rendered::Json(Value::String(text.into()))
}

fn secret(before: &str, name: &str) -> Rendered {
    Rendered::Text(vec![Piece::Text(before.to_owned()), Piece::Secret(name.to_owned())])
}

fn get_from(url: impl Into<String>) -> HttpCall {
    HttpCall {
        method: "GET".into(),
        url: text(url),
        query: Vec::new(),
        headers: Vec::new(),
        body: None,
    }
}

/// Repeats each request in its answer.
async fn echo_server() -> String {
    async fn echo(request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let headers: HashMap<_, _> = parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        let echoed = json!({
            "method": parts.method.as_str(),
            "uri": parts.uri.to_string(),
            "headers": headers,
            "body": String::from_utf8_lossy(&body)
        });
        ([(header::CONTENT_TYPE, "application/json")], echoed.to_string()).into_response()
    }
    serve(Router::new().fallback(any(echo))).await
}

#[tokio::test]
async fn a_request_goes_out_as_it_was_written() {
    let url = echo_server().await;
    let world = world_with_secrets(&[("TOKEN", "t-secret-1"), ("PLACE", "a b/c")]);
    let call = HttpCall {
        method: "post".into(),
        url: Rendered::Text(vec![
            Piece::Text(format!("{url}/x/")),
            Piece::Secret("PLACE".into()),
            Piece::Text("?a=1#fragment".into()),
        ]),
        query: vec![("q".into(), text("ä &")), ("n".into(), Rendered::Json(json!(3)))],
        headers: vec![
            ("Authorization".into(), secret("Bearer ", "TOKEN")),
            ("X-List".into(), text("one")),
        ],
        body: Some(Rendered::Object(vec![(
            "k".into(),
            Rendered::Array(vec![Rendered::Json(json!(1.5)), secret("", "TOKEN")]),
        )])),
    };
    let answer = world.http(call).await.unwrap();
    assert_eq!(answer["status"], 200);
    assert_eq!(answer["headers"]["content-type"], "application/json");
    let echoed = &answer["data"];
    assert_eq!(echoed["method"], "POST");
    assert_eq!(echoed["uri"], "/x/***?a=1&q=%C3%A4+%26&n=3");
    assert_eq!(echoed["body"], "{\"k\":[1.5,\"***\"]}", "what comes back is masked");
    assert_eq!(echoed["headers"]["authorization"], "Bearer ***");
    assert_eq!(echoed["headers"]["content-type"], "application/json");
    assert!(echoed["headers"].get("accept-encoding").is_none());

    let own_type = HttpCall {
        method: "PUT".into(),
        headers: vec![("content-type".into(), text("text/csv"))],
        body: Some(text("a,b")),
        ..get_from(&url)
    };
    let echoed = world.http(own_type).await.unwrap();
    assert_eq!(
        (&echoed["data"]["body"], &echoed["data"]["headers"]["content-type"]),
        (&json!("a,b"), &json!("text/csv"))
    );
}

#[tokio::test]
async fn a_secret_is_read_once_and_one_that_is_missing_is_named() {
    let url = echo_server().await;
    let world = world_with_secrets(&[("TOKEN", "t-secret-1")]);
    let call =
        |name| HttpCall { headers: vec![("x-token".into(), secret("", name))], ..get_from(&url) };
    for _ in 0..3 {
        world.http(call("TOKEN")).await.unwrap();
    }
    assert_eq!(world.secrets.reads.load(Ordering::SeqCst), 1);
    let missing = world.http(call("LATER")).await.unwrap_err();
    assert_eq!(
        (missing.code.as_str(), missing.message.as_str(), missing.retryable),
        ("unknown_secret", "there is no secret LATER", false)
    );
    world.secrets.put("LATER", "now it is there", FixedClock.now()).await.unwrap();
    world.http(call("LATER")).await.unwrap();
    world.outbound.forget_secret("TOKEN");
    world.http(call("TOKEN")).await.unwrap();
    assert_eq!(world.secrets.reads.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_status_of_failure_is_one_without_the_query() {
    let router = Router::new().route(
        "/{status}",
        get(async |uri: Uri| StatusCode::from_bytes(&uri.path().as_bytes()[1..]).unwrap()),
    );
    let url = serve(router).await;
    let world = world();
    for (status, retryable) in [
        (400, false),
        (401, false),
        (404, false),
        (408, true),
        (425, true),
        (429, true),
        (500, true),
        (503, true),
    ] {
        let error = world.http(get_from(format!("{url}/{status}?key=x"))).await.unwrap_err();
        let message = format!("GET {url}/{status} answered {status}");
        let nothing_happened = status == 429;
        assert_eq!(
            error,
            CallError {
                code: "http_status".into(),
                message,
                retryable,
                nothing_happened,
                retry_after_ms: None
            }
        );
    }
    let found = world.http(get_from(format!("{url}/302"))).await.unwrap();
    assert_eq!(found["status"], 302, "a redirect is an answer");
}

#[tokio::test]
async fn redirects_are_never_followed() {
    let hits = Arc::new(AtomicUsize::new(0));
    let counted = hits.clone();
    let inside = serve(
        Router::new().fallback(async move || counted.fetch_add(1, Ordering::SeqCst).to_string()),
    )
    .await;
    for location in ["http://169.254.169.254/latest/meta-data/".to_owned(), inside] {
        let router = Router::new().fallback(move || async move {
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)])
        });
        let url = serve(router).await;
        let world = world();
        assert_eq!(world.http(get_from(&url)).await.unwrap()["status"], 307);
        let outcome = world.outbound.send_webhook(webhook(&url)).await;
        assert_eq!((outcome.status, outcome.error), (Some(307), None));
    }
    assert_eq!(hits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn forbidden_addresses_are_never_called() {
    let (serving, strict) = (world(), world_with(OutboundSettings::default(), &[]));
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let local = port.local_addr().unwrap().port();
    let refused = async |world: &World, url: &str| world.http(get_from(url)).await.unwrap_err();
    for url in [
        "https://metadata.example/",
        "https://private.example/",
        "http://169.254.169.254/",
        "https://10.0.0.1/",
        "http://[::ffff:169.254.169.254]/",
    ] {
        let error = refused(&serving, url).await;
        assert_eq!((error.code.as_str(), error.retryable), ("refused_address", false), "{url}");
        assert!(!error.message.contains("169.254") || url.contains("169.254"), "{}", error.message);
        assert!(serving.outbound.check_resolved(url).await.is_err(), "{url}");
        let outcome = serving.outbound.send_webhook(webhook(url)).await;
        assert!(outcome.refused && outcome.status.is_none(), "{url}: {outcome:?}");
    }
    for url in [
        format!("https://2130706433:{local}/"),
        format!("http://localhost:{local}/"),
        format!("https://rebound.example:{local}/"),
    ] {
        assert_eq!(refused(&strict, &url).await.code, "refused_address", "{url}");
    }
    assert!(
        serving.outbound.check_resolved("https://gone.example/").await.is_ok(),
        "it may be there later"
    );
    let unresolved = refused(&serving, "https://gone.example/").await;
    assert_eq!((unresolved.code.as_str(), unresolved.retryable), ("connect", true));
    for url in [
        "http://public.example/",
        "ftp://public.example/",
        "not a url",
        "https://user:pass@public.example/",
    ] {
        assert_eq!(refused(&serving, url).await.code, "invalid_url", "{url}");
    }
    let waited = tokio::time::timeout(Duration::from_millis(100), port.accept()).await;
    assert!(waited.is_err(), "somebody connected");
}

#[tokio::test]
async fn headers_of_others_are_refused() {
    let url = echo_server().await;
    let check = async |name: &str, value: &str| {
        world()
            .http(HttpCall { headers: vec![(name.into(), text(value))], ..get_from(&url) })
            .await
            .unwrap_err()
            .code
    };
    assert_eq!(check("Host", "inside").await, "forbidden_header");
    assert_eq!(check("Webhook-Signature", "v1,x").await, "forbidden_header");
    assert_eq!(check("x-a", "1\r\nhost: inside").await, "invalid_header");
    assert_eq!(check("x-a: 1\r\nb", "1").await, "invalid_header");
    assert_eq!(
        world()
            .http(HttpCall { method: "CONNECT".into(), ..get_from(&url) })
            .await
            .unwrap_err()
            .code,
        "invalid_method"
    );
}

#[tokio::test]
async fn answers_are_capped_in_size_and_time() {
    let big = |length: usize| Response::new(Body::from(vec![b'x'; length]));
    let endless = || {
        Response::new(Body::from_stream(futures_util::stream::repeat(Ok::<
            _,
            std::convert::Infallible,
        >(
            Bytes::from_static(&[b'x'; 65536]),
        ))))
    };
    let router = Router::new()
        .route("/fits", get(async move || big(4 * 1024 * 1024)))
        .route("/large", get(async move || big(4 * 1024 * 1024 + 1)))
        .route("/endless", get(async move || endless()));
    let url = serve(router).await;
    let world = world();
    assert_eq!(
        world.http(get_from(format!("{url}/fits"))).await.unwrap()["data"].as_str().unwrap().len(),
        4 * 1024 * 1024
    );
    for path in ["large", "endless"] {
        let error = world.http(get_from(format!("{url}/{path}"))).await.unwrap_err();
        assert_eq!((error.code.as_str(), error.retryable), ("value_too_large", false), "{path}");
    }

    let mut drip =
        vec![(Duration::ZERO, b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n".to_vec())];
    drip.extend((0..100).map(|_| (Duration::from_millis(100), vec![b'x'])));
    let silent = vec![(Duration::from_secs(60), Vec::new())];
    for pieces in [drip, silent] {
        let address = serve_raw(pieces).await;
        let started = Instant::now();
        let error = world
            .perform(
                Action::Http(get_from(format!("http://{address}/"))),
                Duration::from_secs(1),
                &mut Vec::new(),
            )
            .await
            .unwrap_err();
        assert_eq!((error.code.as_str(), error.retryable), ("timeout", true));
        assert!(started.elapsed() < Duration::from_secs(2));
    }
}

#[tokio::test]
async fn broken_connections_may_be_tried_again() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = world().http(get_from(format!("http://{closed}/"))).await.unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.retryable, error.nothing_happened),
        ("connect", true, true)
    );
    let cut = serve_raw(vec![(
        Duration::ZERO,
        b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf".to_vec(),
    )])
    .await;
    let error = world().http(get_from(format!("http://{cut}/"))).await.unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.retryable, error.nothing_happened),
        ("connection_lost", true, false)
    );
    let nowhere = world().http(get_from("https://gone.example/")).await.unwrap_err();
    assert_eq!(
        (nowhere.code.as_str(), nowhere.retryable, nowhere.nothing_happened),
        ("connect", true, false)
    );
}

#[tokio::test]
async fn what_a_busy_server_asks_to_wait_is_kept() {
    let answer = async |uri: Uri| {
        let (status, rest) = uri.path()[1..].split_once('/').unwrap();
        let asks = rest.split('/').next().unwrap();
        (
            StatusCode::from_bytes(status.as_bytes()).unwrap(),
            [(header::RETRY_AFTER, asks.replace('_', " "))],
        )
    };
    let url = serve(Router::new().fallback(any(answer))).await;
    // Four seconds from the clock's now, cut to whole ones.
    let date = "Thu,_25_Sep_2025_01:55:27_GMT";
    for (path, wait) in [
        ("429/7".to_owned(), Some(7_000)),
        (format!("503/{date}"), Some(3_976)),
        ("500/7".to_owned(), None),
    ] {
        let error = world().http(get_from(format!("{url}/{path}"))).await.unwrap_err();
        assert_eq!(error.retry_after_ms, wait, "{path}");
        let (result, _) = model_world()
            .model(model("openai/gpt-4o", Some(format!("{url}/{path}/v1")), "x"))
            .await;
        let error = result.unwrap_err();
        assert_eq!((error.code.as_str(), error.retryable), ("model_error", true));
        assert_eq!(
            (error.retry_after_ms, error.nothing_happened),
            (wait, path.starts_with("429")),
            "{path}"
        );
    }
}

fn webhook(url: &str) -> PreparedWebhook {
    let headers = vec![
        ("content-type".into(), "application/json".into()),
        ("webhook-id".into(), "whd_1".into()),
        ("authorization".into(), "Bearer of-the-caller".into()),
    ];
    PreparedWebhook { method: "POST".into(), url: url.to_owned(), headers, body: Some("{}".into()) }
}

#[tokio::test]
async fn a_webhook_reports_what_came_back() {
    async fn receive(headers: HeaderMap, body: String) -> Response {
        let text = format!(
            "{} {} {body}",
            headers["webhook-id"].to_str().unwrap(),
            headers["authorization"].to_str().unwrap()
        );
        (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "7")], text).into_response()
    }
    let url = serve(
        Router::new().route("/", post(receive)).route("/big", post(async || "é".repeat(1 << 20))),
    )
    .await;
    let world = world_with_secrets(&[("HOOK", "hook-secret")]);
    let outcome = world.outbound.send_webhook(webhook(&url)).await;
    assert_eq!(
        (outcome.status, outcome.retry_after, outcome.answer.as_str()),
        (Some(503), Some(Duration::from_secs(7)), "whd_1 *** {}")
    );
    let outcome = world.outbound.send_webhook(webhook(&format!("{url}/big"))).await;
    assert_eq!((outcome.status, outcome.error, outcome.answer.len()), (Some(200), None, 4096));
    let filled =
        world.outbound.fill(&[Piece::Text("k=".into()), Piece::Secret("HOOK".into())]).await;
    assert_eq!(filled.unwrap(), "k=hook-secret");
}

/// The paused clock advances while all tasks wait, so the 20 s do not pass for real.
#[tokio::test(start_paused = true)]
async fn a_webhook_ends_after_20_seconds() {
    let mut drip =
        vec![(Duration::ZERO, b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n".to_vec())];
    drip.extend((0..1000).map(|_| (Duration::from_secs(1), vec![b'x'])));
    let address = serve_raw(drip).await;
    let outcome = world().outbound.send_webhook(webhook(&format!("http://{address}/"))).await;
    assert_eq!(outcome.error.as_deref(), Some("no whole answer within 20 s"));
    assert!((20_000..20_500).contains(&outcome.duration_ms), "{}", outcome.duration_ms);
}

fn model(model: &str, base_url: Option<String>, prompt: &str) -> ModelCall {
    ModelCall {
        model: model.into(),
        messages: vec![
            ModelMessage { role: ModelRole::System, content: "Be brief.".into() },
            ModelMessage { role: ModelRole::User, content: prompt.into() },
        ],
        temperature: None,
        max_tokens: None,
        schema: None,
        base_url: base_url.map(text),
        api_key: None,
        echo_delay: Duration::ZERO,
    }
}

fn sse(frames: &[Value], end: &str) -> Response {
    let mut body: String = frames.iter().map(|frame| format!("data: {frame}\n\n")).collect();
    body.push_str(end);
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

fn delta(content: &str) -> Value {
    json!({
        "id": "c",
        "object": "chat.completion.chunk",
        "choices": [{ "index": 0, "delta": { "content": content }, "finish_reason": null }]
    })
}

fn end_frames() -> [Value; 2] {
    [
        json!({ "id": "c", "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] }),
        json!({
            "id": "c",
            "choices": [],
            "usage": { "prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100 }
        }),
    ]
}

fn said(words: &[&str]) -> Response {
    let frames: Vec<_> = words.iter().map(|word| delta(word)).chain(end_frames()).collect();
    sse(&frames, "data: [DONE]\n\n")
}

/// An upstream that speaks OpenAI's protocol. The request's path selects its answer.
async fn upstream(seen: Arc<Mutex<Vec<Value>>>) -> String {
    let handler = async move |request: Request| {
        let key = request
            .headers()
            .get("authorization")
            .map(|key| key.to_str().unwrap().to_owned())
            .unwrap_or_default();
        let path = request.uri().path().to_owned();
        let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        seen.lock().unwrap().push(json!({ "key": key, "path": path, "body": body }));
        match path.split('/').nth(1).unwrap() {
            "says" => said(&["Once ", "upon", " a time"]),
            "cut" => sse(&[delta("Once ")], ""),
            "error-in-200" => axum::Json(
                json!({ "error": { "message": "quota is gone", "type": "insufficient_quota" } }),
            )
            .into_response(),
            "error-in-stream" => sse(
                &[
                    delta("Once "),
                    json!({ "error": { "message": "overloaded", "type": "server_error" } }),
                ],
                "",
            ),
            "unauthorized" => (
                StatusCode::UNAUTHORIZED,
                axum::Json(json!({ "error": { "message": format!("Incorrect API key: {key}") } })),
            )
                .into_response(),
            "busy" => (StatusCode::TOO_MANY_REQUESTS, "slow down").into_response(),
            "moved" => {
                (StatusCode::FOUND, [(header::LOCATION, "http://169.254.169.254/")]).into_response()
            }
            "leaks" => said(&["your key is sk-sec", "ret-", "1234, right?"]),
            "json" => said(&["{\"title\":", "\"Ada\",\"words\":3}"]),
            "not-json" => said(&["I would say three"]),
            "garbage" => sse(&[], "data: {not json}\n\n"),
            other => panic!("{other}"),
        }
    };
    serve(Router::new().fallback(any(handler))).await
}

fn model_world() -> World {
    world_with_secrets(&[("OPENAI_API_KEY", "sk-secret-1234")])
}

#[tokio::test]
async fn a_model_streams_and_is_counted() {
    let seen = Arc::default();
    let url = upstream(Arc::clone(&seen)).await;
    let call = ModelCall {
        temperature: Some(0.5),
        ..model("openai/gpt-5-mini", Some(format!("{url}/says/v1")), "A story")
    };
    let (result, chunks) = model_world().model(call).await;
    let output = result.unwrap();
    assert_eq!(chunks, ["Once ", "upon", " a time"]);
    assert_eq!(
        output.value,
        json!({
            "content": "Once upon a time",
            "model": "openai/gpt-5-mini",
            "tokens": { "input": 1000, "output": 100, "total": 1100 },
            "tool_calls": [],
            "cost": 0.00045
        })
    );
    assert_eq!((output.tokens, output.cost_nano_usd), (Some(1100), Some(450_000)));
    let seen = seen.lock().unwrap();
    assert_eq!(
        (&seen[0]["key"], &seen[0]["path"]),
        (&json!("Bearer sk-secret-1234"), &json!("/says/v1/chat/completions"))
    );
    assert_eq!(seen[0]["body"]["model"], "gpt-5-mini");
    assert_eq!(seen[0]["body"]["stream"], true);
    assert_eq!(seen[0]["body"]["messages"][1], json!({ "role": "user", "content": "A story" }));
}

#[tokio::test]
async fn where_a_model_is_comes_from_secrets_too() {
    let seen = Arc::default();
    let url = upstream(Arc::clone(&seen)).await;
    let world = world_with_secrets(&[
        ("MINE_BASE_URL", &format!("{url}/says/v1/")),
        ("MINE_API_KEY", "mine-key"),
        ("OTHER_KEY", "other-key"),
    ]);
    let (result, _) = world.model(model("mine/any/model", None, "x")).await;
    let output = result.unwrap();
    assert_eq!(
        (&output.value["cost"], output.cost_nano_usd),
        (&Value::Null, None),
        "an unknown price is not 0"
    );
    let own_key =
        ModelCall { api_key: Some(secret("", "OTHER_KEY")), ..model("mine/m", None, "x") };
    world.model(own_key).await.0.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(
        (&seen[0]["key"], &seen[0]["body"]["model"]),
        (&json!("Bearer mine-key"), &json!("any/model"))
    );
    assert_eq!(seen[1]["key"], "Bearer other-key");
}

#[tokio::test]
async fn a_model_that_fails_says_so() {
    let url = upstream(Arc::default()).await;
    let check = async |path: &str| {
        let (result, chunks) = model_world()
            .model(model("openai/gpt-4o", Some(format!("{url}/{path}/v1/")), "x"))
            .await;
        let error = result.unwrap_err();
        (format!("{}: {}", error.code, error.message), error.retryable, chunks.concat())
    };
    let outcome = |message: &str, retryable: bool, chunks: &str| {
        (message.to_owned(), retryable, chunks.to_owned())
    };
    assert_eq!(
        check("cut").await,
        outcome("model_stream_cut: openai stopped before the end of its answer", true, "Once ")
    );
    assert_eq!(
        check("error-in-200").await,
        outcome("model_stream_cut: openai stopped before the end of its answer", true, "")
    );
    assert_eq!(
        check("error-in-stream").await,
        outcome("model_error: openai answered: overloaded", true, "Once ")
    );
    assert_eq!(
        check("unauthorized").await,
        outcome("model_error: openai answered 401: Incorrect API key: Bearer ***", false, "")
    );
    assert_eq!(
        check("busy").await,
        outcome("model_error: openai answered 429: slow down", true, "")
    );
    assert_eq!(check("moved").await, outcome("model_error: openai answered 302: ", false, ""));
    assert_eq!(
        check("garbage").await,
        outcome("model_error: openai sent an answer that cannot be parsed", true, "")
    );
}

#[tokio::test]
async fn a_key_never_comes_back() {
    let url = upstream(Arc::default()).await;
    let (result, chunks) =
        model_world().model(model("openai/gpt-4o", Some(format!("{url}/leaks/v1/")), "x")).await;
    assert_eq!(chunks.concat(), "your key is ***, right?");
    assert_eq!(result.unwrap().value["content"], "your key is ***, right?");
}

#[tokio::test]
async fn a_schema_brings_its_fields() {
    let url = upstream(Arc::default()).await;
    let schema = json!({
        "type": "object",
        "properties": { "title": { "type": "string" }, "words": { "type": "integer" } },
        "required": ["title", "words"],
        "additionalProperties": false
    });
    let ask = async |path: &str| {
        let call = ModelCall {
            schema: Some(schema.clone()),
            ..model("openai/gpt-4o", Some(format!("{url}/{path}/v1/")), "x")
        };
        model_world().model(call).await.0
    };
    let output = ask("json").await.unwrap();
    assert_eq!(
        (&output.value["title"], &output.value["words"], &output.value["content"]),
        (&json!("Ada"), &json!(3), &json!("{\"title\":\"Ada\",\"words\":3}"))
    );
    let error = ask("not-json").await.unwrap_err();
    assert_eq!((error.code.as_str(), error.retryable), ("schema_mismatch", true));
}

#[tokio::test]
async fn a_model_needs_a_key_a_name_and_an_allowed_address() {
    let check = async |world: World, call| world.model(call).await.0.unwrap_err();
    let missing = check(world(), model("openai/gpt-4o", None, "x")).await;
    assert_eq!(
        (missing.code.as_str(), missing.message.as_str()),
        ("unknown_secret", "there is no secret OPENAI_API_KEY")
    );
    assert_eq!(check(world(), model("nobody/x", None, "x")).await.code, "unknown_model");
    assert_eq!(check(world(), model("gpt-4o", None, "x")).await.code, "unknown_model");
    for url in
        ["http://169.254.169.254/v1/", "https://10.0.0.1/v1/", "https://metadata.example/v1/"]
    {
        let error = check(model_world(), model("openai/gpt-4o", Some(url.into()), "x")).await;
        assert_eq!((error.code.as_str(), error.retryable), ("refused_address", false), "{url}");
    }
    let strict = world_with(OutboundSettings::default(), &[("OPENAI_API_KEY", "sk-1")]);
    assert_eq!(
        check(strict, model("openai/gpt-4o", Some("http://127.0.0.1:9/".into()), "x")).await.code,
        "refused_address"
    );
}

#[tokio::test]
async fn echo_says_the_prompt_word_by_word() {
    let started = Instant::now();
    let call = ModelCall {
        echo_delay: Duration::from_millis(50),
        ..model("offline/echo", None, " Hello  big\nworld ")
    };
    let (result, chunks) = world().model(call).await;
    let output = result.unwrap();
    assert_eq!(chunks, [" Hello  ", "big\n", "world "]);
    assert_eq!(output.value["content"], " Hello  big\nworld ");
    assert_eq!(output.value["tokens"], json!({ "input": 5, "output": 3, "total": 8 }));
    assert_eq!((&output.value["cost"], output.cost_nano_usd), (&json!(0.0), Some(0)));
    assert!(started.elapsed() >= Duration::from_millis(100));
    assert_eq!(
        world().model(model("offline/other", None, "x")).await.0.unwrap_err().code,
        "unknown_model"
    );
}
