//! The status and the stable code of each refusal. Other APIs differ only where their contract
//! says.

use std::sync::Arc;

use axum::response::Response;
use flowgate_app::Error;
use flowgate_app::error::What;
use flowgate_app::run::RunState;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

use super::request::with_allowance;

/// Seconds after which a caller should ask again for a run that goes on.
pub(crate) const RETRY_SECONDS: u16 = 1;

pub(crate) fn status(error: &Error) -> StatusCode {
    match error {
        Error::Unauthorized => StatusCode::UNAUTHORIZED,
        Error::Forbidden(_) | Error::ChildForbidden(_) => StatusCode::FORBIDDEN,
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::BadInput(_) => StatusCode::BAD_REQUEST,
        Error::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Error::Compressed => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Error::Stale => StatusCode::PRECONDITION_FAILED,
        Error::InvalidDocument(_) | Error::IdempotencyMismatch => StatusCode::UNPROCESSABLE_ENTITY,
        Error::NotPublished
        | Error::NoPublicWorkflows
        | Error::ChildUnavailable(_)
        | Error::StillRunning(_)
        | Error::RunIdTaken(_)
        | Error::NotEnded
        | Error::NotEndedYet
        | Error::JobEnded
        | Error::AlreadyRerunning(_)
        | Error::NotAsked
        | Error::NoLogin
        | Error::AlreadyAnswered
        | Error::AlreadyEnded(_) => StatusCode::CONFLICT,
        Error::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::Gone => StatusCode::GONE,
        Error::LoopDetected => StatusCode::LOOP_DETECTED,
        Error::Overloaded { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

pub(crate) fn code(error: &Error) -> &'static str {
    match error {
        Error::Unauthorized => "unauthorized",
        Error::Forbidden(_) | Error::ChildForbidden(_) => "forbidden",
        Error::ChildUnavailable(_) => "child_unavailable",
        Error::NotFound(What::Workflow) => "workflow_not_found",
        Error::NotFound(What::Version) => "version_not_found",
        Error::NotFound(What::Run) => "run_not_found",
        Error::NotFound(What::Key) => "key_not_found",
        Error::NotFound(What::Delivery) => "delivery_not_found",
        Error::NotFound(What::Secret) => "secret_not_found",
        Error::NotFound(What::Path) => "path_not_found",
        Error::NotFound(What::Job) => "job_not_found",
        Error::NotFound(What::File) => "file_not_found",
        Error::NotPublished => "not_published",
        Error::NoPublicWorkflows => "no_public_workflows",
        Error::BadInput(_) => "invalid_input",
        Error::TooLarge(_) => "too_large",
        Error::Compressed => "unsupported_encoding",
        Error::InvalidDocument(_) => "invalid_document",
        Error::Stale => "draft_changed",
        Error::IdempotencyMismatch => "idempotency_mismatch",
        Error::StillRunning(_) => "still_running",
        Error::RunIdTaken(_) => "run_id_taken",
        Error::NotEnded | Error::NotEndedYet => "not_ended",
        Error::JobEnded => "job_ended",
        Error::AlreadyRerunning(_) => "already_replaying",
        Error::NotAsked => "not_asked",
        Error::NoLogin => "no_login",
        Error::AlreadyAnswered => "already_answered",
        Error::AlreadyEnded(RunState::Succeeded) => "already_succeeded",
        Error::AlreadyEnded(RunState::Failed) => "already_failed",
        Error::AlreadyEnded(_) => "already_cancelled",
        Error::RateLimited { .. } => "rate_limited",
        Error::Gone => "gone",
        Error::LoopDetected => "loop_detected",
        Error::Overloaded { .. } => "overloaded",
        Error::Internal(_) => "internal",
    }
}

/// What went wrong inside: for the log, never for the caller.
#[derive(Debug, Clone)]
pub(crate) struct Cause(pub(crate) Arc<anyhow::Error>);

/// The code with which the request was refused, in our own words: for the record of its key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RefusedAs(pub(crate) &'static str);

pub(crate) fn refused_as(code: &'static str, mut refusal: Response) -> Response {
    refusal.extensions_mut().insert(RefusedAs(code));
    refusal
}

/// Adds the headers that every API sends with a refusal. The cause of an internal error travels
/// along as a [`Cause`], and is logged where the request's id is known.
pub(crate) fn with_headers(error: Error, mut refusal: Response) -> Response {
    let allowance = match &error {
        Error::RateLimited { left, .. } => Some(*left),
        Error::RunIdTaken(taken) => taken.allowance,
        _ => None,
    };
    if status(&error).is_client_error() || refusal.status().is_client_error() {
        refusal = refused_as(code(&error), refusal);
    }
    let headers = refusal.headers_mut();
    match error {
        Error::Unauthorized => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Error::StillRunning(run) => {
            headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
            if let Ok(run) = HeaderValue::try_from(run) {
                headers.insert("x-run-id", run);
            }
        }
        Error::RateLimited { retry_after, .. } | Error::Overloaded { retry_after } => {
            headers.insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs().max(1)));
        }
        Error::Internal(cause) => {
            refusal.extensions_mut().insert(Cause(Arc::new(cause)));
        }
        _ => {}
    }
    with_allowance(refusal, allowance)
}
