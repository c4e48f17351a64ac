//! What a run waits for besides calls: times, and answers of people.

use std::collections::BTreeMap;
use std::time::Duration;

use flowgate_app::time::Timestamp;
use flowgate_engine::call::{AskCall, WaitCall};
use flowgate_engine::{Action, Call, CallError, CallId, CallOutput, CallResult};
use serde_json::{Value, json};

/// The open pauses, and how long the run has waited so far.
#[derive(Default)]
pub(super) struct Pauses {
    open: BTreeMap<CallId, Pause>,
    /// The places of open questions that the engine has dropped.
    dropped: Vec<String>,
    /// Pauses that the engine has asked for and that have not ended.
    count: usize,
    /// When the first of them began.
    since: Option<Timestamp>,
    /// The time of those before, in which there was at least one.
    waited: Duration,
}

pub(super) struct Pause {
    pub(super) call: Call,
    /// When it ends by itself.
    pub(super) until: Timestamp,
}

impl Pause {
    pub(super) fn is_question(&self) -> bool {
        matches!(self.call.action, Action::Ask(_))
    }
}

impl Pauses {
    /// Takes note of what the engine asks for, in a replay too.
    pub(super) fn note_asked(&mut self, call: &Call) {
        if call.action.is_pause() {
            self.count += 1;
            self.since.get_or_insert(Timestamp(call.asked_at_ms));
        }
    }

    /// Takes note that a pause has ended, in a replay too.
    pub(super) fn note_ended(&mut self, at: Timestamp) {
        self.count = self.count.saturating_sub(1);
        if self.count == 0
            && let Some(since) = self.since.take()
        {
            self.waited += at.since(since);
        }
    }

    /// The time that does not count towards the run's deadline.
    pub(super) fn waited(&self, now: Timestamp) -> Duration {
        self.waited + self.since.map_or(Duration::ZERO, |since| now.since(since))
    }

    pub(super) fn open(&mut self, id: CallId, pause: Pause) {
        self.open.insert(id, pause);
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn has_question(&self) -> bool {
        self.open.values().any(Pause::is_question)
    }

    pub(super) fn earliest(&self) -> Option<Timestamp> {
        self.open.values().map(|pause| pause.until).min()
    }

    /// Returns a pause that is over, the earliest first.
    pub(super) fn due(&self, now: Timestamp) -> Option<&CallId> {
        let due = self.open.iter().filter(|(_, pause)| pause.until <= now);
        due.min_by_key(|(id, pause)| (pause.until, *id)).map(|(id, _)| id)
    }

    /// Ends a pause that nothing depends on any more, whether it is open yet or not.
    pub(super) fn drop(&mut self, id: &CallId, may_be_asked: bool, now: Timestamp) {
        self.note_ended(now);
        if self.open.remove(id).is_some_and(|pause| pause.is_question()) || may_be_asked {
            self.dropped.push(id.place().to_owned());
        }
    }

    /// Returns the places of questions that nobody needs to answer any more.
    pub(super) fn take_dropped(&mut self) -> Vec<String> {
        std::mem::take(&mut self.dropped)
    }

    pub(super) fn get(&self, id: &CallId) -> Option<&Pause> {
        self.open.get(id)
    }

    pub(super) fn take(&mut self, id: &CallId) -> Option<Pause> {
        self.open.remove(id)
    }

    /// Returns the question that was asked at a place.
    pub(super) fn question_at(&self, place: &str) -> Option<CallId> {
        let asked = self.open.iter().find(|(id, pause)| pause.is_question() && id.place() == place);
        asked.map(|(id, _)| id.clone())
    }

    pub(super) fn clear(&mut self) {
        self.open.clear();
    }
}

/// Returns when the pause ends by itself. The engine cannot read times.
pub(super) fn end_of(call: &Call) -> Result<Timestamp, CallError> {
    let asked_at = Timestamp(call.asked_at_ms);
    match &call.action {
        Action::Wait(WaitCall::ForMs(duration)) => Ok(asked_at + *duration),
        Action::Wait(WaitCall::Until(text)) => {
            let until = Timestamp::parse_rfc3339(text.trim());
            let until = until.ok_or_else(|| invalid("`until` is no time as in RFC 3339"))?;
            if until.since(asked_at) > flowgate_engine::call::MAX_PAUSE {
                return Err(invalid("`until` is more than 30 days ahead"));
            }
            Ok(until)
        }
        Action::Ask(AskCall { timeout, .. }) => Ok(asked_at + *timeout),
        Action::Http(_)
        | Action::Model(_)
        | Action::Media(_)
        | Action::Mcp(_)
        | Action::Code(_)
        | Action::Read(_)
        | Action::Webhook(_)
        | Action::Session(_)
        | Action::Embed(_)
        | Action::Knowledge(_) => Ok(asked_at),
    }
}

fn invalid(message: &str) -> CallError {
    CallError {
        code: "invalid_wait".to_owned(),
        message: message.to_owned(),
        ..CallError::default()
    }
}

/// The result of a wait whose time has come.
pub(super) fn waited_until(until: Timestamp) -> CallResult {
    succeeded(json!({ "until": until.to_string() }))
}

pub(super) fn succeeded(value: Value) -> CallResult {
    CallResult::Succeeded(CallOutput { value, tokens: None, cost_nano_usd: None })
}
