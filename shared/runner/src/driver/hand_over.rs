//! How a run leaves its caller, or its process, before it has ended.

use anyhow::Result;
use flowgate_app::lease::{LEASE, Written};
use flowgate_app::run::{Claimed, Heartbeat, Mode, RunState, StartMark};
use flowgate_app::time::Timestamp;
use flowgate_app::work::Message;
use flowgate_engine::{Call, CallId};

use super::{Driver, HEARTBEAT, Progress};

impl Driver {
    /// The caller's wait is over, or this process's time. A run that cannot stay leaves once the calls that are out have ended.
    pub(super) async fn part(&mut self) -> Result<()> {
        self.leave_at = None;
        if self.mode == Mode::Attached {
            self.detach().await?;
        }
        if self.app.settings.frozen_between_requests && !self.over {
            self.leave();
        }
        Ok(())
    }

    /// Nothing new starts; once the calls that are out have ended, or have taken too long, the run is handed over.
    pub(super) fn leave(&mut self) {
        self.leaving_until = Some(self.end_by.unwrap_or_else(|| self.app.now() + self.app.settings.drain));
    }

    /// The run goes on in this process as a detached one; the calls that are out stay out.
    async fn detach(&mut self) -> Result<()> {
        let now = self.app.now();
        if !self.unwritten.is_empty() && self.app.ports.runs.heartbeat(&self.held, now + LEASE).await? == Heartbeat::Lost {
            self.lose();
            return Ok(());
        }
        self.mark_what_is_out().await?;
        if self.write_hand_over(now + LEASE).await? == Written::Lost {
            self.lose();
            return Ok(());
        }
        let owner = self.app.owner_token();
        match self.app.ports.runs.claim(&self.head.id, &owner, now, now + LEASE).await? {
            Claimed::Ours(held, record) => {
                self.recorder.go_on_unwatched(held.fence);
                (self.held, self.mode, self.logged) = (held, Mode::Detached, true);
                // A cancel may have come while nobody held the run.
                self.next_look = if record.cancel_requested { now } else { now + HEARTBEAT };
                self.outbox.push_back(Progress::HandedOver(record));
            }
            Claimed::Held | Claimed::Ended | Claimed::Unknown => self.lose(),
        }
        Ok(())
    }

    /// Gives the run back with all that is known of it. Calls still out are given up; they may go out again, once.
    pub(super) async fn hand_over(&mut self) -> Result<()> {
        self.mark_what_is_out().await?;
        self.calls.close().await;
        let written = self.write_hand_over(self.app.now()).await?;
        self.unless_lost(written);
        if !self.over {
            // A process that stops takes no more messages: the next one finds the run due.
            if !*self.stopping.borrow() {
                self.app.send(Message::RunV1 { run: self.head.id.clone() }).await;
            }
            let mut record = self.record(RunState::Pending);
            record.mode = Mode::Detached;
            self.say_last(Progress::HandedOver(Box::new(record)));
        }
        Ok(())
    }

    /// Writes the START row of a call that may not go out twice, unless it is there from an earlier attempt of this process.
    pub(super) async fn mark(&mut self, id: &CallId, call: &Call) -> Result<StartMark> {
        if !call.at_most_once || self.mode == Mode::Attached || self.calls.is_marked(id.place()) {
            return Ok(StartMark::Marked);
        }
        let mark = self.app.ports.runs.mark_started(&self.held, id.place()).await?;
        if mark == StartMark::Marked {
            self.calls.note_mark(id.place());
        }
        Ok(mark)
    }

    /// START rows for what may not go out twice; a detached run has written them before.
    async fn mark_what_is_out(&mut self) -> Result<()> {
        for (place, at_most_once) in self.calls.places() {
            if at_most_once && self.mode == Mode::Attached {
                self.app.ports.runs.mark_started(&self.held, &place).await?;
                self.calls.note_mark(&place);
            }
        }
        Ok(())
    }

    async fn write_hand_over(&mut self, due_at: Timestamp) -> Result<Written> {
        let (checkpoints, events) = (std::mem::take(&mut self.unwritten), self.recorder.take_unwritten());
        self.app.ports.runs.hand_over(&self.held, checkpoints, events, due_at).await
    }
}
