//! Explains runs: what each did, node by node.

use flowgate_core::event::{EventKind, NodeTrace, Trace};
use flowgate_core::id::RunId;
use flowgate_core::key::Scope;
use flowgate_core::run::RunRecord;

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
        let mut trace: Trace = Vec::new();
        for event in self.all_events(run).await? {
            match event.kind {
                EventKind::NodeStarted { node, kind, attempt } => {
                    if let Some(entry) = trace.iter_mut().find(|entry| entry.node == node) {
                        entry.attempts = attempt;
                    } else {
                        trace.push(NodeTrace {
                            attempts: attempt,
                            started_at: Some(event.at),
                            ..NodeTrace::new(node, &kind)
                        });
                    }
                }
                EventKind::NodeAttempt { node, attempt, .. } => {
                    if let Some(entry) = trace.iter_mut().find(|entry| entry.node == node) {
                        entry.attempts = entry.attempts.max(attempt);
                    }
                }
                EventKind::NodeFinished { node, status, error, .. } => {
                    if let Some(entry) = trace.iter_mut().find(|entry| entry.node == node) {
                        (entry.status, entry.error) = (Some(status), error);
                        entry.duration_ms = entry.started_at.and_then(|start| {
                            u64::try_from(event.at.since(start).as_millis()).ok()
                        });
                    }
                }
                EventKind::Chunk { .. } | EventKind::NodeReset { .. } => {}
            }
        }
        Ok(trace)
    }
}
