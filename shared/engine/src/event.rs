//! Events that a run reports. Their order and content are the same each time the run is computed;
//! the driver adds the times.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::CallFigures;
use crate::kind::KindName;

/// A node's path with its iterations: `draft`, or `each[2]/draft`.
pub type NodePath = Arc<str>;

/// A call of a node that makes several, such as `turn2.tool0`; `None` for the node's first.
pub type CallLabel = Option<Arc<str>>;

#[derive(Debug, Clone, PartialEq)]
pub enum RunEvent {
    /// `input` is what the first call sends, secrets as names; `None` for a node without outside
    /// calls.
    NodeStarted {
        node: NodePath,
        kind: KindName,
        input: Option<Arc<Value>>,
        /// When the last result came that it depends on, or the run began.
        ready_at_ms: i64,
    },
    /// A further call of the node, or a retry, goes out. Attempts count from 1.
    NodeAttempt {
        node: NodePath,
        call: CallLabel,
        attempt: u32,
        input: Arc<Value>,
    },
    /// The last attempt of a call went out. Only the trace has it.
    CallStarted {
        node: NodePath,
        call: CallLabel,
        started_at_ms: i64,
    },
    /// An attempt of a call has ended. Only the trace has it.
    CallEnded(Box<CallEnded>),
    Chunk {
        node: NodePath,
        call: CallLabel,
        text: String,
    },
    /// The call's text so far is void.
    NodeReset {
        node: NodePath,
        call: CallLabel,
    },
    NodeFinished {
        node: NodePath,
        kind: KindName,
        status: NodeStatus,
        output: Option<Arc<Value>>,
        error: Option<crate::run::RunError>,
        /// The maximum over the node's calls.
        attempts: u32,
        tokens: Option<u64>,
        cost_nano_usd: Option<u64>,
    },
}

/// How one attempt of a call ended. Of a recorded result only the last attempt is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallEnded {
    pub node: NodePath,
    pub call: CallLabel,
    /// Counts from 1.
    pub attempt: u32,
    pub ended_at_ms: i64,
    pub figures: CallFigures,
    /// An earlier run made the call: this one spent nothing on it.
    pub is_reused: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeStatus {
    Succeeded,
    /// Failed, whether or not an error edge caught it.
    Failed,
    /// Depended only on edges that were not taken.
    Skipped,
    /// Still open when the run was cancelled or had failed elsewhere.
    Cancelled,
}
