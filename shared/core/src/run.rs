//! Runs as they are stored and read, and the port that stores them with their checkpoints, events and traces.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use flowgate_engine::{CallResult, RunError, Usage, json};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::delivery::{Delivery, WebhookTarget};
use crate::event::{Event, EventId, Trace};
use crate::id::RunId;
use crate::idempotency::{Claim as IdempotencyClaim, Claims, IdempotencyKey};
use crate::lease::{Lease, OwnerToken, Written};
use crate::page::{Page, PageRequest};
use crate::secret::SigningPin;
use crate::time::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Pending,
    Running,
    Waiting,
    Succeeded,
    Failed,
    Cancelled,
}

impl RunState {
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Who looks after the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A caller waits or streams. Results stay in memory; a crash ends the run as `interrupted`.
    Attached,
    /// Accepted, or handed over: every finished call is recorded, and a worker goes on after a crash.
    Detached,
}

/// The API a run was started through. It is kept with the run, and nothing below `api` asks for it: what follows from it is data of
/// the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    Native,
    Gptbots,
    Sim,
    AiFlow,
}

/// What is known of a run from its first write on. None of it changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunHead {
    pub id: RunId,
    /// What the caller chose to call it, within its workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen_id: Option<String>,
    pub workflow_id: String,
    /// Tells a workflow from an earlier one of the same id.
    pub workflow_uid: String,
    pub workflow_name: String,
    pub version: String,
    pub dialect: Dialect,
    /// `None` for the operator's own credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// It has a place among the runs that its key may have at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counted: bool,
    /// The caller's own name for its end user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// With defaults and coercions: what the nodes see.
    #[serde(default, skip_serializing_if = "is_null")]
    pub input: Arc<Value>,
    /// The caller's spelling of it (key order, numbers), for the dialect that echoes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_as_sent: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub webhooks: Vec<WebhookTarget>,
    /// `false`: input and outputs are wiped when the run has ended and its last delivery has.
    pub save: bool,
    /// As the workflow's was when the run was made: signs its webhooks where the workflow is gone by then.
    pub signing: SigningPin,
    pub created_at: Timestamp,
    /// Past it the run fails as `timeout`.
    pub deadline_at: Timestamp,
    /// The engine's rules when the run was made ([`flowgate_engine::ENGINE`]); it keeps them to its end.
    #[serde(default)]
    pub engine: u32,
}

impl RunHead {
    /// The name by which the caller knows the run, where its API lets it choose one.
    pub fn shown_id(&self) -> &str {
        self.chosen_id.as_deref().unwrap_or(self.id.as_str())
    }

    /// The head as it is stored, and what the run was given where that is stored beside it.
    pub fn split(&self) -> (Cow<'_, Self>, Option<RunInput>) {
        let as_sent = self.input_as_sent.as_ref().map_or(0, String::len);
        if json::size(&self.input) + as_sent <= MAX_IN_THE_HEAD {
            return (Cow::Borrowed(self), None);
        }
        let input = RunInput { input: self.input.clone(), input_as_sent: self.input_as_sent.clone() };
        (Cow::Owned(Self { input: Arc::default(), input_as_sent: None, ..self.clone() }), Some(input))
    }
}

/// What a run was given. Large ones are stored apart, so that a list of runs does not read them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunInput {
    input: Arc<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input_as_sent: Option<String>,
}

/// Bytes of an input that are stored with the head, and of an output with the end: a list reads them
/// whether it was asked for them or not.
const MAX_IN_THE_HEAD: usize = 2048;

fn is_null(value: &Value) -> bool {
    value.is_null()
}

/// A run as the store holds it now.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    pub head: Arc<RunHead>,
    pub state: RunState,
    pub mode: Mode,
    /// Counts the owners. A write with an older fence is refused.
    pub fence: u64,
    pub owner: Option<OwnerToken>,
    /// When somebody must look at a run that has not ended: the end of its lease, or of its wait in a queue.
    pub due_at: Option<Timestamp>,
    pub cancel_requested: bool,
    /// Claims since the last new checkpoint.
    pub claims_without_progress: u32,
    pub started_at: Option<Timestamp>,
    /// Some once the run has ended.
    pub end: Option<Arc<RunEnd>>,
    /// Input and outputs are gone (`save: false`).
    pub wiped: bool,
}

impl RunRecord {
    /// A detached run that nobody has taken up yet.
    pub fn pending(head: Arc<RunHead>, due_at: Timestamp) -> Self {
        Self {
            head,
            state: RunState::Pending,
            mode: Mode::Detached,
            fence: 0,
            owner: None,
            due_at: Some(due_at),
            cancel_requested: false,
            claims_without_progress: 0,
            started_at: None,
            end: None,
            wiped: false,
        }
    }
}

/// How a run ended: written once, by whoever finishes first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEnd {
    pub state: RunState,
    #[serde(default, skip_serializing_if = "is_null")]
    pub output: Arc<Value>,
    pub error: Option<RunError>,
    pub usage: Usage,
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
}

impl RunEnd {
    /// The end as it is stored, and the output where that is stored beside it.
    pub fn split(&self) -> (Cow<'_, Self>, Option<&Value>) {
        if json::size(&self.output) <= MAX_IN_THE_HEAD {
            return (Cow::Borrowed(self), None);
        }
        (Cow::Owned(Self { output: Arc::default(), ..self.clone() }), Some(&self.output))
    }
}

/// The recorded result of one outside call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// [`flowgate_engine::CallId::place`].
    pub place: String,
    /// The order in which the engine consumed it, from 0: replay feeds results back in this order.
    pub order: u64,
    pub input_hash: String,
    pub attempts: u32,
    pub result: CallResult,
    /// `None` in what was stored before nodes could make several calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// Runs, their checkpoints, events and traces, and the deliveries that end with them.
#[async_trait]
pub trait Runs: Send + Sync {
    /// Writes a run that has not ended, with its claims, in one transaction. Durable before `Ok`; before it the run is not accepted.
    async fn create(&self, run: NewRun) -> Result<Created>;
    /// Writes a run with its end, its trace, its deliveries and its claims in one transaction: for a run that needed nothing of the outside.
    async fn create_ended(&self, run: NewRun, end: FinishedRun) -> Result<Created>;

    /// Takes the run over with `fence + 1` if nobody holds a live lease, or it is ours already. Counts the claim as one without progress until the next new checkpoint.
    async fn claim(&self, run: &RunId, owner: &OwnerToken, now: Timestamp, lease_until: Timestamp) -> Result<Claimed>;
    /// Moves the end of the lease.
    async fn heartbeat(&self, lease: &Lease, lease_until: Timestamp) -> Result<Heartbeat>;
    /// Records a call's result, put-if-absent: the first writer wins. The events recorded so far go with it, in the same transaction.
    async fn checkpoint(&self, lease: &Lease, checkpoint: Checkpoint, events: Vec<Event>) -> Result<Written>;
    /// Writes the START row of an `at_most_once` call, put-if-absent.
    async fn mark_started(&self, lease: &Lease, place: &str) -> Result<StartMark>;
    async fn append_events(&self, lease: &Lease, events: Vec<Event>) -> Result<Written>;
    /// Makes the run detached and free to claim at `due_at`, with what the owner knows of it. Not counted as a claim without progress.
    async fn hand_over(&self, lease: &Lease, checkpoints: Vec<Checkpoint>, events: Vec<Event>, due_at: Timestamp) -> Result<Written>;
    /// The terminal state if the fence is mine, the deliveries, the trace, the last events and the retention, in one transaction. Nothing else ends a run.
    async fn finish(&self, lease: &Lease, end: FinishedRun) -> Result<Finished>;
    /// Asks the owner to stop. A run that ended stays as it is.
    async fn request_cancel(&self, run: &RunId, now: Timestamp) -> Result<CancelRequest>;
    /// Input, outputs, trace, checkpoints, events and webhook bodies of an ended run are gone afterwards, and it is no longer due.
    async fn wipe(&self, run: &RunId) -> Result<()>;

    /// Consistent: what was written before is seen.
    async fn read(&self, run: &RunId) -> Result<Option<RunRecord>>;
    /// The same without what the run was given and what it gave, which may be megabytes: for who looks again and again.
    async fn progress(&self, run: &RunId) -> Result<Option<RunProgress>>;
    /// In the order they were consumed.
    async fn checkpoints(&self, run: &RunId) -> Result<Vec<Checkpoint>>;
    /// Places of the calls whose START row is written.
    async fn started(&self, run: &RunId) -> Result<Vec<String>>;
    /// In order, after `after`, at most `limit`.
    async fn events(&self, run: &RunId, after: Option<EventId>, limit: usize) -> Result<Vec<Event>>;
    /// `None` before the run has ended.
    async fn trace(&self, run: &RunId) -> Result<Option<Trace>>;
    /// Newest first, unless the filter says otherwise. Reads no run outside [`RunFilter::ids`]. Not read-your-writes.
    async fn list(&self, workflow_uid: &str, filter: RunFilter, page: PageRequest) -> Result<Page<RunRecord>>;
    /// Which run a key, or a chosen run id, stands for.
    async fn idempotency(&self, key: &IdempotencyKey, now: Timestamp) -> Result<Option<IdempotencyClaim>>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunProgress {
    pub state: RunState,
    pub cancel_requested: bool,
}

#[derive(Debug, Clone)]
pub struct NewRun {
    pub head: Arc<RunHead>,
    pub mode: Mode,
    /// The owner from the start (attached), or nobody yet (detached). An owned run begins with fence 1, an unowned one with 0.
    pub owner: Option<OwnerToken>,
    /// End of the owner's lease, or when the sweeper should send it again.
    pub due_at: Timestamp,
    pub claims: Claims,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Created {
    Created,
    /// The idempotency key was there before: nothing was written.
    Repeated(IdempotencyClaim),
    /// Another run has the id that the caller chose: nothing was written.
    IdTaken,
}

#[derive(Debug, Clone)]
pub struct FinishedRun {
    pub end: Arc<RunEnd>,
    pub trace: Trace,
    /// Recorded since the last write.
    pub events: Vec<Event>,
    pub deliveries: Vec<Delivery>,
    pub expires_at: Timestamp,
    /// When somebody must look at the ended run again: one that is not to be saved, until it is wiped.
    pub due_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Claimed {
    Leased(Lease, Box<RunRecord>),
    /// Its lease is live.
    LeasedByOther,
    Ended,
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heartbeat {
    Kept { cancel_requested: bool },
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartMark {
    Marked,
    /// An earlier owner had started it.
    AlreadyStarted,
    Lost,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Finished {
    Finished,
    /// Ended before, by us (a retried write) or another: this is what is stored.
    Already(Box<RunRecord>),
    /// Another owner has it, or it is gone.
    Lost,
}

#[derive(Debug, Clone, PartialEq)]
pub enum CancelRequest {
    /// A live owner will see it.
    Requested,
    /// Nobody holds it: the canceller should claim and finish it.
    Unowned,
    Already(RunState),
    Unknown,
}

#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    pub state: Option<RunState>,
    pub user: Option<String>,
    pub created_from: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
    pub oldest_first: bool,
    pub include: Include,
}

/// What a list tells of its runs beside their heads and ends. What it leaves out reads as null, and is
/// not read from the store where it is large.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Include {
    pub input: bool,
    pub output: bool,
}

impl Include {
    pub const ALL: Self = Self { input: true, output: true };

    /// The head as it was before [`RunHead::split`].
    pub fn head(self, stored: RunHead, beside: Option<RunInput>) -> RunHead {
        let (input, input_as_sent) = match (self.input, beside) {
            (true, None) => return stored,
            (true, Some(beside)) => (beside.input, beside.input_as_sent),
            (false, _) => (Arc::default(), None),
        };
        RunHead { input, input_as_sent, ..stored }
    }

    /// The end as it was before [`RunEnd::split`].
    pub fn end(self, stored: RunEnd, beside: Option<Value>) -> RunEnd {
        let output = match (self.output, beside) {
            (true, None) => return stored,
            (true, Some(beside)) => Arc::new(beside),
            (false, _) => Arc::default(),
        };
        RunEnd { output, ..stored }
    }
}

impl RunFilter {
    /// The ids that a page can hold, which begins behind `cursor`; `None` where it can hold none. An id
    /// begins with the time its run was made at, so that times are a range of the key.
    pub fn ids(&self, cursor: Option<&str>) -> Option<RangeInclusive<RunId>> {
        let mut first = self.created_from.map_or(0, RunId::first_number_at);
        let mut last = match self.created_before {
            Some(before) => RunId::first_number_at(before).checked_sub(1)?,
            None => u128::MAX,
        };
        if let Some(shown) = cursor.and_then(RunId::parse).and_then(|run| run.number()) {
            if self.oldest_first {
                first = first.max(shown.checked_add(1)?);
            } else {
                last = last.min(shown.checked_sub(1)?);
            }
        }
        (first <= last).then(|| RunId::of_number(first)..=RunId::of_number(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_a_range_of_ids() {
        let id = |millis: u64, rest: u128| RunId::of_number(u128::from(millis) << 80 | rest);
        let rest = (1 << 80) - 1;
        let check = |from: Option<i64>, before: Option<i64>, oldest_first, cursor: Option<&RunId>| {
            let (created_from, created_before) = (from.map(Timestamp), before.map(Timestamp));
            let filter = RunFilter { created_from, created_before, oldest_first, ..RunFilter::default() };
            filter.ids(cursor.map(RunId::as_str)).map(|ids| ids.into_inner())
        };
        let all = (id(0, 0), RunId::of_number(u128::MAX));
        assert_eq!(check(None, None, false, None), Some(all.clone()));
        assert_eq!(check(Some(5), Some(8), false, None), Some((id(5, 0), id(7, rest))));
        assert_eq!(check(Some(5), Some(8), false, Some(&id(6, 3))), Some((id(5, 0), id(6, 2))));
        assert_eq!(check(Some(5), Some(8), true, Some(&id(6, 3))), Some((id(6, 4), id(7, rest))));
        // A cursor of another list.
        assert_eq!(check(Some(5), Some(8), false, Some(&id(9, 0))), Some((id(5, 0), id(7, rest))));
        assert_eq!(check(Some(5), Some(8), false, Some(&id(4, 0))), None);
        assert_eq!(check(Some(5), Some(8), true, Some(&id(9, 0))), None);
        // Times that no id can have.
        for (from, before) in [(Some(8), Some(8)), (None, Some(0)), (None, Some(-1)), (Some(8), Some(5))] {
            assert_eq!(check(from, before, false, None), None, "{from:?} {before:?}");
        }
        assert_eq!(check(Some(-5), None, false, None), Some(all));
        assert!(check(Some(i64::MAX), Some(i64::MAX), false, None).is_none());
        assert!(check(None, None, true, Some(&RunId::of_number(u128::MAX))).is_none());
        let foreign = RunFilter::default().ids(Some("run_of_another_kind")).unwrap();
        assert_eq!(foreign.start(), &id(0, 0));
    }
}
