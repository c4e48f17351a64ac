//! A run as a task.

use std::time::Duration;

use flowgate_app::App;
use flowgate_app::run::{RunRecord, RunState};
use flowgate_app::runs::Asked;
use flowgate_app::time::{Timestamp, millis};
use serde::Serialize;
use serde_json::{Map, Value};

use super::abilities::Abilities;
use super::elicitation;
use super::era::Era;
use super::message::Typed;
use super::outcome::Outcome;

/// A young run ends soon, as most do.
const YOUNG: Duration = Duration::from_secs(30);
/// How often to look at a young run, and at any other.
const POLLED: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
const WAITS: &str = "the run waits for a person's answer";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Task {
    task_id: String,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_message: Option<&'static str>,
    created_at: String,
    last_updated_at: String,
    /// For how long from its creation a run can be read at least; null until it has ended.
    ttl_ms: Option<u64>,
    poll_interval_ms: u64,
}

/// `failed` is missing: it stands for a call that has no result, and a run that failed has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Working,
    InputRequired,
    Completed,
    Cancelled,
}

impl Status {
    fn of(record: &RunRecord) -> Self {
        match record.state {
            RunState::Waiting if record.asked > record.answers => Self::InputRequired,
            RunState::Pending | RunState::Running | RunState::Waiting => Self::Working,
            RunState::Succeeded | RunState::Failed => Self::Completed,
            RunState::Cancelled => Self::Cancelled,
        }
    }
}

impl Task {
    pub(super) fn of(app: &App, record: &RunRecord) -> Self {
        let created_at = record.head.created_at;
        let ended_at = record.end.as_deref().map(|end| end.ended_at);
        let updated_at = ended_at.or(record.started_at).unwrap_or(created_at);
        let kept_until = ended_at.map(|ended_at| ended_at + app.settings.retention);
        let status = Status::of(record);
        let is_young = app.now().since(created_at) < YOUNG;
        Self {
            task_id: record.head.id.to_string(),
            status,
            status_message: (status == Status::InputRequired).then_some(WAITS),
            created_at: created_at.to_string(),
            last_updated_at: updated_at.to_string(),
            ttl_ms: kept_until.map(|until| millis(until.since(created_at))),
            poll_interval_ms: millis(POLLED[usize::from(!is_young)]),
        }
    }

    fn asked_at(mut self, asked_at: Option<Timestamp>) -> Self {
        if let Some(asked_at) = asked_at {
            self.last_updated_at = asked_at.to_string();
        }
        self
    }
}

/// A task with what belongs to its status.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DetailedTask {
    #[serde(flatten)]
    task: Task,
    /// Empty where this client, or this key, can answer none of the questions.
    #[serde(skip_serializing_if = "Option::is_none")]
    input_requests: Option<Map<String, Value>>,
    /// What the call would have returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Typed<Outcome>>,
}

impl DetailedTask {
    /// `asked`: the questions that nobody has answered.
    pub(super) fn of(app: &App, record: &RunRecord, asked: &[Asked], client: Abilities) -> Self {
        let task = Task::of(app, record);
        let outcome = || Typed::complete(Era::Stateless, Outcome::of(record));
        let input_requests =
            (task.status == Status::InputRequired).then(|| elicitation::requests(asked, client));
        let result = (task.status == Status::Completed).then(outcome);
        let asked_at = asked.iter().map(|asked| asked.question.question.asked_at).max();
        let task = task.asked_at(asked_at.filter(|_| input_requests.is_some()));
        Self { task, input_requests, result }
    }
}
