//! Explains runs: what each did, node by node.

use std::collections::HashMap;
use std::sync::Arc;

use flowgate_core::event::{Event, EventKind, NodeTrace, Trace};
use flowgate_core::id::RunId;
use flowgate_core::key::Scope;
use flowgate_core::run::RunRecord;
use flowgate_core::time::Timestamp;
use flowgate_engine::kind::KindName;

use crate::access::Caller;
use crate::error::{Error, Result};
use crate::platform::App;

impl App {
    /// Returns the run and its trace: prompts, calls and results, so `read` is not enough.
    pub async fn read_trace(&self, caller: &Caller, id: &str) -> Result<(RunRecord, Trace)> {
        let record = self.run_for(caller, Scope::Trace, id).await?;
        if record.wiped {
            return Err(Error::Gone);
        }
        let trace = self.trace(&record).await?;
        Ok((record, trace))
    }

    /// Returns what the run did, node by node; so far, if it has not ended.
    pub async fn trace(&self, record: &RunRecord) -> Result<Trace> {
        if let Some(trace) = self.ports.runs.trace(&record.head.id).await? {
            return Ok(trace);
        }
        Ok(self.trace_so_far(&record.head.id).await?)
    }

    /// Built from the event log: has no inputs and outputs.
    pub(crate) async fn trace_so_far(&self, run: &RunId) -> anyhow::Result<Trace> {
        let mut built = BuiltTrace::default();
        self.each_event(run, |event| built.add(event)).await?;
        Ok(built.trace)
    }
}

#[derive(Default)]
struct BuiltTrace {
    trace: Trace,
    /// The index of each node in the trace.
    at: HashMap<Arc<str>, usize>,
}

impl BuiltTrace {
    fn add(&mut self, event: Event) {
        match event.kind {
            EventKind::NodeStarted { node, kind, attempt } => match self.entry(&node) {
                Some(entry) => entry.attempts = attempt,
                None => self.begin(node, kind, attempt, event.at),
            },
            EventKind::NodeAttempt { node, attempt, .. } => {
                if let Some(entry) = self.entry(&node) {
                    entry.attempts = entry.attempts.max(attempt);
                }
            }
            EventKind::NodeFinished { node, status, error, .. } => {
                if let Some(entry) = self.entry(&node) {
                    (entry.status, entry.error) = (Some(status), error);
                    entry.duration_ms = entry
                        .started_at
                        .and_then(|start| u64::try_from(event.at.since(start).as_millis()).ok());
                }
            }
            EventKind::Chunk { .. } | EventKind::NodeReset { .. } => {}
        }
    }

    fn begin(&mut self, node: Arc<str>, kind: KindName, attempt: u32, at: Timestamp) {
        self.at.insert(node.clone(), self.trace.len());
        self.trace.push(NodeTrace {
            attempts: attempt,
            started_at: Some(at),
            ..NodeTrace::new(node, kind)
        });
    }

    fn entry(&mut self, node: &str) -> Option<&mut NodeTrace> {
        self.trace.get_mut(*self.at.get(node)?)
    }
}
