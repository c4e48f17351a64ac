//! The native API, one file per resource.

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post, put};
use flowgate_app::App;

#[cfg(feature = "starts")]
mod start;
mod runs;
mod events;
mod deliveries;
mod workflows;
mod keys;
mod secrets;

/// What begins runs.
#[cfg(feature = "starts")]
pub(crate) fn starts() -> Router<Arc<flowgate_runner::Runner>> {
    Router::new().route("/v1/workflows/{workflow_id}/runs", post(start::start)).route("/v1/runs/{run_id}/replay", post(start::replay))
}

/// What reads and cancels them, and their deliveries.
pub(crate) fn reads() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/workflows/{workflow_id}/runs", get(runs::list))
        .route("/v1/runs/{run_id}", get(runs::read))
        .route("/v1/runs/{run_id}/events", get(events::read))
        .route("/v1/runs/{run_id}/trace", get(runs::trace))
        .route("/v1/runs/{run_id}/cancel", post(runs::cancel))
        .route("/v1/runs/{run_id}/deliveries", get(deliveries::of_run))
        .route("/v1/deliveries/{delivery_id}/redeliver", post(deliveries::redeliver))
}

/// API keys, and the secrets of providers and webhooks.
pub(crate) fn keys() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/keys", post(keys::create).get(keys::list))
        .route("/v1/keys/{key_id}", delete(keys::revoke))
        .route("/v1/keys/{key_id}/rotate", post(keys::rotate))
        .route("/v1/secrets", get(secrets::list))
        .route("/v1/secrets/{name}", put(secrets::put).get(secrets::read).delete(secrets::delete))
        .route("/v1/workflows/{workflow_id}/signing-secret", get(secrets::signing))
        .route("/v1/workflows/{workflow_id}/signing-secret/rotate", post(secrets::rotate_signing))
}

/// Drafts, versions, and which of them callers run.
pub(crate) fn workflows() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/workflows", get(workflows::list))
        .route("/v1/workflows/{workflow_id}", put(workflows::save).get(workflows::read).delete(workflows::delete))
        .route("/v1/workflows/{workflow_id}/versions", post(workflows::publish).get(workflows::versions))
        .route("/v1/workflows/{workflow_id}/rollback", post(workflows::rollback))
        .route("/v1/workflows/{workflow_id}/active", delete(workflows::unpublish))
}
