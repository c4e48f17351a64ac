//! The driver's heartbeat: renews the lease, and sees whether somebody asked to cancel the run.

use std::time::Duration;

use anyhow::Result;
use flowgate_app::App;
use flowgate_app::id::RunId;
use flowgate_app::lease::LEASE;
use flowgate_app::run::{Heartbeat, Mode};

use super::Driver;
use super::phase::Attachment;

/// A detached run's lease is renewed this often.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(20);
/// An attached run holds its lease to its last moment; it only looks for a cancel of another process.
const CANCEL_CHECK: Duration = Duration::from_secs(5);

/// The time between two heartbeats.
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
            Attachment::Detached => match self.app.ports.runs.heartbeat(&self.lease, now + LEASE).await? {
                Heartbeat::Kept { cancel_requested } => cancel_requested,
                Heartbeat::Lost => {
                    self.lose();
                    false
                }
            },
        };
        if cancel_requested {
            self.cancel();
        }
        Ok(())
    }
}

/// A read that fails is made again with the next heartbeat: the run itself needs nothing of the store yet.
async fn is_cancel_requested(app: &App, run: &RunId) -> bool {
    match app.ports.runs.progress(run).await {
        Ok(progress) => progress.is_some_and(|progress| progress.cancel_requested),
        Err(error) => {
            tracing::warn!(run.id = %run, error = format!("{error:#}"), "could not look for a cancel");
            false
        }
    }
}
