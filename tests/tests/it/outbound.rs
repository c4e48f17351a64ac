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
use flowgate_core::secret::{
    Keyring, Publisher, SecretInfo, SecretRecord, SecretRule, SecretUser, Secrets,
};
use flowgate_core::system::SystemClock;
use flowgate_core::time::Timestamp;
use flowgate_engine::call::{
    Action, Body as RequestBody, Call, CallError, CallOutput, CallResult, Chunk, HttpCall,
    ModelCall, ModelMessage, Piece, Rendered, RenderedUrl,
};
use flowgate_outbound::{CodeGroup, Outbound, OutboundSettings, OutgoingWebhook, Resolver};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

mod addresses;
mod model_calls;
pub(crate) mod spellings;
mod secret_rules;
mod vendors;
mod webhooks;

#[derive(Default)]
pub(crate) struct StoredSecrets {
    values: Mutex<HashMap<String, SecretRecord>>,
    reads: AtomicUsize,
}

#[async_trait]
impl Secrets for StoredSecrets {
    async fn keyring(&self, create: Keyring) -> anyhow::Result<Keyring> {
        Ok(create)
    }
    async fn replace_keyring(&self, _: &Keyring) -> anyhow::Result<bool> {
        Ok(false)
    }

    async fn put(&self, name: &str, secret: &SecretRecord, _: Timestamp) -> anyhow::Result<()> {
        self.values.lock().unwrap().insert(name.to_owned(), secret.clone());
        Ok(())
    }
    async fn get(&self, name: &str) -> anyhow::Result<Option<SecretRecord>> {
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

/// A version that the operator has published.
pub(crate) fn user() -> SecretUser {
    SecretUser { workflow_id: "w".into(), published_by: Publisher::Platform }
}

fn record(value: &str) -> SecretRecord {
    SecretRecord { value: value.into(), rule: SecretRule::default() }
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
    let values = stored.iter().map(|(name, value)| ((*name).to_owned(), record(value)));
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
            asked_at_ms: 0,
            needs_price: false,
            literal_keys: Arc::default(),
            workflow: 0,
        };
        let mut keep = |chunk| {
            if let Chunk::Text(text) = chunk {
                chunks.push(text);
            }
        };
        match self.outbound.perform(&call, &user(), &CodeGroup::new("test"), &mut keep).await {
            CallResult::Succeeded(output) => Ok(output),
            CallResult::Failed(error) => Err(error),
        }
    }

    async fn perform_as(&self, user: &SecretUser, action: Action) -> Result<Value, CallError> {
        let call = Call {
            action,
            input_hash: String::new(),
            delay: Duration::ZERO,
            timeout: Duration::from_secs(5),
            at_most_once: false,
            seed: 1,
            asked_at_ms: 0,
            needs_price: false,
            literal_keys: Arc::default(),
            workflow: 0,
        };
        match self.outbound.perform(&call, user, &CodeGroup::new("test"), &mut |_| {}).await {
            CallResult::Succeeded(output) => Ok(output.value),
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
    HttpCall { method: "GET".into(), url: RenderedUrl::of_author(url), ..HttpCall::default() }
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

fn model(model: &str, base_url: Option<String>, prompt: &str) -> ModelCall {
    ModelCall {
        model: model.into(),
        messages: vec![ModelMessage::system("Be brief."), ModelMessage::user(prompt)],
        // A provider's own key goes to the provider's own address alone.
        api_key: base_url.is_some().then(|| secret("", "OPENAI_API_KEY")),
        base_url: base_url.map(RenderedUrl::of_author),
        ..ModelCall::default()
    }
}

fn model_world() -> World {
    world_with_secrets(&[("OPENAI_API_KEY", "sk-secret-1234")])
}

fn webhook(url: &str) -> OutgoingWebhook {
    let own_headers = vec![
        ("content-type".into(), "application/json".into()),
        ("webhook-id".into(), "whd_1".into()),
    ];
    let token = vec![Piece::Value("Bearer of-the-caller".into())];
    OutgoingWebhook {
        method: "POST".into(),
        url: vec![Piece::Value(url.to_owned())],
        headers: vec![("authorization".into(), token)],
        own_headers,
        body: Some("{}".into()),
        ..OutgoingWebhook::default()
    }
}

#[tokio::test]
async fn a_request_goes_out_as_it_was_written() {
    let url = echo_server().await;
    let world = world_with_secrets(&[("TOKEN", "t-secret-1"), ("PLACE", "a b/c")]);
    let call = HttpCall {
        method: "post".into(),
        url: RenderedUrl(vec![
            Piece::Text(format!("{url}/x/")),
            Piece::Secret("PLACE".into()),
            Piece::Text("?a=1#fragment".into()),
        ]),
        query: vec![("q".into(), text("ä &")), ("n".into(), Rendered::Json(json!(3)))],
        headers: vec![
            ("Authorization".into(), secret("Bearer ", "TOKEN")),
            ("X-List".into(), text("one")),
        ],
        body: Some(RequestBody::Plain(Rendered::Object(vec![(
            "k".into(),
            Rendered::Array(vec![Rendered::Json(json!(1.5)), secret("", "TOKEN")]),
        )]))),
        ..HttpCall::default()
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
    assert_eq!(echoed["headers"]["accept-encoding"], "gzip, deflate");

    let own_type = HttpCall {
        method: "PUT".into(),
        headers: vec![("content-type".into(), text("text/csv"))],
        body: Some(RequestBody::Plain(text("a,b"))),
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
    world.secrets.put("LATER", &record("now it is there"), FixedClock.now()).await.unwrap();
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
        let mut error = world.http(get_from(format!("{url}/{status}?key=x"))).await.unwrap_err();
        assert_eq!(error.output.take().unwrap()["status"], status);
        let message = format!("GET {url}/{status} answered {status}");
        let nothing_happened = status == 429;
        assert_eq!(
            error,
            CallError {
                code: "http_status".into(),
                message,
                retryable,
                nothing_happened,
                ..CallError::default()
            }
        );
    }
    let found = world.http(get_from(format!("{url}/302"))).await.unwrap();
    assert_eq!(found["status"], 302, "a redirect to nowhere is an answer");
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
