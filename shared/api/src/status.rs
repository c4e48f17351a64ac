//! Which status and which stable code each refusal has. Dialects differ from it only where their contract says so.

use axum::response::{IntoResponse, Response};
use flowgate_app::Error;
use flowgate_app::error::What;
use flowgate_app::run::RunState;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::request;

/// Seconds after which a caller should ask again for a run that goes on.
pub(crate) const RETRY_SECONDS: u16 = 1;

pub(crate) fn status(error: &Error) -> StatusCode {
    match error {
        Error::Unauthorized => StatusCode::UNAUTHORIZED,
        Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::BadInput(_) => StatusCode::BAD_REQUEST,
        Error::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Error::Stale => StatusCode::PRECONDITION_FAILED,
        Error::InvalidDocument(_) | Error::IdempotencyMismatch => StatusCode::UNPROCESSABLE_ENTITY,
        Error::NotPublished | Error::StillRunning | Error::RunIdTaken(_) | Error::AlreadyEnded(_) => StatusCode::CONFLICT,
        Error::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::Gone => StatusCode::GONE,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

pub(crate) fn code(error: &Error) -> &'static str {
    match error {
        Error::Unauthorized => "unauthorized",
        Error::Forbidden(_) => "forbidden",
        Error::NotFound(What::Workflow) => "workflow_not_found",
        Error::NotFound(What::Version) => "version_not_found",
        Error::NotFound(What::Run) => "run_not_found",
        Error::NotFound(What::Key) => "key_not_found",
        Error::NotFound(What::Delivery) => "delivery_not_found",
        Error::NotFound(What::Secret) => "secret_not_found",
        Error::NotPublished => "not_published",
        Error::BadInput(_) => "invalid_input",
        Error::TooLarge(_) => "too_large",
        Error::InvalidDocument(_) => "invalid_document",
        Error::Stale => "draft_changed",
        Error::IdempotencyMismatch => "idempotency_mismatch",
        Error::StillRunning => "still_running",
        Error::RunIdTaken(_) => "run_id_taken",
        Error::AlreadyEnded(RunState::Succeeded) => "already_succeeded",
        Error::AlreadyEnded(RunState::Failed) => "already_failed",
        Error::AlreadyEnded(_) => "already_cancelled",
        Error::RateLimited { .. } => "rate_limited",
        Error::Gone => "gone",
        Error::Internal(_) => "internal",
    }
}

/// A refusal as an answer, with the headers that every dialect sends. What went wrong inside goes to the log, here and nowhere else.
pub(crate) fn refusal(status: StatusCode, error: &Error, content_type: &'static str, body: &impl Serialize) -> Response {
    if let Error::Internal(cause) = error {
        tracing::error!(request.id = request::id(), error = format!("{cause:#}"), "a request failed");
    }
    let mut response = (status, serde_json::to_vec(body).unwrap_or_default()).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    match error {
        Error::Unauthorized => drop(headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
        Error::StillRunning => drop(headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS))),
        Error::RateLimited { retry_after, .. } => drop(headers.insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs()))),
        _ => {}
    }
    let allowance = match error {
        Error::RateLimited { left, .. } => Some(*left),
        Error::RunIdTaken(taken) => taken.allowance,
        _ => None,
    };
    request::with_allowance(response, allowance)
}
