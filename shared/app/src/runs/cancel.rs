//! Cancels runs.

use std::sync::Arc;
use std::time::Duration;

use flowgate_core::id::RunId;
use flowgate_core::key::Scope;
use flowgate_core::lease::LEASE;
use flowgate_core::run::{CancelRequest, Claimed, Finished, RunRecord, RunState};

use crate::access::Caller;
use crate::error::{Error, Result, What};
use crate::platform::App;

/// How soon a run that is not stored yet is looked for again.
const UNTIL_STORED: Duration = Duration::from_millis(100);

pub enum Cancelled {
    /// The run has ended as cancelled, or its owner was asked to stop.
    Cancelled(Box<RunRecord>),
    Already(Box<RunRecord>),
}

impl App {
    /// Ends a run that has no live owner. A live owner is asked to stop: it sees the request
    /// immediately in this process, within 20 s in others.
    pub async fn cancel_run(&self, caller: &Caller, id: &str) -> Result<Cancelled> {
        let record = self.run_for(caller, Scope::Cancel, id).await?;
        let run = &record.head.id;
        match self.ports.runs.request_cancel(run, self.now()).await? {
            CancelRequest::Requested => {
                self.running.wake(run);
                let mut record = self.run_for(caller, Scope::Cancel, id).await?;
                record.cancel_requested = true;
                Ok(Cancelled::Cancelled(Box::new(record)))
            }
            CancelRequest::Unowned => self.cancel_unowned(record).await,
            CancelRequest::Already(_) => {
                Ok(Cancelled::Already(Box::new(self.run_for(caller, Scope::Cancel, id).await?)))
            }
            CancelRequest::Unknown => Err(Error::NotFound(What::Run)),
        }
    }

    /// Cancels a run whose caller has gone, in the background and whatever the caller's scopes. Not
    /// while the process stops: then the run is handed over, and goes on elsewhere.
    pub fn cancel_abandoned(self: &Arc<Self>, run: RunId) {
        if *self.stopping().borrow() {
            return;
        }
        let app = self.clone();
        self.in_background(async move {
            if let Err(error) = app.cancel_once_stored(&run).await {
                let error = format!("{error:#}");
                tracing::warn!(run.id = %run, error, "an abandoned run could not be cancelled");
            }
        });
    }

    /// A run that is driven here may not be stored yet.
    async fn cancel_once_stored(&self, run: &RunId) -> Result<()> {
        loop {
            match self.ports.runs.request_cancel(run, self.now()).await? {
                CancelRequest::Requested => self.running.wake(run),
                CancelRequest::Unowned => {
                    if let Some(record) = self.ports.runs.read(run).await? {
                        self.cancel_unowned(record).await?;
                    }
                }
                CancelRequest::Unknown if self.running.has(run) => {
                    self.ports.clock.sleep(UNTIL_STORED).await;
                    continue;
                }
                CancelRequest::Already(_) | CancelRequest::Unknown => {}
            }
            return Ok(());
        }
    }

    async fn cancel_unowned(&self, record: RunRecord) -> Result<Cancelled> {
        let (owner, now) = (self.owner_token(), self.now());
        let Claimed::Leased(lease, claimed) =
            self.ports.runs.claim(&record.head.id, &owner, now, now + LEASE).await?
        else {
            // Claimed by somebody else meanwhile: the new owner sees the request.
            return Ok(Cancelled::Cancelled(Box::new(record)));
        };
        match self.finish_leased(&lease, &claimed, RunState::Cancelled, None).await? {
            Finished::Already(ended) if ended.state == RunState::Cancelled => {
                Ok(Cancelled::Cancelled(ended))
            }
            Finished::Already(ended) => Ok(Cancelled::Already(ended)),
            Finished::Finished | Finished::Lost => Ok(Cancelled::Cancelled(claimed)),
        }
    }
}
