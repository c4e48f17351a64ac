//! Takes detached runs to their end, message by message; closes what a dead owner left open.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use anyhow::Result;
use flowgate_engine::RunError;
use futures_util::FutureExt;

use crate::drive::Driver;
use crate::lease::LEASE;
use crate::live::Live;
use crate::metric;
use crate::platform::App;
use crate::ports::{Claimed, Message};
use crate::run::{Held, Mode, RunId, RunRecord, RunState};

/// Claims in a row that recorded nothing new: the run breaks its workers.
const MOST_BARREN_CLAIMS: u32 = 5;

impl App {
    /// Does what a `RunV1` message asks for. `Err`: try the message again.
    pub async fn work(self: &Arc<Self>, run: &RunId) -> Result<()> {
        let live = self.live.enter(run);
        let (owner, now) = (self.owner_token(), self.now());
        match self.ports.runs.claim(run, &owner, now, now + LEASE).await? {
            Claimed::Ours(held, record) => self.work_on(held, *record, live).await,
            Claimed::Ended => self.wipe_if_unsaved(run).await,
            Claimed::Held => Ok(()),
            Claimed::Unknown => {
                tracing::warn!(run.id = %run, "a message names a run that is gone");
                Ok(())
            }
        }
    }

    async fn work_on(self: &Arc<Self>, held: Held, record: RunRecord, live: Live) -> Result<()> {
        if held.fence == 1 {
            metric::run_waited(&record.head, self.now());
        }
        if let Some((state, error)) = self.foregone(&record) {
            self.end_held(&held, &record, state, error).await?;
            return Ok(());
        }
        let head = &record.head;
        let Some(workflow) = self.compiled(&head.workflow_uid, &head.version).await? else {
            let error = failure("version_gone", "the version that the run was started with is gone");
            self.end_held(&held, &record, RunState::Failed, error).await?;
            return Ok(());
        };
        let mut driver = Driver::detached(self.clone(), held, &record, workflow, live).await?;
        let driven = AssertUnwindSafe(async { while driver.next().await.is_some() {} }).catch_unwind().await;
        if driven.is_err() {
            let panic_end = driver.panic_end();
            drop(driver);
            panic_end.finish().await;
        }
        Ok(())
    }

    /// How a run must end without going on, if it must.
    fn foregone(&self, record: &RunRecord) -> Option<(RunState, Option<RunError>)> {
        if record.cancel_requested {
            return Some((RunState::Cancelled, None));
        }
        if record.mode == Mode::Attached {
            return Some((RunState::Failed, failure("interrupted", "the run was attached to its caller when its server stopped")));
        }
        if record.barren_claims > MOST_BARREN_CLAIMS {
            return Some((RunState::Failed, failure("poison", "the run stopped its worker again and again")));
        }
        let late = self.now() >= record.head.deadline_at;
        late.then(|| (RunState::Failed, failure("timeout", "the run did not end before its deadline")))
    }

    /// Does what a message asks for, whichever it is.
    pub async fn handle(self: &Arc<Self>, message: &Message) -> Result<()> {
        match message {
            Message::RunV1 { run } => self.work(run).await,
            Message::WebhookV1 { delivery } => self.deliver(delivery).await,
        }
    }
}

fn failure(code: &str, message: &str) -> Option<RunError> {
    Some(RunError { code: code.to_owned(), message: message.to_owned(), node: None })
}
