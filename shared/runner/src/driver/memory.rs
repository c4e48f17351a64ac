//! What a driver takes besides its run; and what happens to a run for which there is no memory.

use std::time::Duration;

use anyhow::Result;
use flowgate_app::lease::Written;
use flowgate_app::overload::Overloaded;
use flowgate_app::run::{Checkpoint, Mode, RunState};
use flowgate_engine::{CallResult, RunError, Weight};

use super::phase::{Phase, Wait};
use super::{Driver, Progress};

/// A driver without values.
pub(crate) const DRIVER_BYTES: usize = 16 << 10;
/// A call in flight without values: its future, its connection, its timer.
const CALL_BYTES: usize = 32 << 10;
/// Results of an attached run are written before its end once they take this much.
pub(super) const MAX_UNWRITTEN: usize = 16 << 20;
/// When a run that was given up for want of memory is tried again.
const RETRY: Duration = Duration::from_secs(10);

impl Wait {
    /// Keeps a result until a hand-over writes it.
    pub(super) fn keep(&mut self, checkpoint: Checkpoint) {
        self.unwritten_bytes += weight(&checkpoint);
        self.unwritten.push(checkpoint);
    }
}

pub(super) fn weight(checkpoint: &Checkpoint) -> usize {
    let value = match &checkpoint.result {
        CallResult::Succeeded(output) => Weight::of(&output.value).memory,
        CallResult::Failed(error) => error.message.len(),
    };
    size_of::<Checkpoint>() + checkpoint.place.len() + value
}

impl Driver {
    /// What the driver takes besides the run, in bytes.
    pub(super) fn bytes_beside(&self) -> usize {
        let unwritten = self.attachment.wait().map_or(0, |wait| wait.unwritten_bytes);
        let unread = |progress: &Progress| match progress {
            Progress::Event(event) => event.output_bytes(),
            _ => 0,
        };
        DRIVER_BYTES
            + self.calls.len() * CALL_BYTES
            + self.recorder.bytes()
            + self.replay.bytes()
            + self.reuse.bytes()
            + self.calls.chunk_bytes()
            + self.outbox.iter().map(unread).sum::<usize>()
            + unwritten
    }

    /// Ends or gives up a run for which there is no memory.
    pub(super) async fn refuse(&mut self, overloaded: Overloaded) -> Result<()> {
        self.run.stop_counting();
        tracing::warn!(run.id = %self.head.id, "there is no memory for the run now");
        if matches!(self.phase, Phase::NotStored(_)) {
            self.app.release_slot(&self.head).await;
            self.finish_with(Progress::Overloaded(overloaded));
        } else if self.attachment.mode() == Mode::Detached {
            self.give_up_for_now().await?;
        } else {
            self.calls.abort();
            self.run.abort(RunError {
                code: "overloaded".to_owned(),
                message: "the server has no memory for the run now".to_owned(),
                node: None,
            });
        }
        Ok(())
    }

    /// Stores what is known of a detached run, and leaves it to be tried again.
    async fn give_up_for_now(&mut self) -> Result<()> {
        self.calls.abort();
        self.count_aborted().await?;
        if self.write_hand_over(self.app.now() + RETRY).await? == Written::Lost {
            self.lose();
            return Ok(());
        }
        let mut record = self.record(RunState::Pending);
        record.mode = Mode::Detached;
        self.finish_with(Progress::HandedOver(Box::new(record)));
        Ok(())
    }

    /// Writes the results of an attached run that it has kept so far.
    pub(super) async fn write_results(&mut self) -> Result<()> {
        self.store_if_new().await?;
        if self.is_over() {
            return Ok(());
        }
        for checkpoint in self.attachment.take_unwritten() {
            let written =
                self.app.ports.runs.checkpoint(&self.lease, checkpoint, Vec::new()).await?;
            self.unless_lost(written);
        }
        Ok(())
    }
}
