//! A run's events and trace, as they are stored.

use std::sync::Arc;

use flowgate_engine::call::CallFigures;
use flowgate_engine::kind::KindName;
use flowgate_engine::{NodeStatus, RunError, Weight};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::time::Timestamp;

/// `<fence>-<n>`, n from 1: sorts in the order the events were recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventId {
    pub fence: u64,
    pub n: u64,
}

impl EventId {
    /// The number of `run.finished`, which is not stored: greater than that of every event.
    pub const END: u64 = 4_294_967_295;

    /// Of the end that the owner with this fence wrote.
    pub fn of_end(fence: u64) -> Self {
        Self { fence, n: Self::END }
    }

    pub fn is_of_end(self) -> bool {
        self.n == Self::END
    }

    pub fn parse(text: &str) -> Option<Self> {
        let (fence, n) = text.split_once('-')?;
        let number = |text: &str| {
            let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|number| is_plain && *number <= Self::END)
        };
        Some(Self { fence: number(fence)?, n: number(n)? })
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
    pub kind: EventKind,
}

impl Event {
    /// The memory of the output that live listeners get.
    pub fn output_bytes(&self) -> usize {
        match &self.kind {
            EventKind::NodeFinished { output: Some(output), .. } => Weight::of(output).memory,
            _ => 0,
        }
    }

    /// Returns the event as the log keeps it.
    pub fn without_output(&self) -> Self {
        let mut event = self.clone();
        if let EventKind::NodeFinished { output, .. } = &mut event.kind {
            *output = None;
        }
        event
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event")]
pub enum EventKind {
    #[serde(rename = "node.started")]
    /// `attempt` counts from 1.
    NodeStarted { node: Arc<str>, kind: KindName, attempt: u32 },
    #[serde(rename = "chunk")]
    Chunk {
        node: Arc<str>,
        /// Which call, if the node makes several; `None` for its first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<Arc<str>>,
        text: String,
    },
    /// A further call of the node, or a retry, went out.
    #[serde(rename = "node.attempt")]
    NodeAttempt {
        node: Arc<str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<Arc<str>>,
        attempt: u32,
    },
    #[serde(rename = "node.reset")]
    NodeReset {
        node: Arc<str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<Arc<str>>,
    },
    #[serde(rename = "node.finished")]
    NodeFinished {
        node: Arc<str>,
        kind: KindName,
        status: NodeStatus,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<RunError>,
        /// `None` in events of earlier releases.
        #[serde(default, skip_serializing_if = "NodeFigures::is_empty")]
        figures: NodeFigures,
        /// Sent to live listeners; the log omits it, the trace keeps it.
        #[serde(skip)]
        output: Option<Arc<Value>>,
    },
}

/// What a node took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFigures {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// `None` if nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_nano_usd: Option<u64>,
}

impl NodeFigures {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl EventKind {
    /// The bytes of its texts.
    pub fn text_bytes(&self) -> usize {
        match self {
            Self::Chunk { node, text, .. } => node.len() + text.len(),
            Self::NodeFinished { node, error, .. } => {
                node.len() + error.as_ref().map_or(0, |error| error.message.len())
            }
            Self::NodeStarted { node, .. }
            | Self::NodeAttempt { node, .. }
            | Self::NodeReset { node, .. } => node.len(),
        }
    }
}

/// What a run did, node by node, in the order the nodes started. Secrets appear as names.
pub type Trace = Vec<NodeTrace>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeTrace {
    pub node: Arc<str>,
    pub kind: KindName,
    /// `None` while the node is open.
    pub status: Option<NodeStatus>,
    pub attempts: u32,
    /// When all that it depends on had ended; `None` if it never came to that, and in traces of
    /// earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub duration_ms: Option<u64>,
    pub input: Option<Arc<Value>>,
    pub output: Option<Arc<Value>>,
    pub error: Option<RunError>,
    pub tokens: Option<u64>,
    pub cost_nano_usd: Option<u64>,
    /// In the order in which they went out. Empty in traces of earlier releases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<CallTrace>,
    /// Its output was given, and it did not run.
    #[serde(default, rename = "pinned", skip_serializing_if = "std::ops::Not::not")]
    pub is_pinned: bool,
}

/// One call of a node, with its attempts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallTrace {
    /// `None` for the node's first.
    pub call: Option<Arc<str>>,
    pub attempts: Vec<AttemptTrace>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptTrace {
    /// Counts from 1.
    pub attempt: u32,
    /// When the node asked for it; `None` in traces of earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_at: Option<Timestamp>,
    /// When it went out; `None` if it has not. In traces of earlier releases, when it was asked
    /// for.
    pub started_at: Option<Timestamp>,
    /// `None` while the attempt is open.
    pub ended_at: Option<Timestamp>,
    /// The code of its error.
    pub code: Option<String>,
    pub http_status: Option<u64>,
    pub finish_reason: Option<String>,
    pub tokens: Option<u64>,
    pub cost_nano_usd: Option<u64>,
    /// The run's origin made it: this run spent nothing on it.
    #[serde(default, rename = "reused", skip_serializing_if = "std::ops::Not::not")]
    pub is_reused: bool,
}

impl AttemptTrace {
    /// An attempt that has not gone out.
    pub fn new(attempt: u32, queued_at: Option<Timestamp>) -> Self {
        Self {
            attempt,
            queued_at,
            started_at: None,
            ended_at: None,
            code: None,
            http_status: None,
            finish_reason: None,
            tokens: None,
            cost_nano_usd: None,
            is_reused: false,
        }
    }

    pub fn end(&mut self, ended_at: Option<Timestamp>, figures: CallFigures) {
        let CallFigures { code, http_status, finish_reason, tokens, cost_nano_usd } = figures;
        self.ended_at = ended_at;
        (self.code, self.http_status, self.finish_reason) = (code, http_status, finish_reason);
        (self.tokens, self.cost_nano_usd) = (tokens, cost_nano_usd);
    }
}

impl NodeTrace {
    /// Returns the path of the container that it ran in: `research[1]` of `research[1]/digest`.
    pub fn parent(&self) -> Option<&str> {
        self.node.rsplit_once('/').map(|(container, _)| container)
    }

    /// Returns the attempts of a call, which may be none yet.
    pub fn attempts_of(&mut self, call: Option<&Arc<str>>) -> &mut Vec<AttemptTrace> {
        let at = self.calls.iter().rposition(|known| known.call.as_ref() == call);
        let at = at.unwrap_or_else(|| {
            self.calls.push(CallTrace { call: call.cloned(), attempts: Vec::new() });
            self.calls.len() - 1
        });
        &mut self.calls[at].attempts
    }

    /// Whether it made none of its calls itself.
    pub fn is_reused(&self) -> bool {
        let mut attempts = self.calls.iter().flat_map(|call| &call.attempts).peekable();
        attempts.peek().is_some() && attempts.all(|attempt| attempt.is_reused)
    }

    /// A node that has not started.
    pub fn new(node: Arc<str>, kind: KindName) -> Self {
        Self {
            node,
            kind,
            status: None,
            attempts: 0,
            ready_at: None,
            started_at: None,
            duration_ms: None,
            input: None,
            output: None,
            error: None,
            tokens: None,
            cost_nano_usd: None,
            calls: Vec::new(),
            is_pinned: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_attempt_of_an_earlier_release_is_read() {
        let stored = json!({
            "attempt": 1, "started_at": 300, "ended_at": 312, "code": null, "http_status": 200,
            "finish_reason": null, "tokens": null, "cost_nano_usd": null
        });
        let attempt: AttemptTrace = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!((attempt.queued_at, attempt.started_at), (None, Some(Timestamp(300))));
        assert_eq!(serde_json::to_value(&attempt).unwrap(), stored);
    }
}
