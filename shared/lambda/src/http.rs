//! HTTP through API Gateway, streamed or buffered. No work of a request outlives its answer.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use flowgate_app::App;
use flowgate_app::clock::timeout;
use futures_util::{FutureExt, Stream, StreamExt, stream};
use http::header::CONTENT_LENGTH;
use http::{HeaderName, HeaderValue, StatusCode};
use lambda_runtime::Context;

use super::{Function, served, trace};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// API Gateway cuts a stream that is silent for five minutes. Proxies cut it sooner.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// White space after JSON, and ignored between server-sent events.
const LINE_BREAK: Bytes = Bytes::from_static(b"\n");

impl Function {
    /// Serves the routes and streams each answer.
    pub async fn streamed(self, routes: impl FnOnce(Arc<App>) -> Router) -> Result<()> {
        let router = routes(self.app.clone());
        self.stream(router).await
    }

    pub(crate) async fn stream(self, router: Router) -> Result<()> {
        if self.buffered {
            return self.respond_buffered(router).await;
        }
        let router = router.layer(from_fn_with_state(Arc::new(self), answer_while_draining));
        served(lambda_http::run_with_streaming_response(router).await)
    }

    /// Serves the routes and sends each answer in one piece.
    pub async fn buffered(self, routes: impl FnOnce(Arc<App>) -> Router) -> Result<()> {
        let router = routes(self.app.clone());
        self.respond_buffered(router).await
    }

    async fn respond_buffered(self, router: Router) -> Result<()> {
        let router = router.layer(from_fn_with_state(Arc::new(self), drain));
        served(lambda_http::run(router).await)
    }

    fn begin_request(&self, request: &mut Request) {
        let Some(context) = request.extensions().get::<Context>().cloned() else { return };
        let headers = request.headers_mut();
        let traceparent = headers
            .get(TRACEPARENT)
            .and_then(|value| value.to_str().ok())
            .filter(|text| trace::is_parent(text));
        let traceparent = traceparent.map(str::to_owned);
        self.begin(&context, traceparent);
        if let Ok(id) = HeaderValue::try_from(&context.request_id) {
            headers.entry(REQUEST_ID).or_insert(id);
        }
    }
}

/// Lambda freezes the process after the last byte, so the answer stays open until no work is left.
async fn answer_while_draining(
    State(function): State<Arc<Function>>,
    mut request: Request,
    next: Next,
) -> Response {
    function.begin_request(&mut request);
    let response = next.run(request).await;
    let app = function.app.clone();
    if response.status() == StatusCode::NO_CONTENT {
        // It can be kept open with nothing.
        app.idle().await;
        return response;
    }
    if app.idle().now_or_never().is_some() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from_stream(body.into_data_stream().chain(keepalive(app))))
}

async fn drain(
    State(function): State<Arc<Function>>,
    mut request: Request,
    next: Next,
) -> Response {
    function.begin_request(&mut request);
    let response = next.run(request).await;
    function.app.idle().await;
    response
}

/// Sends line breaks until no work is left.
fn keepalive(app: Arc<App>) -> impl Stream<Item = Result<Bytes, axum::Error>> {
    stream::unfold(app, |app| async move {
        let waiting = timeout(&*app.ports.clock, KEEPALIVE, app.idle()).await.is_none();
        waiting.then_some((Ok(LINE_BREAK), app))
    })
}
