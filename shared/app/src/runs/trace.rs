//! Explains runs: what each did, node by node.

use std::collections::HashMap;
use std::sync::Arc;

use flowgate_core::event::{AttemptTrace, Event, EventKind, NodeTrace, Trace};
use flowgate_core::id::RunId;
use flowgate_core::key::Scope;
use flowgate_core::run::{Checkpoint, RunRecord};
use flowgate_core::time::Timestamp;
use flowgate_engine::call::CallFigures;
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

    /// Built from the event log and the checkpoints: has no inputs and outputs.
    pub(crate) async fn trace_so_far(&self, run: &RunId) -> anyhow::Result<Trace> {
        // Read first: a checkpoint is written with the events before it.
        let ended = self.ended_calls(run).await?;
        let mut built = BuiltTrace::default();
        self.each_event(run, |event| built.add(event)).await?;
        ended.into_iter().for_each(|ended| built.add_ended(ended));
        Ok(built.trace)
    }

    /// Holds one page of results at a time.
    async fn ended_calls(&self, run: &RunId) -> anyhow::Result<Vec<EndedCall>> {
        let mut ended: Vec<EndedCall> = Vec::new();
        let mut after = None;
        loop {
            let page = self.ports.runs.checkpoints(run, after).await?;
            let Some(last) = page.last() else { return Ok(ended) };
            after = Some(last.order);
            ended.extend(page.into_iter().map(EndedCall::from));
        }
    }
}

/// A checkpoint without its result.
struct EndedCall {
    place: String,
    attempt: u32,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    figures: CallFigures,
    is_reused: bool,
}

impl From<Checkpoint> for EndedCall {
    fn from(checkpoint: Checkpoint) -> Self {
        let Checkpoint { place, attempts, result, started_at, ended_at, is_reused, .. } =
            checkpoint;
        // The place of an attempt that was retried.
        let place = place.split_once('@').map_or(place.as_str(), |(place, _)| place).to_owned();
        let mut figures = CallFigures::of(&result);
        if is_reused {
            (figures.tokens, figures.cost_nano_usd) = (None, None);
        }
        Self { place, attempt: attempts, started_at, ended_at, figures, is_reused }
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
            EventKind::NodeAttempt { node, call, attempt } => {
                if let Some(entry) = self.entry(&node) {
                    entry.attempts = entry.attempts.max(attempt);
                    let attempt = AttemptTrace::new(attempt, Some(event.at));
                    add_attempt(entry, call.as_ref(), attempt);
                }
            }
            EventKind::NodeFinished { node, status, error, figures, .. } => {
                if let Some(entry) = self.entry(&node) {
                    (entry.status, entry.error) = (Some(status), error);
                    (entry.tokens, entry.cost_nano_usd) = (figures.tokens, figures.cost_nano_usd);
                    let since = |start| u64::try_from(event.at.since(start).as_millis()).ok();
                    let of_log = entry.started_at.and_then(since);
                    entry.duration_ms = figures.duration_ms.or(of_log);
                }
            }
            EventKind::Chunk { .. } | EventKind::NodeReset { .. } => {}
        }
    }

    fn add_ended(&mut self, ended: EndedCall) {
        let EndedCall { place, attempt, started_at, ended_at, figures, is_reused } = ended;
        let Some((node, call)) = self.node_of(&place) else { return };
        let Some(entry) = self.entry(node) else { return };
        let call = call.map(Arc::from);
        let attempt = add_attempt(entry, call.as_ref(), AttemptTrace::new(attempt, None));
        attempt.started_at = started_at;
        attempt.end(ended_at, figures);
        attempt.is_reused = is_reused;
    }

    /// Splits a place into the node and, unless it is the node's first, the call.
    fn node_of<'p>(&self, place: &'p str) -> Option<(&'p str, Option<&'p str>)> {
        if self.at.contains_key(place) {
            return Some((place, None));
        }
        let mut ends = place.rmatch_indices('/').map(|(end, _)| end);
        let end = ends.find(|end| self.at.contains_key(&place[..*end]))?;
        Some((&place[..end], Some(&place[end + 1..])))
    }

    fn begin(&mut self, node: Arc<str>, kind: KindName, attempt: u32, at: Timestamp) {
        self.at.insert(node.clone(), self.trace.len());
        self.trace.push(NodeTrace {
            attempts: attempt,
            // It starts as soon as it is ready.
            ready_at: Some(at),
            started_at: Some(at),
            ..NodeTrace::new(node, kind)
        });
    }

    fn entry(&mut self, node: &str) -> Option<&mut NodeTrace> {
        self.trace.get_mut(*self.at.get(node)?)
    }
}

/// Returns the attempt of this number, added unless it is known. The log has no event for the first
/// attempt of a node's first call: its node was asked for at the same time.
fn add_attempt<'t>(
    entry: &'t mut NodeTrace,
    call: Option<&Arc<str>>,
    attempt: AttemptTrace,
) -> &'t mut AttemptTrace {
    let started_at = entry.started_at;
    if entry.calls.is_empty() {
        entry.attempts_of(None).push(AttemptTrace::new(1, started_at));
    }
    let attempts = entry.attempts_of(call);
    let number = attempt.attempt;
    let at = attempts.partition_point(|known| known.attempt < number);
    if attempts.get(at).is_none_or(|known| known.attempt != number) {
        attempts.insert(at, attempt);
    }
    &mut attempts[at]
}

#[cfg(test)]
mod tests {
    use flowgate_core::event::{EventId, NodeFigures};
    use flowgate_engine::{CallError, CallOutput, CallResult, NodeStatus};
    use serde_json::json;

    use super::*;

    fn event(at: i64, kind: EventKind) -> Event {
        Event { id: EventId { fence: 1, n: 1 }, at: Timestamp(at), kind }
    }

    fn attempt(at: i64, node: &str, call: Option<&str>, attempt: u32) -> Event {
        let call = call.map(Arc::from);
        event(at, EventKind::NodeAttempt { node: node.into(), call, attempt })
    }

    fn ended(place: &str, attempts: u32, at: i64, result: CallResult) -> EndedCall {
        EndedCall::from(Checkpoint {
            place: place.to_owned(),
            order: 0,
            input_hash: String::new(),
            attempts,
            result,
            started_at: Some(Timestamp(at)),
            ended_at: Some(Timestamp(at + 1)),
            is_reused: false,
        })
    }

    fn answered() -> CallResult {
        let value = json!({ "finish_reason": "stop" });
        CallResult::Succeeded(CallOutput { value, tokens: Some(7), cost_nano_usd: None })
    }

    /// `call attempt queued-started-ended code`
    fn lines(trace: &[NodeTrace]) -> Vec<String> {
        let at = |at: Option<Timestamp>| at.map_or("?".to_owned(), |at| at.millis().to_string());
        let calls = trace.iter().flat_map(|node| node.calls.iter().map(move |call| (node, call)));
        let attempts = calls.flat_map(|(node, call)| {
            call.attempts.iter().map(move |attempt| {
                let AttemptTrace { queued_at, started_at, ended_at, .. } = attempt;
                let (queued, started, ended) = (at(*queued_at), at(*started_at), at(*ended_at));
                let call = call.call.as_deref().unwrap_or("-");
                let (number, code) = (attempt.attempt, attempt.code.as_deref().unwrap_or("-"));
                format!("{} {call} {number} {queued}-{started}-{ended} {code}", node.node)
            })
        });
        attempts.collect()
    }

    #[test]
    fn a_run_that_goes_on_shows_its_calls() {
        let mut built = BuiltTrace::default();
        let started = |at: i64, node: &str, kind: &'static str| {
            event(at, EventKind::NodeStarted { node: node.into(), kind: kind.into(), attempt: 1 })
        };
        let finished = EventKind::NodeFinished {
            node: "t".into(),
            kind: "template".into(),
            status: NodeStatus::Succeeded,
            error: None,
            figures: NodeFigures::default(),
            output: None,
        };
        for event in [
            started(1, "t", "template"),
            event(1, finished),
            started(2, "each", "loop"),
            started(2, "each[0]/a", "agent"),
            attempt(10, "each[0]/a", Some("turn1.tool0"), 1),
            attempt(20, "each[0]/a", Some("turn2"), 1),
            started(3, "each[1]/a", "agent"),
            attempt(30, "each[1]/a", None, 2),
        ] {
            built.add(event);
        }
        let failed = CallError { code: "http_status".to_owned(), ..CallError::default() };
        for ended in [
            ended("each[0]/a", 1, 3, answered()),
            ended("each[1]/a@0", 1, 4, CallResult::Failed(failed)),
            ended("each[0]/a/turn1.tool0", 1, 11, answered()),
            ended("unknown", 1, 11, answered()),
        ] {
            built.add_ended(ended);
        }
        assert_eq!(
            lines(&built.trace),
            [
                "each[0]/a - 1 2-3-4 -",
                "each[0]/a turn1.tool0 1 10-11-12 -",
                "each[0]/a turn2 1 20-?-? -",
                "each[1]/a - 1 3-4-5 http_status",
                "each[1]/a - 2 30-?-? -",
            ]
        );
        let first = &built.trace[2].calls[0].attempts[0];
        assert_eq!((first.tokens, first.finish_reason.as_deref()), (Some(7), Some("stop")));
    }
}
