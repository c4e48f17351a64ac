//! Why an execution of the first generation was not started.

use std::borrow::Cow;

use axum::Json;
use axum::response::{IntoResponse, Response};
use flowgate_app::Error;
use flowgate_app::error::FieldProblem;
use http::StatusCode;

use super::{CALL_CHAIN, CALL_CHAIN_CODE, FILES_FAILED};
use crate::compat::sim::refusal::{ErrorBody, INVALID_INPUT, refused};
use crate::http::status;

#[derive(Debug)]
pub(super) enum StartRefusal {
    Of(Error),
    /// The body is wrong, in Sim's own words.
    Invalid {
        error: Cow<'static, str>,
        problems: Vec<FieldProblem>,
    },
    /// The workflow was called by one that was called by one …
    CallChain,
    /// What Sim lets only its own editor do.
    InternalOnly(&'static str),
}

impl<E: Into<Error>> From<E> for StartRefusal {
    fn from(error: E) -> Self {
        Self::Of(error.into())
    }
}

impl StartRefusal {
    /// A file among the inputs is not what it says.
    pub(super) fn files(error: Error) -> Self {
        let text = format!("{FILES_FAILED}: {error}").into();
        match error {
            Error::BadInput(problems) => Self::Invalid { error: text, problems },
            other => Self::Of(other),
        }
    }
}

impl IntoResponse for StartRefusal {
    fn into_response(self) -> Response {
        let (status, code, body) = match self {
            Self::Of(error) => return refused(error),
            Self::Invalid { error, problems } => {
                let body = ErrorBody::new(error, INVALID_INPUT).with_details(&problems);
                (StatusCode::BAD_REQUEST, "invalid_input", body)
            }
            Self::CallChain => {
                let body = ErrorBody::new(CALL_CHAIN, CALL_CHAIN_CODE);
                (StatusCode::CONFLICT, status::code(&Error::LoopDetected), body)
            }
            Self::InternalOnly(error) => {
                (StatusCode::FORBIDDEN, "forbidden", ErrorBody::new(error, "FORBIDDEN"))
            }
        };
        status::refused_as(code, (status, Json(body)).into_response())
    }
}
