//! The phases of a driver, and the writes that start and end a run.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use flowgate_app::finish::sent_at_end;
use flowgate_app::idempotency::UniqueRows;
use flowgate_app::lease::{Lease, OwnerToken};
use flowgate_app::overload::Overloaded;
use flowgate_app::run::{
    Checkpoint, Created, Finished, FinishedRun, Mode, NewRun, RunEnd, RunHead, RunRecord, RunState,
};
use flowgate_app::time::Timestamp;
use flowgate_app::{App, deadline};
use flowgate_engine::{Outcome, RunError};
use serde_json::Value;

use super::computation::Ended;
use super::{Driver, Progress};
use crate::start::WhenWaitEnds;

pub(super) enum Phase {
    /// Nothing is written yet: the run has made no outside call.
    NotStored(PendingStart),
    Running,
    /// Nothing new starts. The run is handed over once no call is open, at the latest at `until`.
    Draining {
        until: Timestamp,
    },
    /// The last progress has been reported.
    Over,
}

/// What the first write of an attached run needs besides its head.
pub(super) struct PendingStart {
    pub(super) lease_until: Timestamp,
    pub(super) unique_rows: UniqueRows,
    /// The deadline of the caller's request, which the driver's own task does not have.
    pub(super) write_by: Option<Timestamp>,
}

/// Whether a caller waits for the run.
pub(super) enum Attachment {
    Attached(Wait),
    Detached,
}

/// How long a caller waits for a run, and what happens to the run then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallerWait {
    pub(crate) max: Duration,
    pub(crate) when_it_ends: WhenWaitEnds,
}

/// A caller's wait.
pub(super) struct Wait {
    pub(super) until: Timestamp,
    pub(super) when_it_ends: WhenWaitEnds,
    /// Results of calls, in memory only; a hand-over writes them.
    pub(super) unwritten: Vec<Checkpoint>,
    pub(super) unwritten_bytes: usize,
}

impl Attachment {
    pub(super) fn mode(&self) -> Mode {
        match self {
            Self::Attached(_) => Mode::Attached,
            Self::Detached => Mode::Detached,
        }
    }

    pub(super) fn wait(&self) -> Option<&Wait> {
        match self {
            Self::Attached(wait) => Some(wait),
            Self::Detached => None,
        }
    }

    /// Returns whether the run is cancelled when its caller's wait ends.
    pub(super) fn ends_with_wait(&self) -> bool {
        self.wait().is_some_and(|wait| wait.when_it_ends == WhenWaitEnds::Cancel)
    }

    pub(super) fn take_unwritten(&mut self) -> Vec<Checkpoint> {
        match self {
            Self::Attached(wait) => {
                wait.unwritten_bytes = 0;
                std::mem::take(&mut wait.unwritten)
            }
            Self::Detached => Vec::new(),
        }
    }
}

impl Driver {
    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    pub(super) fn is_draining(&self) -> bool {
        matches!(self.phase, Phase::Draining { .. })
    }

    /// Returns when the wait or this process's time is over; while draining, when the run must be
    /// handed over.
    pub(super) fn release_at(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Draining { until } => Some(until),
            _ => [self.attachment.wait().map(|wait| wait.until), self.end_by]
                .into_iter()
                .flatten()
                .min(),
        }
    }

    /// Makes the first write of an attached run.
    pub(super) async fn store(&mut self, start: PendingStart) -> Result<()> {
        let (owner, write_by) = (Some(self.lease.owner.clone()), start.write_by);
        let created = self.app.ports.runs.create(self.new_run(start, owner));
        let created = deadline::within(write_by, created).await;
        if let Some(refused) = refused(&self.app, &self.head, created).await? {
            self.finish_with(refused);
        }
        Ok(())
    }

    /// Commits the end that the engine has reached.
    pub(super) async fn finish(&mut self) -> Result<()> {
        let last = self.store_end().await?;
        self.finish_with(last);
        Ok(())
    }

    /// Cancels the run, with one write: its caller's wait is over, and nobody could fetch the
    /// result.
    pub(super) async fn cancel_overdue(&mut self) -> Result<()> {
        self.cancel();
        while self.pump().await == Ended::Paused {}
        let last = match self.store_end().await? {
            Progress::Ended(record) if record.state == RunState::Cancelled => {
                Progress::Overdue(record)
            }
            other => other,
        };
        self.finish_with(last);
        Ok(())
    }

    pub(super) fn cancel(&mut self) {
        self.calls.abort();
        self.run.cancel();
    }

    /// Stores the end. The first writer wins; returns the stored end as progress.
    async fn store_end(&mut self) -> Result<Progress> {
        self.calls.abort();
        let (record, finished) = self.finished_run()?;
        let deliveries = sent_at_end(&finished);
        let last = match std::mem::replace(&mut self.phase, Phase::Running) {
            Phase::NotStored(start) => self.create_ended(start, record, finished).await?,
            Phase::Running | Phase::Draining { .. } | Phase::Over => {
                match self.app.ports.runs.finish(&self.lease, finished).await? {
                    Finished::Finished => Progress::Ended(Box::new(record)),
                    Finished::Already(stored) => Progress::Ended(stored),
                    Finished::Lost => Progress::Lost,
                }
            }
        };
        if let Progress::Ended(ended) = &last {
            self.app.after_end(ended, deliveries).await;
        }
        Ok(last)
    }

    async fn create_ended(
        &mut self,
        start: PendingStart,
        record: RunRecord,
        finished: FinishedRun,
    ) -> Result<Progress> {
        let write_by = start.write_by;
        let created = self.app.ports.runs.create_ended(self.new_run(start, None), finished);
        let created = deadline::within(write_by, created).await;
        let refused = refused(&self.app, &self.head, created).await?;
        Ok(refused.unwrap_or_else(|| Progress::Ended(Box::new(record))))
    }

    fn new_run(&self, start: PendingStart, owner: Option<OwnerToken>) -> NewRun {
        NewRun {
            head: self.head.clone(),
            mode: Mode::Attached,
            owner,
            due_at: start.lease_until,
            unique_rows: start.unique_rows,
        }
    }

    /// Returns the ended run, and what to write.
    fn finished_run(&mut self) -> Result<(RunRecord, FinishedRun)> {
        let outcome = self.run.outcome().context("the engine is done without an outcome")?;
        let (state, output, error) = match outcome {
            Outcome::Succeeded { output } => (RunState::Succeeded, output.clone(), None),
            Outcome::Failed { error, output } => {
                (RunState::Failed, output.clone(), Some(error.clone()))
            }
            Outcome::Cancelled => (RunState::Cancelled, Value::Null, None),
        };
        let ended_at = self.app.now().max(self.started_at);
        let end = RunEnd {
            state,
            output: Arc::new(output),
            error,
            usage: self.run.usage(),
            started_at: self.started_at,
            ended_at,
        };
        let mut record = self.record(state);
        record.end = Some(Arc::new(end));
        let of_workflow = self.run.workflow_webhook();
        let events = if self.is_logged() { self.recorder.take_unwritten() } else { Vec::new() };
        let finished =
            self.app.finished_run(&record, of_workflow, self.recorder.take_trace(), events)?;
        let results = self.attachment.take_unwritten();
        Ok((record, FinishedRun { results: self.worth_keeping(results), ..finished }))
    }

    /// Returns the results that a rerun may want, none of a run that is not saved.
    fn worth_keeping(&self, mut results: Vec<Checkpoint>) -> Vec<Checkpoint> {
        results.retain(|result| self.head.save && !result.place.contains('@'));
        results
    }

    /// Returns the run's record, as far as this owner knows it.
    pub(super) fn record(&self, state: RunState) -> RunRecord {
        RunRecord {
            state,
            mode: self.attachment.mode(),
            fence: self.lease.fence,
            due_at: None,
            started_at: Some(self.started_at),
            ..RunRecord::pending(self.head.clone(), self.started_at)
        }
    }
}

/// Returns why the first write started nothing.
async fn refused(app: &App, head: &RunHead, created: Result<Created>) -> Result<Option<Progress>> {
    app.after_first_write(head, &created).await;
    match created {
        Ok(Created::Created) => Ok(None),
        Ok(Created::Repeated(earlier)) => Ok(Some(Progress::Repeated(earlier))),
        Ok(Created::IdTaken) => Ok(Some(Progress::IdTaken)),
        Err(error) => match error.downcast_ref::<Overloaded>() {
            Some(overloaded) => Ok(Some(Progress::Overloaded(*overloaded))),
            None => Err(error),
        },
    }
}

/// Fails a run as `internal` after driving it panicked. Other runs continue.
pub struct PanicEnd {
    pub(super) app: Arc<App>,
    pub(super) head: Arc<RunHead>,
    pub(super) lease: Lease,
}

impl PanicEnd {
    pub(crate) async fn finish(self) -> Option<Progress> {
        tracing::error!(run.id = %self.lease.run, "driving the run panicked");
        // The panic may have come before the first write.
        self.app.release_slot(&self.head).await;
        let error = RunError {
            code: "internal".to_owned(),
            message: "internal error".to_owned(),
            node: None,
        };
        match self.app.finish_stored(&self.lease, RunState::Failed, Some(error)).await {
            Ok(finished) => finished.map(|finished| match finished {
                Finished::Already(record) => Progress::Ended(record),
                Finished::Finished | Finished::Lost => Progress::Lost,
            }),
            Err(error) => {
                tracing::error!(
                    run.id = %self.lease.run,
                    error = format!("{error:#}"),
                    "could not end the run"
                );
                None
            }
        }
    }
}
