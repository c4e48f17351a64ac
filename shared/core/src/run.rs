//! Runs as they are stored and read, and the port that stores them with their checkpoints, events and traces.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use flowgate_engine::{CallResult, RunError, Usage};
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
    pub output: Arc<Value>,
    pub error: Option<RunError>,
    pub usage: Usage,
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
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
    /// Newest first, unless the filter says otherwise. Not read-your-writes.
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
}
