//! What an owner looks at from time to time: whether the run is still its own, and whether somebody asked to cancel it.

use anyhow::Result;
use flowgate_app::id::RunId;
use flowgate_app::lease::LEASE;
use flowgate_app::platform::App;
use flowgate_app::run::{Heartbeat, Mode};

use super::{CANCEL_LOOK, Driver, HEARTBEAT};

impl Driver {
    /// Renews the lease of a detached run; sees whether somebody asked to cancel.
    pub(super) async fn look(&mut self) -> Result<()> {
        let now = self.app.now();
        let cancel = match self.mode {
            Mode::Attached => {
                self.next_look = now + CANCEL_LOOK;
                is_asked_to_cancel(&self.app, &self.head.id).await
            }
            Mode::Detached => {
                self.next_look = now + HEARTBEAT;
                match self.app.ports.runs.heartbeat(&self.held, now + LEASE).await? {
                    Heartbeat::Kept { cancel_requested } => cancel_requested,
                    Heartbeat::Lost => {
                        self.lose();
                        false
                    }
                }
            }
        };
        if cancel {
            self.calls.give_up();
            self.run.cancel();
        }
        Ok(())
    }
}

/// A look that fails is made again: the run itself needs nothing of the store yet.
async fn is_asked_to_cancel(app: &App, run: &RunId) -> bool {
    match app.ports.runs.progress(run).await {
        Ok(progress) => progress.is_some_and(|progress| progress.cancel_requested),
        Err(error) => {
            tracing::warn!(run.id = %run, error = format!("{error:#}"), "could not look for a cancel");
            false
        }
    }
}
