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
const READS: [fn() -> OpenApiRouter<Arc<App>>; 4] = [gptbots::read::routes, sim::read::routes, sim::v2::read::routes, aiflow::read::routes];

pub(crate) fn reads() -> OpenApiRouter<Arc<App>> {
    READS.into_iter().fold(OpenApiRouter::default(), |all, routes| all.merge(routes()))
}
