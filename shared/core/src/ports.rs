//! What the platform needs of the world: every port, on one page. Each verb says what it guarantees; adapters (`local`, `aws`) keep it, and one suite of tests asks them all.
//!
//! `Err` means "could not, or cannot tell": the caller may try again, every verb bears it. What somebody branches on is in the `Ok`.

use anyhow::Result;
use async_trait::async_trait;

use crate::delivery::{Attempt, Delivery, DeliveryId};
use crate::idempotency::{Claim as IdempotencyClaim, Claims, IdempotencyKey};
use crate::keys::{AuditEntry, KeyRecord};
use crate::limits::{Allowance, Rate};
use crate::run::{Checkpoint, Event, EventId, Held, OwnerToken, RunEnd, RunHead, RunId, RunRecord, RunState, Trace};
use crate::secrets::{Keyring, SecretInfo};
use crate::time::Timestamp;
use crate::workflows::{Draft, VersionInfo, VersionRecord, WorkflowRecord};

/// Runs, their checkpoints, events and traces, and the deliveries that end with them.
#[async_trait]
pub trait Runs: Send + Sync {
    /// Writes a run that has not ended, with its claims, in one transaction. Durable before `Ok`; before it the run is not accepted.
    async fn create(&self, run: NewRun) -> Result<Created>;
    /// Writes a run with its end, its trace, its deliveries and its claims in one transaction: for a run that needed nothing of the outside.
    async fn create_ended(&self, run: NewRun, end: Ending) -> Result<Created>;

    /// Takes the run over with `fence + 1` if nobody holds a live lease, or it is ours already. Counts the claim as barren until the next new checkpoint.
    async fn claim(&self, run: &RunId, owner: &OwnerToken, now: Timestamp, lease_until: Timestamp) -> Result<Claimed>;
    /// Moves the end of the lease.
    async fn heartbeat(&self, held: &Held, lease_until: Timestamp) -> Result<Heartbeat>;
    /// Records a call's result, put-if-absent: the first writer wins. The events told so far go with it, in the same transaction.
    async fn checkpoint(&self, held: &Held, checkpoint: Checkpoint, events: Vec<Event>) -> Result<Written>;
    /// Writes the START row of an `at_most_once` call, put-if-absent.
    async fn mark_started(&self, held: &Held, place: &str) -> Result<StartMark>;
    async fn append_events(&self, held: &Held, events: Vec<Event>) -> Result<Written>;
    /// Makes the run detached and free to claim at `due_at`, with what the owner knows of it. Not a barren claim.
    async fn hand_over(&self, held: &Held, checkpoints: Vec<Checkpoint>, events: Vec<Event>, due_at: Timestamp) -> Result<Written>;
    /// The terminal state if the fence is mine, the deliveries, the trace, the last events and the retention, in one transaction. Nothing else ends a run.
    async fn finish(&self, held: &Held, end: Ending) -> Result<Finished>;
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

/// Webhooks on their way. Those at a run's end are written by [`Runs::finish`].
#[async_trait]
pub trait Deliveries: Send + Sync {
    /// Put-if-absent by id.
    async fn put(&self, delivery: Delivery) -> Result<()>;
    /// Takes the attempt that is due, until `until`; `None` where nothing is due or another has it.
    async fn claim(&self, id: &DeliveryId, owner: &OwnerToken, now: Timestamp, until: Timestamp) -> Result<Option<Delivery>>;
    /// Logs the attempt and says what comes next, if the claim is still ours.
    async fn record(&self, id: &DeliveryId, owner: &OwnerToken, attempt: Attempt, next: AfterAttempt) -> Result<Written>;
    async fn read(&self, id: &DeliveryId) -> Result<Option<Delivery>>;
    /// In the order they were made.
    async fn of_run(&self, run: &RunId) -> Result<Vec<Delivery>>;
    /// Makes it pending and due again, at the schedule's start; an attempt that is out goes on. `None` where it is not known, or its body is wiped.
    async fn redeliver(&self, id: &DeliveryId, now: Timestamp) -> Result<Option<Delivery>>;
}

/// What must be looked at again: runs whose lease or queue wait has ended, deliveries whose time has come.
#[async_trait]
pub trait Due: Send + Sync {
    /// A hint, at most `limit`, soonest first: it may be late, and may name what has moved on.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<DueItem>>;
    /// Moves the item's due time if it is still the one that was seen. `false`: somebody was quicker. Only the next look moves: whoever is sent for it meanwhile can claim it.
    async fn postpone(&self, item: &DueItem, until: Timestamp) -> Result<bool>;
}

/// Carries work to the functions that do it. At least once, in any order; the due row is the backstop.
#[async_trait]
pub trait Queue: Send + Sync {
    async fn send(&self, message: Message) -> Result<()>;
    /// The same, to be done at `at` or soon after. Best effort: what a queue cannot hold so long is left to the due row.
    async fn send_later(&self, message: Message, at: Timestamp) -> Result<()>;
}

/// Workflows, their drafts and their immutable versions.
#[async_trait]
pub trait Workflows: Send + Sync {
    async fn read(&self, id: &str) -> Result<Option<WorkflowRecord>>;
    async fn list(&self, page: PageRequest) -> Result<Page<WorkflowRecord>>;
    /// Creates the workflow with `uid_if_new` where there is none. `if_match` is compared in the same step.
    async fn save_draft(
        &self,
        id: &str,
        draft: Draft,
        uid_if_new: &str,
        signing: crate::secrets::SigningPin,
        if_match: Option<&str>,
    ) -> Result<DraftSaved>;
    /// Adds the version and points the endpoint at it, in one transaction; numbers are given here: `1.0.0`, `1.0.1` …
    async fn publish(&self, id: &str, version: NewVersion) -> Result<Option<VersionInfo>>;
    /// Points the endpoint at a version, or takes it down.
    async fn set_active(&self, id: &str, version: Option<&str>, at: Timestamp) -> Result<SetActive>;
    async fn version(&self, uid: &str, version: &str) -> Result<Option<VersionRecord>>;
    /// Newest first. A cursor is a version: the page has those before it.
    async fn versions(&self, uid: &str, page: PageRequest) -> Result<Page<VersionInfo>>;
    /// Pins another master secret or epoch; the pin before it signs beside it until `overlap_until`.
    async fn rotate_signing(&self, id: &str, pin: crate::secrets::SigningPin, overlap_until: Timestamp) -> Result<bool>;
    /// Runs keep their rows; versions stay readable for runs in flight.
    async fn delete(&self, id: &str) -> Result<bool>;
}

/// API keys (hashes, never keys) and the audit of their changes.
#[async_trait]
pub trait Keys: Send + Sync {
    /// With its audit row, in one transaction.
    async fn create(&self, key: KeyRecord, audit: AuditEntry) -> Result<()>;
    async fn read(&self, id: &str) -> Result<Option<KeyRecord>>;
    async fn list(&self, page: PageRequest) -> Result<Page<KeyRecord>>;
    /// Ends the key at `at` (now: revoked; later: the overlap of a rotation); an earlier end stays. `false`: no such key.
    async fn end(&self, id: &str, at: Timestamp, audit: AuditEntry) -> Result<bool>;
    /// Best effort, never moves backwards.
    async fn touch(&self, id: &str, at: Timestamp) -> Result<()>;
    /// Newest first.
    async fn audit(&self, page: PageRequest) -> Result<Page<AuditEntry>>;
}

/// What keys with limits have used of them. Each verb is one conditional step: any number of callers at once get no more than there is.
#[async_trait]
pub trait Limits: Send + Sync {
    /// One start, if the rate has one left ([`Rate::take`]).
    async fn take(&self, key_id: &str, rate: Rate, now: Timestamp) -> Result<Taken>;
    /// What is left, untouched.
    async fn peek(&self, key_id: &str, rate: Rate, now: Timestamp) -> Result<Allowance>;
    /// Counts the run among the key's until it leaves, or until `until` should nobody say so. One that is counted stays so.
    async fn enter(&self, key_id: &str, run: &RunId, most: u32, now: Timestamp, until: Timestamp) -> Result<Entered>;
    /// A run that is not counted may leave too.
    async fn leave(&self, key_id: &str, run: &RunId) -> Result<()>;
}

/// Provider secrets, written by authors and read on the way out alone, and the keyring.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// Made by `create` on first use and kept: two first users get the same one.
    async fn keyring(&self, create: Keyring) -> Result<Keyring>;
    async fn put(&self, name: &str, value: &str, now: Timestamp) -> Result<()>;
    async fn get(&self, name: &str) -> Result<Option<String>>;
    /// Names and times, never values.
    async fn list(&self) -> Result<Vec<SecretInfo>>;
    async fn delete(&self, name: &str) -> Result<bool>;
}

/// The wall clock: it goes on while a Lambda is frozen, as a monotonic clock does not.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

/// Randomness for ids, keys and secrets.
pub trait Entropy: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunProgress {
    pub state: RunState,
    pub cancel_requested: bool,
}

#[derive(Debug, Clone)]
pub struct NewRun {
    pub head: std::sync::Arc<RunHead>,
    pub mode: crate::run::Mode,
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
pub struct Ending {
    pub end: std::sync::Arc<RunEnd>,
    pub trace: Trace,
    /// Told since the last write.
    pub events: Vec<Event>,
    pub deliveries: Vec<Delivery>,
    pub expires_at: Timestamp,
    /// When somebody must look at the ended run again: one that is not to be saved, until it is wiped.
    pub due_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Claimed {
    Ours(Held, Box<RunRecord>),
    /// Somebody holds a live lease.
    Held,
    Ended,
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heartbeat {
    Kept { cancel_requested: bool },
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Written,
    /// The fence has moved on: another owner has it now.
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// What is left after it.
    Allowed(Allowance),
    /// Nothing was taken.
    Refused { retry_at: Timestamp, left: Allowance },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entered {
    Entered,
    /// As many as may are counted.
    Full,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfterAttempt {
    Delivered,
    RetryAt(Timestamp),
    Exhausted,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueItem {
    pub what: Message,
    /// Since when it has been due, however often it was looked at meanwhile. Of a run that has ended: the same as `look_at`.
    pub since: Timestamp,
    /// What [`Due::postpone`] moves.
    pub look_at: Timestamp,
}

/// What lies in a queue: ids only, tagged and versioned.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(tag = "type")]
pub enum Message {
    RunV1 { run: RunId },
    WebhookV1 { delivery: DeliveryId },
}

#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    pub state: Option<RunState>,
    pub user: Option<String>,
    pub created_from: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
    pub oldest_first: bool,
}

#[derive(Debug, Clone)]
pub struct PageRequest {
    /// At most so many; a page of large items may end earlier.
    pub limit: usize,
    /// As an earlier page gave it; opaque. One that no page gave reads as the first page's.
    pub cursor: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum DraftSaved {
    Saved(Box<WorkflowRecord>),
    /// `if_match` names another draft than the stored one.
    Stale,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewVersion {
    pub document: std::sync::Arc<str>,
    pub hash: String,
    pub name: String,
    pub notes: Option<String>,
    pub at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetActive {
    Done,
    UnknownWorkflow,
    UnknownVersion,
}
