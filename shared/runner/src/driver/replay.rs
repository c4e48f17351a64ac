//! Replays a run's recorded results in the order they were consumed, each to its call.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use anyhow::Result;
use flowgate_app::id::RunId;
use flowgate_app::run::{Checkpoint, Runs};
use flowgate_engine::{Call, CallId};

use super::memory::weight;

/// Returns the place of a failed attempt that was retried. No other place contains `@`.
pub(super) fn attempt_place(id: &CallId) -> String {
    format!("{}@{}", id.place(), id.attempt())
}

/// Holds one page of records at a time: together they may be much larger than the run.
#[derive(Default)]
pub(super) struct Replay {
    records: VecDeque<Checkpoint>,
    bytes: usize,
    place_bytes: usize,
    /// The places of all records.
    places: HashSet<String>,
    /// Where the further pages are; `None` if there are none.
    further: Option<Further>,
}

struct Further {
    runs: Arc<dyn Runs>,
    run: RunId,
    /// The last position in hand.
    after: u64,
}

impl Replay {
    pub(super) async fn load(runs: Arc<dyn Runs>, run: &RunId) -> Result<Self> {
        let first = runs.checkpoints(run, None).await?;
        let mut replay = Self::default();
        replay.places.extend(first.iter().map(|record| record.place.clone()));
        let mut after = first.last().map(|record| record.order);
        replay.take(first);
        while let Some(order) = after {
            let page = runs.checkpoints(run, Some(order)).await?;
            after = page.last().map(|record| record.order);
            if after.is_some() && replay.further.is_none() {
                replay.further =
                    Some(Further { runs: runs.clone(), run: run.clone(), after: order });
            }
            replay.places.extend(page.into_iter().map(|record| record.place));
        }
        const PLACE: usize = 48;
        replay.place_bytes = replay.places.iter().map(|place| PLACE + place.len()).sum();
        Ok(replay)
    }

    /// Reads the next page if the last one is used up.
    pub(super) async fn refill(&mut self) -> Result<()> {
        let Some(further) = self.further.as_mut().filter(|_| self.records.is_empty()) else {
            return Ok(());
        };
        let page = further.runs.checkpoints(&further.run, Some(further.after)).await?;
        match page.last() {
            Some(last) => further.after = last.order,
            None => self.further = None,
        }
        self.take(page);
        Ok(())
    }

    fn take(&mut self, page: Vec<Checkpoint>) {
        self.bytes = page.iter().map(weight).sum();
        self.records = page.into();
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.place_bytes
    }

    pub(super) fn has(&self, place: &str) -> bool {
        self.places.contains(place)
    }

    pub(super) fn has_more(&self) -> bool {
        !self.records.is_empty()
    }

    /// Returns the next record with its call, which it removes from `ready`. `Err` if the run does
    /// not repeat the recorded call.
    pub(super) fn next(
        &mut self,
        ready: &mut Vec<(CallId, Call)>,
    ) -> Result<(CallId, Call, Checkpoint), String> {
        let record = self.records.pop_front().ok_or("no recorded results are left")?;
        self.bytes = self.bytes.saturating_sub(weight(&record));
        let asked = ready
            .iter()
            .position(|(id, _)| id.place() == record.place || attempt_place(id) == record.place);
        let at = asked
            .ok_or_else(|| format!("the run did not repeat the recorded call {}", record.place))?;
        let (id, call) = ready.remove(at);
        if call.input_hash != record.input_hash {
            return Err(format!("the call {} differs from the recorded one", record.place));
        }
        Ok((id, call, record))
    }
}
