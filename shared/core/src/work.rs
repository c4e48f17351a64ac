//! Work that waits: what is due, and the messages that carry it to whoever does it.

use anyhow::Result;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::delivery::DeliveryId;
use crate::id::RunId;
use crate::time::Timestamp;

/// What lies in a queue: ids only, tagged and versioned.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Message {
    RunV1 { run: RunId },
    WebhookV1 { delivery: DeliveryId },
}

/// Carries work to the functions that do it. At least once, in any order; the due row is the backstop.
#[async_trait]
pub trait Queue: Send + Sync {
    async fn send(&self, message: Message) -> Result<()>;
    /// The same, to be done at `at` or soon after. Best effort: what a queue cannot hold so long is left to the due row.
    async fn send_later(&self, message: Message, at: Timestamp) -> Result<()>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueItem {
    pub what: Message,
    /// Since when it has been due, however often it was looked at meanwhile. Of a run that has ended: the same as `look_at`.
    pub since: Timestamp,
    /// What [`Due::postpone`] moves.
    pub look_at: Timestamp,
}

/// What must be looked at again: runs whose lease or queue wait has ended, deliveries whose time has come.
#[async_trait]
pub trait Due: Send + Sync {
    /// A hint, at most `limit`, soonest first: it may be late, and may name what has moved on.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<DueItem>>;
    /// Moves the item's due time if it is still the one that was seen. `false`: somebody was quicker. Only the next look moves: whoever is sent for it meanwhile can claim it.
    async fn postpone(&self, item: &DueItem, until: Timestamp) -> Result<bool>;
}
