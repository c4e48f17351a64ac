//! Refusals of the native API: `application/problem+json` (RFC 9457).

use axum::response::{IntoResponse, Response};
use flowgate_app::Error;
use flowgate_app::error::FieldProblem;
use flowgate_engine::Problem;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::http::request;
use crate::http::status;

const MEDIA_TYPE: &str = "application/problem+json";

/// What the native handlers give up with.
pub(crate) struct Refusal(pub(crate) Error);

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

#[derive(Serialize)]
struct ProblemDetails<'a> {
    /// The title says what kind it is: there is no page for each kind.
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// Fields of the request.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldProblem],
    /// Places of a workflow document.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    problems: &'a [Problem],
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let status = status::status(&error);
        let mut details = details(status, status::code(&error), error.to_string());
        match &error {
            Error::BadInput(fields) => details.errors = fields,
            Error::InvalidDocument(problems) => details.problems = problems,
            _ => {}
        }
        status::refusal(status, &error, MEDIA_TYPE, &details)
    }
}

pub(crate) async fn unknown_path() -> Response {
    plain(StatusCode::NOT_FOUND, "path_not_found", "there is nothing at this path")
}

/// The router adds `Allow`.
pub(crate) async fn wrong_method() -> Response {
    plain(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "the path does not take this method; see Allow")
}

pub(crate) fn panicked() -> Response {
    plain(StatusCode::INTERNAL_SERVER_ERROR, "internal", "internal error")
}

fn plain(status: StatusCode, code: &'static str, detail: &str) -> Response {
    let body = serde_json::to_vec(&details(status, code, detail.to_owned())).unwrap_or_default();
    (status, [(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE))], body).into_response()
}

fn details<'a>(status: StatusCode, code: &'static str, detail: String) -> ProblemDetails<'a> {
    let title = status.canonical_reason().unwrap_or("Error");
    ProblemDetails {
        r#type: "about:blank",
        title,
        status: status.as_u16(),
        detail,
        code,
        request_id: request::id(),
        errors: &[],
        problems: &[],
    }
}
