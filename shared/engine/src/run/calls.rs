//! Calls that are out: how they leave, come back, and leave again.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::schedule::Report;
use super::{Run, Step};
use crate::call::{Action, Call, CallError, CallId, CallResult};
use crate::event::{NodePath, RunEvent};
use crate::json;
use crate::node::NodeError;
use crate::template::MAX_VALUE_BYTES;
use crate::workflow::Node;

const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct OpenCall {
    pub frame: usize,
    pub node: usize,
    pub path: NodePath,
    pub kind: &'static str,
    /// Counts from 0.
    pub attempt: u32,
    /// It has said something that a further attempt would take back.
    pub has_spoken: bool,
    /// What goes out again; kept only where the node's retry rule may ask for it.
    again: Option<(Call, Arc<serde_json::Value>)>,
}

impl Run {
    pub(super) fn perform(&mut self, frame: usize, index: usize, node: &Node, action: Action) {
        let input = serde_json::to_value(&action).expect("an action holds text keys and finite numbers only");
        if json::size(&input) > MAX_VALUE_BYTES {
            self.emit_started(frame, node);
            return self.fail(frame, index, NodeError::value_too_large(), Report { attempts: 1, ..Report::default() });
        }
        let call = Call {
            action,
            input_hash: hex(&Sha256::digest(input.to_string())),
            delay: Duration::ZERO,
            timeout: node.timeout,
            at_most_once: node.at_most_once,
            seed: 0,
        };
        let input = Arc::new(input);
        let again = (node.retry.max_attempts > 1).then(|| (call.clone(), Arc::clone(&input)));
        let open =
            OpenCall { frame, node: index, path: self.path(frame, index), kind: node.kind.name(), attempt: 0, has_spoken: false, again };
        self.send(open, call, input);
    }

    pub(super) fn may_retry(&self, call: &OpenCall, error: &CallError) -> bool {
        let attempts_left = call.attempt + 1 < self.node(call.frame, call.node).retry.max_attempts;
        error.retryable && attempts_left && !self.frames.get(call.frame).stopped
    }

    pub(super) fn retry(&mut self, mut open: OpenCall) {
        let Some((call, input)) = open.again.clone() else { return };
        if open.has_spoken {
            self.emit(RunEvent::NodeReset { node: Arc::clone(&open.path) });
        }
        let backoff = self.node(open.frame, open.node).retry.backoff;
        let delay = backoff.saturating_mul(1 << open.attempt.min(16)).min(LONGEST_BACKOFF);
        open.attempt += 1;
        open.has_spoken = false;
        self.send(open, Call { delay, ..call }, input);
    }

    fn send(&mut self, open: OpenCall, call: Call, input: Arc<serde_json::Value>) {
        let id = CallId::new(&open.path, open.attempt);
        let seed = self.seed(&id);
        self.emit(RunEvent::NodeStarted { node: Arc::clone(&open.path), kind: open.kind, attempt: open.attempt + 1, input: Some(input) });
        self.outbox.push_back(Step::Perform(id.clone(), Call { seed, ..call }));
        self.open.insert(id, open);
    }

    fn seed(&self, id: &CallId) -> u64 {
        let digest = Sha256::new().chain_update(&self.run_id).chain_update([0]).chain_update(id.as_str()).finalize();
        digest[..8].iter().fold(0, |seed, byte| seed << 8 | u64::from(*byte))
    }

    pub(super) fn settle_call(&mut self, call: OpenCall, result: CallResult, recorded_attempts: Option<u32>) {
        let attempts = recorded_attempts.unwrap_or(call.attempt + 1);
        match result {
            CallResult::Succeeded(output) => {
                self.usage.tokens += output.tokens.unwrap_or(0);
                self.usage.cost_nano_usd = match (call.kind, output.cost_nano_usd) {
                    ("agent", None) => None,
                    (_, cost) => self.usage.cost_nano_usd.map(|sum| sum.saturating_add(cost.unwrap_or(0))),
                };
                let report = Report { attempts, tokens: output.tokens, cost_nano_usd: output.cost_nano_usd };
                self.succeed(call.frame, call.node, output.value, report);
            }
            CallResult::Failed(error) => {
                let error = NodeError { code: error.code.into(), message: error.message };
                self.fail(call.frame, call.node, error, Report { attempts, ..Report::default() });
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).map(char::from).collect()
}
