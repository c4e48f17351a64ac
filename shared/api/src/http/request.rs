//! What happens around every request: its id, its span, its log line; a panic that stays inside.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, Path, Query, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use flowgate_app::access::Caller;
use flowgate_app::error::{Error, What};
use flowgate_app::limit::Allowance;
use flowgate_app::memory::Holder;
use flowgate_app::overload::Overloaded;
use flowgate_app::time::{Timestamp, millis};
use flowgate_app::trace_context::{self, TraceContext};
use flowgate_app::{App, deadline, hops};
use futures_util::FutureExt;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde::de::DeserializeOwned;
use tracing::Instrument;

use super::caller::KnownCaller;
use super::cors::{self, Page};
use super::status::{Cause, RefusedAs};
use super::{gzip, memory, problem};
use crate::compat;

pub(crate) const REQUEST_ID: &str = "x-request-id";
/// A short-lived token in the query.
pub(crate) const TOKEN_PARAMETER: &str = "token";
const MAX_REQUEST_ID: usize = 128;
/// How long all that a request asks of the stores may take. A caller who waits longer for an
/// overloaded store only adds to its load.
const PATIENCE: Duration = Duration::from_secs(5);
/// Operators filter by it (`LogFilter` in template.yaml).
const LOG_TARGET: &str = "flowgate_api::request";

/// Runs inside routing, so that the path's template is known.
pub(crate) async fn around(
    State(app): State<Arc<App>>,
    path: Option<MatchedPath>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = app.now();
    let trace = trace_of(request.headers());
    let trace_id = trace.map(|trace| trace.trace_id()).unwrap_or_default();
    let traceparent = trace.and_then(|_| request.headers().get(trace_context::HEADER).cloned());
    let id = request_id(&app, request.headers());
    let span = tracing::debug_span!("request", request.id = id, trace.id = trace_id);
    let page = Page::of(path.as_ref(), &request);
    let known = KnownCaller::default();
    request.extensions_mut().insert(known.clone());
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let line = RequestLine { id, method, uri, path };
    async {
        let holder = memory::holder(request.headers());
        let hops = hops_of(request.headers());
        let (request, guard) = metered(&app, &holder, line.path.as_ref(), request);
        let handled = trace_context::within(trace, handled(&app, page.as_ref(), request, next));
        let handled = hops::within(hops, handled);
        let handled = deadline::within(Some(began + PATIENCE), handled).await;
        drop(guard);
        let mut response = line.finish(handled);
        response = memory::counted(&app.memory, &holder, response)
            .unwrap_or_else(|overloaded| line.finish(Some(line.refused(overloaded))));
        if let Some(page) = &page {
            page.admit(&app, known.get(), &mut response);
        }
        if let Some(known) = known.get() {
            note_answer(&app, &known.caller, &mut response);
        }
        cors::vary(&mut response);
        let mut allowance = response.extensions_mut().remove();
        if let (None, Some(known)) = (allowance, known.get())
            && compat::says_limits(line.uri.path())
        {
            allowance = allowance_now(&app, &known.caller, began).await;
        }
        if let Some(allowance) = allowance {
            add_allowance(response.headers_mut(), allowance);
        }
        if let Some(traceparent) = traceparent {
            response.headers_mut().insert(trace_context::HEADER, traceparent);
        }
        let took = app.now().since(began);
        line.count(&app, &response, took);
        line.log(&response, millis(took));
        response
    }
    .instrument(span)
    .await
}

/// Notes on the caller's key whether it was refused. What fails here says nothing of the caller.
fn note_answer(app: &App, caller: &Caller, response: &mut Response) {
    let refused = response.extensions_mut().remove();
    if refused.is_some() || !response.status().is_server_error() {
        app.note_answer(caller, refused.map(|RefusedAs(code)| code));
    }
}

/// Bodies of these routes go on piece by piece: their handlers count what they hold.
const STREAMED: [&str; 3] = ["/v1/files", "/v1/files/{file_id}", "/api/v1/files"];

fn metered(
    app: &App,
    holder: &Holder,
    path: Option<&MatchedPath>,
    request: Request,
) -> (Request, memory::Guard) {
    if path.is_some_and(|path| STREAMED.contains(&path.as_str())) {
        return (request, memory::metered(&app.memory, holder, Body::empty()).1);
    }
    let (mut parts, body) = request.into_parts();
    let body = gzip::inflated(&mut parts.headers, body);
    let (body, guard) = memory::metered(&app.memory, holder, body);
    (Request::from_parts(parts, body), guard)
}

/// `None`: the handler panicked.
async fn handled(app: &App, page: Option<&Page>, request: Request, next: Next) -> Option<Response> {
    if let Some(page) = page
        && let Some(names) = cors::preflight_headers(&request)
    {
        return Some(page.preflight(app, names).await);
    }
    let response = AssertUnwindSafe(next.run(request)).catch_unwind().await.ok()?;
    Some(without_body_where_none_is_allowed(response))
}

/// A response node may have any status, and some statuses have no body.
fn without_body_where_none_is_allowed(mut response: Response) -> Response {
    const BODILESS: [StatusCode; 3] =
        [StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT, StatusCode::NOT_MODIFIED];
    if BODILESS.contains(&response.status()) {
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(CONTENT_TYPE);
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    response
}

/// What is known of a request before it is handled.
struct RequestLine {
    id: String,
    method: Method,
    /// Never logged: its query may hold a token.
    uri: Uri,
    /// Of the route; `None` where there is none.
    path: Option<MatchedPath>,
}

impl RequestLine {
    fn parts(&self) -> (&str, &Method, &str) {
        (&self.id, &self.method, self.path.as_ref().map_or("-", MatchedPath::as_str))
    }

    fn refused(&self, overloaded: Overloaded) -> Response {
        compat::refusal_at(self.uri.path(), overloaded.into())
    }

    /// The response with what the request's id belongs to. `None`: the handler panicked.
    fn finish(&self, handled: Option<Response>) -> Response {
        let (id, method, path) = self.parts();
        let mut response = handled.unwrap_or_else(|| {
            tracing::error!(
                target: LOG_TARGET, %method, path, request.id = id,
                "a handler panicked"
            );
            compat::panicked(self.uri.path())
        });
        if let Some(Cause(cause)) = response.extensions_mut().remove() {
            let error = format!("{cause:#}");
            tracing::error!(target: LOG_TARGET, %error, request.id = id, "a request failed");
        }
        response = problem::write_problem(response, id);
        if let Ok(id) = HeaderValue::from_str(id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }

    fn count(&self, app: &App, response: &Response, took: Duration) {
        let route = self.path.as_ref().map(MatchedPath::as_str);
        app.meter.request(self.method.as_str(), route, response.status().as_u16(), took);
    }

    /// A success is logged on demand: at thousands of requests a second its line would cost more
    /// than the request.
    fn log(&self, response: &Response, duration_ms: u64) {
        let (id, method, path) = self.parts();
        let status = response.status().as_u16();
        if response.status().is_success() {
            tracing::debug!(
                target: LOG_TARGET, %method, path, status, duration_ms, request.id = id,
                "request answered"
            );
        } else {
            tracing::info!(
                target: LOG_TARGET, %method, path, status, duration_ms, request.id = id,
                "request answered"
            );
        }
    }
}

/// A response that says what its key may still start, once [`around`] has it.
pub(crate) fn with_allowance(mut response: Response, allowance: Option<Allowance>) -> Response {
    if let Some(allowance) = allowance {
        response.extensions_mut().insert(allowance);
    }
    response
}

/// What the key may still start, where the request started nothing. The answer waits for it no
/// longer than it waited for anything else, and goes without it if it cannot be read.
async fn allowance_now(app: &App, caller: &Caller, began: Timestamp) -> Option<Allowance> {
    let found = deadline::within(Some(began + PATIENCE), app.allowance(caller)).await;
    let failed = |error: &Error| {
        tracing::debug!(target: LOG_TARGET, %error, "could not read what a key has left");
    };
    found.inspect_err(failed).ok().flatten().map(|(_, left)| left)
}

/// Alike in every API. Sim's SDKs read whole numbers, and the reset in seconds since 1970.
fn add_allowance(headers: &mut HeaderMap, allowance: Allowance) {
    headers.insert("x-ratelimit-limit", HeaderValue::from(allowance.limit));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(allowance.remaining));
    headers.insert(
        "x-ratelimit-reset",
        HeaderValue::from((allowance.reset_at.millis() + 999).div_euclid(1_000)),
    );
}

/// The caller's own id if it can stand in a log line, else a new one.
fn request_id(app: &App, headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let sane = |id: &&str| {
        (1..=MAX_REQUEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
    };
    given.filter(sane).map(str::to_owned).unwrap_or_else(|| {
        let mut bytes = [0; 16];
        app.ports.entropy.fill(&mut bytes);
        format!("req_{:032x}", u128::from_be_bytes(bytes))
    })
}

/// The highest count, where somebody on the way added one.
fn hops_of(headers: &HeaderMap) -> u32 {
    let counts = headers.get_all(hops::HEADER).iter();
    counts.filter_map(|count| count.to_str().ok()?.trim().parse().ok()).max().unwrap_or(0)
}

fn trace_of(headers: &HeaderMap) -> Option<TraceContext> {
    headers.get(trace_context::HEADER)?.to_str().ok()?.parse().ok()
}

/// The variable segments of the path. One that is not text names nothing.
pub(crate) struct Segments<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segments<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(segments)) => Ok(Self(segments)),
            Err(_) => Err(compat::refusal_at(parts.uri.path(), Error::NotFound(What::Workflow))),
        }
    }
}

/// The query, pair by pair. Bytes that are not text are replaced, never refused.
pub(crate) struct QueryPairs(Vec<(String, String)>);

impl QueryPairs {
    pub(crate) fn of(uri: &Uri) -> Self {
        Self(Query::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default())
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The first of that name that is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for QueryPairs {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.uri))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_pair_by_pair() {
        let query = QueryPairs::of(&"/x?a=1&a=2&b=&c=%ff&d=x%20y".parse().unwrap());
        assert_eq!(
            (query.get("a"), query.get("b"), query.get("c"), query.get("d")),
            (Some("1"), None, Some("\u{fffd}"), Some("x y"))
        );
    }
}
