//! The API of OpenAI, for its clients: a workflow is a model. Chat completions and responses are
//! two views of a run; a stream of either is a fold over the run's events.

mod model;
mod speech;
mod answer;
mod response;
mod response_events;
mod read;
mod refusal;

#[cfg(feature = "starts")]
pub(crate) mod start;

use std::sync::Arc;

use axum::Json;
use axum::response::Response;
use axum::routing::MethodRouter;
use flowgate_app::{App, Error};
use http::StatusCode;
use utoipa::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use self::refusal::{ErrorBody, Refusal};
use crate::http::caller::Authenticated;

type Caller = Authenticated<Refusal>;

#[derive(OpenApi)]
#[openapi(
    tags((name = "OpenAI", description = "For clients of OpenAI's API: a workflow is a model.")),
    components(schemas(ErrorBody, response::Response))
)]
struct OpenAi;

fn documented<S: Clone + Send + Sync + 'static>() -> OpenApiRouter<S> {
    OpenApiRouter::with_openapi(OpenAi::openapi())
}

/// What reads models and responses.
pub(crate) fn reads() -> OpenApiRouter<Arc<App>> {
    documented()
        .routes(routes!(model::list).map(with_wrong_method))
        .routes(routes!(model::read).map(with_wrong_method))
        .routes(routes!(read::read, read::delete).map(with_wrong_method))
        .routes(routes!(read::cancel).map(with_wrong_method))
        .routes(routes!(read::input_items).map(with_wrong_method))
}

/// The refusal of a request that reached no handler.
pub(crate) fn refusal_of(error: Error) -> Response {
    refusal::refused(error)
}

fn with_wrong_method<S: Clone + Send + Sync + 'static>(routes: MethodRouter<S>) -> MethodRouter<S> {
    routes.fallback(|| async {
        let body = ErrorBody::new(
            refusal::INVALID_REQUEST,
            "method_not_allowed",
            "the path does not take this method; see Allow",
        );
        (StatusCode::METHOD_NOT_ALLOWED, Json(body))
    })
}
