//! Workflows as they are stored: drafts, immutable versions, the one that callers run; and the port that stores them.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::hash::sha256_hex;
use crate::page::{Page, PageRequest};
use crate::secret::SigningPin;
use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkflowRecord {
    pub id: String,
    /// Random; a workflow created again under the same id gets another.
    pub uid: String,
    pub draft: Draft,
    pub active_version: Option<String>,
    /// When the endpoint was last pointed somewhere.
    pub activated_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub signing: SigningPin,
    /// Signs beside `signing` until then.
    pub signing_before: Option<(SigningPin, Timestamp)>,
}

impl WorkflowRecord {
    /// What its webhooks are signed with, the newest first; during a rotation the one before it too.
    pub fn live_pins(&self, now: Timestamp) -> Vec<SigningPin> {
        let before = self.signing_before.filter(|(_, until)| now < *until).map(|(pin, _)| pin);
        [Some(self.signing), before].into_iter().flatten().collect()
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    pub name: String,
    /// As the author wrote it, YAML or JSON.
    pub document: Arc<str>,
    /// Of the document's bytes.
    pub etag: String,
    pub saved_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionInfo {
    pub version: String,
    pub hash: String,
    pub notes: Option<String>,
    pub published_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionRecord {
    pub info: VersionInfo,
    pub name: String,
    pub document: Arc<str>,
}

/// A workflow's versions are numbered from 0.
pub fn version_name(number: u64) -> String {
    format!("1.0.{number}")
}

/// Of a name as [`version_name`] spells it.
pub fn version_number(name: &str) -> Option<u64> {
    let number = name.strip_prefix("1.0.")?.parse().ok()?;
    (version_name(number) == name).then_some(number)
}

/// SHA-256 (hex) of a document's bytes.
pub fn document_hash(document: &str) -> String {
    sha256_hex(document.as_bytes())
}

/// Of the document with this hash.
pub fn etag(hash: &str) -> &str {
    hash.get(..32).unwrap_or(hash)
}

/// Workflows, their drafts and their immutable versions.
#[async_trait]
pub trait Workflows: Send + Sync {
    async fn read(&self, id: &str) -> Result<Option<WorkflowRecord>>;
    async fn list(&self, page: PageRequest) -> Result<Page<WorkflowRecord>>;
    /// Creates the workflow with `uid_if_new` where there is none. `if_match` is compared in the same step.
    async fn save_draft(&self, id: &str, draft: Draft, uid_if_new: &str, signing: SigningPin, if_match: Option<&str>)
    -> Result<DraftSaved>;
    /// Adds the version and points the endpoint at it, in one transaction; numbers are given here: `1.0.0`, `1.0.1` …
    async fn publish(&self, id: &str, version: NewVersion) -> Result<Option<VersionInfo>>;
    /// Points the endpoint at a version, or takes it down.
    async fn set_active(&self, id: &str, version: Option<&str>, at: Timestamp) -> Result<SetActive>;
    async fn version(&self, uid: &str, version: &str) -> Result<Option<VersionRecord>>;
    /// Newest first. A cursor is a version: the page has those before it.
    async fn versions(&self, uid: &str, page: PageRequest) -> Result<Page<VersionInfo>>;
    /// Pins another master secret or epoch; the pin before it signs beside it until `overlap_until`.
    async fn rotate_signing(&self, id: &str, pin: SigningPin, overlap_until: Timestamp) -> Result<bool>;
    /// Runs keep their rows; versions stay readable for runs in flight.
    async fn delete(&self, id: &str) -> Result<bool>;
}

#[derive(Debug, Clone, PartialEq)]
pub enum DraftSaved {
    Saved(Box<WorkflowRecord>),
    /// `if_match` names another draft than the stored one.
    Stale,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewVersion {
    pub document: Arc<str>,
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
