//! Starts in other systems' APIs: their routes, and what came of a start that does not stream.

use std::sync::Arc;

use anyhow::anyhow;
use axum::response::Response;
use flowgate_app::limit::Allowance;
use flowgate_app::run::RunRecord;
use flowgate_app::{Error, Result};
use flowgate_runner::Runner;
use flowgate_runner::start::{Admitted, ResponseMode, Started};
use utoipa_axum::router::OpenApiRouter;

use super::{aiflow, gptbots, sim};
use crate::http::idempotency;
use crate::http::request::with_allowance;

/// What starts runs.
pub(crate) fn routes() -> OpenApiRouter<Arc<Runner>> {
    OpenApiRouter::default()
        .merge(gptbots::start::routes())
        .merge(sim::start::routes())
        .merge(sim::v2::start::routes())
        .merge(aiflow::start::routes())
}

/// The run of a start that does not stream, be it the first of its kind or a repeated one.
pub(super) struct StartOutcome {
    pub(super) record: Box<RunRecord>,
    /// An earlier request with the same idempotency key started it.
    replayed: bool,
    allowance: Option<Allowance>,
}

impl StartOutcome {
    pub(super) fn of(start: Admitted, mode: ResponseMode) -> Result<Self> {
        let Admitted { started, allowance } = start;
        let (record, replayed) = match started {
            Started::Run(record) => (record, false),
            Started::Repeated(record) if mode == ResponseMode::Detach => (record, true),
            Started::Repeated(record) if record.wiped => return Err(Error::Gone),
            Started::Repeated(record) if !record.state.has_ended() => {
                return Err(Error::StillRunning(record.head.shown_id().to_owned()));
            }
            Started::Repeated(record) => (record, true),
            Started::Overdue(_) => {
                return Err(anyhow!("the run was cancelled when its wait ended").into());
            }
            Started::Stream(_) => {
                return Err(anyhow!("a start that did not ask for a stream streams").into());
            }
        };
        Ok(Self { record, replayed, allowance })
    }

    /// Marks the response where an earlier request started the run.
    pub(super) fn mark(&self, mut response: Response) -> Response {
        if self.replayed {
            idempotency::mark_replayed(&mut response);
        }
        with_allowance(response, self.allowance)
    }
}
