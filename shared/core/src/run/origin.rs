//! Where a run comes from: the run that it repeats, or the draft that it tries.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::RunId;
use crate::time::Timestamp;

/// The run that this one repeats.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    pub run: RunId,
    /// `None`: it makes every call anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes: Option<Takes>,
}

/// What a run takes over of its origin: the recorded results of calls that are the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Takes {
    /// The "now" of its nodes, so that they compute what they computed.
    pub started_at: Timestamp,
    /// What their randomness is made of.
    pub seed_root: RunId,
    /// This node, and what depends on it, is made anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Failed calls too: the origin succeeded, so each failure was dealt with.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failures: bool,
}

/// A draft that a run tries. No version has it, so the run keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriedDraft {
    /// [`crate::workflow::document_hash`].
    pub hash: String,
    /// Empty in lists, and once the run is wiped.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub document: Arc<str>,
}

/// The version of a run that tries a draft.
pub const DRAFT: &str = "draft";
