//! A2A (Agent2Agent) 1.0 at `/a2a/{id}`: a published workflow is an agent, a run is a task. Both
//! bindings, JSON-RPC and HTTP+JSON, are two spellings of the same operations.

mod refusal;
mod entry;
mod params;
mod card;
mod task;
mod tasks;
mod events;
mod rest;

#[cfg(feature = "starts")]
pub(crate) mod start;

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use flowgate_app::{App, Error};
use http::StatusCode;
use utoipa::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use self::refusal::{Refusal, RestError};
use crate::http::caller::Authenticated;

type Caller = Authenticated<Refusal>;

#[derive(OpenApi)]
#[openapi(
    tags((name = "A2A", description = "Workflows as agents (Agent2Agent 1.0).")),
    components(schemas(RestError, task::Task, task::StreamResponse))
)]
struct A2a;

fn documented<S: Clone + Send + Sync + 'static>() -> OpenApiRouter<S> {
    OpenApiRouter::with_openapi(A2a::openapi())
}

/// Agent cards, and what is done with tasks that have begun.
pub(crate) fn reads() -> OpenApiRouter<Arc<App>> {
    documented()
        .routes(routes!(card::read).map(with_wrong_method))
        .routes(routes!(rest::list).map(with_wrong_method))
        .routes(routes!(rest::get, rest::act).map(with_wrong_method))
}

/// The refusal of a request that reached no handler.
pub(crate) fn refusal_of(error: Error) -> Response {
    Refusal::from(error).into_response()
}

fn with_wrong_method<S: Clone + Send + Sync + 'static>(routes: MethodRouter<S>) -> MethodRouter<S> {
    routes.fallback(|| async {
        let message = "the path does not take this method; see Allow";
        (StatusCode::METHOD_NOT_ALLOWED, axum::Json(RestError::wrong_method(message)))
    })
}
