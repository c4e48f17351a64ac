//! What the first generation reads: jobs, executions, whether a workflow is deployed, limits.

mod deployment;
mod executions;
mod job;
mod paused;
mod usage_limits;

use std::sync::Arc;

use flowgate_app::App;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

pub(super) use self::usage_limits::{Rate, UNLIMITED, rate_of};

use super::{documented, with_wrong_method};

pub(in crate::compat) fn routes() -> OpenApiRouter<Arc<App>> {
    documented()
        .routes(routes!(deployment::read).map(with_wrong_method))
        .routes(routes!(executions::read).map(with_wrong_method))
        .routes(routes!(executions::cancel).map(with_wrong_method))
        .routes(routes!(job::read).map(with_wrong_method))
        .routes(routes!(usage_limits::read).map(with_wrong_method))
        .routes(routes!(paused::list).map(with_wrong_method))
        .routes(routes!(paused::read).map(with_wrong_method))
        .routes(routes!(paused::context, paused::resume).map(with_wrong_method))
}
