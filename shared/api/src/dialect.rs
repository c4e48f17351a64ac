//! The APIs of the systems whose callers switch by changing address, id and key: one file each, with its routes, requests, answers and refusals.

use std::sync::Arc;

use anyhow::anyhow;
use axum::Router;
use axum::response::Response;
use flowgate_app::invoke::{Manner, Started};
use flowgate_app::run::RunRecord;
use flowgate_app::{App, Error, Result};

use crate::idempotency;

mod gptbots;
mod sim;
mod aiflow;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().merge(gptbots::routes()).merge(sim::routes()).merge(aiflow::routes())
}

/// The run of a start that was not asked to stream.
struct Begun {
    record: Box<RunRecord>,
    /// An earlier request with the same idempotency key began it.
    earlier: bool,
}

impl Begun {
    fn of(started: Started, manner: Manner) -> Result<Self> {
        match started {
            Started::Run(record) => Ok(Self { record, earlier: false }),
            Started::Repeated(record) if manner == Manner::Detach => Ok(Self { record, earlier: true }),
            Started::Repeated(record) if record.wiped => Err(Error::Gone),
            Started::Repeated(record) if !record.state.has_ended() => Err(Error::StillRunning),
            Started::Repeated(record) => Ok(Self { record, earlier: true }),
            Started::Stream(_) => Err(anyhow!("a start that was not asked to stream streams").into()),
        }
    }

    fn mark(&self, mut response: Response) -> Response {
        if self.earlier {
            idempotency::mark_replayed(&mut response);
        }
        response
    }
}
