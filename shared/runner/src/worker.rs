//! Drives detached runs, message by message, and ends runs that a dead owner left open.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use anyhow::Result;
use flowgate_app::id::RunId;
use flowgate_app::lease::{LEASE, Lease};
use flowgate_app::metric;
use flowgate_app::registry::Registered;
use flowgate_app::run::{Claimed, Mode, RunRecord, RunState};
use flowgate_app::work::Message;
use flowgate_engine::{ENGINE, RunError, Weight};
use futures_util::FutureExt;

use crate::Runner;
use crate::driver::{DRIVER_BYTES, Driver};

/// Consecutive claims without a new checkpoint. A run with more crashes its workers.
const MAX_CLAIMS_WITHOUT_PROGRESS: u32 = 5;
/// When a run that found no memory is tried again.
const MEMORY_PAUSE: Duration = Duration::from_secs(5);

impl Runner {
    /// Processes a `RunV1` message. `Err` means that the message should be retried.
    pub async fn work(&self, run: &RunId) -> Result<()> {
        // Its lease may have ended while the process stood still, or the clock was set forward: the
        // fence would stop the first driver, but only after both had made the same calls.
        if self.app.running.has(run) {
            return Ok(());
        }
        let registered = self.app.running.register(run);
        let (owner, now) = (self.app.owner_token(), self.app.now());
        match self.app.ports.runs.claim(run, &owner, now, now + LEASE).await? {
            Claimed::Leased(lease, record) => self.work_on(lease, *record, registered).await,
            Claimed::Ended => self.app.wipe_if_unsaved(run).await,
            Claimed::LeasedByOther => Ok(()),
            Claimed::Unknown => {
                tracing::warn!(run.id = %run, "a message names an unknown run");
                Ok(())
            }
        }
    }

    async fn work_on(&self, lease: Lease, record: RunRecord, registered: Registered) -> Result<()> {
        if lease.fence == 1 {
            metric::run_waited(&self.app.meter, &record.head, self.app.now());
        }
        if let Some((state, error)) = self.ends_without_running(&record) {
            self.app.finish_leased(&lease, &record, state, error).await?;
            return Ok(());
        }
        let head = &record.head;
        if head.engine > ENGINE {
            tracing::warn!(run.id = %lease.run, "the run was started by a newer engine; released \
                                                 for a newer worker");
            return self.release_for(&lease, LEASE).await;
        }
        let program = match self.app.program(head).await? {
            Ok(program) => program,
            Err(gone) => {
                let error = failure("version_gone", &gone.to_string());
                self.app.finish_leased(&lease, &record, RunState::Failed, error).await?;
                return Ok(());
            }
        };
        let holder = head.holder();
        let bytes = DRIVER_BYTES + Weight::of(&head.input).memory;
        let Ok(charge) = self.app.memory.charge(&holder, bytes) else {
            tracing::info!(run.id = %lease.run, "there is no memory for the run now");
            return self.release_for(&lease, MEMORY_PAUSE).await;
        };
        let mut driver =
            Driver::detached(self, lease, &record, &program, registered, charge).await?;
        let driven =
            AssertUnwindSafe(async { while driver.next().await.is_some() {} }).catch_unwind().await;
        if driven.is_err() {
            let panic_end = driver.panic_end();
            drop(driver);
            panic_end.finish().await;
        }
        Ok(())
    }

    /// Hands over a run that this process cannot drive now: it has no memory for it, or the run is
    /// of a newer deployment, whose engine rules it does not know. After a rollback both may be
    /// active.
    async fn release_for(&self, lease: &Lease, pause: Duration) -> Result<()> {
        let due_at = self.app.now() + pause;
        self.app.ports.runs.hand_over(lease, Vec::new(), Vec::new(), due_at).await?;
        Ok(())
    }

    /// Returns how the run must end without being driven, if it must.
    fn ends_without_running(&self, record: &RunRecord) -> Option<(RunState, Option<RunError>)> {
        if record.cancel_requested {
            return Some((RunState::Cancelled, None));
        }
        if record.mode == Mode::Attached {
            return Some((
                RunState::Failed,
                failure(
                    "interrupted",
                    "the run was attached to its caller when its server stopped",
                ),
            ));
        }
        if record.claims_without_progress > MAX_CLAIMS_WITHOUT_PROGRESS {
            return Some((
                RunState::Failed,
                failure("poison", "the run crashed its workers repeatedly"),
            ));
        }
        // A run that was driven before may have waited, which does not count: its driver knows.
        let late = record.fence == 1 && self.app.now() >= record.head.deadline_at;
        late.then(|| {
            (RunState::Failed, failure("timeout", "the run did not end before its deadline"))
        })
    }

    /// Processes a message of any kind.
    pub async fn handle(&self, message: &Message) -> Result<()> {
        match message {
            Message::RunV1 { run } => self.work(run).await,
            Message::WebhookV1 { delivery } => self.deliver(delivery).await,
            Message::JobV1 { job } => self.work_on_job(job).await,
            Message::FileV1 { file } => self.app.collect_file(file).await,
            Message::ScheduleV1 { uid, schedule, tick } => self.tick(uid, *schedule, *tick).await,
            Message::MetricsV1 { at, swept } => {
                self.app.report_swept(*at, *swept).await;
                Ok(())
            }
        }
    }
}

fn failure(code: &str, message: &str) -> Option<RunError> {
    Some(RunError { code: code.to_owned(), message: message.to_owned(), node: None })
}
