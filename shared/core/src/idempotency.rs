//! One `Idempotency-Key`, one run; one chosen run id, one run: the rows that say which.

use serde::{Deserialize, Serialize};

use crate::id::RunId;
use crate::time::Timestamp;

/// A caller's key (or claimed run id) within what it was said for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IdempotencyKey {
    /// Whose it is and of what kind: API key id, workflow uid, header.
    pub scope: String,
    pub key: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRow {
    pub key: IdempotencyKey,
    /// SHA-256 (hex) of the request's body.
    pub body_hash: String,
    /// A row past it counts as absent.
    pub expires_at: Timestamp,
}

/// What a run takes with its first write: all of it, or nothing is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    pub idempotency: Option<IdempotencyRow>,
    /// The id that the caller chose for the run. It is taken once; the row stays as long as the run may be read, and finds it.
    pub run_id: Option<IdempotencyRow>,
}

impl Claims {
    /// Of the request that bears the idempotency key.
    pub fn body_hash(&self) -> &str {
        self.idempotency.as_ref().map_or("", |row| &row.body_hash)
    }

    pub fn chosen_id(&self) -> &str {
        self.run_id.as_ref().map_or("", |row| &row.key.key)
    }
}

/// What an earlier request with the key left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub run: RunId,
    pub body_hash: String,
}

/// Apart from every `Idempotency-Key`: those belong to an API key, and no key has this id.
pub fn chosen_id_key(workflow_uid: &str, chosen_id: &str) -> IdempotencyKey {
    IdempotencyKey { scope: format!("run-id/{workflow_uid}"), key: chosen_id.to_owned() }
}
