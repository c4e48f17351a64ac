//! AI-Flow: `POST /v1/flow/{flow_id}/run` takes a flat body and answers at once, `GET
//! …/run/{run_id}` has the flat outputs.

pub(super) mod read;
#[cfg(feature = "starts")]
pub(super) mod start;

use axum::Json;
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use flowgate_app::Error;
use flowgate_app::error::field_name;
use http::{HeaderName, StatusCode};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use crate::http::caller::Authenticated;
use crate::http::refused::RefusalBody;
use crate::http::status;

/// The state of the run, also where one of its outputs is called `status`.
const RUN_STATUS: HeaderName = HeaderName::from_static("x-run-status");

type Caller = Authenticated<Refusal>;

#[derive(OpenApi)]
#[openapi(
    tags((name = "AI-Flow", description = "For callers of AI-Flow's API.")),
    components(schemas(ErrorBody))
)]
struct AiFlow;

fn documented<S: Clone + Send + Sync + 'static>() -> OpenApiRouter<S> {
    OpenApiRouter::with_openapi(AiFlow::openapi())
}

fn with_wrong_method<S: Clone + Send + Sync + 'static>(routes: MethodRouter<S>) -> MethodRouter<S> {
    routes.fallback(|| async {
        let message = "the path does not take this method; see Allow".to_owned();
        let error = ErrorDetail { code: "method_not_allowed", message, fields: Vec::new() };
        (StatusCode::METHOD_NOT_ALLOWED, Json(ErrorBody { error }))
    })
}

pub(super) fn refusal_of(error: Error) -> Response {
    Refusal(error).into_response()
}

struct Refusal(Error);

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// Why a request was refused.
#[derive(Serialize, ToSchema)]
#[schema(as = aiflow::Error)]
struct ErrorBody {
    #[schema(inline)]
    error: ErrorDetail,
}

#[derive(Serialize, ToSchema)]
struct ErrorDetail {
    #[schema(examples("invalid_input"))]
    code: &'static str,
    message: String,
    /// Every field that is wrong.
    #[schema(inline)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<WrongField>,
}

#[derive(Serialize, ToSchema)]
struct WrongField {
    name: String,
    message: String,
}

impl RefusalBody for ErrorBody {}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let fields = match &error {
            Error::BadInput(problems) => problems
                .iter()
                .map(|problem| WrongField {
                    name: field_name(&problem.pointer),
                    message: problem.message.clone(),
                })
                .collect(),
            _ => Vec::new(),
        };
        let code = status::code(&error);
        let refused = ErrorBody { error: ErrorDetail { code, message: error.to_string(), fields } };
        let response = (status::status(&error), Json(refused)).into_response();
        status::with_headers(error, response)
    }
}
