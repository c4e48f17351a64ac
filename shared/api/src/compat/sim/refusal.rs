//! Refusals of the first generation. Both SDKs make the text of `error` the message that they
//! throw.

use axum::Json;
use axum::response::{IntoResponse, Response};
use flowgate_app::Error;
use flowgate_app::error::{FieldProblem, What, field_name};
use flowgate_engine::{Problem, Severity};
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
    UnknownLog,
    /// The execution waits for no person.
    NotPaused,
    /// It does not ask this, or no more.
    UnknownContext,
}

impl Refusal {
    /// A run that does not exist is an execution, where the path says so.
    pub(super) fn of_execution(error: Error) -> Self {
        match error {
            Error::NotFound(What::Run) => Self::UnknownExecution,
            other => Self::Of(other),
        }
    }
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
        let run = Error::NotFound(What::Run);
        match self {
            Self::Of(error) => refused(error),
            Self::UnknownLog => unknown(run, "Log not found", "LOG_NOT_FOUND"),
            Self::UnknownExecution => unknown(run, "Execution not found", "EXECUTION_NOT_FOUND"),
            Self::NotPaused => {
                let error = "Paused execution not found";
                unknown(Error::NotAsked, error, "PAUSED_EXECUTION_NOT_FOUND")
            }
            Self::UnknownContext => {
                unknown(Error::NotAsked, "Pause context not found", "CONTEXT_NOT_FOUND")
            }
        }
    }
}

/// `error`: what it is in our own words.
fn unknown(error: Error, text: &str, code: &'static str) -> Response {
    let body = Json(ErrorBody::new(text, code));
    status::with_headers(error, (StatusCode::NOT_FOUND, body).into_response())
}

pub(super) fn refused(error: Error) -> Response {
    let (status, code, text) = words(&error);
    let mut body = ErrorBody::new(text.map_or_else(|| error.to_string(), str::to_owned), code);
    match &error {
        Error::BadInput(problems) => body = body.with_details(problems),
        Error::InvalidDocument(problems) => body.details = Some(problems_of(problems)),
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
        Error::NotFound(What::Version) => {
            ("VERSION_NOT_FOUND", Some("Deployment version not found"))
        }
        Error::NotFound(_) => ("WORKFLOW_NOT_FOUND", Some("Workflow not found")),
        Error::NotPublished => {
            return (
                StatusCode::FORBIDDEN,
                "WORKFLOW_NOT_DEPLOYED",
                Some("Workflow is not deployed"),
            );
        }
        Error::BadInput(_) => (INVALID_INPUT, None),
        Error::InvalidDocument(_) => return (StatusCode::BAD_REQUEST, INVALID_INPUT, None),
        Error::TooLarge(_) => {
            ("PAYLOAD_TOO_LARGE", Some("Workflow execution request body exceeds maximum size"))
        }
        Error::Compressed => ("UNSUPPORTED_MEDIA_TYPE", None),
        Error::Stale
        | Error::ChildUnavailable(_)
        | Error::NoPublicWorkflows
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

/// The errors of a document, and not its warnings.
pub(super) fn problems_of(problems: &[Problem]) -> Vec<Detail> {
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
    let detail = |problem: &Problem| Detail {
        path: field_name(&problem.path),
        message: problem.message.clone(),
    };
    errors.map(detail).collect()
}

pub(super) fn details(problems: &[FieldProblem]) -> Vec<Detail> {
    let detail = |problem: &FieldProblem| Detail {
        path: field_name(&problem.pointer),
        message: problem.message.clone(),
    };
    problems.iter().map(detail).collect()
}
