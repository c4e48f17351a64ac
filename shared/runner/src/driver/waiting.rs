//! Opens pauses, ends them, and releases a run that only waits.

use std::time::Duration;

use anyhow::Result;
use flowgate_app::lease::Written;
use flowgate_app::run::{Answer, Answered, Mode, OpenQuestion, Parked, Parking, RunState};
use flowgate_app::time::Timestamp;
use flowgate_app::work::Message;
use flowgate_engine::call::{AskCall, MAX_PAUSE};
use flowgate_engine::{Action, Call, CallError, CallId, CallResult, RunError};
use serde_json::json;

use super::calls::{EndedCall, put_delivery};
use super::pauses::{Pause, end_of, succeeded, waited_until};
use super::{Driver, Progress};

/// A run that waits no longer than this is not released.
const SHORT: Duration = Duration::from_secs(5);

impl Driver {
    pub(super) fn time_out(&mut self) {
        self.calls.abort();
        self.run.abort(RunError {
            code: "timeout".to_owned(),
            message: "the run did not end before its deadline".to_owned(),
            node: None,
        });
    }

    /// When the run fails as `timeout`. Waiting does not count, up to [`MAX_PAUSE`].
    pub(super) fn deadline(&self) -> Timestamp {
        self.head.deadline_at + self.pauses.waited(self.app.now()).min(MAX_PAUSE)
    }

    pub(super) async fn open_pause(&mut self, id: CallId, call: Call) -> Result<()> {
        let until = match end_of(&call) {
            Ok(until) => until,
            Err(error) => return self.end_pause(id, call, CallResult::Failed(error)).await,
        };
        if let Action::Ask(ask) = &call.action {
            self.ask(id.place(), ask, &call).await?;
        }
        self.pauses.open(id, Pause { call, until });
        Ok(())
    }

    async fn ask(&mut self, place: &str, ask: &AskCall, call: &Call) -> Result<()> {
        let asked_at = Timestamp(call.asked_at_ms);
        let question = OpenQuestion {
            workflow_uid: self.head.workflow_uid.clone(),
            node: place.to_owned(),
            question: ask.question.clone(),
            asked_at,
            expires_at: asked_at + ask.timeout,
        };
        let written = self.app.ports.runs.ask(&self.lease, place, question.clone()).await?;
        if written == Written::Lost {
            self.lose();
            return Ok(());
        }
        self.has_new_answers |= self.lease.fence > 1;
        if let Some(webhook) = &ask.webhook {
            let webhook = (webhook, call.workflow);
            let asked = (place, &question);
            let delivery = self.app.question_delivery(&self.head, asked, webhook).await?;
            put_delivery(&self.app, delivery).await?;
        }
        Ok(())
    }

    /// Ends pauses whose time has come, and questions that were answered. Returns whether there
    /// were any.
    pub(super) async fn end_pauses(&mut self) -> Result<bool> {
        self.close_dropped().await?;
        let open = self.pauses.len();
        if self.has_new_answers {
            self.take_answers().await?;
        }
        while let Some(id) = self.pauses.due(self.app.now()).cloned() {
            if self.pauses.get(&id).is_some_and(|pause| pause.is_question()) {
                self.expire(&id).await?;
            } else if let Some(pause) = self.pauses.take(&id) {
                self.end_pause(id, pause.call, waited_until(pause.until)).await?;
            }
        }
        Ok(self.pauses.len() < open)
    }

    /// Stores that nobody answered in time, unless somebody has: the first answer counts.
    async fn expire(&mut self, id: &CallId) -> Result<()> {
        let (run, now) = (self.head.id.clone(), self.app.now());
        let answered = self.app.ports.runs.answer(&run, id.place(), Answer::TimedOut, now).await?;
        match answered {
            Answered::Stored { .. } | Answered::Already => self.take_answers().await,
            Answered::NotAsked => {
                self.lose();
                self.pauses.clear();
                Ok(())
            }
        }
    }

    /// Forgets a pause that the engine no longer waits for.
    pub(super) fn drop_pause(&mut self, id: &CallId) {
        let is_question =
            |(ready, call): &(CallId, Call)| ready == id && matches!(call.action, Action::Ask(_));
        // An earlier owner may have asked what this one has not come to.
        let may_be_asked = self.lease.fence > 1 && self.ready.iter().any(is_question);
        self.ready.retain(|(ready, _)| ready != id);
        self.pauses.drop(id, may_be_asked, self.app.now());
    }

    /// Closes the questions of parts of the run that have ended: the run goes on, and nobody should
    /// be asked. Those of a run that ends go with it.
    async fn close_dropped(&mut self) -> Result<()> {
        for place in self.pauses.take_dropped() {
            let (runs, now) = (&self.app.ports.runs, self.app.now());
            runs.answer(&self.head.id, &place, Answer::TimedOut, now).await?;
        }
        Ok(())
    }

    async fn take_answers(&mut self) -> Result<()> {
        self.has_new_answers = false;
        let questions = self.app.ports.runs.questions(&self.head.id).await?;
        self.answers = questions.iter().filter(|asked| asked.answer.is_some()).count() as u64;
        for asked in questions {
            let (Some(answer), Some(id)) = (asked.answer, self.pauses.question_at(&asked.place))
            else {
                continue;
            };
            if let Some(pause) = self.pauses.take(&id) {
                self.end_pause(id, pause.call, result_of(answer)).await?;
            }
        }
        Ok(())
    }

    async fn end_pause(&mut self, id: CallId, call: Call, result: CallResult) -> Result<()> {
        self.pauses.note_ended(self.app.now());
        let started_at = Some(Timestamp(call.asked_at_ms));
        let (input_hash, result) = (call.input_hash, Ok(result));
        self.settle(EndedCall { id, input_hash, started_at, result, memory: None }).await
    }

    /// Whether nothing but time or people can let the run go on.
    pub(super) fn only_waits(&self) -> bool {
        self.ready.is_empty() && self.calls.is_idle() && self.pauses.len() > 0
    }

    /// Whether a caller waits for a run that asks a person while it makes calls. The run must not
    /// depend on its caller: a crash would fail it.
    pub(super) fn asks_beside_calls(&self) -> bool {
        self.attachment.mode() == Mode::Attached && self.pauses.has_question()
    }

    /// Whether the run should be released until its first pause ends.
    pub(super) fn should_park(&self) -> bool {
        if !self.only_waits() || self.has_new_answers {
            return false;
        }
        let now = self.app.now();
        let stays_until = match self.attachment.mode() {
            Mode::Attached => self.release_at(),
            Mode::Detached => Some(self.end_by.unwrap_or(now + SHORT).min(now + SHORT)),
        };
        let is_short = self.pauses.earliest() <= stays_until;
        self.pauses.has_question() && self.pauses.earliest() > Some(now) || !is_short
    }

    /// Releases the run until its first pause ends, or an answer comes.
    pub(super) async fn park(&mut self) -> Result<()> {
        let mut parking = Parking {
            checkpoints: self.attachment.take_unwritten(),
            events: self.recorder.take_unwritten(),
            due_at: self.pauses.earliest().unwrap_or(self.app.now()),
            answers: self.answers,
        };
        let mut state = RunState::Waiting;
        let mut parked = self.app.ports.runs.park(&self.lease, parking.clone()).await?;
        if parked == Parked::Answered {
            // Whoever takes it over reads the answer.
            (state, parking.due_at) = (RunState::Pending, self.app.now());
            let Parking { checkpoints, events, due_at, .. } = parking.clone();
            let runs = &self.app.ports.runs;
            parked = match runs.hand_over(&self.lease, checkpoints, events, due_at).await? {
                Written::Written => Parked::Parked,
                Written::Lost => Parked::Lost,
            };
        }
        if parked == Parked::Lost {
            self.lose();
            return Ok(());
        }
        // It takes no place of its key's while it waits.
        self.app.release_slot(&self.head).await;
        let message = Message::RunV1 { run: self.head.id.clone() };
        self.app.send_later(message, &self.head.group(), parking.due_at).await;
        let mut record = self.record(state);
        record.mode = Mode::Detached;
        self.finish_with(Progress::HandedOver(Box::new(record)));
        Ok(())
    }
}

fn result_of(answer: Answer) -> CallResult {
    match answer {
        Answer::Given { approved, data, by, at } => succeeded(json!({
            "approved": approved,
            "data": data,
            "by": by,
            "at": at.to_string(),
        })),
        Answer::TimedOut => CallResult::Failed(CallError {
            code: "timeout".to_owned(),
            message: "nobody answered in time".to_owned(),
            ..CallError::default()
        }),
    }
}
