//! Rows that map an `Idempotency-Key`, or a run id chosen by the caller, to its one run.

use serde::{Deserialize, Serialize};

use crate::id::RunId;
use crate::time::Timestamp;

/// A caller's key (or chosen run id) within its scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IdempotencyKey {
    /// Owner and kind: API key id, workflow uid, header.
    pub scope: String,
    pub key: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRow {
    pub key: IdempotencyKey,
    /// SHA-256 (hex) of the request's body.
    pub body_hash: String,
    /// After this time the row counts as absent.
    pub expires_at: Timestamp,
}

/// Rows that a run's first write takes: all of them, or nothing is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UniqueRows {
    pub idempotency: Option<IdempotencyRow>,
    /// The id that the caller chose for the run. It can be taken once. The row lasts as long as the
    /// run may be read, and lookups by that id use it.
    pub run_id: Option<IdempotencyRow>,
}

impl UniqueRows {
    /// Returns the body hash of the request with the idempotency key.
    pub fn body_hash(&self) -> &str {
        self.idempotency.as_ref().map_or("", |row| &row.body_hash)
    }

    pub fn chosen_id(&self) -> &str {
        self.run_id.as_ref().map_or("", |row| &row.key.key)
    }
}

/// The run that an earlier request with the key started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierRun {
    pub run: RunId,
    pub body_hash: String,
}

/// Cannot collide with an `Idempotency-Key`: those scopes start with an API key id, never `run-id`.
pub fn chosen_id_key(workflow_uid: &str, chosen_id: &str) -> IdempotencyKey {
    IdempotencyKey { scope: format!("run-id/{workflow_uid}"), key: chosen_id.to_owned() }
}
