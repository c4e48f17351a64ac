//! The APIs of systems whose callers switch by changing address, id and key: one folder each, with
//! its routes, requests, responses and refusals, and one line in each list it belongs to.

pub(crate) mod gptbots;
mod sim;
mod aiflow;

#[cfg(feature = "starts")]
pub(crate) mod start;

use std::sync::Arc;

use anyhow::anyhow;
use axum::response::{IntoResponse, Response};
use flowgate_app::error::What;
use flowgate_app::{App, Error};
use http::Uri;
use utoipa_axum::router::OpenApiRouter;

use crate::http::problem;
use crate::http::status::Cause;
use crate::{a2a, openai};

/// What reads and cancels runs.
pub(crate) fn reads() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default()
        .merge(gptbots::read::routes())
        .merge(sim::read::routes())
        .merge(sim::v2::read::routes())
        .merge(sim::v1::logs::routes())
        .merge(sim::v1::files::routes())
        .merge(sim::v2::logs::routes())
        .merge(aiflow::read::routes())
}

/// What manages workflows.
pub(crate) fn workflows() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().merge(sim::v1::workflows::routes()).merge(sim::v2::workflows::routes())
}

/// Routes that answer pages of every origin, as Sim's do. Such pages have a key.
pub(crate) const OPEN_TO_PAGES: [&str; 2] =
    ["/api/workflows/{id}/execute", "/api/v2/workflows/{id}/execute"];

/// Returns whether each answer at the path says what the caller's key may still start, as those of
/// Sim's second generation do.
pub(crate) fn says_limits(path: &str) -> bool {
    path.starts_with("/api/v2/")
}

/// There is no route at the path.
pub(crate) async fn unknown_path(uri: Uri) -> Response {
    refusal_at(uri.path(), Error::NotFound(What::Path))
}

/// The cause is logged where the handler is known.
pub(crate) fn panicked(path: &str) -> Response {
    let mut response = refusal_at(path, Error::Internal(anyhow!("a handler panicked")));
    response.extensions_mut().remove::<Cause>();
    response
}

/// The refusal of a request that reached no handler, in the shape of the API that owns the path.
pub(crate) fn refusal_at(path: &str, error: Error) -> Response {
    let is_under = |prefix: &str| {
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if is_under("/api/v2") {
        sim::v2::refusal_of(error)
    } else if is_under("/api") {
        sim::refusal_of(error)
    } else if is_under("/v1/workflow") {
        gptbots::refusal_of(error)
    } else if is_under("/v1/flow") {
        aiflow::refusal_of(error)
    } else if ["/v1/models", "/v1/chat", "/v1/responses"].into_iter().any(is_under) {
        openai::refusal_of(error)
    } else if is_under("/a2a") {
        a2a::refusal_of(error)
    } else {
        problem::Refusal(error).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body(path: &str) -> serde_json::Value {
        let response = refusal_at(path, Error::NotFound(What::Path));
        assert_eq!(response.status(), 404, "{path}");
        let response = problem::write_problem(response, "req_1");
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    #[tokio::test]
    async fn an_unknown_path_is_refused_in_the_shape_of_its_api() {
        for path in ["/api/v2", "/api/v2/x", "/api/v2/workflows/a/execute/b"] {
            assert_eq!(body(path).await["error"]["code"], "NOT_FOUND", "{path}");
        }
        for path in ["/api", "/api/x", "/api/v2x", "/api/workflows/a/execute/"] {
            assert_eq!(body(path).await["code"], "NOT_FOUND", "{path}");
        }
        for path in ["/v1/workflow", "/v1/workflow/x"] {
            assert_eq!(body(path).await["code"], 40378, "{path}");
        }
        for path in ["/v1/flow", "/v1/flow/a/run/b/c"] {
            assert_eq!(body(path).await["error"]["code"], "path_not_found", "{path}");
        }
        for path in ["/v1/models/a/b", "/v1/chat", "/v1/responses/a/b/c"] {
            assert_eq!(body(path).await["error"]["code"], "path_not_found", "{path}");
        }
        for path in ["/", "/v1", "/v1/workflows2", "/v1/workflows/a/b", "/v1/flows", "/apix"] {
            let problem = body(path).await;
            assert_eq!(
                (&problem["code"], &problem["status"]),
                (&"path_not_found".into(), &404.into())
            );
        }
    }
}
