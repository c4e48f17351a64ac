//! Refusals of the native API: `application/problem+json` (RFC 9457).

use axum::Json;
use axum::response::{IntoResponse, Response};
use flowgate_app::Error;
use flowgate_engine::Severity;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::refused::RefusalBody;
use super::status;

const MEDIA_TYPE: &str = "application/problem+json";

/// Why a native handler gave up.
pub(crate) struct Refusal(pub(crate) Error);

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// Why a request was refused (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: `code` says which kind it is.
    r#type: &'static str,
    title: &'static str,
    status: u16,
    /// For people.
    detail: String,
    /// For programs; it does not change.
    #[schema(examples("invalid_input"))]
    code: &'static str,
    /// Finds the request in the log.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// The run that has not ended yet (`still_running`).
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
    /// Every field that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem>,
    /// What is wrong with a workflow document.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<DocumentProblem>,
}

impl RefusalBody for Problem {
    const MEDIA_TYPE: &'static str = MEDIA_TYPE;
    /// Also 400: query parameters that are not known are refused.
    const DENIED: &'static [u16] = &[400, 401, 403, 500, 503];
}

/// One field of the request that is wrong.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct FieldProblem {
    /// A JSON Pointer into the body; empty for the body itself.
    #[schema(examples("/input/n"))]
    pointer: String,
    message: String,
}

impl From<flowgate_app::error::FieldProblem> for FieldProblem {
    fn from(problem: flowgate_app::error::FieldProblem) -> Self {
        Self { pointer: problem.pointer, message: problem.message }
    }
}

/// One thing that is wrong with a workflow document.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct DocumentProblem {
    severity: ProblemSeverity,
    /// A JSON Pointer into the document.
    #[schema(examples("/nodes/0/prompt"))]
    path: String,
    /// From 1.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    /// From 1.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    message: String,
}

/// With an `error` the workflow cannot be published.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ProblemSeverity {
    Error,
    Warning,
}

impl From<flowgate_engine::Problem> for DocumentProblem {
    fn from(problem: flowgate_engine::Problem) -> Self {
        let flowgate_engine::Problem { severity, path, line, column, message } = problem;
        let severity = match severity {
            Severity::Error => ProblemSeverity::Error,
            Severity::Warning => ProblemSeverity::Warning,
        };
        Self { severity, path, line, column, message }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let problem = Problem::of(&error);
        status::with_headers(error, problem.into_response())
    }
}

impl Problem {
    /// Says why a request failed, whatever answer it is a part of.
    pub(crate) fn of(error: &Error) -> Self {
        let status = status::status(error);
        let mut problem = Self::new(status, status::code(error), error.to_string());
        match error {
            Error::BadInput(fields) => {
                problem.errors = fields.iter().cloned().map(Into::into).collect();
            }
            Error::InvalidDocument(problems) => {
                problem.problems = problems.iter().cloned().map(Into::into).collect();
            }
            Error::StillRunning(run) => problem.run_id = Some(run.clone()),
            _ => {}
        }
        problem
    }

    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            code,
            request_id: None,
            run_id: None,
            errors: Vec::new(),
            problems: Vec::new(),
        }
    }
}

/// The body follows with [`write_problem`], where the request's id is known.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the body of a response that is a [`Problem`].
pub(crate) fn write_problem(mut response: Response, request_id: &str) -> Response {
    let Some(mut problem) = response.extensions_mut().remove::<Problem>() else { return response };
    problem.request_id = Some(request_id.to_owned());
    let written = Json(problem).into_response();
    *response.body_mut() = written.into_body();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

/// The router adds `Allow`.
pub(crate) async fn wrong_method() -> Problem {
    let detail = "the path does not take this method; see Allow";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}
