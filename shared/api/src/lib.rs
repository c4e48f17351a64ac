//! The public HTTP contract: the native API, other systems' APIs, what all of them share.
//!
//! `router` answers everything. The others are its parts, each answered by one function of a
//! deployment.

mod native;
mod compat;
mod openai;
mod a2a;
pub mod openapi;
#[cfg(feature = "starts")]
mod mcp;
#[cfg(feature = "starts")]
mod starts;

// What they share.
mod http;
mod reserved;
#[cfg(feature = "starts")]
mod conversation;
#[cfg(feature = "starts")]
mod begun;

use std::sync::Arc;

use axum::{Router, middleware};
use flowgate_app::App;
use utoipa_axum::router::OpenApiRouter;

use self::http::{problem, request};
pub use self::reserved::RESERVED_INPUT_NAMES;
#[cfg(feature = "starts")]
pub use self::starts::{document, invoke, router};

/// All that is done with a run that has started, in every API: reads, cancel, redelivery.
pub fn run_status(app: Arc<App>) -> Router {
    finish(app.clone(), reads().with_state(app))
}

/// Keys, secrets and the health check. A health check answers from the first moment on: what reads
/// runs does so only once there is a keyring.
pub fn keys(app: Arc<App>) -> Router {
    finish(app.clone(), native::keys().with_state(app))
}

/// Drafts, versions, the OpenAPI document, and whatever is at no other path.
pub fn workflows(app: Arc<App>) -> Router {
    finish(app.clone(), authoring().with_state(app))
}

/// Returns whether the path belongs to the API, whatever is there. Others are the console's, for
/// browsers.
pub fn owns(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    match first {
        "v1" | "api" | "mcp" | "a2a" | ".well-known" | "register" => true,
        _ => matches!(path, "/health" | "/openapi.json"),
    }
}

fn reads() -> OpenApiRouter<Arc<App>> {
    native::reads().merge(compat::reads()).merge(openai::reads()).merge(a2a::reads())
}

fn authoring() -> OpenApiRouter<Arc<App>> {
    native::workflows().merge(compat::workflows()).merge(openapi::routes())
}

/// What surrounds every route, and what answers where there is none.
fn finish(app: Arc<App>, routes: OpenApiRouter) -> Router {
    Router::from(routes)
        // An API that has its own keeps it.
        .method_not_allowed_fallback(problem::wrong_method)
        .fallback(compat::unknown_path)
        .layer(middleware::from_fn_with_state(app, request::around))
}
