//! Sim, second generation: `/api/v2/workflows/{id}/execute` and `…/runs`, answers as `{data}`, refusals as `{error: {code, message, details?}}`.

#[cfg(feature = "starts")]
mod execute;
#[cfg(feature = "starts")]
mod request;
mod runs;

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use flowgate_app::error::{FieldProblem, What};
use flowgate_app::{App, Error, Result};
use http::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use super::{CALL_CHAIN, CALL_CHAIN_CODE, FILES_FAILED, details};
use crate::request::QueryPairs;
use crate::status;

#[cfg(feature = "starts")]
pub(super) fn starts() -> Router<Arc<flowgate_runner::Runner>> {
    Router::new()
        .route("/api/v2/workflows/{id}/execute", post(execute::execute).fallback(wrong_method))
        .layer(middleware::map_response(not_stored))
}

pub(super) fn reads() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v2/workflows/{id}/runs", get(runs::list).fallback(wrong_method))
        .route("/api/v2/workflows/{id}/runs/{run_id}", get(runs::read).fallback(wrong_method))
        .route("/api/v2/workflows/{id}/runs/{run_id}/cancel", post(runs::cancel).fallback(wrong_method))
        .layer(middleware::map_response(not_stored))
}

/// Answers may hold what nobody else should see; a stream says for itself how it is kept.
async fn not_stored(mut response: Response) -> Response {
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-store"));
    response
}

fn data(data: Value) -> Json<Value> {
    Json(json!({ "data": data }))
}

/// All that are not known, at once.
fn refuse_unknown(query: &QueryPairs, known: &[&str]) -> Result<()> {
    let unknown = query.pairs().filter(|(name, _)| !known.contains(name));
    let problems: Vec<_> = unknown
        .map(|(name, _)| FieldProblem { pointer: format!("/{name}"), message: "is not a known query parameter".to_owned() })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(Error::BadInput(problems)) }
}

/// Why a request was not done.
#[derive(Debug)]
enum Refusal {
    Of(Error),
    /// A file among the inputs is not what it says.
    Files(Error),
    CallChain,
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Of(error.into())
    }
}

#[derive(Serialize)]
struct Told {
    error: ToldError,
}

#[derive(Serialize)]
struct ToldError {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Value>,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (error, prefix) = match self {
            Self::Of(error) => (error, None),
            Self::Files(error) => (error, Some(FILES_FAILED)),
            Self::CallChain => {
                let error =
                    ToldError { code: "CONFLICT", message: CALL_CHAIN.to_owned(), details: Some(json!({ "code": CALL_CHAIN_CODE })) };
                return (StatusCode::CONFLICT, Json(Told { error })).into_response();
            }
        };
        let (status, mut told) = told(&error);
        if let Some(prefix) = prefix {
            told.message = format!("{prefix}: {}", told.message);
        }
        let mut response = status::refusal(status, &error, "application/json", &Told { error: told });
        if matches!(error, Error::Unauthorized) {
            let challenge = HeaderValue::from_static("SimApiKey realm=\"Sim API\", header=\"x-api-key\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

fn told(error: &Error) -> (StatusCode, ToldError) {
    let mut status = status::status(error);
    let (code, text, about) = match error {
        Error::Unauthorized => ("UNAUTHORIZED", None, None),
        Error::Forbidden(_) => ("FORBIDDEN", None, None),
        Error::NotFound(What::Run) => ("NOT_FOUND", Some("Run not found"), None),
        Error::NotFound(_) => ("NOT_FOUND", Some("Workflow not found"), None),
        Error::NotPublished => {
            status = StatusCode::FORBIDDEN;
            ("FORBIDDEN", Some("Workflow is not deployed"), Some(json!({ "code": "WORKFLOW_NOT_DEPLOYED" })))
        }
        Error::BadInput(problems) => ("BAD_REQUEST", None, Some(json!(details(problems)))),
        Error::InvalidDocument(_) => ("BAD_REQUEST", None, None),
        Error::TooLarge(_) => ("PAYLOAD_TOO_LARGE", None, None),
        Error::RunIdTaken(id) => ("CONFLICT", None, Some(json!({ "code": "RUN_ID_CONFLICT", "runId": id.id }))),
        Error::Stale | Error::IdempotencyMismatch | Error::StillRunning | Error::AlreadyEnded(_) => {
            ("CONFLICT", None, Some(json!({ "code": status::code(error).to_ascii_uppercase() })))
        }
        Error::RateLimited { retry_at, .. } => ("RATE_LIMITED", None, Some(json!({ "retryAfter": retry_at.to_string() }))),
        Error::Gone => ("GONE", None, None),
        Error::Internal(_) => ("INTERNAL_ERROR", Some("Internal server error"), None),
    };
    (status, ToldError { code, message: text.map_or_else(|| error.to_string(), str::to_owned), details: about })
}

async fn wrong_method() -> Response {
    let error = ToldError { code: "METHOD_NOT_ALLOWED", message: "Method not allowed".to_owned(), details: None };
    (StatusCode::METHOD_NOT_ALLOWED, Json(Told { error })).into_response()
}
