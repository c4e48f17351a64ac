//! Refusals of the first generation. Both SDKs make the text of `error` the message that they
//! throw.

use axum::Json;
use axum::response::{IntoResponse, Response};
use flowgate_app::Error;
use flowgate_app::error::{FieldProblem, What, field_name};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::refused::RefusalBody;
use crate::http::status;

pub(super) const INVALID_INPUT: &str = "INVALID_INPUT";

/// Why a request was refused.
pub(super) enum Refusal {
    Of(Error),
    UnknownExecution,
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Of(error.into())
    }
}

/// Why a request was refused.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::Error)]
pub(super) struct ErrorBody {
    error: String,
    #[schema(examples("INVALID_INPUT"))]
    code: &'static str,
    /// Every field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    details: Option<Vec<Detail>>,
    /// The one that is taken, or has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    execution_id: Option<String>,
}

/// A field that is wrong.
#[derive(Serialize, ToSchema)]
#[schema(as = sim::Detail)]
pub(super) struct Detail {
    path: String,
    message: String,
}

impl RefusalBody for ErrorBody {}

impl ErrorBody {
    pub(super) fn new(error: impl Into<String>, code: &'static str) -> Self {
        Self { error: error.into(), code, details: None, execution_id: None }
    }

    pub(super) fn with_details(self, problems: &[FieldProblem]) -> Self {
        Self { details: Some(details(problems)), ..self }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Of(error) => refused(error),
            Self::UnknownExecution => {
                let body = ErrorBody::new("Execution not found", "EXECUTION_NOT_FOUND");
                (StatusCode::NOT_FOUND, Json(body)).into_response()
            }
        }
    }
}

pub(super) fn refused(error: Error) -> Response {
    let (status, code, text) = words(&error);
    let mut body = ErrorBody::new(text.map_or_else(|| error.to_string(), str::to_owned), code);
    match &error {
        Error::BadInput(problems) => body = body.with_details(problems),
        Error::RunIdTaken(taken) => body.execution_id = Some(taken.id.clone()),
        Error::StillRunning(id) => body.execution_id = Some(id.clone()),
        _ => {}
    }
    status::with_headers(error, (status, Json(body)).into_response())
}

/// Status, code, and Sim's own text where it has one.
fn words(error: &Error) -> (StatusCode, &'static str, Option<&'static str>) {
    let (code, text) = match error {
        Error::Unauthorized => ("UNAUTHORIZED", Some("Unauthorized")),
        Error::Forbidden(_) | Error::ChildForbidden(_) => ("FORBIDDEN", None),
        Error::NotFound(What::Run) => ("TASK_NOT_FOUND", Some("Task not found")),
        Error::NotFound(What::Path) => ("NOT_FOUND", Some("Not found")),
        Error::NotFound(_) => ("WORKFLOW_NOT_FOUND", Some("Workflow not found")),
        Error::NotPublished => {
            return (
                StatusCode::FORBIDDEN,
                "WORKFLOW_NOT_DEPLOYED",
                Some("Workflow is not deployed"),
            );
        }
        Error::BadInput(_) | Error::InvalidDocument(_) => (INVALID_INPUT, None),
        Error::TooLarge(_) => {
            ("PAYLOAD_TOO_LARGE", Some("Workflow execution request body exceeds maximum size"))
        }
        Error::Compressed => ("UNSUPPORTED_MEDIA_TYPE", None),
        Error::Stale
        | Error::ChildUnavailable(_)
        | Error::IdempotencyMismatch
        | Error::StillRunning(_)
        | Error::NotEnded
        | Error::NotEndedYet
        | Error::JobEnded
        | Error::AlreadyRerunning(_)
        | Error::NotAsked
        | Error::NoLogin
        | Error::AlreadyAnswered
        | Error::AlreadyEnded(_) => ("CONFLICT", None),
        Error::RunIdTaken(_) => ("EXECUTION_ID_CONFLICT", None),
        Error::RateLimited { .. } => ("RATE_LIMIT_EXCEEDED", None),
        Error::Gone => ("GONE", None),
        Error::Overloaded { .. } => ("SERVICE_OVERLOADED", None),
        Error::LoopDetected => ("LOOP_DETECTED", None),
        Error::Internal(_) => ("INTERNAL_ERROR", Some("Internal server error")),
    };
    (status::status(error), code, text)
}

pub(super) fn details(problems: &[FieldProblem]) -> Vec<Detail> {
    let detail = |problem: &FieldProblem| Detail {
        path: field_name(&problem.pointer),
        message: problem.message.clone(),
    };
    problems.iter().map(detail).collect()
}
