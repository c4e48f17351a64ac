//! The APIs of the systems whose callers switch by changing address, id and key: one file each, with its routes, requests, answers and refusals.

#[cfg(feature = "starts")]
mod start;
mod gptbots;
mod sim;
mod aiflow;

use std::sync::Arc;

use axum::Router;
use flowgate_app::App;

#[cfg(feature = "starts")]
use self::start::Begun;

/// What begins runs.
#[cfg(feature = "starts")]
pub(crate) fn starts() -> Router<Arc<flowgate_runner::Runner>> {
    Router::new().merge(gptbots::starts()).merge(sim::starts()).merge(aiflow::starts())
}

/// What reads and cancels them.
pub(crate) fn reads() -> Router<Arc<App>> {
    Router::new().merge(gptbots::reads()).merge(sim::reads()).merge(aiflow::reads())
}
