//! The public HTTP contract: the native routes, the dialects, what all of them share.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router, middleware};
use flowgate_app::App;
use serde_json::{Value, json};

mod native;
mod dialect;

// What they share.
mod request;
mod caller;
mod body;
mod fields;
mod idempotency;
mod sse;
mod status;
mod problem;

/// Every route, ready to be served.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/health", get(health))
        .merge(native::routes())
        .merge(dialect::routes())
        // A dialect that has its own keeps it.
        .method_not_allowed_fallback(problem::wrong_method)
        .fallback(problem::unknown_path)
        .layer(middleware::from_fn_with_state(app.clone(), request::around))
        .with_state(app)
}

async fn health() -> Json<Value> {
    Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}
