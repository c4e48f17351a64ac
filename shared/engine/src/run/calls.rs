//! Open calls: how they go out and are retried.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::budget::Kept;
use super::{Run, Step};
use crate::call::{
    Action, Call, CallError, CallFigures, CallId, CallResult, HttpCall, IdempotencyKey,
};
use crate::child::PlannedChild;
use crate::event::{CallEnded, CallLabel, NodePath, RunEvent};
use crate::kind::{Bindings, CallName, MAX_DELAY, Node, NodeError, Planned, Price, Work};
use crate::literal_key;

/// Whoever reads a run's questions reads all of them, with their answers.
const MAX_QUESTIONS: usize = 100;
const MAX_BACKOFF: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct OpenCall {
    /// The number of the active node that made it.
    pub active: usize,
    pub name: CallName,
    /// The node of the graph.
    pub node: NodePath,
    pub label: CallLabel,
    place: Arc<str>,
    /// Counts from 0.
    pub attempt: u32,
    /// It has reported text that a further attempt would take back.
    pub has_reported_text: bool,
    /// An earlier run made it.
    pub is_reused: bool,
    pub price: Price,
    at_most_once: bool,
    /// It waits, since this time.
    pub is_pause: bool,
    pub asked_at_ms: i64,
    /// Its input.
    pub kept: Kept,
    /// The call to retry; kept only if the node's retry rule may need it.
    again: Option<(Call, Arc<Value>)>,
}

/// A planned call that was allowed.
pub(super) struct Prepared {
    name: CallName,
    price: Price,
    work: PreparedWork,
}

#[expect(clippy::large_enum_variant, reason = "a call is launched as soon as it is prepared")]
enum PreparedWork {
    Call(Call, Arc<Value>, Kept),
    Node(Arc<dyn Node>, Bindings),
    Child(PlannedChild, Kept),
}

impl Prepared {
    pub(super) fn kept(&self) -> Kept {
        match self.work {
            PreparedWork::Call(_, _, kept) | PreparedWork::Child(_, kept) => kept,
            PreparedWork::Node(..) => Kept::default(),
        }
    }
}

impl Run {
    pub(super) fn prepare(
        &mut self,
        number: usize,
        planned: Planned,
    ) -> Result<Prepared, NodeError> {
        let Planned { name, work, delay, timeout, price, at_most_once } = planned;
        let action = match work {
            Work::Call(action) => action,
            Work::Node(node, bindings) => {
                return Ok(Prepared { name, price, work: PreparedWork::Node(node, bindings) });
            }
            Work::Workflow(child) => {
                let kept = self.budget.keep(&child.input)?;
                return Ok(Prepared { name, price, work: PreparedWork::Child(child, kept) });
            }
            Work::Refused(error) => return Err(error.into()),
        };
        let (frame, index) = (self.active[&number].frame, self.active[&number].index);
        let node = self.node(frame, index);
        let (timeout, is_at_most_once) = match (node.kind.call, node.call) {
            (Some(limits), Some(settings)) => {
                let timeout = timeout.map_or(settings.timeout, |set| set.min(limits.max_timeout));
                (timeout, settings.at_most_once)
            }
            _ if action.is_pause() => (Duration::ZERO, false),
            _ => {
                let kind = &node.kind.name;
                let message = format!("the kind {kind} makes calls but declares none");
                return Err(NodeError::internal(message));
            }
        };
        if matches!(action, Action::Ask(_)) {
            self.questions += 1;
            if self.questions > MAX_QUESTIONS {
                let message = format!("a run asks at most {MAX_QUESTIONS} questions");
                return Err(NodeError::new("too_many_questions", message));
            }
        }
        let input = encode(self.engine, &action);
        let input_hash = match &action {
            Action::Http(HttpCall { asked: Some(asked), .. }) => asked.clone(),
            _ => hex(&Sha256::digest(input.to_string())),
        };
        let call = Call {
            action,
            input_hash,
            delay: delay.min(MAX_DELAY),
            timeout,
            at_most_once: at_most_once.unwrap_or(is_at_most_once),
            seed: 0,
            asked_at_ms: self.now_ms,
            needs_price: price == Price::Priced && self.has_cost_limit(frame),
            literal_keys: Arc::clone(&self.frames.workflow(frame).literal_keys),
            workflow: self.workflow_number(frame),
        };
        let kept = self.budget.keep_call(&input)?;
        let shown = shown(input, &call);
        Ok(Prepared { name, price, work: PreparedWork::Call(call, Arc::new(shown), kept) })
    }

    pub(super) fn launch_call(&mut self, number: usize, Prepared { name, price, work }: Prepared) {
        let Some(active) = self.active.get_mut(&number) else { return };
        let (place, label) = active.note_call(&name);
        let (frame, index, node) = (active.frame, active.index, Arc::clone(&active.node));
        let is_start = label.is_none() && !active.is_inner();
        let retry = self.node(frame, index).call.map_or(1, |settings| settings.retry.max_attempts);
        match work {
            PreparedWork::Call(call, input, kept) => {
                let again = (retry > 1).then(|| (call.clone(), Arc::clone(&input)));
                let open = OpenCall {
                    active: number,
                    name,
                    node,
                    label,
                    place,
                    attempt: 0,
                    has_reported_text: false,
                    is_reused: false,
                    price,
                    at_most_once: call.at_most_once,
                    is_pause: call.action.is_pause(),
                    asked_at_ms: call.asked_at_ms,
                    kept,
                    again,
                };
                if is_start {
                    let (node, kind) = (Arc::clone(&open.node), self.kind_name(frame, index));
                    let (input, ready_at_ms) = (Some(input), self.ready_at_ms());
                    self.emit(RunEvent::NodeStarted { node, kind, input, ready_at_ms });
                } else {
                    self.emit_attempt(&open, input);
                }
                self.send(open, call);
            }
            PreparedWork::Node(inner, bindings) => {
                if is_start {
                    self.emit_started(frame, index);
                }
                self.activate_inner(number, name, place, inner, bindings);
            }
            PreparedWork::Child(child, kept) => {
                if is_start {
                    self.emit_started(frame, index);
                }
                self.enter_child(number, name, &place, child, kept);
            }
        }
    }

    /// Drops the pauses of stopped frames. Their nodes end once they have no other call open.
    pub(super) fn drop_pauses(&mut self) {
        if self.engine < 5 {
            return;
        }
        let is_stopped = |open: &OpenCall| {
            let active = self.active.get(&open.active);
            open.is_pause && active.is_some_and(|active| self.frames.get(active.frame).stopped)
        };
        let stopped = self.open.iter().filter(|(_, open)| is_stopped(open));
        let dropped: Vec<CallId> = stopped.map(|(id, _)| id.clone()).collect();
        for id in dropped {
            if let Some(open) = self.open.remove(&id) {
                self.budget.release(open.kept);
                self.drop_call(open.active);
            }
            self.outbox.push_back(Step::Drop(id));
        }
    }

    pub(super) fn may_retry(&self, open: &OpenCall, error: &CallError) -> bool {
        let Some(active) = self.active.get(&open.active) else { return false };
        let Some(settings) = self.node(active.frame, active.index).call else { return false };
        let attempts_left = open.attempt + 1 < settings.retry.max_attempts;
        let may_repeat = error.nothing_happened || !open.at_most_once;
        let is_soon = retry_after(error) <= MAX_DELAY;
        let is_stopped = self.frames.get(active.frame).stopped;
        // What this attempt used is not counted yet.
        let mut used = self.usage;
        used.add(open.price, error.used());
        let may_spend =
            open.price == Price::Free || self.spending_refusal(active.frame, used).is_none();
        let has_time = self.time_left(active.frame).is_none_or(|left| !left.is_zero());
        may_spend
            && has_time
            && error.retryable
            && may_repeat
            && is_soon
            && attempts_left
            && !is_stopped
    }

    pub(super) fn retry(&mut self, mut open: OpenCall, error: &CallError) {
        let Some((call, input)) = open.again.clone() else { return };
        if open.has_reported_text {
            let (node, call) = (Arc::clone(&open.node), open.label.clone());
            self.emit(RunEvent::NodeReset { node, call });
        }
        let active = &self.active[&open.active];
        let settings = self.node(active.frame, active.index).call;
        let backoff = settings.map_or(Duration::ZERO, |settings| settings.retry.backoff);
        let backoff = backoff.saturating_mul(1 << open.attempt.min(16)).min(MAX_BACKOFF);
        open.attempt += 1;
        open.has_reported_text = false;
        self.emit_attempt(&open, input);
        self.send(open, Call { delay: backoff.max(retry_after(error)), ..call });
    }

    fn emit_attempt(&mut self, open: &OpenCall, input: Arc<Value>) {
        let (node, call) = (Arc::clone(&open.node), open.label.clone());
        self.emit(RunEvent::NodeAttempt { node, call, attempt: open.attempt + 1, input });
    }

    pub(super) fn emit_ended(
        &mut self,
        open: &OpenCall,
        result: &CallResult,
        attempt: u32,
        ended_at_ms: i64,
    ) {
        let mut figures = CallFigures::of(result);
        if open.is_reused {
            (figures.tokens, figures.cost_nano_usd) = (None, None);
        }
        self.emit(RunEvent::CallEnded(Box::new(CallEnded {
            node: Arc::clone(&open.node),
            call: open.label.clone(),
            attempt,
            ended_at_ms,
            figures,
            is_reused: open.is_reused,
        })));
    }

    fn send(&mut self, open: OpenCall, mut call: Call) {
        let id = CallId::new(&open.place, open.attempt);
        let left = self.active.get(&open.active).and_then(|active| self.time_left(active.frame));
        if let Some(left) = left.filter(|_| !open.is_pause) {
            call.timeout = call.timeout.min(left);
        }
        let seed = self.seed(&id);
        if let Action::Http(http) = &mut call.action
            && http.idempotency_key == Some(IdempotencyKey::Auto)
        {
            http.call_key = self.call_key(&open.place);
        }
        self.outbox.push_back(Step::Perform(id.clone(), Box::new(Call { seed, ..call })));
        self.open.insert(id, open);
    }

    /// The server that gets the key learns nothing about the run from it.
    fn call_key(&self, place: &str) -> String {
        let hash = Sha256::new().chain_update("call\0").chain_update(&self.run_id);
        let digest = hash.chain_update([0]).chain_update(place).finalize();
        hex(&digest[..16])
    }

    fn seed(&self, id: &CallId) -> u64 {
        let hash = Sha256::new().chain_update(&self.seed_root).chain_update([0]);
        let digest = hash.chain_update(id.as_str()).finalize();
        digest[..8].iter().fold(0, |seed, byte| seed << 8 | u64::from(*byte))
    }
}

/// Masks the keys that the author wrote into the document, and restores their references.
fn shown(mut input: Value, call: &Call) -> Value {
    if let Action::Code(code) = &call.action {
        code.sources.restore_call(&mut input);
    }
    let keys = &call.literal_keys;
    if keys.is_empty() { input } else { literal_key::mask(&input, keys) }
}

/// Returns the encoding of an action that is hashed. A change to it needs a new version of
/// [`ENGINE`](super::ENGINE) and an arm here, or a run in flight would not recognize the calls that
/// it has made.
fn encode(engine: u32, action: &Action) -> Value {
    match engine {
        0.. => {
            serde_json::to_value(action).expect("an action holds text keys and finite numbers only")
        }
    }
}

fn retry_after(error: &CallError) -> Duration {
    Duration::from_millis(error.retry_after_ms.unwrap_or(0))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = |byte: &u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    bytes.iter().flat_map(digits).map(char::from).collect()
}
