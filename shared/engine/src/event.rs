//! What a run tells while it goes on. Order and content are the same each time the run is computed; times are put on by the driver.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A node with the iterations it runs in: `draft`, or `each[2]/draft`.
pub type NodePath = Arc<str>;

#[derive(Debug, Clone, PartialEq)]
pub enum RunEvent {
    /// The node's first attempt (1), or a later one. `input` is what goes out, secrets as names; `None` for a node that asks nothing of the outside.
    NodeStarted {
        node: NodePath,
        kind: &'static str,
        attempt: u32,
        input: Option<Arc<Value>>,
    },
    Chunk {
        node: NodePath,
        text: String,
    },
    /// What the node said so far does not count: it starts again.
    NodeReset {
        node: NodePath,
    },
    NodeFinished {
        node: NodePath,
        kind: &'static str,
        status: NodeStatus,
        output: Option<Arc<Value>>,
        error: Option<crate::run::RunError>,
        attempts: u32,
        tokens: Option<u64>,
        cost_nano_usd: Option<u64>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeStatus {
    Succeeded,
    /// Failed, whether or not an error edge caught it.
    Failed,
    /// Hung only on edges that were not taken.
    Skipped,
    /// Still open when the run was cancelled or had failed elsewhere.
    Cancelled,
}
