//! Hand-over: releases a run from its caller, or from its process, before it has ended.

use anyhow::Result;
use flowgate_app::lease::{LEASE, Written};
use flowgate_app::run::{Claimed, Heartbeat, Mode, RunState, StartMark};
use flowgate_app::time::Timestamp;
use flowgate_app::work::Message;
use flowgate_engine::{Call, CallId};

use super::phase::{Attachment, Phase};
use super::{Driver, Progress, heartbeat};

impl Driver {
    /// Releases the run when its caller's wait or this process's time is over.
    pub(super) async fn give_back(&mut self) -> Result<()> {
        if self.attachment.ends_with_wait() {
            return self.cancel_overdue().await;
        }
        self.leave_caller().await
    }

    /// Goes on without the caller, where the process can.
    pub(super) async fn leave_caller(&mut self) -> Result<()> {
        if self.attachment.mode() == Mode::Attached {
            self.detach().await?;
        }
        // A frozen process cannot keep the run.
        if self.app.settings.frozen_between_requests && !self.is_over() {
            self.drain();
        }
        Ok(())
    }

    /// Starts nothing new from now on. The run is handed over once no call is open, or the time is
    /// up.
    pub(super) fn drain(&mut self) {
        let until = self.end_by.unwrap_or_else(|| self.app.now() + self.app.settings.drain);
        self.phase = Phase::Draining { until };
    }

    /// Makes the run detached and continues it in this process. Open calls stay open.
    async fn detach(&mut self) -> Result<()> {
        let now = self.app.now();
        let has_results = self.attachment.wait().is_some_and(|wait| !wait.unwritten.is_empty());
        if has_results
            && self.app.ports.runs.heartbeat(&self.lease, now + LEASE).await? == Heartbeat::Lost
        {
            self.lose();
            return Ok(());
        }
        self.mark_open_calls().await?;
        if self.write_hand_over(now + LEASE).await? == Written::Lost {
            self.lose();
            return Ok(());
        }
        let owner = self.app.owner_token();
        match self.app.ports.runs.claim(&self.head.id, &owner, now, now + LEASE).await? {
            Claimed::Leased(lease, record) => {
                self.recorder.continue_unwatched(lease.fence);
                (self.lease, self.attachment) = (lease, Attachment::Detached);
                // A cancel may have come while nobody held the run.
                self.next_heartbeat =
                    if record.cancel_requested { now } else { now + heartbeat::HEARTBEAT };
                self.outbox.push_back(Progress::HandedOver(record));
            }
            Claimed::LeasedByOther | Claimed::Ended | Claimed::Unknown => self.lose(),
        }
        Ok(())
    }

    /// Stores all that is known of the run and makes it claimable. Aborts open calls; they may go
    /// out again, once.
    pub(super) async fn hand_over(&mut self) -> Result<()> {
        if self.only_waits() && !self.has_new_answers {
            return self.park().await;
        }
        if self.attachment.ends_with_wait() {
            return self.cancel_overdue().await;
        }
        self.mark_open_calls().await?;
        self.calls.abort();
        self.count_aborted().await?;
        if self.write_hand_over(self.app.now()).await? == Written::Lost {
            self.lose();
            return Ok(());
        }
        // A stopping process takes no more messages: the next process finds the run due.
        if !*self.stopping.borrow() {
            let message = Message::RunV1 { run: self.head.id.clone() };
            self.app.send(message, &self.head.group()).await;
        }
        let mut record = self.record(RunState::Pending);
        record.mode = Mode::Detached;
        self.finish_with(Progress::HandedOver(Box::new(record)));
        Ok(())
    }

    /// Writes the START row of an `at_most_once` call, unless an earlier attempt of this process
    /// has.
    pub(super) async fn mark(&mut self, id: &CallId, call: &Call) -> Result<StartMark> {
        let is_attached = self.attachment.mode() == Mode::Attached;
        if !call.at_most_once || is_attached || self.calls.is_marked(id.place()) {
            return Ok(StartMark::Marked);
        }
        let mark = self.app.ports.runs.mark_started(&self.lease, id.place()).await?;
        if mark == StartMark::Marked {
            self.calls.note_mark(id.place());
        }
        Ok(mark)
    }

    /// Writes START rows for open `at_most_once` calls. A detached run has written them before.
    async fn mark_open_calls(&mut self) -> Result<()> {
        if self.attachment.mode() == Mode::Detached {
            return Ok(());
        }
        for place in self.calls.at_most_once() {
            self.app.ports.runs.mark_started(&self.lease, &place).await?;
            self.calls.note_mark(&place);
        }
        Ok(())
    }

    pub(super) async fn write_hand_over(&mut self, due_at: Timestamp) -> Result<Written> {
        let (checkpoints, events) =
            (self.attachment.take_unwritten(), self.recorder.take_unwritten());
        self.app.ports.runs.hand_over(&self.lease, checkpoints, events, due_at).await
    }
}
