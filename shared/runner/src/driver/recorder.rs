//! Records what a run does: its events, numbered for the log, and its trace.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use flowgate_app::event::{Event, EventId, EventKind, NodeTrace, Trace};
use flowgate_app::time::Timestamp;
use flowgate_engine::{NodeStatus, RunEvent};
use serde_json::{Value, json};

/// A larger value stands in the trace as its size.
const LARGEST_TRACED: usize = 64 * 1024;
/// So do all values once the trace has this many bytes of them: a run may make thousands of calls.
const LARGEST_TRACE: usize = 16 * 1024 * 1024;

pub(crate) struct EventRecorder {
    fence: u64,
    /// Events that this owner has recorded.
    recorded: u64,
    watched: bool,
    unwritten: Vec<Event>,
    trace: Trace,
    /// Of the values in the trace.
    traced_bytes: usize,
    /// Where each node stands in the trace.
    at: HashMap<Arc<str>, usize>,
    /// What an earlier owner stored: not recorded again.
    stored: HashMap<(Arc<str>, Milestone), Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Milestone {
    Started(u32),
    Finished,
}

impl EventRecorder {
    pub(crate) fn new(fence: u64) -> Self {
        Self {
            fence,
            recorded: 0,
            watched: false,
            unwritten: Vec::new(),
            trace: Vec::new(),
            traced_bytes: 0,
            at: HashMap::new(),
            stored: HashMap::new(),
        }
    }

    /// Events are given to a listener.
    pub(crate) fn watch(&mut self) {
        self.watched = true;
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.watched
    }

    /// Nobody listens any more, and the run has a new owner.
    pub(crate) fn continue_unwatched(&mut self, fence: u64) {
        (self.fence, self.recorded, self.watched) = (fence, 0, false);
    }

    /// Takes up the log of an earlier owner. A node that has spoken and has no recorded result is reset: it starts again.
    pub(crate) fn continue_after(&mut self, events: Vec<Event>, is_recorded: impl Fn(&str) -> bool, now: Timestamp) {
        let mut unsettled = BTreeSet::new();
        for event in events {
            match event.kind {
                EventKind::NodeStarted { node, attempt, .. } => {
                    self.stored.insert((node, Milestone::Started(attempt)), event.at);
                }
                EventKind::Chunk { node, .. } if !is_recorded(&node) => {
                    unsettled.insert(node);
                }
                EventKind::NodeReset { node } => {
                    unsettled.remove(&node);
                }
                EventKind::NodeFinished { node, .. } => {
                    unsettled.remove(&node);
                    self.stored.insert((node, Milestone::Finished), event.at);
                }
                EventKind::Chunk { .. } => {}
            }
        }
        for node in unsettled {
            self.number(EventKind::NodeReset { node }, now);
        }
    }

    /// Adds the event to the log and the trace. Returns it, numbered, if somebody listens.
    pub(crate) fn record(&mut self, event: RunEvent, now: Timestamp) -> Option<Event> {
        let milestone = match &event {
            RunEvent::NodeStarted { node, attempt, .. } => Some((node.clone(), Milestone::Started(*attempt))),
            RunEvent::NodeFinished { node, .. } => Some((node.clone(), Milestone::Finished)),
            RunEvent::Chunk { .. } | RunEvent::NodeReset { .. } => None,
        };
        let stored_at = milestone.and_then(|milestone| self.stored.get(&milestone).copied());
        self.trace(&event, stored_at.unwrap_or(now));
        if stored_at.is_some() {
            return None;
        }
        let event = self.number(kind_of(event), now);
        self.watched.then_some(event)
    }

    pub(crate) fn has_unwritten(&self) -> bool {
        !self.unwritten.is_empty()
    }

    pub(crate) fn take_unwritten(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.unwritten)
    }

    pub(crate) fn take_trace(&mut self) -> Trace {
        std::mem::take(&mut self.trace)
    }

    fn number(&mut self, kind: EventKind, at: Timestamp) -> Event {
        self.recorded += 1;
        let event = Event { id: EventId { fence: self.fence, n: self.recorded }, at, kind };
        self.unwritten.push(event.clone());
        event
    }

    fn trace(&mut self, event: &RunEvent, at: Timestamp) {
        match event {
            RunEvent::NodeStarted { node, kind, attempt, input } => {
                let input = input.as_ref().map(|input| self.traced(input));
                let entry = self.entry(node, kind);
                entry.started_at.get_or_insert(at);
                entry.attempts = *attempt;
                entry.input = input;
            }
            RunEvent::NodeFinished { node, kind, status, output, error, attempts, tokens, cost_nano_usd } => {
                let output = output.as_ref().filter(|_| *status != NodeStatus::Skipped).map(|output| self.traced(output));
                let entry = self.entry(node, kind);
                entry.status = Some(*status);
                entry.attempts = *attempts;
                entry.duration_ms = entry.started_at.map(|start| u64::try_from(at.since(start).as_millis()).unwrap_or(u64::MAX));
                entry.output = output;
                entry.error = error.clone();
                (entry.tokens, entry.cost_nano_usd) = (*tokens, *cost_nano_usd);
            }
            RunEvent::Chunk { .. } | RunEvent::NodeReset { .. } => {}
        }
    }

    fn entry(&mut self, node: &Arc<str>, kind: &str) -> &mut NodeTrace {
        let next = self.trace.len();
        let at = *self.at.entry(node.clone()).or_insert(next);
        if at == next {
            self.trace.push(NodeTrace::new(node.clone(), kind));
        }
        &mut self.trace[at]
    }

    fn traced(&mut self, value: &Arc<Value>) -> Arc<Value> {
        let size = flowgate_engine::json::size(value);
        if size > LARGEST_TRACED || self.traced_bytes + size > LARGEST_TRACE {
            return Arc::new(json!({ "omitted_bytes": size }));
        }
        self.traced_bytes += size;
        value.clone()
    }
}

fn kind_of(event: RunEvent) -> EventKind {
    match event {
        RunEvent::NodeStarted { node, kind, attempt, .. } => EventKind::NodeStarted { node, kind: kind.to_owned(), attempt },
        RunEvent::Chunk { node, text } => EventKind::Chunk { node, text },
        RunEvent::NodeReset { node } => EventKind::NodeReset { node },
        RunEvent::NodeFinished { node, kind, status, output, error, .. } => {
            EventKind::NodeFinished { node, kind: kind.to_owned(), status, error, output }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_of_many_large_inputs_stays_small() {
        let mut recorder = EventRecorder::new(1);
        let input = Some(Arc::new(json!("x".repeat(60 * 1024))));
        for call in 0..1_000 {
            let node = format!("loop[{call}]/call").into();
            recorder.record(RunEvent::NodeStarted { node, kind: "http", attempt: 1, input: input.clone() }, Timestamp(0));
        }
        let trace = recorder.take_trace();
        assert!(serde_json::to_string(&trace).unwrap().len() < LARGEST_TRACE + 1024 * 1024);
        assert_eq!(trace[0].input, input);
        assert_eq!(trace[999].input.as_deref(), Some(&json!({ "omitted_bytes": 60 * 1024 + 2 })));
    }
}
