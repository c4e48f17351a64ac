//! Requests of pages of other origins (CORS): the preflight, and which pages may read an answer.
//!
//! No answer depends on a cookie, so this is not what protects callers: their keys do.

use axum::extract::{MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderValue, Method, StatusCode};

use super::caller::Known;
use crate::compat;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const ANY_ORIGIN: HeaderValue = HeaderValue::from_static("*");
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
/// What a page may read beside the body.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Link, Location, Retry-After, WWW-Authenticate, X-Request-Id, X-Run-Id, X-Run-Status, \
     X-Execution-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, \
     Idempotent-Replayed, Preference-Applied, X-Sim-Stream-Protocol, traceparent",
);
/// Requested header names are repeated up to here.
const MAX_HEADER_NAMES: usize = 1_000;

/// The page that asks.
pub(crate) struct Page {
    origin: HeaderValue,
    /// The route answers every page, as Sim's does.
    is_open: bool,
}

impl Page {
    /// `None`: no page of another origin asks.
    pub(crate) fn of(path: Option<&MatchedPath>, request: &Request) -> Option<Self> {
        let origin = request.headers().get(ORIGIN)?.clone();
        let is_open = path.is_some_and(|path| compat::OPEN_TO_PAGES.contains(&path.as_str()));
        Some(Self { origin, is_open })
    }

    /// Answers the question that a browser asks before the request. `names` are the headers that
    /// the page wants to send.
    pub(crate) async fn preflight(&self, app: &App, names: Option<HeaderValue>) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        if !self.is_open && !self.is_known(app).await {
            return response;
        }
        let answer = response.headers_mut();
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.allowed(self.is_open));
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        answer.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        if let Some(names) = names.filter(|names| names.len() <= MAX_HEADER_NAMES) {
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
        }
        response
    }

    async fn is_known(&self, app: &App) -> bool {
        let Ok(origin) = self.origin.to_str() else { return false };
        app.knows_origin(origin).await.unwrap_or_else(|error| {
            let error = format!("{error:#}");
            tracing::warn!(error, "the origins of keys could not be read");
            false
        })
    }

    /// Lets the page read the answer, if the operator or the caller's key lists its origin.
    /// Where no key was presented, the page had none either: the lists count even if the route is
    /// open to those that have one.
    pub(crate) fn admit(&self, app: &App, known: Option<&Known>, response: &mut Response) {
        let is_listed = self.origin.to_str().is_ok_and(|origin| {
            known.is_some_and(|known| known.caller.lists_origin(origin))
                || app.settings.allowed_origins.contains(origin)
        });
        let is_open = self.is_open && known.is_none_or(|known| !known.is_keyless);
        if is_open || is_listed {
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.allowed(is_open));
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }

    fn allowed(&self, is_open: bool) -> HeaderValue {
        if is_open { ANY_ORIGIN } else { self.origin.clone() }
    }
}

/// Of a preflight, the headers that the page wants to send. `None`: it is a request of its own.
pub(crate) fn preflight_headers(request: &Request) -> Option<Option<HeaderValue>> {
    let headers = request.headers();
    let is_preflight =
        request.method() == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    is_preflight.then(|| headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned())
}

/// Answers to pages differ by origin. A cache must know, also where no page asked.
pub(crate) fn vary(response: &mut Response) {
    const VARIES: HeaderValue = HeaderValue::from_static("Origin");
    response.headers_mut().insert(VARY, VARIES);
}
