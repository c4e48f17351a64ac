//! The runtime API of Lambda: the next event, its answer, its errors.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::instance::Instance;
use crate::invocation::{Failure, Invocation, Outcome};
use crate::pool::{MAX_EVENT_BYTES, Pool};
use crate::queues::{ACCOUNT, REGION, now_ms};

/// Pools by function name.
pub(crate) type Pools = Arc<HashMap<String, Arc<Pool>>>;

type Found = (Arc<Pool>, Arc<Instance>);

/// Nest this at the address that the instances get. An instance's id is the first segment.
pub(crate) fn router(pools: Pools) -> Router {
    Router::new()
        .route("/{instance}/2018-06-01/runtime/invocation/next", get(next))
        .route("/{instance}/2018-06-01/runtime/invocation/{request}/response", post(response))
        .route("/{instance}/2018-06-01/runtime/invocation/{request}/error", post(error))
        .route("/{instance}/2018-06-01/runtime/init/error", post(init_error))
        .with_state(pools)
}

async fn next(
    State(pools): State<Pools>,
    Path(instance): Path<String>,
) -> Result<Response<Body>, StatusCode> {
    let (pool, instance) = find(&pools, &instance)?;
    pool.rests(&instance);
    let invocation = instance.next().await;
    let timeout = pool.function.timeout;
    let deadline = now_ms() + i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
    tokio::spawn(instance.kill_at_timeout(invocation.clone(), timeout));
    let Invocation { request_id, trace_id, event, .. } = &*invocation;
    let response = Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", request_id)
        .header("lambda-runtime-deadline-ms", deadline)
        .header(
            "lambda-runtime-invoked-function-arn",
            format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", pool.function.name),
        )
        .header("lambda-runtime-trace-id", trace_id);
    response.body(Body::from(event.clone())).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

async fn response(
    State(pools): State<Pools>,
    Path((instance, request)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, StatusCode> {
    let (_, instance) = find(&pools, &instance)?;
    let invocation = instance.current(&request).ok_or(StatusCode::BAD_REQUEST)?;
    if headers.get("lambda-runtime-function-response-mode").is_some_and(|mode| mode == "streaming")
    {
        stream(&invocation, body).await;
        return Ok(StatusCode::ACCEPTED);
    }
    let body = body.collect().await.map_err(|_| StatusCode::BAD_REQUEST)?.to_bytes();
    if body.len() > MAX_EVENT_BYTES {
        invocation.answer(Err(Failure::TooLarge));
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    invocation.answer(Ok(Outcome::Buffered(body)));
    Ok(StatusCode::ACCEPTED)
}

/// Forwards each chunk at once, and reads to the end even if the caller is gone.
async fn stream(invocation: &Invocation, body: Body) {
    let (chunks, listener) = mpsc::channel(16);
    invocation.answer(Ok(Outcome::Streamed(listener)));
    let mut frames = http_body_util::BodyStream::new(body);
    while let Some(frame) = frames.next().await {
        let chunk = match frame {
            Ok(frame) => match frame.into_data() {
                Ok(data) => Ok(data),
                Err(trailers) => match trailers
                    .trailers_ref()
                    .and_then(|all| all.get("lambda-runtime-function-error-type"))
                {
                    Some(kind) => Err(Failure::Reported(
                        json!({ "errorType": kind.to_str().unwrap_or_default() }),
                    )),
                    None => continue,
                },
            },
            Err(error) => Err(Failure::Exited(error.to_string())),
        };
        let _ = chunks.send(chunk).await;
    }
}

async fn error(
    State(pools): State<Pools>,
    Path((instance, request)): Path<(String, String)>,
    body: Bytes,
) -> Result<StatusCode, StatusCode> {
    let (_, instance) = find(&pools, &instance)?;
    let invocation = instance.current(&request).ok_or(StatusCode::BAD_REQUEST)?;
    invocation.answer(Err(Failure::Reported(parsed(&body))));
    Ok(StatusCode::ACCEPTED)
}

/// The process reports that it cannot start, and exits. Its first event fails with that report.
async fn init_error(
    State(pools): State<Pools>,
    Path(instance): Path<String>,
    body: Bytes,
) -> Result<StatusCode, StatusCode> {
    let (_, instance) = find(&pools, &instance)?;
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        instance.kill(Some(Failure::Reported(parsed(&body))));
    });
    Ok(StatusCode::ACCEPTED)
}

fn find(pools: &Pools, instance: &str) -> Result<Found, StatusCode> {
    let (function, _) = instance.rsplit_once('-').ok_or(StatusCode::NOT_FOUND)?;
    let pool = pools.get(function).ok_or(StatusCode::NOT_FOUND)?;
    let instance = pool.instance(instance).ok_or(StatusCode::NOT_FOUND)?;
    Ok((pool.clone(), instance))
}

fn parsed(body: &[u8]) -> Value {
    serde_json::from_slice(body)
        .unwrap_or_else(|_| json!({ "errorMessage": String::from_utf8_lossy(body) }))
}
