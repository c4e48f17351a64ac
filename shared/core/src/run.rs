//! Runs, and the port that stores them with their checkpoints, events and traces.

mod list;
mod origin;
mod question;
mod record;
mod selection;
mod tally;

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use flowgate_engine::CallResult;
use serde::{Deserialize, Serialize};

use crate::delivery::Delivery;
use crate::event::{Event, EventId, Trace};
use crate::id::RunId;
use crate::idempotency::{EarlierRun, IdempotencyKey, UniqueRows};
use crate::lease::{Lease, OwnerToken, Written};
use crate::page::{Page, PageRequest};
use crate::stats::Tally;
use crate::time::Timestamp;

pub use list::{Include, RunFilter};
pub use origin::{DRAFT, Origin, Takes, TriedDraft};
pub use question::{Answer, Answered, AskedQuestion, ListedQuestion, OpenQuestion};
pub use record::{
    Dialect, Mode, PinnedChild, RunEnd, RunHead, RunInput, RunRecord, RunState, StartMode,
};
pub use selection::Selection;

/// The recorded result of one outside call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// [`flowgate_engine::CallId::place`].
    pub place: String,
    /// Its position, from 0, in the order in which the engine consumed results; replay keeps it.
    pub order: u64,
    pub input_hash: String,
    pub attempts: u32,
    pub result: CallResult,
    /// When it went out; `None` if it did not, and in checkpoints of earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// `None` in checkpoints that predate nodes with several calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The run's origin made the call.
    #[serde(default, rename = "reused", skip_serializing_if = "std::ops::Not::not")]
    pub is_reused: bool,
}

/// A page of checkpoints or events ends once it holds this many bytes of JSON.
pub const PAGE_BYTES: usize = 4 << 20;

/// Runs, their checkpoints, events and traces, and the deliveries that end with them.
#[async_trait]
pub trait Runs: Send + Sync {
    /// Writes a run that has not ended, with its unique rows, atomically. `Ok` means durable;
    /// until then the run is not accepted.
    async fn create(&self, run: NewRun) -> Result<Created>;
    /// Writes a run that made no outside call, with its end, trace, deliveries and unique rows,
    /// in one transaction.
    async fn create_ended(&self, run: NewRun, end: FinishedRun) -> Result<Created>;

    /// Takes the run over with `fence + 1`, unless another owner has a live lease. Repeating our
    /// own claim only moves the end of its lease. The claim counts as one without progress until
    /// the next new checkpoint.
    async fn claim(
        &self,
        run: &RunId,
        owner: &OwnerToken,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Claimed>;
    /// Extends the lease to `lease_until`.
    async fn heartbeat(&self, lease: &Lease, lease_until: Timestamp) -> Result<Heartbeat>;
    /// Stores a call's result, put-if-absent: the first writer wins. Stores `events` in the same
    /// transaction.
    async fn checkpoint(
        &self,
        lease: &Lease,
        checkpoint: Checkpoint,
        events: Vec<Event>,
    ) -> Result<Written>;
    /// Writes the START row of an `at_most_once` call, put-if-absent.
    async fn mark_started(&self, lease: &Lease, place: &str) -> Result<StartMark>;
    async fn append_events(&self, lease: &Lease, events: Vec<Event>) -> Result<Written>;
    /// Makes the run detached and claimable, due at `due_at`, and stores the owner's checkpoints
    /// and events. The owner's claim no longer counts as one without progress.
    async fn hand_over(
        &self,
        lease: &Lease,
        checkpoints: Vec<Checkpoint>,
        events: Vec<Event>,
        due_at: Timestamp,
    ) -> Result<Written>;
    /// Like `hand_over`, of a run that only waits: its state is `waiting`. Refused as
    /// [`Parked::Answered`] if it was answered more often than its owner has seen.
    async fn park(&self, lease: &Lease, parking: Parking) -> Result<Parked>;
    /// Stores a question, put-if-absent, so that it can be answered.
    async fn ask(&self, lease: &Lease, place: &str, question: OpenQuestion) -> Result<Written>;
    /// Stores the answer to a question, put-if-absent: the first one counts. A run that nobody owns
    /// becomes due at `now`.
    async fn answer(
        &self,
        run: &RunId,
        place: &str,
        answer: Answer,
        now: Timestamp,
    ) -> Result<Answered>;
    /// Returns the questions of a run, with their answers, by place.
    async fn questions(&self, run: &RunId) -> Result<Vec<AskedQuestion>>;
    /// Returns the questions of these workflows that nobody has answered, of runs that have not
    /// ended, oldest first.
    async fn open_questions(
        &self,
        workflow_uids: &[String],
        page: PageRequest,
    ) -> Result<Page<ListedQuestion>>;
    /// Stores the terminal state, deliveries, trace, last events and retention in one transaction,
    /// if the lease's fence is current. Nothing but this and `create_ended` ends a run.
    async fn finish(&self, lease: &Lease, end: FinishedRun) -> Result<Finished>;
    /// Asks the owner to stop. A run that has ended stays as it is.
    async fn request_cancel(&self, run: &RunId, now: Timestamp) -> Result<CancelRequest>;
    /// Deletes what an ended run was given and gave: all but [`RunHead::wiped`],
    /// [`RunEnd::wiped`], and of its deliveries [`crate::delivery::FrozenRequest::wiped`] and
    /// [`crate::delivery::Attempt::wiped`]. It is no longer due. Safe to repeat.
    async fn wipe(&self, run: &RunId) -> Result<()>;

    /// Deletes an ended run with its parts, its deliveries, and its unique rows where they can be
    /// found. Safe to repeat.
    async fn delete(&self, run: &RunId) -> Result<Deleted>;

    /// Sees every write completed before the call.
    async fn read(&self, run: &RunId) -> Result<Option<RunRecord>>;
    /// The same for polling: omits input and outputs, which may be megabytes.
    async fn progress(&self, run: &RunId) -> Result<Option<RunProgress>>;
    /// Returns the checkpoints after the position `after`, in the order the engine consumed them:
    /// at most [`PAGE_BYTES`] of them, but at least one if there is any.
    async fn checkpoints(&self, run: &RunId, after: Option<u64>) -> Result<Vec<Checkpoint>>;
    /// Returns the results that an ended run left in one piece ([`FinishedRun::results`]).
    async fn results(&self, run: &RunId) -> Result<Vec<Checkpoint>>;
    /// Returns the places of the calls that have a START row.
    async fn started(&self, run: &RunId) -> Result<Vec<String>>;
    /// Returns at most `limit` events after `after`, in order, and at most [`PAGE_BYTES`] of them,
    /// but at least one if there is any.
    async fn events(&self, run: &RunId, after: Option<EventId>, limit: usize)
    -> Result<Vec<Event>>;
    /// Returns `None` until the run has ended.
    async fn trace(&self, run: &RunId) -> Result<Option<Trace>>;
    /// Newest first unless `filter.oldest_first`. Reads no run outside [`RunFilter::ids`]. Not
    /// read-your-writes.
    async fn list(
        &self,
        workflow_uid: &str,
        filter: RunFilter,
        page: PageRequest,
    ) -> Result<Page<RunRecord>>;
    /// The same over several workflows, in one order. Each page reads a bounded number of runs: one
    /// whose conditions few runs meet may be short, even empty, and not be the last.
    async fn list_of(
        &self,
        workflow_uids: &[String],
        filter: RunFilter,
        page: PageRequest,
    ) -> Result<Page<RunRecord>>;
    /// Returns the run that the key, or chosen run id, belongs to.
    async fn idempotency(&self, key: &IdempotencyKey, now: Timestamp)
    -> Result<Option<EarlierRun>>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    Deleted,
    /// The run has not ended. Nothing was deleted.
    Open,
    Unknown,
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
    /// Set for attached runs, `None` for detached ones. The fence starts at 1 with an owner, else
    /// at 0.
    pub owner: Option<OwnerToken>,
    /// When the owner's lease ends, or when the sweeper should send the run's message again.
    pub due_at: Timestamp,
    pub unique_rows: UniqueRows,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Created {
    Created,
    /// An earlier request used the idempotency key. Nothing was written.
    Repeated(EarlierRun),
    /// Another run has the id that the caller chose. Nothing was written.
    IdTaken,
}

#[derive(Debug, Clone)]
pub struct FinishedRun {
    pub workflow_uid: String,
    pub end: Arc<RunEnd>,
    pub trace: Trace,
    /// The results of calls that are stored nowhere else, for a rerun: one compressed value.
    pub results: Vec<Checkpoint>,
    /// Recorded since the last write.
    pub events: Vec<Event>,
    pub deliveries: Vec<Delivery>,
    pub expires_at: Timestamp,
    /// When the sweeper should check the ended run: set with `save: false`, until it is wiped.
    pub due_at: Option<Timestamp>,
    /// What the run adds to its workflow's rollup; `None`: it is not counted.
    pub tally: Option<Tally>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Claimed {
    Leased(Lease, Box<RunRecord>),
    /// Another owner's lease is live.
    LeasedByOther,
    Ended,
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heartbeat {
    Kept {
        cancel_requested: bool,
        /// [`RunRecord::answers`].
        answers: u64,
    },
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartMark {
    Marked,
    /// An earlier owner started it.
    AlreadyStarted,
    Lost,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Finished {
    Finished,
    /// The run had ended before, by us (a retried write) or by another owner. Holds the stored run.
    Already(Box<RunRecord>),
    /// Another owner has the run, or it no longer exists.
    Lost,
}

#[derive(Debug, Clone, PartialEq)]
pub enum CancelRequest {
    /// A live owner will see the request.
    Requested,
    /// The run has no live owner: the canceller should claim and finish it.
    Unowned,
    Already(RunState),
    Unknown,
}

/// What a run that only waits leaves.
#[derive(Debug, Clone)]
pub struct Parking {
    pub checkpoints: Vec<Checkpoint>,
    pub events: Vec<Event>,
    /// When its first wait ends.
    pub due_at: Timestamp,
    /// The answers that its owner has seen.
    pub answers: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parked {
    Parked,
    /// There is an answer that its owner has not seen. Nothing was written.
    Answered,
    /// The fence has moved on: another owner has the run.
    Lost,
}
