//! The recorded results of a run that goes on: fed back in the order they were consumed, each to the call it belongs to.

use std::collections::VecDeque;

use flowgate_app::id::RunId;
use flowgate_app::run::{Checkpoint, Runs};
use flowgate_engine::{Call, CallId};

/// Where an attempt is recorded after which another was made. No place has this sign.
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

    pub(super) fn goes_on(&self) -> bool {
        !self.records.is_empty()
    }

    /// The next record with the call that asks for it, taken out of `ready`. `Err`: the run asks for something else than it did before.
    pub(super) fn next(&mut self, ready: &mut Vec<(CallId, Call)>) -> Result<(CallId, Checkpoint), String> {
        let record = self.records.pop_front().ok_or("nothing is recorded any more")?;
        let asked = ready.iter().position(|(id, _)| id.place() == record.place || attempt_place(id) == record.place);
        let at = asked.ok_or_else(|| format!("the recorded call {} was not asked for again", record.place))?;
        let (id, call) = ready.remove(at);
        if call.input_hash != record.input_hash {
            return Err(format!("the call {} asks for something else than what is recorded", record.place));
        }
        Ok((id, record))
    }
}
