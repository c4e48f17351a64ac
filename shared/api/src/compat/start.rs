//! How a dialect answers a start that was not asked to stream, be it the first of its kind or a repeated one.

use anyhow::anyhow;
use axum::response::Response;
use flowgate_app::run::RunRecord;
use flowgate_app::{Error, Result};
use flowgate_runner::start::{Manner, Started};

use crate::http::idempotency;

/// The run of a start that was not asked to stream.
pub(super) struct Begun {
    pub(super) record: Box<RunRecord>,
    /// An earlier request with the same idempotency key began it.
    earlier: bool,
}

impl Begun {
    pub(super) fn of(started: Started, manner: Manner) -> Result<Self> {
        match started {
            Started::Run(record) => Ok(Self { record, earlier: false }),
            Started::Repeated(record) if manner == Manner::Detach => Ok(Self { record, earlier: true }),
            Started::Repeated(record) if record.wiped => Err(Error::Gone),
            Started::Repeated(record) if !record.state.has_ended() => Err(Error::StillRunning),
            Started::Repeated(record) => Ok(Self { record, earlier: true }),
            Started::Stream(_) => Err(anyhow!("a start that was not asked to stream streams").into()),
        }
    }

    pub(super) fn mark(&self, mut response: Response) -> Response {
        if self.earlier {
            idempotency::mark_replayed(&mut response);
        }
        response
    }
}
