//! Workflows (drafts, immutable versions, the active version) and the port that stores them.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::hash::sha256_hex;
use crate::job::Job;
use crate::lease::Written;
use crate::page::{Page, PageRequest};
use crate::schedule::{NewSchedule, Schedule};
use crate::secret::{Publisher, SigningPin};
use crate::time::Timestamp;

pub use crate::identity::Identity;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkflowRecord {
    pub id: String,
    /// Random. A workflow created again under the same id gets a new one.
    pub uid: String,
    pub draft: Draft,
    pub active_version: Option<String>,
    /// When `active_version` was last set.
    pub activated_at: Option<Timestamp>,
    #[serde(default)]
    pub rollback_targets: RollbackTargets,
    pub created_at: Timestamp,
    pub signing: SigningPin,
    /// The pin before a rotation. Signs alongside `signing` until the timestamp.
    pub signing_before: Option<(SigningPin, Timestamp)>,
    /// The id of the key on whose behalf callers without a key run it. `None`: nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_as: Option<String>,
}

impl WorkflowRecord {
    /// Returns the pins that sign its webhooks, newest first. During a rotation there are two.
    pub fn live_pins(&self, now: Timestamp) -> Vec<SigningPin> {
        let before = self.signing_before.filter(|(_, until)| now < *until).map(|(pin, _)| pin);
        [Some(self.signing), before].into_iter().flatten().collect()
    }
}

/// The versions that a rollback may go to, oldest first: those that were active before, without
/// those that were rolled back from. All are older than the active version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RollbackTargets(Vec<u64>);

/// Nobody goes back a hundred versions step by step; a rollback to an older one names it.
const MAX_ROLLBACK_TARGETS: usize = 100;

impl RollbackTargets {
    /// For a workflow that predates rollback targets: as if every version below this number had
    /// been active, one after the other.
    pub fn all_below(number: u64) -> Self {
        Self((number.saturating_sub(MAX_ROLLBACK_TARGETS as u64)..number).collect())
    }

    /// The target of a rollback that names no version.
    pub fn last(&self) -> Option<String> {
        self.0.last().copied().map(version_name)
    }

    /// Returns the targets after the active version changes from `from` to `to`. Moving to an older
    /// version rolls back from `from` and from those between the two; moving to a newer one, or to
    /// none, makes `from` a target.
    #[must_use]
    pub fn after_move(mut self, from: Option<&str>, to: Option<&str>) -> Self {
        self.0.extend(from.and_then(version_number));
        if let Some(to) = to.and_then(version_number) {
            self.0.retain(|number| *number < to);
        }
        let surplus = self.0.len().saturating_sub(MAX_ROLLBACK_TARGETS);
        self.0.drain(..surplus);
        self
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    pub name: String,
    /// As the author wrote it, YAML or JSON.
    pub document: Arc<str>,
    /// The first 32 hex digits of the SHA-256 of the document's bytes.
    pub etag: String,
    pub saved_at: Timestamp,
    /// The key that saved it. `None`: the operator, or an earlier release, which kept none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved_by: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionInfo {
    pub version: String,
    pub hash: String,
    pub notes: Option<String>,
    pub published_at: Timestamp,
    #[serde(default)]
    pub use_of_secrets: UseOfSecrets,
}

/// Which secrets a version uses, and who vouched for that.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UseOfSecrets {
    #[serde(default)]
    pub published_by: Publisher,
    /// The key that published it. `None`: the operator, or an earlier release, which kept none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `None` for versions stored before this was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
}

impl VersionInfo {
    /// Returns whether publishing `new` would change nothing. The platform may publish anew what a
    /// key for certain workflows published: the version may then use more secrets.
    pub fn is_same_as(&self, new: &NewVersion) -> bool {
        let widens = new.use_of_secrets.published_by.is_platform()
            && !self.use_of_secrets.published_by.is_platform();
        self.hash == new.hash && !widens
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionRecord {
    pub info: VersionInfo,
    pub name: String,
    pub document: Arc<str>,
}

/// Returns the name of a version; numbers start at 0.
pub fn version_name(number: u64) -> String {
    format!("1.0.{number}")
}

/// Inverse of [`version_name`].
pub fn version_number(name: &str) -> Option<u64> {
    let number = name.strip_prefix("1.0.")?.parse().ok()?;
    (version_name(number) == name).then_some(number)
}

/// Returns the SHA-256 (hex) of a document's bytes.
pub fn document_hash(document: &str) -> String {
    sha256_hex(document.as_bytes())
}

/// Returns the etag of the document with this hash.
pub fn etag(hash: &str) -> &str {
    hash.get(..32).unwrap_or(hash)
}

/// Workflows, their drafts and their immutable versions.
#[async_trait]
pub trait Workflows: Send + Sync {
    async fn read(&self, id: &str) -> Result<Option<WorkflowRecord>>;
    async fn list(&self, page: PageRequest) -> Result<Page<WorkflowRecord>>;
    /// The same list without the drafts.
    async fn identities(&self, page: PageRequest) -> Result<Page<Identity>>;
    /// Saves the draft; creates the workflow with `uid_if_new` if there is none. Compares
    /// `if_match` in the same step.
    async fn save_draft(
        &self,
        id: &str,
        draft: Draft,
        uid_if_new: &str,
        signing: SigningPin,
        if_match: Option<&str>,
    ) -> Result<DraftSaved>;
    /// Creates the workflow with its draft. `None` if there is another one of this id.
    async fn create(
        &self,
        id: &str,
        draft: Draft,
        uid: &str,
        signing: SigningPin,
    ) -> Result<Option<WorkflowRecord>>;
    /// Adds the version, numbers it (`1.0.0`, `1.0.1` …) and makes it active, in one transaction.
    /// Returns `None` if there is no such workflow.
    /// Adds none if the active version is [the same](VersionInfo::is_same_as).
    async fn publish(&self, id: &str, version: NewVersion) -> Result<Option<VersionPublished>>;
    /// Makes the version active, or takes the endpoint down if `None`.
    /// Its schedules replace those of the version before, in the same transaction; so they do with
    /// [`Self::publish`] and [`Self::delete`]. What a schedule did last stays.
    async fn set_active(
        &self,
        id: &str,
        version: Option<&str>,
        at: Timestamp,
        schedules: Vec<NewSchedule>,
    ) -> Result<SetActive>;
    /// Returns the schedules of the active version, in the order of the document.
    async fn schedules(&self, uid: &str) -> Result<Vec<Schedule>>;
    /// Stores the schedule if the stored one is of the same version and of the revision before it.
    /// `sweep_at` is when the sweeper sends its message.
    async fn save_schedule(&self, next: &Schedule, sweep_at: Option<Timestamp>) -> Result<Written>;
    async fn version(&self, uid: &str, version: &str) -> Result<Option<VersionRecord>>;
    /// Newest first. The cursor is a version; the page holds the versions before it.
    async fn versions(&self, uid: &str, page: PageRequest) -> Result<Page<VersionInfo>>;
    /// Replaces the signing pin; the old one signs alongside it until `overlap_until`. `false` if
    /// there is no such workflow.
    async fn rotate_signing(
        &self,
        id: &str,
        pin: SigningPin,
        overlap_until: Timestamp,
    ) -> Result<bool>;
    /// Lets callers without a key run the workflow on behalf of this key, or no longer. With `was`,
    /// only if it is public on behalf of that key now. `false`: there is no such workflow, or it is
    /// not.
    async fn set_public(&self, id: &str, key: Option<&str>, was: Option<&str>) -> Result<bool>;
    /// Returns the ids of the workflows that are public on behalf of the key, in their order, after
    /// this one.
    async fn public_as(&self, key: &str, after: &str, limit: usize) -> Result<Vec<String>>;
    /// Deletes the workflow if it still has this uid, and creates the job that deletes its runs and
    /// versions later, in one transaction. Compares `if_match` with the draft in the same step.
    async fn delete(
        &self,
        id: &str,
        uid: &str,
        if_match: Option<&str>,
        job: Job,
    ) -> Result<WorkflowDeleted>;
    /// Deletes at most `limit` versions; returns how many.
    async fn delete_versions(&self, uid: &str, limit: usize) -> Result<usize>;
}

#[derive(Debug, Clone, PartialEq)]
pub enum DraftSaved {
    Saved(Box<WorkflowRecord>),
    /// `if_match` is not the stored draft's etag.
    Stale,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkflowDeleted {
    Done,
    /// `if_match` is not the stored draft's etag.
    Stale,
    Unknown,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewVersion {
    pub document: Arc<str>,
    pub hash: String,
    pub name: String,
    pub notes: Option<String>,
    pub at: Timestamp,
    pub use_of_secrets: UseOfSecrets,
    pub schedules: Vec<NewSchedule>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum VersionPublished {
    New(VersionInfo),
    /// The active version has the same document. Nothing was written.
    Unchanged(VersionInfo),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetActive {
    Done,
    UnknownWorkflow,
    UnknownVersion,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Publishes and rollbacks in sequence, starting without a version; `-` takes the endpoint
    /// down.
    fn targets_after(moves: &[&str]) -> Vec<u64> {
        let (mut targets, mut active) = (RollbackTargets::default(), None);
        for to in moves {
            let to = (*to != "-").then(|| format!("1.0.{to}"));
            targets = targets.after_move(active.as_deref(), to.as_deref());
            active = to;
        }
        targets.0
    }

    #[test]
    fn a_rollback_goes_to_what_was_active_and_never_to_what_was_rolled_back_from() {
        for (moves, expected) in [
            (&["0"][..], &[][..]),
            (&["0", "1", "2"], &[0, 1]),
            (&["0", "1", "0"], &[]),
            (&["0", "1", "0", "2"], &[0]),
            // An explicit move to a version that was rolled back from.
            (&["0", "1", "0", "2", "1"], &[0]),
            (&["0", "1", "0", "1"], &[0]),
            (&["0", "1", "2", "3", "1"], &[0]),
            // Repeating a move changes nothing: a write may be retried.
            (&["0", "1", "2", "1", "1"], &[0]),
            // Taking a version down does not roll back from it.
            (&["0", "1", "-"], &[0, 1]),
            (&["0", "1", "-", "-"], &[0, 1]),
            (&["0", "1", "-", "1"], &[0]),
            (&["0", "1", "-", "2"], &[0, 1]),
        ] {
            assert_eq!(targets_after(moves), expected, "{moves:?}");
        }
    }

    #[test]
    fn rollback_targets_are_bounded() {
        let names: Vec<String> = (0..250).map(|number| number.to_string()).collect();
        let targets = targets_after(&names.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!((targets.len(), targets.first(), targets.last()), (100, Some(&149), Some(&248)));
        assert_eq!(RollbackTargets::all_below(249).0, targets);
        assert_eq!(RollbackTargets::all_below(0).last(), None);
    }
}
