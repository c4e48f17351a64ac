//! API Gateway: forwards a request to its function and returns the answer, buffered or streamed.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Limited};
use serde_json::Value;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::gateway_response::{Refusal, refuse};
use crate::invocation::{Failure, Outcome};
use crate::pool::MAX_EVENT_BYTES;
use crate::proxy_event;
use crate::routes::{Match, Routes};
use crate::runtime_api::Pools;

/// API Gateway's limit.
const MAX_REQUEST_BYTES: usize = 10 * 1024 * 1024;
/// API Gateway ends a stream that is silent for this long.
const SILENCE: Duration = Duration::from_secs(300);
/// Separates the prelude of a streamed answer from its body.
const DELIMITER: [u8; 8] = [0; 8];
/// A longer prelude is invalid.
const MAX_PRELUDE_BYTES: usize = 64 * 1024;

#[derive(Clone)]
pub(crate) struct Gateway {
    pub(crate) routes: Arc<Routes>,
    pub(crate) pools: Pools,
    /// How long a caller waits while all processes of a function are busy. Lambda itself has a
    /// thousand and does not wait.
    pub(crate) patience: Duration,
}

pub(crate) async fn answer(State(gateway): State<Gateway>, request: Request) -> Response<Body> {
    let request_id = Uuid::new_v4().to_string();
    let answered = gateway.pass_through(request, &request_id).await;
    let mut response =
        answered.unwrap_or_else(|refusal| refuse(&gateway.routes.responses, refusal, &request_id));
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

impl Gateway {
    async fn pass_through(
        &self,
        request: Request,
        request_id: &str,
    ) -> Result<Response<Body>, Refusal> {
        let (parts, body) = request.into_parts();
        let path = self.path_within_stage(parts.uri.path()).ok_or(Refusal::Forbidden)?.to_owned();
        let found = self
            .routes
            .find(parts.method.as_str(), &path)
            .ok_or(Refusal::MissingAuthenticationToken)?;
        let body = Limited::new(body, MAX_REQUEST_BYTES)
            .collect()
            .await
            .map_err(|_| Refusal::RequestTooLarge)?
            .to_bytes();
        let content_type = parts
            .headers
            .get("content-type")
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        let binary = self.routes.is_binary(content_type);
        let request = proxy_event::Request {
            parts: &parts,
            body: &body,
            stage: &self.routes.stage,
            path: &path,
            binary,
            request_id,
        };
        let event = Bytes::from(proxy_event::event(&request, &found).to_string());
        if event.len() > MAX_EVENT_BYTES {
            return Err(Refusal::RequestTooLarge);
        }
        self.invoke(&found, event).await
    }

    async fn invoke(&self, found: &Match<'_>, event: Bytes) -> Result<Response<Body>, Refusal> {
        let integration = found.integration;
        let pool = self.pools.get(&integration.function).ok_or(Refusal::Misconfigured)?.clone();
        let name = integration.function.as_str();
        let patience = self.patience;
        // Runs in its own task: a caller who disconnects does not end its request.
        let invoked = tokio::spawn(async move { pool.invoke(event, patience).await });
        let answered = async {
            let outcome = invoked
                .await
                .map_err(|_| Refusal::Misconfigured)?
                .map_err(|failure| refusal(&failure))?;
            if integration.streamed { streamed(outcome).await } else { buffered(outcome).await }
        };
        let answered = tokio::time::timeout(integration.timeout, answered)
            .await
            .unwrap_or(Err(Refusal::IntegrationTimeout));
        answered.inspect_err(|refusal| eprintln!("{name}: its answer is {refusal:?}"))
    }

    /// Returns `None` for a path outside the stage.
    fn path_within_stage<'a>(&self, path: &'a str) -> Option<&'a str> {
        let rest = path.strip_prefix('/')?.strip_prefix(self.routes.stage.as_str())?;
        match rest {
            "" => Some("/"),
            rest => rest.starts_with('/').then_some(rest),
        }
    }
}

fn refusal(failure: &Failure) -> Refusal {
    match failure {
        Failure::Throttled => Refusal::Misconfigured,
        _ => Refusal::BadGateway,
    }
}

async fn buffered(outcome: Outcome) -> Result<Response<Body>, Refusal> {
    let whole = outcome.collect().await.map_err(|failure| refusal(&failure))?;
    let answer: Value = serde_json::from_slice(&whole).map_err(|_| Refusal::BadGateway)?;
    let text = answer["body"].as_str().unwrap_or_default();
    let body = match answer["isBase64Encoded"].as_bool() {
        Some(true) => Bytes::from(STANDARD.decode(text).map_err(|_| Refusal::BadGateway)?),
        _ => Bytes::copy_from_slice(text.as_bytes()),
    };
    head(&answer).map(|head| head.map(|()| Body::from(body)))
}

async fn streamed(outcome: Outcome) -> Result<Response<Body>, Refusal> {
    let mut chunks = match outcome {
        Outcome::Streamed(chunks) => chunks,
        Outcome::Buffered(body) => {
            let (chunk, chunks) = mpsc::channel(1);
            let _ = chunk.try_send(Ok(body));
            chunks
        }
    };
    let mut seen = BytesMut::new();
    let (prelude, first) = loop {
        if let Some(at) = seen.windows(DELIMITER.len()).position(|window| window == DELIMITER) {
            let prelude = seen.split_to(at);
            break (prelude, seen.split_off(DELIMITER.len()).freeze());
        }
        let chunk =
            chunks.recv().await.ok_or(Refusal::BadGateway)?.map_err(|failure| refusal(&failure))?;
        seen.extend_from_slice(&chunk);
        if seen.len() > MAX_PRELUDE_BYTES && !seen.starts_with(b"{") {
            return Err(Refusal::BadGateway);
        }
    };
    let prelude: Value = serde_json::from_slice(&prelude).map_err(|_| Refusal::BadGateway)?;
    head(&prelude).map(|head| head.map(|()| Body::from_stream(rest(first, chunks))))
}

/// Forwards the body after the prelude. A stream that breaks off or is silent for too long breaks
/// the caller's connection.
fn rest(
    first: Bytes,
    chunks: mpsc::Receiver<Result<Bytes, Failure>>,
) -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> {
    let first = (!first.is_empty()).then_some(first);
    futures_util::stream::unfold((first, chunks), |(first, mut chunks)| async move {
        if let Some(first) = first {
            return Some((Ok(first), (None, chunks)));
        }
        match tokio::time::timeout(SILENCE, chunks.recv()).await {
            Ok(Some(Ok(chunk))) => Some((Ok(chunk), (None, chunks))),
            Ok(Some(Err(failure))) => {
                Some((Err(std::io::Error::other(failure.describe().to_string())), (None, chunks)))
            }
            Ok(None) => None,
            Err(_) => Some((Err(std::io::Error::other("silent for too long")), (None, chunks))),
        }
    })
}

/// Reads status and headers of a buffered answer or a prelude.
fn head(answer: &Value) -> Result<Response<()>, Refusal> {
    let status = answer["statusCode"]
        .as_u64()
        .and_then(|status| u16::try_from(status).ok())
        .ok_or(Refusal::BadGateway)?;
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).map_err(|_| Refusal::BadGateway)?;
    let headers = response.headers_mut();
    let multi_value = answer["multiValueHeaders"].as_object();
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        if !multi_value.is_some_and(|all| all.keys().any(|other| other.eq_ignore_ascii_case(name)))
        {
            append(headers, name, value)?;
        }
    }
    for (name, values) in multi_value.into_iter().flatten() {
        values
            .as_array()
            .into_iter()
            .flatten()
            .try_for_each(|value| append(headers, name, value))?;
    }
    answer["cookies"]
        .as_array()
        .into_iter()
        .flatten()
        .try_for_each(|cookie| append(headers, "set-cookie", cookie))?;
    if !headers.contains_key("content-type") {
        headers.insert("content-type", HeaderValue::from_static("application/json"));
    }
    Ok(response)
}

/// The gateway owns some headers. A function's go out under another name, or not at all.
fn append(headers: &mut HeaderMap, name: &str, value: &Value) -> Result<(), Refusal> {
    let remapped = match name.to_lowercase().as_str() {
        "content-length" | "transfer-encoding" => return Ok(()),
        "www-authenticate" | "connection" | "date" | "server" | "host" | "user-agent" | "via"
        | "content-md5" => {
            format!("x-amzn-remapped-{}", name.to_lowercase())
        }
        name => name.to_owned(),
    };
    let name: HeaderName = remapped.parse().map_err(|_| Refusal::BadGateway)?;
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    headers.append(name, HeaderValue::from_str(&text).map_err(|_| Refusal::BadGateway)?);
    Ok(())
}
