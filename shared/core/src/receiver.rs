//! Receivers of webhooks that fail, and the port that stores them. One that has failed for long is
//! disabled: nothing is sent to it until somebody recovers its deliveries.

use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;

use crate::group::Group;
use crate::time::Timestamp;

/// A receiver without a success for this long is disabled.
pub const DISABLED_AFTER: Duration = Duration::from_secs(5 * 24 * 3600);

/// A host that every attempt of a workflow's webhooks has failed to reach since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failing {
    pub since: Timestamp,
    pub disabled_at: Option<Timestamp>,
}

/// What is known of receivers, each host by workflow: what fails for one may serve another.
#[async_trait]
pub trait Receivers: Send + Sync {
    /// Returns `None` after a success, and before the first failure.
    async fn failing(&self, workflow_uid: &str, receiver: &Group) -> Result<Option<Failing>>;
    /// Notes a failure. A receiver fails since the first one.
    async fn note_failure(
        &self,
        workflow_uid: &str,
        receiver: &Group,
        now: Timestamp,
    ) -> Result<Failing>;
    /// Disables a receiver that fails. `false` if it was disabled before, or does not fail.
    async fn disable(&self, workflow_uid: &str, receiver: &Group, now: Timestamp) -> Result<bool>;
    /// Forgets its failures, which enables it.
    async fn enable(&self, workflow_uid: &str, receiver: &Group) -> Result<()>;
    /// All that fail, of one workflow.
    async fn all_failing(&self, workflow_uid: &str) -> Result<Vec<(Group, Failing)>>;
}
