//! Pending work: due rows, and the queue messages that carry work to a worker.

use anyhow::Result;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::delivery::DeliveryId;
use crate::file::FileId;
use crate::group::Group;
use crate::id::RunId;
use crate::job::JobId;
use crate::time::Timestamp;

/// A queue message: ids only, tagged and versioned.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Message {
    RunV1 {
        run: RunId,
    },
    WebhookV1 {
        delivery: DeliveryId,
    },
    JobV1 {
        job: JobId,
    },
    /// A file that may have lost its last owner.
    FileV1 {
        file: FileId,
    },
    /// `schedule` is its number in the workflow of this uid.
    ScheduleV1 {
        uid: String,
        schedule: u32,
        tick: Timestamp,
    },
    /// Metrics are to be reported. No due row backs it: the next minute brings another one.
    MetricsV1 {
        at: Timestamp,
        swept: Swept,
    },
}

/// What sweeps found within a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Swept {
    /// How late the latest item was.
    pub lag_ms: u64,
    /// The most items that were due at once.
    pub due: u64,
    /// Messages that were sent.
    pub sent: u64,
}

impl Swept {
    pub fn add(&mut self, more: Self) {
        self.lag_ms = self.lag_ms.max(more.lag_ms);
        self.due = self.due.max(more.due);
        self.sent = self.sent.saturating_add(more.sent);
    }
}

/// Carries work to the workers: at least once, in any order. Groups take turns: no group's messages
/// wait for a backlog of another's. The due row is the backstop.
#[async_trait]
pub trait Queue: Send + Sync {
    async fn send(&self, message: Message, group: &Group) -> Result<()>;
    /// Delivers the message at `at` or soon after. Best effort: beyond the queue's maximum delay,
    /// the due row takes over.
    async fn send_later(&self, message: Message, group: &Group, at: Timestamp) -> Result<()>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueItem {
    pub what: Message,
    /// When it first became due; sweeps do not move it. For a run that has ended, equal to
    /// `sweep_at`.
    pub since: Timestamp,
    /// When the sweeper next picks it up. [`Due::postpone`] moves it.
    pub sweep_at: Timestamp,
}

/// Due rows: runs whose lease or queue wait has ended, deliveries whose next attempt is due, jobs,
/// schedules, and files that may have lost their last owner.
#[async_trait]
pub trait Due: Send + Sync {
    /// Returns at most `limit` items, earliest first. If more are due, `serve` takes some of each
    /// group. A hint: it may lag, and items may be stale.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<DueItem>>;
    /// Moves the item's `sweep_at` to `until` if it is unchanged, and returns its group; `None` if
    /// another caller moved it first. Nothing else moves: whoever receives its message in the
    /// meantime can still claim it.
    async fn postpone(&self, item: &DueItem, until: Timestamp) -> Result<Option<Group>>;
}
