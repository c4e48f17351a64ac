//! Records a run's events, numbered for the log, and its trace.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use flowgate_app::event::{AttemptTrace, Event, EventId, EventKind, NodeFigures, NodeTrace, Trace};
use flowgate_app::time::Timestamp;
use flowgate_engine::kind::KindName;
use flowgate_engine::{CallEnded, NodeStatus, Part, RunEvent, Weight};
use serde_json::{Value, json};

/// Bytes of JSON. A larger value appears in the trace as its size only.
const MAX_TRACED_VALUE: usize = 64 * 1024;
/// So do all values once the trace holds this many bytes: a run may make thousands of calls.
const MAX_TRACE: usize = 16 * 1024 * 1024;
/// An event without its texts.
const EVENT_BYTES: usize = 256;
/// A node's entry in the trace without its values.
const ENTRY_BYTES: usize = 512;
/// An attempt of a call in the trace.
const ATTEMPT_BYTES: usize = 256;

pub(crate) struct EventRecorder {
    fence: u64,
    /// The number of events that this owner has recorded.
    recorded: u64,
    watched: bool,
    /// The ids of nodes whose output was given.
    pinned: BTreeSet<String>,
    unwritten: Vec<Event>,
    unwritten_bytes: usize,
    trace: Trace,
    /// The memory of the values in the trace.
    traced_bytes: usize,
    /// The memory of everything else that is kept.
    bytes: usize,
    /// The index of each node in the trace.
    at: HashMap<Arc<str>, usize>,
    /// Events that an earlier owner stored; they are not recorded again.
    stored: HashMap<(Arc<str>, Milestone), Timestamp>,
    /// Calls whose text an earlier owner reported and no reset has taken back.
    with_text: BTreeSet<CallKey>,
}

/// A node, and the call's name unless it is the first.
type CallKey = (Arc<str>, Option<Arc<str>>);

/// Returns the call's place: [`flowgate_engine::CallId::place`].
fn place(node: &str, call: Option<&str>) -> String {
    call.map_or_else(|| node.to_owned(), |call| format!("{node}/{call}"))
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Milestone {
    Started,
    /// The call, `None` for the node's first, and the attempt.
    Attempt(Option<Arc<str>>, u32),
    Finished,
}

impl EventRecorder {
    pub(crate) fn new(fence: u64, part: &Part) -> Self {
        Self {
            pinned: part.pins.keys().cloned().collect(),
            fence,
            recorded: 0,
            watched: false,
            unwritten: Vec::new(),
            unwritten_bytes: 0,
            trace: Vec::new(),
            traced_bytes: 0,
            bytes: 0,
            at: HashMap::new(),
            stored: HashMap::new(),
            with_text: BTreeSet::new(),
        }
    }

    /// From now on, returns events for a listener.
    pub(crate) fn watch(&mut self) {
        self.watched = true;
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.watched
    }

    /// Continues without a listener, for a new owner.
    pub(crate) fn continue_unwatched(&mut self, fence: u64) {
        (self.fence, self.recorded, self.watched) = (fence, 0, false);
    }

    /// Takes an event of an earlier owner, whose log goes on here.
    pub(crate) fn note_stored(&mut self, event: Event) {
        let (node, milestone) = match event.kind {
            EventKind::NodeStarted { node, attempt: 1, .. } => (node, Milestone::Started),
            // Stored before `node.attempt` existed.
            EventKind::NodeStarted { node, attempt, .. } => {
                (node, Milestone::Attempt(None, attempt))
            }
            EventKind::NodeAttempt { node, call, attempt } => {
                (node, Milestone::Attempt(call, attempt))
            }
            EventKind::NodeFinished { node, .. } => {
                self.with_text.retain(|(finished, _)| *finished != node);
                (node, Milestone::Finished)
            }
            EventKind::Chunk { node, call, .. } => {
                self.with_text.insert((node, call));
                return;
            }
            EventKind::NodeReset { node, call } => {
                self.with_text.remove(&(node, call));
                return;
            }
        };
        self.bytes += EVENT_BYTES + node.len();
        self.stored.insert((node, milestone), event.at);
    }

    /// A call that had reported text, but has no recorded result, starts again: resets its text.
    pub(crate) fn reset_lost(&mut self, is_recorded: impl Fn(&str) -> bool, now: Timestamp) {
        let is_lost = |(node, call): &CallKey| !is_recorded(&place(node, call.as_deref()));
        for (node, call) in self.with_text.extract_if(.., is_lost).collect::<Vec<_>>() {
            self.number(EventKind::NodeReset { node, call }, now);
        }
    }

    /// Returns whether an earlier owner reported text of the call that no reset has taken back.
    pub(crate) fn has_text(&self, call_place: &str) -> bool {
        self.with_text.iter().any(|(node, call)| place(node, call.as_deref()) == call_place)
    }

    /// Adds the event to the log and the trace. Returns it, numbered, if there is a listener.
    pub(crate) fn record(&mut self, event: RunEvent, now: Timestamp) -> Option<Event> {
        let event = match event {
            RunEvent::CallStarted { node, call, started_at_ms } => {
                if let Some(attempt) = self.last_attempt(&node, call.as_ref()) {
                    attempt.started_at = Some(Timestamp(started_at_ms));
                }
                return None;
            }
            RunEvent::CallEnded(ended) => {
                self.trace_ended(*ended);
                return None;
            }
            event => event,
        };
        let milestone = match &event {
            RunEvent::NodeStarted { node, .. } => Some((node.clone(), Milestone::Started)),
            RunEvent::NodeAttempt { node, call, attempt, .. } => {
                Some((node.clone(), Milestone::Attempt(call.clone(), *attempt)))
            }
            RunEvent::NodeFinished { node, .. } => Some((node.clone(), Milestone::Finished)),
            _ => None,
        };
        let stored_at = milestone.and_then(|milestone| self.stored.get(&milestone).copied());
        let figures = self.trace(&event, stored_at.unwrap_or(now));
        if stored_at.is_some() {
            return None;
        }
        let event = self.number(kind_of(event, figures)?, now);
        self.watched.then_some(event)
    }

    pub(crate) fn has_unwritten(&self) -> bool {
        !self.unwritten.is_empty()
    }

    /// The memory that the recorder takes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.unwritten_bytes + self.traced_bytes
    }

    pub(crate) fn take_unwritten(&mut self) -> Vec<Event> {
        self.unwritten_bytes = 0;
        std::mem::take(&mut self.unwritten)
    }

    pub(crate) fn take_trace(&mut self) -> Trace {
        std::mem::take(&mut self.trace)
    }

    fn number(&mut self, kind: EventKind, at: Timestamp) -> Event {
        self.recorded += 1;
        let event = Event { id: EventId { fence: self.fence, n: self.recorded }, at, kind };
        let stored = event.without_output();
        self.unwritten_bytes += EVENT_BYTES + stored.kind.text_bytes();
        self.unwritten.push(stored);
        event
    }

    /// Returns what the node took, if the event ends one.
    fn trace(&mut self, event: &RunEvent, at: Timestamp) -> NodeFigures {
        match event {
            RunEvent::NodeStarted { node, kind, input, ready_at_ms } => {
                let input = input.as_ref().map(|input| self.traced(input));
                let entry = self.entry(node, kind);
                entry.started_at.get_or_insert(at);
                // The clock of another owner may be ahead.
                entry.ready_at.get_or_insert(Timestamp(*ready_at_ms).min(at));
                entry.attempts = 1;
                let makes_calls = input.is_some();
                entry.input = input;
                if makes_calls {
                    self.begin_attempt(node, None, 1, at);
                }
            }
            RunEvent::NodeAttempt { node, call, attempt, .. } => {
                self.begin_attempt(node, call.as_ref(), *attempt, at);
            }
            RunEvent::NodeFinished {
                node,
                kind,
                status,
                output,
                error,
                attempts,
                tokens,
                cost_nano_usd,
            } => {
                let output = output
                    .as_ref()
                    .filter(|_| *status != NodeStatus::Skipped)
                    .map(|output| self.traced(output));
                let entry = self.entry(node, kind);
                entry.status = Some(*status);
                entry.attempts = *attempts;
                entry.duration_ms = entry
                    .started_at
                    .map(|start| u64::try_from(at.since(start).as_millis()).unwrap_or(u64::MAX));
                entry.output = output;
                entry.error = error.clone();
                (entry.tokens, entry.cost_nano_usd) = (*tokens, *cost_nano_usd);
                return NodeFigures {
                    duration_ms: entry.duration_ms,
                    tokens: *tokens,
                    cost_nano_usd: *cost_nano_usd,
                };
            }
            RunEvent::CallStarted { .. }
            | RunEvent::CallEnded(_)
            | RunEvent::Chunk { .. }
            | RunEvent::NodeReset { .. } => {}
        }
        NodeFigures::default()
    }

    fn begin_attempt(
        &mut self,
        node: &Arc<str>,
        call: Option<&Arc<str>>,
        attempt: u32,
        at: Timestamp,
    ) {
        let Some(entry) = self.at.get(node).and_then(|at| self.trace.get_mut(*at)) else { return };
        entry.attempts = entry.attempts.max(attempt);
        entry.attempts_of(call).push(AttemptTrace::new(attempt, Some(at)));
        self.bytes += ATTEMPT_BYTES;
    }

    /// Ends the attempt that is open. After a crash, only the last one of a recorded call is known.
    fn trace_ended(&mut self, ended: CallEnded) {
        let CallEnded { node, call, attempt: number, ended_at_ms, figures, is_reused } = ended;
        let Some(attempt) = self.last_attempt(&node, call.as_ref()) else { return };
        attempt.attempt = number;
        attempt.end(Some(Timestamp(ended_at_ms)), figures);
        attempt.is_reused = is_reused;
    }

    /// Returns the attempt of the call that is open.
    fn last_attempt(
        &mut self,
        node: &Arc<str>,
        call: Option<&Arc<str>>,
    ) -> Option<&mut AttemptTrace> {
        let entry = self.trace.get_mut(*self.at.get(node)?)?;
        entry.attempts_of(call).last_mut()
    }

    fn entry(&mut self, node: &Arc<str>, kind: &KindName) -> &mut NodeTrace {
        let next = self.trace.len();
        let at = *self.at.entry(node.clone()).or_insert(next);
        if at == next {
            self.bytes += ENTRY_BYTES + node.len();
            let id = node.rsplit_once('/').map_or(&**node, |(_, id)| id);
            let is_pinned = self.pinned.contains(id);
            let entry = NodeTrace { is_pinned, ..NodeTrace::new(node.clone(), kind.clone()) };
            self.trace.push(entry);
        }
        &mut self.trace[at]
    }

    fn traced(&mut self, value: &Arc<Value>) -> Arc<Value> {
        let weight = Weight::of(value);
        if weight.json > MAX_TRACED_VALUE || self.traced_bytes + weight.memory > MAX_TRACE {
            return Arc::new(json!({ "omitted_bytes": weight.json }));
        }
        self.traced_bytes += weight.memory;
        value.clone()
    }
}

/// `None`: the log does not have it.
fn kind_of(event: RunEvent, figures: NodeFigures) -> Option<EventKind> {
    Some(match event {
        RunEvent::CallStarted { .. } | RunEvent::CallEnded(_) => return None,
        RunEvent::NodeStarted { node, kind, .. } => {
            EventKind::NodeStarted { node, kind, attempt: 1 }
        }
        RunEvent::NodeAttempt { node, call, attempt, .. } => {
            EventKind::NodeAttempt { node, call, attempt }
        }
        RunEvent::Chunk { node, call, text } => EventKind::Chunk { node, call, text },
        RunEvent::NodeReset { node, call } => EventKind::NodeReset { node, call },
        RunEvent::NodeFinished { node, kind, status, output, error, .. } => {
            EventKind::NodeFinished { node, kind, status, error, figures, output }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_of_many_large_inputs_stays_small() {
        let mut recorder = EventRecorder::new(1, &Part::default());
        let input = Some(Arc::new(json!("x".repeat(60 * 1024))));
        for call in 0..1_000 {
            let node = format!("loop[{call}]/call").into();
            recorder.record(
                RunEvent::NodeStarted {
                    node,
                    kind: "http".into(),
                    input: input.clone(),
                    ready_at_ms: 0,
                },
                Timestamp(0),
            );
        }
        let trace = recorder.take_trace();
        assert!(serde_json::to_string(&trace).unwrap().len() < MAX_TRACE + 1024 * 1024);
        assert_eq!(trace[0].input, input);
        assert_eq!(trace[999].input.as_deref(), Some(&json!({ "omitted_bytes": 60 * 1024 + 2 })));
    }
}
