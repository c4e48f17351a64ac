//! How a dialect answers a start that was not asked to stream, be it the first of its kind or a repeated one.

use anyhow::anyhow;
use axum::response::Response;
use flowgate_app::limit::Allowance;
use flowgate_app::run::RunRecord;
use flowgate_app::{Error, Result};
use flowgate_runner::start::{ResponseMode, Start, Started};

use crate::{idempotency, request};

/// The run of a start that was not asked to stream.
pub(super) struct Begun {
    pub(super) record: Box<RunRecord>,
    /// An earlier request with the same idempotency key began it.
    earlier: bool,
    allowance: Option<Allowance>,
}

impl Begun {
    pub(super) fn of(start: Start, manner: ResponseMode) -> Result<Self> {
        let Start { started, allowance } = start;
        match started {
            Started::Run(record) => Ok(Self { record, earlier: false, allowance }),
            Started::Repeated(record) if manner == ResponseMode::Detach => Ok(Self { record, earlier: true, allowance }),
            Started::Repeated(record) if record.wiped => Err(Error::Gone),
            Started::Repeated(record) if !record.state.has_ended() => Err(Error::StillRunning),
            Started::Repeated(record) => Ok(Self { record, earlier: true, allowance }),
            Started::Overdue(_) => Err(anyhow!("a start that goes on after its wait was cancelled").into()),
            Started::Stream(_) => Err(anyhow!("a start that was not asked to stream streams").into()),
        }
    }

    pub(super) fn mark(&self, mut response: Response) -> Response {
        if self.earlier {
            idempotency::mark_replayed(&mut response);
        }
        request::with_allowance(response, self.allowance)
    }
}
