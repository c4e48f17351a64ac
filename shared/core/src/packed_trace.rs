//! A trace as a store keeps it: without what most nodes have in common, and with times counted from
//! the first. That is about a third of its JSON.

use std::sync::Arc;

use flowgate_engine::kind::KindName;
use flowgate_engine::{NodeStatus, RunError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::{AttemptTrace, CallTrace, NodeTrace, Trace};
use crate::time::Timestamp;

/// Returns JSON that [`unpack`] reads.
pub fn pack(trace: Trace) -> serde_json::Result<String> {
    let from = trace.iter().find_map(|node| node.ready_at.or(node.started_at));
    let from = from.unwrap_or(Timestamp(0)).0;
    let nodes = trace.into_iter().map(|node| PackedNode::of(node, from)).collect();
    serde_json::to_string(&Packed { from, nodes })
}

/// Reads what [`pack`] returned, and the list of nodes that earlier releases stored.
pub fn unpack(json: &str) -> serde_json::Result<Trace> {
    if json.starts_with('[') {
        return serde_json::from_str(json);
    }
    let Packed { from, nodes } = serde_json::from_str(json)?;
    Ok(nodes.into_iter().map(|node| node.unpacked(from)).collect())
}

#[derive(Serialize, Deserialize)]
struct Packed {
    from: i64,
    nodes: Vec<PackedNode>,
}

/// Times are milliseconds after `from`. What is missing is as it is in most nodes.
#[derive(Serialize, Deserialize)]
struct PackedNode {
    node: Arc<str>,
    kind: KindName,
    #[serde(default = "succeeded", skip_serializing_if = "has_succeeded")]
    status: Option<NodeStatus>,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ready: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<Arc<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<Arc<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<RunError>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nano_usd: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    calls: Vec<PackedCall>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pinned: bool,
}

#[derive(Serialize, Deserialize)]
struct PackedCall {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    call: Option<Arc<str>>,
    attempts: Vec<PackedAttempt>,
}

#[derive(Serialize, Deserialize)]
struct PackedAttempt {
    #[serde(default = "one", skip_serializing_if = "is_one")]
    attempt: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    queued: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    http: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nano_usd: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    reused: bool,
}

impl PackedNode {
    fn of(node: NodeTrace, from: i64) -> Self {
        Self {
            node: node.node,
            kind: node.kind,
            status: node.status,
            attempts: node.attempts,
            ready: after(from, node.ready_at),
            started: after(from, node.started_at),
            ms: node.duration_ms,
            input: node.input,
            output: node.output,
            error: node.error,
            tokens: node.tokens,
            nano_usd: node.cost_nano_usd,
            calls: node.calls.into_iter().map(|call| PackedCall::of(call, from)).collect(),
            pinned: node.is_pinned,
        }
    }

    fn unpacked(self, from: i64) -> NodeTrace {
        NodeTrace {
            node: self.node,
            kind: self.kind,
            status: self.status,
            attempts: self.attempts,
            ready_at: at(from, self.ready),
            started_at: at(from, self.started),
            duration_ms: self.ms,
            input: self.input,
            output: self.output,
            error: self.error,
            tokens: self.tokens,
            cost_nano_usd: self.nano_usd,
            calls: self.calls.into_iter().map(|call| call.unpacked(from)).collect(),
            is_pinned: self.pinned,
        }
    }
}

impl PackedCall {
    fn of(call: CallTrace, from: i64) -> Self {
        let attempts = call.attempts.into_iter();
        Self {
            call: call.call,
            attempts: attempts.map(|attempt| PackedAttempt::of(attempt, from)).collect(),
        }
    }

    fn unpacked(self, from: i64) -> CallTrace {
        let attempts = self.attempts.into_iter();
        CallTrace {
            call: self.call,
            attempts: attempts.map(|attempt| attempt.unpacked(from)).collect(),
        }
    }
}

impl PackedAttempt {
    fn of(attempt: AttemptTrace, from: i64) -> Self {
        Self {
            attempt: attempt.attempt,
            queued: after(from, attempt.queued_at),
            started: after(from, attempt.started_at),
            ended: after(from, attempt.ended_at),
            code: attempt.code,
            http: attempt.http_status,
            reason: attempt.finish_reason,
            tokens: attempt.tokens,
            nano_usd: attempt.cost_nano_usd,
            reused: attempt.is_reused,
        }
    }

    fn unpacked(self, from: i64) -> AttemptTrace {
        AttemptTrace {
            attempt: self.attempt,
            queued_at: at(from, self.queued),
            started_at: at(from, self.started),
            ended_at: at(from, self.ended),
            code: self.code,
            http_status: self.http,
            finish_reason: self.reason,
            tokens: self.tokens,
            cost_nano_usd: self.nano_usd,
            is_reused: self.reused,
        }
    }
}

/// Wraps, as [`at`] does: every time survives.
fn after(from: i64, at: Option<Timestamp>) -> Option<i64> {
    at.map(|at| at.0.wrapping_sub(from))
}

fn at(from: i64, after: Option<i64>) -> Option<Timestamp> {
    after.map(|after| Timestamp(from.wrapping_add(after)))
}

fn succeeded() -> Option<NodeStatus> {
    Some(NodeStatus::Succeeded)
}

fn has_succeeded(status: &Option<NodeStatus>) -> bool {
    *status == succeeded()
}

fn one() -> u32 {
    1
}

fn is_one(number: &u32) -> bool {
    *number == 1
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn trace(of: Value) -> Trace {
        serde_json::from_value(of).unwrap()
    }

    fn full() -> Value {
        json!([
            { "node": "api", "kind": "input", "status": "succeeded", "attempts": 1,
              "ready_at": 1000, "started_at": 1001, "duration_ms": 0, "input": null,
              "output": { "name": "Ada" }, "error": null, "tokens": null, "cost_nano_usd": null },
            { "node": "call", "kind": "http", "status": "failed", "attempts": 2,
              "started_at": 900, "duration_ms": 7, "input": [1], "output": null,
              "error": { "code": "timeout", "message": "it took too long", "node": "call" },
              "tokens": 3, "cost_nano_usd": 0, "pinned": true,
              "calls": [{ "call": null, "attempts": [
                  { "attempt": 1, "queued_at": 1002, "started_at": 1003, "ended_at": 1009,
                    "code": "http", "http_status": 500, "finish_reason": "stop", "tokens": 1,
                    "cost_nano_usd": 5, "reused": true },
                  { "attempt": 2, "started_at": null, "ended_at": null, "code": null,
                    "http_status": null, "finish_reason": null, "tokens": null,
                    "cost_nano_usd": null }] },
                { "call": "again", "attempts": [] }] },
            { "node": "open", "kind": "template", "status": null, "attempts": 0,
              "started_at": null, "duration_ms": null, "input": null, "output": null,
              "error": null, "tokens": null, "cost_nano_usd": null },
        ])
    }

    #[test]
    fn a_trace_survives_and_is_much_smaller() {
        let stored = full().to_string();
        let packed = pack(trace(full())).unwrap();
        assert_eq!(unpack(&packed).unwrap(), trace(full()));
        let three = json!([full()[0], full()[0], full()[0]]);
        let (packed, plain) = (pack(trace(three.clone())).unwrap(), three.to_string());
        assert!(packed.len() * 2 < plain.len(), "{packed}");
        assert_eq!(unpack(&stored).unwrap(), trace(full()), "as earlier releases stored it");
        for none in ["[]".to_owned(), pack(Vec::new()).unwrap()] {
            assert_eq!(unpack(&none).unwrap(), Vec::new());
        }
        for broken in ["", "{", "{}", "[{}]", r#"{"from":0,"nodes":[{}]}"#] {
            assert!(unpack(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn any_time_survives() {
        for (first, second) in [(i64::MAX, i64::MIN), (i64::MIN, i64::MAX), (0, -1)] {
            let mut nodes = trace(full());
            (nodes[0].ready_at, nodes[1].started_at) =
                (Some(Timestamp(first)), Some(Timestamp(second)));
            assert_eq!(unpack(&pack(nodes.clone()).unwrap()).unwrap(), nodes);
        }
    }
}
