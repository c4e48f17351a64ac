//! Workflows (drafts, immutable versions, the active version) and the port that stores them.

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
    /// Random. A workflow created again under the same id gets a new one.
    pub uid: String,
    pub draft: Draft,
    pub active_version: Option<String>,
    /// When `active_version` was last set.
    pub activated_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub signing: SigningPin,
    /// The pin before a rotation. Signs alongside `signing` until the timestamp.
    pub signing_before: Option<(SigningPin, Timestamp)>,
}

impl WorkflowRecord {
    /// Returns the pins that sign its webhooks, newest first. During a rotation there are two.
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
    /// The first 32 hex digits of the SHA-256 of the document's bytes.
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
    /// Saves the draft; creates the workflow with `uid_if_new` if there is none. Compares
    /// `if_match` in the same step.
    async fn save_draft(&self, id: &str, draft: Draft, uid_if_new: &str, signing: SigningPin, if_match: Option<&str>)
    -> Result<DraftSaved>;
    /// Adds the version, numbers it (`1.0.0`, `1.0.1` …) and makes it active, in one transaction.
    /// Returns `None` if there is no such workflow.
    async fn publish(&self, id: &str, version: NewVersion) -> Result<Option<VersionInfo>>;
    /// Makes the version active, or takes the endpoint down if `None`.
    async fn set_active(&self, id: &str, version: Option<&str>, at: Timestamp) -> Result<SetActive>;
    async fn version(&self, uid: &str, version: &str) -> Result<Option<VersionRecord>>;
    /// Newest first. The cursor is a version; the page holds the versions before it.
    async fn versions(&self, uid: &str, page: PageRequest) -> Result<Page<VersionInfo>>;
    /// Replaces the signing pin; the old one signs alongside it until `overlap_until`. `false` if
    /// there is no such workflow.
    async fn rotate_signing(&self, id: &str, pin: SigningPin, overlap_until: Timestamp) -> Result<bool>;
    /// Deletes the workflow. Its runs keep their rows; its versions stay readable for runs in
    /// flight.
    async fn delete(&self, id: &str) -> Result<bool>;
}

#[derive(Debug, Clone, PartialEq)]
pub enum DraftSaved {
    Saved(Box<WorkflowRecord>),
    /// `if_match` is not the stored draft's etag.
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
