//! One `Idempotency-Key`, one run: the row that says which.

use serde::{Deserialize, Serialize};

use crate::run::RunId;
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

/// What an earlier request with the key left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub run: RunId,
    pub body_hash: String,
}
