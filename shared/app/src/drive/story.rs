//! What a run tells: its events, numbered for the log, and its trace.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use flowgate_engine::{NodeStatus, RunEvent};
use serde_json::{Value, json};

use crate::run::{Event, EventId, NodeTrace, Told, Trace};
use crate::time::Timestamp;

/// A larger value stands in the trace as its size.
const LARGEST_TRACED: usize = 64 * 1024;

pub(crate) struct Story {
    fence: u64,
    told: u64,
    watched: bool,
    kept: bool,
    unwritten: Vec<Event>,
    trace: Trace,
    /// Where each node stands in the trace.
    at: HashMap<Arc<str>, usize>,
    /// What an earlier owner stored: not told again.
    stored: HashMap<(Arc<str>, Milestone), Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Milestone {
    Started(u32),
    Finished,
}

impl Story {
    pub(crate) fn new(fence: u64) -> Self {
        Self {
            fence,
            told: 0,
            watched: false,
            kept: false,
            unwritten: Vec::new(),
            trace: Vec::new(),
            at: HashMap::new(),
            stored: HashMap::new(),
        }
    }

    /// Events are given to a listener.
    pub(crate) fn watch(&mut self) {
        self.watched = true;
    }

    /// Events go into the log.
    pub(crate) fn keep(&mut self) {
        self.kept = true;
    }

    /// Takes up the log of an earlier owner. What had said something and has no recorded result starts again, and is told so.
    pub(crate) fn go_on_after(&mut self, events: Vec<Event>, is_recorded: impl Fn(&str) -> bool, now: Timestamp) {
        let mut unsettled = BTreeSet::new();
        for event in events {
            match event.told {
                Told::NodeStarted { node, attempt, .. } => {
                    self.stored.insert((node, Milestone::Started(attempt)), event.at);
                }
                Told::Chunk { node, .. } if !is_recorded(&node) => {
                    unsettled.insert(node);
                }
                Told::NodeReset { node } => {
                    unsettled.remove(&node);
                }
                Told::NodeFinished { node, .. } => {
                    unsettled.remove(&node);
                    self.stored.insert((node, Milestone::Finished), event.at);
                }
                Told::Chunk { .. } => {}
            }
        }
        for node in unsettled {
            self.number(Told::NodeReset { node }, now);
        }
    }

    /// Notes the event in the trace; gives it numbered if it is to be told.
    pub(crate) fn tell(&mut self, event: RunEvent, now: Timestamp) -> Option<Event> {
        let milestone = match &event {
            RunEvent::NodeStarted { node, attempt, .. } => Some((node.clone(), Milestone::Started(*attempt))),
            RunEvent::NodeFinished { node, .. } => Some((node.clone(), Milestone::Finished)),
            RunEvent::Chunk { .. } | RunEvent::NodeReset { .. } => None,
        };
        let stored_at = milestone.and_then(|milestone| self.stored.get(&milestone).copied());
        self.trace(&event, stored_at.unwrap_or(now));
        if stored_at.is_some() || !(self.watched || self.kept) {
            return None;
        }
        let event = self.number(told(event), now);
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

    fn number(&mut self, told: Told, at: Timestamp) -> Event {
        self.told += 1;
        let event = Event { id: EventId { fence: self.fence, n: self.told }, at, told };
        if self.kept {
            self.unwritten.push(event.clone());
        }
        event
    }

    fn trace(&mut self, event: &RunEvent, at: Timestamp) {
        match event {
            RunEvent::NodeStarted { node, kind, attempt, input } => {
                let entry = self.entry(node, kind);
                entry.started_at.get_or_insert(at);
                entry.attempts = *attempt;
                entry.input = input.as_ref().map(traced);
            }
            RunEvent::NodeFinished { node, kind, status, output, error, attempts, tokens, cost_nano_usd } => {
                let entry = self.entry(node, kind);
                entry.status = Some(*status);
                entry.attempts = *attempts;
                entry.duration_ms = entry.started_at.map(|start| u64::try_from(at.since(start).as_millis()).unwrap_or(u64::MAX));
                entry.output = output.as_ref().filter(|_| *status != NodeStatus::Skipped).map(traced);
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
}

fn traced(value: &Arc<Value>) -> Arc<Value> {
    let size = flowgate_engine::json::size(value);
    if size > LARGEST_TRACED { Arc::new(json!({ "omitted_bytes": size })) } else { value.clone() }
}

fn told(event: RunEvent) -> Told {
    match event {
        RunEvent::NodeStarted { node, kind, attempt, .. } => Told::NodeStarted { node, kind: kind.to_owned(), attempt },
        RunEvent::Chunk { node, text } => Told::Chunk { node, text },
        RunEvent::NodeReset { node } => Told::NodeReset { node },
        RunEvent::NodeFinished { node, kind, status, output, error, .. } => {
            Told::NodeFinished { node, kind: kind.to_owned(), status, error, output }
        }
    }
}
