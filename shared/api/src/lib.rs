//! The public HTTP contract: the native routes, the dialects, what all of them share.
//!
//! [`router`] answers everything; the others are the parts of it that the functions of a deployment answer, each of them one.

#![cfg_attr(not(feature = "starts"), expect(dead_code, reason = "some of it serves only what begins runs"))]

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router, middleware};
use flowgate_app::App;
#[cfg(feature = "starts")]
use flowgate_runner::Runner;
use serde_json::{Value, json};

mod native;
mod dialect;

// What they share.
mod request;
mod caller;
mod body;
mod fields;
#[cfg(feature = "starts")]
mod idempotency;
mod sse;
mod status;
mod problem;
mod reserved;

pub use reserved::RESERVED_INPUT_NAMES;

/// Every route, ready to be served.
#[cfg(feature = "starts")]
pub fn router(runner: Arc<Runner>) -> Router {
    let app = runner.app.clone();
    answered(app, starts(runner).merge(reads()).merge(administers()).merge(native::workflows()))
}

/// What begins runs, in every dialect.
#[cfg(feature = "starts")]
pub fn invoke(runner: Arc<Runner>) -> Router {
    answered(runner.app.clone(), starts(runner))
}

/// What reads and cancels runs, in every dialect.
pub fn run_status(app: Arc<App>) -> Router {
    answered(app, reads())
}

/// Keys and secrets; and `/health`: it answers from the first moment on, where what reads runs does so once there is a keyring.
pub fn keys(app: Arc<App>) -> Router {
    answered(app, administers())
}

/// And whatever is at no other path.
pub fn workflows(app: Arc<App>) -> Router {
    answered(app, native::workflows())
}

#[cfg(feature = "starts")]
fn starts(runner: Arc<Runner>) -> Router<Arc<App>> {
    native::starts().merge(dialect::starts()).with_state(runner)
}

fn reads() -> Router<Arc<App>> {
    native::reads().merge(dialect::reads())
}

fn administers() -> Router<Arc<App>> {
    native::keys().route("/health", get(health))
}

fn answered(app: Arc<App>, routes: Router<Arc<App>>) -> Router {
    routes
        // A dialect that has its own keeps it.
        .method_not_allowed_fallback(problem::wrong_method)
        .fallback(problem::unknown_path)
        .layer(middleware::from_fn_with_state(app.clone(), request::around))
        .with_state(app)
}

async fn health() -> Json<Value> {
    Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}
