//! Gives the engine its recorded results, and lets the calls go out for which there is none.

use anyhow::Result;
use flowgate_app::run::{Checkpoint, StartMark};
use flowgate_engine::{Chunk, Recorded, RunError};
use flowgate_outbound::Outbound;

use super::Driver;
use super::replay::Replay;

impl Driver {
    /// Replays the next recorded result.
    pub(super) async fn feed_recorded(&mut self) -> Result<()> {
        match self.replay.next(&mut self.ready) {
            Ok((id, call, checkpoint)) => {
                self.next_order = checkpoint.order + 1;
                if call.action.is_pause() {
                    self.pauses.note_ended(checkpoint.ended_at.unwrap_or(self.started_at));
                }
                let ended_at_ms = checkpoint.ended_at.map(|at| at.millis());
                if let Some(at) = checkpoint.started_at {
                    self.run.progress(&id, Chunk::Started(at.millis()));
                }
                if checkpoint.is_reused {
                    let ended_at_ms = ended_at_ms.unwrap_or(self.started_at.millis());
                    let Checkpoint { result, attempts, .. } = checkpoint;
                    self.run.complete_reused(&id, result, attempts, ended_at_ms);
                } else if checkpoint.place == id.place() {
                    let recorded = Recorded {
                        has_reported_text: self.recorder.has_text(id.place()),
                        result: checkpoint.result,
                        attempts: checkpoint.attempts,
                        ended_at_ms,
                    };
                    self.run.complete_recorded(&id, recorded);
                } else {
                    let ended_at_ms = ended_at_ms.unwrap_or(self.started_at.millis());
                    self.run.complete(&id, checkpoint.result, ended_at_ms);
                }
            }
            Err(why) => {
                self.replay = Replay::default();
                self.run.abort(RunError {
                    code: "nondeterministic".to_owned(),
                    message: why,
                    node: None,
                });
            }
        }
        self.replay.refill().await
    }

    /// Launches the ready calls, if there is time for them.
    pub(super) async fn launch(&mut self) -> Result<()> {
        if !self.has_time_for_ready_calls() {
            return self.give_back().await;
        }
        for (id, mut call) in std::mem::take(&mut self.ready) {
            if call.action.is_pause() {
                self.open_pause(id, call).await?;
                continue;
            }
            if !call.delay.is_zero() {
                self.calls.pause(&self.app, id, call);
                continue;
            }
            if let Some(why) = self.key_refusal(&id, &mut call).await? {
                self.calls.end_as_refused(id, call, why);
                continue;
            }
            match self.mark(&id, &call).await? {
                StartMark::Marked => {
                    if self.run.is_priced(&id) {
                        self.calls.note_priced(&id, &call);
                    }
                    let memory = self.app.memory.empty_charge(&self.holder);
                    self.calls.start(&self.app, &self.outbound, &self.head, id, call, memory);
                }
                StartMark::AlreadyStarted => self.calls.end_as_interrupted(id, call),
                StartMark::Lost => {
                    self.lose();
                    break;
                }
            }
        }
        Ok(())
    }

    /// An owner that has launched nothing yet launches calls of any duration: no other owner would
    /// have more time for them. So does one whose run ends with its caller's wait: an earlier
    /// release would only end the run sooner.
    fn has_time_for_ready_calls(&self) -> bool {
        let may_release = self.calls.has_launched() && !self.attachment.ends_with_wait();
        let Some(end_by) = self.end_by.filter(|_| may_release) else { return true };
        let now = self.app.now();
        self.ready.iter().all(|(_, call)| now + call.delay + Outbound::longest(call) <= end_by)
    }
}
