//! The APIs of systems whose callers switch by changing address, id and key: one folder each, with
//! its routes, requests, responses and refusals, and one line in each list it belongs to.

pub(crate) mod gptbots;
mod sim;
mod aiflow;

#[cfg(feature = "starts")]
pub(crate) mod start;

use std::sync::Arc;

use flowgate_app::App;
use utoipa_axum::router::OpenApiRouter;

/// What reads and cancels runs.
pub(crate) fn reads() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default()
        .merge(gptbots::read::routes())
        .merge(sim::read::routes())
        .merge(sim::v2::read::routes())
        .merge(aiflow::read::routes())
}
