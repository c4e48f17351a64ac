//! Refusals as OpenAI's clients read them: `{"error": {message, type, param, code}}`. The clients
//! repeat 408, 409, 429 and 5xx: what would be refused again has another status.

use axum::Json;
use axum::response::{IntoResponse, Response};
use flowgate_app::Error;
use flowgate_app::error::{FieldProblem, What, field_name};
use flowgate_app::run::{RunRecord, RunState};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::refused::RefusalBody;
use crate::http::status;

pub(super) const INVALID_REQUEST: &str = "invalid_request_error";
const WORKFLOW_ERROR: &str = "workflow_error";
pub(super) const STILL_GOING: &str = "run_still_going";

/// Why a request was refused.
#[derive(Debug)]
#[cfg_attr(not(feature = "starts"), expect(dead_code, reason = "only starts refuse all of it"))]
pub(super) enum Refusal {
    Of(Error),
    /// Settings that no workflow has, and whatever else is wrong.
    Unsupported(Vec<FieldProblem>),
    /// The run ended without an answer, or goes on.
    NoAnswer(Box<RunRecord>),
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Of(error.into())
    }
}

/// Why a request was refused.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = openai::Error)]
pub(super) struct ErrorBody {
    #[schema(inline)]
    error: ErrorDetail,
}

#[derive(Debug, Serialize, ToSchema)]
struct ErrorDetail {
    /// Everything that is wrong.
    message: String,
    #[schema(examples("invalid_request_error"))]
    r#type: &'static str,
    /// The first field that is wrong.
    #[schema(required, examples("input.words"))]
    param: Option<String>,
    /// For programs. Of a run that failed: the code of its error.
    #[schema(examples("model_not_found"))]
    code: String,
}

impl RefusalBody for ErrorBody {}

impl ErrorBody {
    pub(super) fn new(
        kind: &'static str,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        let (message, code) = (message.into(), code.into());
        Self { error: ErrorDetail { message, r#type: kind, param: None, code } }
    }

    fn about(mut self, param: Option<String>) -> Self {
        self.error.param = param.filter(|param| !param.is_empty());
        self
    }

    /// Of a run that has no answer (yet).
    pub(super) fn of_run(record: &RunRecord) -> Self {
        let id = &record.head.id;
        let error = record.end.as_deref().and_then(|end| end.error.as_ref());
        match (record.state, error) {
            (RunState::Cancelled, _) => {
                Self::new(WORKFLOW_ERROR, "cancelled", format!("the run {id} was cancelled"))
            }
            (RunState::Failed, Some(error)) => {
                let place = error.node.as_deref().map(|node| format!("{node}: "));
                let message = format!("{}{}", place.unwrap_or_default(), error.message);
                Self::new(WORKFLOW_ERROR, error.code.clone(), message)
            }
            _ => Self::still_going(id.as_str()),
        }
    }

    /// Of a run that goes on without this request.
    pub(super) fn still_going(run: &str) -> Self {
        let message = format!("the run {run} goes on: GET /v1/responses/{run} has its answer");
        Self::new(STILL_GOING, STILL_GOING, message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Of(error) => refused(error),
            Self::Unsupported(problems) => {
                let error = Error::BadInput(problems);
                let body = body_of(&error, "unsupported_parameter");
                let refusal = (StatusCode::BAD_REQUEST, Json(body)).into_response();
                status::refused_as(status::code(&error), refusal)
            }
            Self::NoAnswer(record) => {
                let body = Json(ErrorBody::of_run(&record));
                with_run(
                    (StatusCode::UNPROCESSABLE_ENTITY, body).into_response(),
                    record.head.id.as_str(),
                )
            }
        }
    }
}

/// The response says which run it is about.
pub(super) fn with_run(mut response: Response, run: &str) -> Response {
    if let Ok(id) = HeaderValue::from_str(run) {
        response.headers_mut().insert("x-run-id", id);
    }
    response
}

pub(super) fn refused(error: Error) -> Response {
    let code = match &error {
        Error::Unauthorized => "invalid_api_key",
        Error::NotFound(What::Workflow | What::Version) | Error::NotPublished => "model_not_found",
        Error::NotFound(What::Run) => "response_not_found",
        Error::RateLimited { .. } => "rate_limit_exceeded",
        Error::NotEnded => STILL_GOING,
        _ => status::code(&error),
    };
    let body = body_of(&error, code);
    let response = (status_of(&error), Json(body)).into_response();
    status::with_headers(error, response)
}

fn status_of(error: &Error) -> StatusCode {
    match (error, status::status(error)) {
        (Error::NotPublished, _) => StatusCode::NOT_FOUND,
        // Asking again would change nothing.
        (_, StatusCode::CONFLICT | StatusCode::LOOP_DETECTED) => StatusCode::UNPROCESSABLE_ENTITY,
        (_, status) => status,
    }
}

fn body_of(error: &Error, code: &'static str) -> ErrorBody {
    let kind = match status_of(error) {
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        status if status.is_server_error() => "server_error",
        _ => INVALID_REQUEST,
    };
    let is_of_model = code == "model_not_found";
    let message = if is_of_model {
        "the model does not exist, or the key may not use it".to_owned()
    } else {
        error.to_string()
    };
    let param = match error {
        Error::BadInput(problems) => problems.first().map(|first| field_name(&first.pointer)),
        _ => is_of_model.then(|| "model".to_owned()),
    };
    ErrorBody::new(kind, code, message).about(param)
}
