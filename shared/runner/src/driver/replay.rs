//! Replays a run's recorded results in the order they were consumed, each to its call.

use std::collections::VecDeque;

use flowgate_app::id::RunId;
use flowgate_app::run::{Checkpoint, Runs};
use flowgate_engine::{Call, CallId};

/// Returns the place of a failed attempt that was retried. No other place contains `@`.
pub(super) fn attempt_place(id: &CallId) -> String {
    format!("{}@{}", id.place(), id.attempt())
}

#[derive(Default)]
pub(super) struct Replay {
    records: VecDeque<Checkpoint>,
}

impl Replay {
    pub(super) async fn load(runs: &dyn Runs, run: &RunId) -> anyhow::Result<Self> {
        Ok(Self { records: runs.checkpoints(run).await?.into() })
    }

    pub(super) fn has(&self, place: &str) -> bool {
        self.records.iter().any(|record| record.place == place)
    }

    pub(super) fn has_more(&self) -> bool {
        !self.records.is_empty()
    }

    /// Returns the next record with its call, which it removes from `ready`. `Err` if the run does
    /// not repeat the recorded call.
    pub(super) fn next(
        &mut self,
        ready: &mut Vec<(CallId, Call)>,
    ) -> Result<(CallId, Checkpoint), String> {
        let record = self.records.pop_front().ok_or("no recorded results are left")?;
        let asked = ready
            .iter()
            .position(|(id, _)| id.place() == record.place || attempt_place(id) == record.place);
        let at = asked
            .ok_or_else(|| format!("the run did not repeat the recorded call {}", record.place))?;
        let (id, call) = ready.remove(at);
        if call.input_hash != record.input_hash {
            return Err(format!("the call {} differs from the recorded one", record.place));
        }
        Ok((id, record))
    }
}
