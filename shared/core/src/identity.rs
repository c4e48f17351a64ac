//! What names a workflow.

use serde::{Deserialize, Serialize};

/// A workflow's id, and what distinguishes it from an earlier one with the same id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub id: String,
    pub uid: String,
}
