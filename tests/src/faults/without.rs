//! The product without one of its guards, to prove that a scenario notices: the guard is undone
//! between the process and its store.

use anyhow::Result;
use flowgate_core::lease::Lease;
use flowgate_core::run::NewRun;

use super::ports::Faulty;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Writes of earlier owners are accepted.
    Fence,
    /// Nothing is ever due: a lost message is lost for good.
    DueRow,
    /// No request is known to be a repetition.
    IdempotencyRow,
    /// A call's result is stored, and forgotten.
    Checkpoint,
    /// A write of a session does not say whose it is.
    SessionMark,
}

impl Faulty {
    pub(super) fn is_without(&self, guard: Guard) -> bool {
        self.without == Some(guard)
    }

    /// Returns the lease as the store will compare it: without the fence, that of the present
    /// owner.
    pub(super) async fn lease(&self, lease: &Lease) -> Result<Lease> {
        if !self.is_without(Guard::Fence) {
            return Ok(lease.clone());
        }
        let stored = self.inner.runs.read(&lease.run).await?;
        let present = stored.and_then(|record| Some((record.fence, record.owner?)));
        let (fence, owner) = present.unwrap_or((lease.fence, lease.owner.clone()));
        Ok(Lease { run: lease.run.clone(), fence, owner })
    }

    pub(super) fn new_run(&self, mut run: NewRun) -> NewRun {
        if self.is_without(Guard::IdempotencyRow) {
            run.unique_rows.idempotency = None;
        }
        run
    }
}
