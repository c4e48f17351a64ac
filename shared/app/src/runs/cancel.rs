//! Cancels runs.

use flowgate_core::key::Scope;
use flowgate_core::lease::LEASE;
use flowgate_core::run::{CancelRequest, Claimed, Finished, RunRecord, RunState};

use crate::access::Caller;
use crate::error::{Error, Result, What};
use crate::platform::App;

pub enum Cancelled {
    /// It has ended as cancelled, or its owner was asked to stop.
    Cancelled(Box<RunRecord>),
    Already(Box<RunRecord>),
}

impl App {
    /// Nobody's run is ended by the canceller; a live owner is asked, and sees it at once here, within 20 s elsewhere.
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
            CancelRequest::Already(_) => Ok(Cancelled::Already(Box::new(self.run_for(caller, Scope::Cancel, id).await?))),
            CancelRequest::Unknown => Err(Error::NotFound(What::Run)),
        }
    }

    async fn cancel_unowned(&self, record: RunRecord) -> Result<Cancelled> {
        let (owner, now) = (self.owner_token(), self.now());
        let Claimed::Leased(lease, claimed) = self.ports.runs.claim(&record.head.id, &owner, now, now + LEASE).await? else {
            // Somebody took it meanwhile: they see the request.
            return Ok(Cancelled::Cancelled(Box::new(record)));
        };
        match self.finish_leased(&lease, &claimed, RunState::Cancelled, None).await? {
            Finished::Already(ended) if ended.state == RunState::Cancelled => Ok(Cancelled::Cancelled(ended)),
            Finished::Already(ended) => Ok(Cancelled::Already(ended)),
            Finished::Finished | Finished::Lost => Ok(Cancelled::Cancelled(claimed)),
        }
    }
}
