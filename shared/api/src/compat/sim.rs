//! Sim: the first generation of its API, with refusals as `{error, code}`, and [`v2`].

pub(super) mod read;
#[cfg(feature = "starts")]
pub(super) mod start;
pub(super) mod v1;
pub(super) mod v2;

// What both generations share.
mod query;
mod record;
mod workflow;
mod deploy;
mod transfer;
mod edit;
mod log;
mod span;
mod pause;

// The first generation's own.
mod refusal;
mod result;
mod limits;

use axum::response::Response;
use axum::routing::MethodRouter;
use flowgate_app::Error;
use http::StatusCode;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use self::refusal::{ErrorBody, Refusal};
use crate::http::caller::Authenticated;

type Caller = Authenticated<Refusal>;

#[derive(OpenApi)]
#[openapi(
    tags((name = "Sim", description = "For callers of Sim's API, and its official SDKs.")),
    components(schemas(ErrorBody))
)]
struct Sim;

fn documented<S: Clone + Send + Sync + 'static>() -> OpenApiRouter<S> {
    OpenApiRouter::with_openapi(Sim::openapi())
}

pub(super) fn refusal_of(error: Error) -> Response {
    refusal::refused(error)
}

fn with_wrong_method<S: Clone + Send + Sync + 'static>(routes: MethodRouter<S>) -> MethodRouter<S> {
    routes.fallback(|| async {
        let body = ErrorBody::new("Method not allowed", "METHOD_NOT_ALLOWED");
        (StatusCode::METHOD_NOT_ALLOWED, axum::Json(body))
    })
}
