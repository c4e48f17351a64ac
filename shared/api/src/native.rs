//! The native API, one file per resource.

#[cfg(feature = "starts")]
pub(crate) mod start;

pub(crate) mod run;
mod runs;
mod run_list;
mod run_document;
mod questions;
mod erase;
mod files;
mod jobs;
mod bulk;
mod trace;
mod stats;
mod events;
mod deliveries;
mod schedules;
mod imports;
mod workflows;
mod outline;
mod versions;
mod public;
mod kinds;
mod interface;
mod described;
mod snippets;
mod keys;
mod tokens;
mod keyring;
mod secrets;
mod health;

use std::sync::Arc;

use flowgate_app::App;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::caller::Authenticated;
use crate::http::known_query;
use crate::http::problem::{Problem, Refusal};

type Caller = Authenticated<Refusal>;

#[derive(OpenApi)]
#[openapi(
    tags(
        (name = "Runs", description = "Start, read, follow, cancel and delete runs."),
        (name = "Files", description = "What runs are given and give, where it is large."),
        (name = "Workflows", description = "Drafts, versions, and which of them callers run."),
        (name = "Keys", description = "API keys, and what each of them may do."),
        (name = "Secrets", description = "Secrets of providers, and those that sign webhooks."),
        (name = "Statistics", description = "What runs came to, hour by hour."),
        (name = "Webhooks", description = "The log of deliveries."),
        (name = "Service", description = "The service itself."),
    ),
    components(schemas(
        Problem,
        events::NodeStarted,
        events::Chunk,
        events::NodeAttempt,
        events::NodeReset,
        events::NodeFinished,
        events::Reconnect,
    ))
)]
struct Native;

fn documented<S: Clone + Send + Sync + 'static>() -> OpenApiRouter<S> {
    OpenApiRouter::with_openapi(Native::openapi())
}

/// Runs, after their start.
pub(crate) fn reads() -> OpenApiRouter<Arc<App>> {
    known_query::strict(
        documented()
            .routes(routes!(run_list::all))
            .routes(routes!(run_list::of_workflow))
            .routes(routes!(runs::read, erase::run))
            .routes(routes!(erase::user))
            .routes(routes!(bulk::of_workflow))
            .routes(routes!(bulk::replay))
            .routes(routes!(bulk::cancel))
            .routes(routes!(jobs::read))
            .routes(routes!(jobs::cancel))
            .routes(routes!(events::read))
            .routes(routes!(trace::read))
            .routes(routes!(run_document::read))
            .routes(routes!(questions::list))
            .routes(routes!(questions::all))
            .routes(routes!(questions::resume))
            .routes(routes!(questions::page, questions::submit))
            .routes(routes!(stats::read))
            .routes(routes!(runs::cancel))
            .routes(routes!(files::upload))
            .routes(routes!(files::send, files::read))
            .routes(routes!(deliveries::list))
            .routes(routes!(deliveries::all))
            .routes(routes!(deliveries::redeliver))
            .routes(routes!(deliveries::recover)),
    )
}

/// API keys, and the secrets of providers and webhooks.
pub(crate) fn keys() -> OpenApiRouter<Arc<App>> {
    known_query::strict(
        documented()
            .routes(routes!(keys::create, keys::list))
            .routes(routes!(keys::read, keys::rename, keys::revoke))
            .routes(routes!(keys::read_own))
            .routes(routes!(keys::rotate))
            .routes(routes!(tokens::create))
            .routes(routes!(keyring::rotate))
            .routes(routes!(keyring::rotate_admin))
            .routes(routes!(secrets::list))
            .routes(routes!(secrets::put, secrets::read, secrets::delete))
            .routes(routes!(secrets::begin_login))
            .routes(routes!(secrets::signing))
            .routes(routes!(secrets::rotate_signing))
            .routes(routes!(health::read)),
    )
}

/// Drafts, versions, and which of them callers run.
pub(crate) fn workflows() -> OpenApiRouter<Arc<App>> {
    known_query::strict(
        documented()
            .routes(routes!(workflows::list))
            .routes(routes!(outline::validate))
            .routes(routes!(imports::import))
            .routes(routes!(kinds::list))
            .routes(routes!(workflows::save, workflows::read, workflows::delete))
            .routes(routes!(versions::publish, versions::list))
            .routes(routes!(versions::read))
            .routes(routes!(versions::rollback))
            .routes(routes!(versions::unpublish))
            .routes(routes!(public::open, public::close))
            .routes(routes!(interface::read))
            .routes(routes!(described::read))
            .routes(routes!(snippets::read)),
    )
}
