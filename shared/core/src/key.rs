//! API keys (hash, scopes, expiry) and the port that stores them and their audit log.

use std::collections::BTreeSet;

use anyhow::Result;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::budget::KeyBudget;
use crate::limit::KeyLimits;
use crate::page::{Page, PageRequest};
use crate::time::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Run,
    Read,
    /// What every node was given and gave.
    Trace,
    Cancel,
    Author,
    Admin,
}

impl Scope {
    pub const ALL: [Self; 6] =
        [Self::Run, Self::Read, Self::Trace, Self::Cancel, Self::Author, Self::Admin];
    /// The scopes of a key that names none: those of a caller.
    pub const OF_CALLERS: [Self; 3] = [Self::Run, Self::Read, Self::Cancel];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Read => "read",
            Self::Trace => "trace",
            Self::Cancel => "cancel",
            Self::Author => "author",
            Self::Admin => "admin",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }

    /// An author tests workflows, and sees what their nodes do.
    pub fn implies(self, other: Self) -> bool {
        self == other || self == Self::Admin || (self, other) == (Self::Author, Self::Trace)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowScope {
    All,
    Only(BTreeSet<String>),
}

/// A key as it is stored. The key cannot be recovered from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The 12 characters between `fg_` and the secret.
    pub id: String,
    pub name: String,
    pub workflows: WorkflowScope,
    pub scopes: BTreeSet<Scope>,
    /// HMAC-SHA256 of the secret under the pepper of this version, hex.
    pub hash: String,
    pub pepper: u32,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<KeyLimits>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<KeyBudget>,
    /// Pages of these origins may read answers to this key in a browser.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub origins: BTreeSet<String>,
    /// Set by revocation (to now) and by rotation (to the end of the overlap).
    pub ends_at: Option<Timestamp>,
    pub rotated_from: Option<String>,
    /// The first key of the chain of rotations that this one ends; `None`: itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    pub last_used_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_refused: Option<LastRefused>,
}

/// A request with the key's secret that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRefused {
    pub at: Timestamp,
    /// One of our own, such as `invalid_input`: no text of a caller.
    pub code: String,
}

impl KeyRecord {
    /// Returns the key whose sessions and uploads are this one's, too: that which rotation
    /// continues.
    pub fn first(&self) -> &str {
        self.first.as_deref().unwrap_or(&self.id)
    }

    pub fn is_live(&self, now: Timestamp) -> bool {
        [self.expires_at, self.ends_at].into_iter().flatten().all(|end| now < end)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    pub at: Timestamp,
    /// The id of the key that made the change, or `admin`.
    pub actor: String,
    /// `key.created`, `key.renamed`, `key.revoked`; `key.attached` and `key.detached`, to and from
    /// a public workflow; a rotation logs `key.rotated` for the new key and `key.ends` for the old
    /// one. `keyring.rotated`, `admin.rotated`, `user.erased`.
    pub action: String,
    /// Of what: a key's id, `keyring`, `admin`, or a job's id.
    pub key_id: String,
    /// When the entry may be deleted.
    pub expires_at: Timestamp,
}

/// API keys (hashes, never keys) and their audit log.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Stores the key and its audit entry in one transaction.
    async fn create(&self, key: KeyRecord, audit: AuditEntry) -> Result<()>;
    async fn read(&self, id: &str) -> Result<Option<KeyRecord>>;
    async fn list(&self, page: PageRequest) -> Result<Page<KeyRecord>>;
    /// Ends the key at `at` (now to revoke, later for a rotation's overlap); an earlier end stays.
    /// `false` if there is no such key.
    async fn end(&self, id: &str, at: Timestamp, audit: AuditEntry) -> Result<bool>;
    /// Changes the key's name. `false` if there is no such key.
    async fn rename(&self, id: &str, name: &str, audit: AuditEntry) -> Result<bool>;
    /// Returns whether a key was created with this origin, live or not.
    async fn lists_origin(&self, origin: &str) -> Result<bool>;
    /// Stores the time of last use. Best effort; never moves it backwards.
    async fn touch(&self, id: &str, at: Timestamp) -> Result<()>;
    /// Stores the last refusal. Best effort; an earlier one never replaces a later one.
    async fn note_refusal(&self, id: &str, refused: &LastRefused) -> Result<()>;
    /// Adds an entry for a change of something else than a key.
    async fn note(&self, audit: AuditEntry) -> Result<()>;
    /// Newest first.
    async fn audit(&self, page: PageRequest) -> Result<Page<AuditEntry>>;
}
