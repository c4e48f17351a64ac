//! The driver's heartbeat: renews the lease and checks for a cancel request.

use std::time::Duration;

use anyhow::Result;
use flowgate_app::App;
use flowgate_app::id::RunId;
use flowgate_app::lease::LEASE;
use flowgate_app::run::{Heartbeat, Mode};

use super::Driver;
use super::phase::Attachment;

/// How often a detached run's lease is renewed.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(20);
/// How often an attached run, which does not renew its lease, checks for a cancel by another
/// process.
const CANCEL_CHECK: Duration = Duration::from_secs(5);

/// Returns the time between two heartbeats.
pub(super) fn interval(mode: Mode) -> Duration {
    match mode {
        Mode::Attached => CANCEL_CHECK,
        Mode::Detached => HEARTBEAT,
    }
}

impl Driver {
    pub(super) async fn heartbeat(&mut self) -> Result<()> {
        let now = self.app.now();
        self.next_heartbeat = now + interval(self.attachment.mode());
        let cancel_requested = match self.attachment {
            Attachment::Attached(_) => is_cancel_requested(&self.app, &self.head.id).await,
            Attachment::Detached => {
                match self.app.ports.runs.heartbeat(&self.lease, now + LEASE).await? {
                    Heartbeat::Kept { cancel_requested, answers } => {
                        self.has_new_answers |= answers > self.answers;
                        cancel_requested
                    }
                    Heartbeat::Lost => {
                        self.lose();
                        false
                    }
                }
            }
        };
        if cancel_requested {
            self.cancel();
        }
        Ok(())
    }
}

/// Ignores a failed read, which the next heartbeat repeats: the run itself does not need the store
/// yet.
async fn is_cancel_requested(app: &App, run: &RunId) -> bool {
    match app.ports.runs.progress(run).await {
        Ok(progress) => progress.is_some_and(|progress| progress.cancel_requested),
        Err(error) => {
            tracing::warn!(
                run.id = %run,
                error = format!("{error:#}"),
                "could not check for a cancel request"
            );
            false
        }
    }
}
