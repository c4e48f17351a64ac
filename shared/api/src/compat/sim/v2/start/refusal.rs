//! Why an execution of the second generation was not started.

use axum::Json;
use axum::response::{IntoResponse, Response};
use flowgate_app::Error;
use http::StatusCode;

use crate::compat::sim::start::{CALL_CHAIN, CALL_CHAIN_CODE, FILES_FAILED};
use crate::compat::sim::v2::refusal::{Details, ErrorBody, refused};
use crate::http::status;

pub(super) enum StartRefusal {
    Of(Error),
    /// A file among the inputs is not what it says.
    Files(Error),
    CallChain,
}

impl<E: Into<Error>> From<E> for StartRefusal {
    fn from(error: E) -> Self {
        Self::Of(error.into())
    }
}

impl IntoResponse for StartRefusal {
    fn into_response(self) -> Response {
        match self {
            Self::Of(error) => refused(error, ""),
            Self::Files(error) => refused(error, &format!("{FILES_FAILED}: ")),
            Self::CallChain => {
                let details = Details::Code { code: CALL_CHAIN_CODE.into() };
                let body = ErrorBody::new("CONFLICT", CALL_CHAIN.to_owned()).with(Some(details));
                let refusal = (StatusCode::CONFLICT, Json(body)).into_response();
                status::refused_as(status::code(&Error::LoopDetected), refusal)
            }
        }
    }
}
