//! Refusals of the second generation.

use std::borrow::Cow;

use axum::Json;
use axum::response::{IntoResponse, Response};
use flowgate_app::Error;
use flowgate_app::error::What;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::compat::sim::refusal::{Detail, details, problems_of};
use crate::http::refused::RefusalBody;
use crate::http::status;
use crate::http::time::Time;

pub(super) struct Refusal(Error);

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// Why a request was refused.
#[derive(Serialize, ToSchema)]
#[schema(as = sim::v2::Error)]
pub(super) struct ErrorBody {
    #[schema(inline)]
    error: ErrorDetail,
}

#[derive(Serialize, ToSchema)]
struct ErrorDetail {
    #[schema(examples("BAD_REQUEST"))]
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    details: Option<Details>,
}

/// More on it: every field that is wrong, or what programs branch on.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = sim::v2::Details)]
pub(super) enum Details {
    Fields(Vec<Detail>),
    #[serde(rename_all = "camelCase")]
    RunId {
        code: &'static str,
        run_id: String,
    },
    #[serde(rename_all = "camelCase")]
    Retry {
        retry_after: Time,
    },
    Code {
        code: Cow<'static, str>,
    },
}

impl RefusalBody for ErrorBody {}

impl ErrorBody {
    pub(super) fn new(code: &'static str, message: String) -> Self {
        Self { error: ErrorDetail { code, message, details: None } }
    }

    pub(super) fn with(mut self, details: Option<Details>) -> Self {
        self.error.details = details;
        self
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        refused(self.0, "")
    }
}

/// `prefix` stands before the message, and says what was being done.
pub(super) fn refused(error: Error, prefix: &str) -> Response {
    let (status, mut body) = body(&error);
    body.error.message.insert_str(0, prefix);
    let is_unauthorized = matches!(error, Error::Unauthorized);
    let mut response = status::with_headers(error, (status, Json(body)).into_response());
    if is_unauthorized {
        let challenge = "SimApiKey realm=\"Sim API\", header=\"x-api-key\"";
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}

fn body(error: &Error) -> (StatusCode, ErrorBody) {
    let mut status = status::status(error);
    let (code, text, details) = match error {
        Error::Unauthorized => ("UNAUTHORIZED", None, None),
        Error::Forbidden(_) | Error::ChildForbidden(_) => ("FORBIDDEN", None, None),
        Error::NotFound(What::Run) => ("NOT_FOUND", Some("Run not found"), None),
        Error::NotFound(What::Path) => ("NOT_FOUND", Some("Not found"), None),
        Error::NotFound(What::Version) => ("NOT_FOUND", Some("Deployment version not found"), None),
        Error::NotFound(_) => ("NOT_FOUND", Some("Workflow not found"), None),
        Error::NotPublished => {
            status = StatusCode::FORBIDDEN;
            let details = Details::Code { code: "WORKFLOW_NOT_DEPLOYED".into() };
            ("FORBIDDEN", Some("Workflow is not deployed"), Some(details))
        }
        Error::BadInput(problems) => {
            ("BAD_REQUEST", None, Some(Details::Fields(details(problems))))
        }
        Error::InvalidDocument(problems) => {
            status = StatusCode::BAD_REQUEST;
            ("BAD_REQUEST", None, Some(Details::Fields(problems_of(problems))))
        }
        Error::TooLarge(_) => ("PAYLOAD_TOO_LARGE", None, None),
        Error::RunIdTaken(taken) => {
            let details = Details::RunId { code: "RUN_ID_CONFLICT", run_id: taken.id.clone() };
            ("CONFLICT", None, Some(details))
        }
        Error::Compressed => ("UNSUPPORTED_MEDIA_TYPE", None, None),
        Error::StillRunning(run) => {
            let details = Details::RunId { code: "STILL_RUNNING", run_id: run.clone() };
            ("CONFLICT", None, Some(details))
        }
        Error::Stale
        | Error::ChildUnavailable(_)
        | Error::NoPublicWorkflows
        | Error::IdempotencyMismatch
        | Error::NotEnded
        | Error::NotEndedYet
        | Error::JobEnded
        | Error::AlreadyRerunning(_)
        | Error::NotAsked
        | Error::NoLogin
        | Error::AlreadyAnswered
        | Error::AlreadyEnded(_) => {
            let code = status::code(error).to_ascii_uppercase().into();
            ("CONFLICT", None, Some(Details::Code { code }))
        }
        Error::RateLimited { retry_at, .. } => {
            let details = Details::Retry { retry_after: (*retry_at).into() };
            ("RATE_LIMITED", None, Some(details))
        }
        Error::Gone => ("GONE", None, None),
        Error::Overloaded { .. } => ("SERVICE_UNAVAILABLE", None, None),
        Error::LoopDetected => ("LOOP_DETECTED", None, None),
        Error::Internal(_) => ("INTERNAL_ERROR", Some("Internal server error"), None),
    };
    let message = text.map_or_else(|| error.to_string(), str::to_owned);
    (status, ErrorBody::new(code, message).with(details))
}
