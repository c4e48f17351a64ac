//! A run as it is stored and read: its row, its parts, and the names of things that belong to it.

use std::sync::Arc;

use flowgate_engine::{CallResult, NodeStatus, RunError, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::delivery::WebhookTarget;
use crate::secrets::SigningPin;
use crate::time::Timestamp;

/// `run_` and a UUIDv7, so that ids sort by the time they were made.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Arc<str>);

impl RunId {
    pub(crate) fn new(uuid: uuid::Uuid) -> Self {
        Self(format!("run_{}", uuid.simple()).into())
    }

    /// `None` for text that is no run id: it names no run, and no store is asked.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("run_")?;
        let hex = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        hex.then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Pending,
    Running,
    Waiting,
    Succeeded,
    Failed,
    Cancelled,
}

impl RunState {
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Who looks after the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A caller waits or streams. Results stay in memory; a crash ends the run as `interrupted`.
    Attached,
    /// Accepted, or handed over: every finished call is recorded, and a worker goes on after a crash.
    Detached,
}

/// The API a run was started through. Decides the bodies of its webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    Native,
    Gptbots,
    Sim,
    AiFlow,
}

/// What is known of a run from its first write on. None of it changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunHead {
    pub id: RunId,
    /// What the caller chose to call it, within its workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen_id: Option<String>,
    pub workflow_id: String,
    /// Tells a workflow from an earlier one of the same id.
    pub workflow_uid: String,
    pub workflow_name: String,
    pub version: String,
    pub dialect: Dialect,
    /// `None` for the operator's own credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// It has a place among the runs that its key may have at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counted: bool,
    /// The caller's own name for its end user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// With defaults and coercions: what the nodes see.
    pub input: Arc<Value>,
    /// The caller's spelling of it (key order, numbers), for the dialect that echoes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_as_sent: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub webhooks: Vec<WebhookTarget>,
    /// `false`: input and outputs are wiped when the run has ended and its last delivery has.
    pub save: bool,
    /// As the workflow's was when the run was made: signs its webhooks where the workflow is gone by then.
    pub signing: SigningPin,
    pub created_at: Timestamp,
    /// Past it the run fails as `timeout`.
    pub deadline_at: Timestamp,
}

impl RunHead {
    /// The name by which the caller knows the run, where its API lets it choose one.
    pub fn shown_id(&self) -> &str {
        self.chosen_id.as_deref().unwrap_or(self.id.as_str())
    }
}

/// A run as the store holds it now.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    pub head: Arc<RunHead>,
    pub state: RunState,
    pub mode: Mode,
    /// Counts the owners. A write with an older fence is refused.
    pub fence: u64,
    pub owner: Option<OwnerToken>,
    /// When somebody must look at a run that has not ended: the end of its lease, or of its wait in a queue.
    pub due_at: Option<Timestamp>,
    pub cancel_requested: bool,
    /// Claims since the last new checkpoint.
    pub barren_claims: u32,
    pub started_at: Option<Timestamp>,
    /// Some once the run has ended.
    pub end: Option<Arc<RunEnd>>,
    /// Input and outputs are gone (`save: false`).
    pub wiped: bool,
}

/// How a run ended: written once, by whoever finishes first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEnd {
    pub state: RunState,
    pub output: Arc<Value>,
    pub error: Option<RunError>,
    pub usage: Usage,
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
}

/// Random, made anew for each owner: a refused write that carries it was ours and had been applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OwnerToken(pub Arc<str>);

/// What an owner holds; every conditional write carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub run: RunId,
    pub fence: u64,
    pub owner: OwnerToken,
}

/// The recorded result of one outside call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// [`flowgate_engine::CallId::place`].
    pub place: String,
    /// The order in which the engine consumed it, from 0: replay feeds results back in this order.
    pub order: u64,
    pub input_hash: String,
    pub attempts: u32,
    pub result: CallResult,
}

/// `<fence>-<n>`, n from 1: sorts in the order the events were told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventId {
    pub fence: u64,
    pub n: u64,
}

impl EventId {
    pub fn parse(text: &str) -> Option<Self> {
        let (fence, n) = text.split_once('-')?;
        Some(Self { fence: fence.parse().ok()?, n: n.parse().ok()? })
    }
}

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.fence, self.n)
    }
}

/// One event of a run's log. `run.finished` is not stored: it is derived from the run's row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub id: EventId,
    pub at: Timestamp,
    #[serde(flatten)]
    pub told: Told,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event")]
pub enum Told {
    #[serde(rename = "node.started")]
    /// Attempts count from 1.
    NodeStarted { node: Arc<str>, kind: String, attempt: u32 },
    #[serde(rename = "chunk")]
    Chunk { node: Arc<str>, text: String },
    #[serde(rename = "node.reset")]
    NodeReset { node: Arc<str> },
    #[serde(rename = "node.finished")]
    NodeFinished {
        node: Arc<str>,
        kind: String,
        status: NodeStatus,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<RunError>,
        /// For who listens while the run goes on; the log leaves it out, the trace keeps it.
        #[serde(skip)]
        output: Option<Arc<Value>>,
    },
}

/// What a run did, node by node, in the order the nodes began. Secrets are names.
pub type Trace = Vec<NodeTrace>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeTrace {
    pub node: Arc<str>,
    pub kind: String,
    /// `None` while the node is open.
    pub status: Option<NodeStatus>,
    pub attempts: u32,
    pub started_at: Option<Timestamp>,
    pub duration_ms: Option<u64>,
    pub input: Option<Arc<Value>>,
    pub output: Option<Arc<Value>>,
    pub error: Option<RunError>,
    pub tokens: Option<u64>,
    pub cost_nano_usd: Option<u64>,
}

impl NodeTrace {
    /// A node that has not begun.
    pub(crate) fn new(node: Arc<str>, kind: &str) -> Self {
        Self {
            node,
            kind: kind.to_owned(),
            status: None,
            attempts: 0,
            started_at: None,
            duration_ms: None,
            input: None,
            output: None,
            error: None,
            tokens: None,
            cost_nano_usd: None,
        }
    }
}
