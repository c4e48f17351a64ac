//! One run of a workflow, as a state machine: emits steps and takes the results of calls.
//!
//! The same start and the same order of completions give the same steps, ids and events.

mod schedule;
mod active;
mod calls;
mod child;
mod iterate;
mod part;
mod mock;
mod usage;
pub(crate) mod budget;
pub(crate) mod spending;
pub(crate) mod frame;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::call::{Call, CallId, CallResult, Chunk, WebhookCall};
use crate::child::Children;
use crate::event::RunEvent;
use crate::expr::scope::Scope;
use crate::kind::{NodeError, Price};
use crate::weight::Weight;
use crate::workflow::Workflow;
use active::Active;
use budget::{Budget, within_budget};
use calls::OpenCall;
pub(crate) use calls::hex;
use frame::{Frame, Frames, ROOT};

pub use mock::{Mock, MockedWork, Mocks};
pub use part::Part;
pub use spending::{BUDGET_EXHAUSTED, SpendingLimit};
pub use usage::Usage;

/// Version of the rules of new runs: how inputs are hashed, and in what order nodes start. A run
/// keeps the version it was started with, so that it can be computed again after a deploy.
///
/// - 0: runs stored without a version
/// - 1: nodes may make several calls
/// - 2: the budget counts memory, not JSON; a run's output and its messages are bounded
/// - 3: conditions compute with numbers of all kinds; the `result` of a loop catches errors
/// - 4: nodes may wait, for a time or a person; the `result` of a loop reads what a failed call
///   left; pages have a list of items
/// - 5: a run that is ending, or a part of it, waits for no time or person
pub const ENGINE: u32 = 5;

#[derive(Debug, Clone)]
pub struct RunStart {
    pub run_id: String,
    pub started_at_ms: i64,
    /// As [`Workflow::accept_input`] returned it.
    pub input: Arc<Value>,
    /// [`ENGINE`] for a new run, else the version it was started with.
    pub engine: u32,
    /// In addition to the workflow's own.
    pub spending_limit: SpendingLimit,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    Emit(RunEvent),
    /// Boxed, so that the many steps that are events stay small.
    Perform(CallId, Box<Call>),
    /// The pause has been handed out, and is over without a result: nothing depends on it any more.
    Drop(CallId),
    /// Nothing to do until a call ends.
    Wait(Waiting),
    Done,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Number of open calls.
    pub calls: usize,
}

/// Why a run, or a node in it, failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    pub code: String,
    pub message: String,
    /// The node's id; `None` where the run as a whole failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

impl RunError {
    fn too_many_executions() -> Self {
        let max = crate::workflow::MAX_EXECUTIONS;
        let message = format!("the run has made {max} node executions and may make no more");
        Self { code: "too_many_executions".to_owned(), message, node: None }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Succeeded {
        output: Value,
    },
    /// `output` holds the outputs of the output nodes so far, else an empty object.
    Failed {
        error: RunError,
        output: Value,
    },
    Cancelled,
}

/// The outcome of [`Run::complete`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// The result is final: record it.
    Final,
    /// The call failed and is retried under a new id.
    Retrying,
    /// No such call is open.
    Ignored,
}

/// The recorded result of a call that an earlier owner of the run made.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    pub result: CallResult,
    pub attempts: u32,
    /// `None` if it was not recorded; the run's start counts instead.
    pub ended_at_ms: Option<i64>,
    /// Text of the call was reported, and no reset has taken it back.
    pub has_reported_text: bool,
}

#[derive(Debug)]
pub struct Run {
    workflow: Arc<Workflow>,
    children: Children,
    run_id: String,
    seed_root: String,
    /// A node's "now".
    started_at_ms: i64,
    /// When this run began, which is later than `started_at_ms` if that is inherited.
    begun_at_ms: i64,
    /// The latest end of a call so far, or the start: the run's own time, alike in every replay.
    now_ms: i64,
    input: Arc<Value>,
    engine: u32,
    frames: Frames,
    /// Steps to emit before anything else.
    outbox: VecDeque<Step>,
    /// Nodes that may start, by frame and index.
    ready: VecDeque<(usize, usize)>,
    open: BTreeMap<CallId, OpenCall>,
    /// Nodes with calls, by number.
    active: BTreeMap<usize, Active>,
    next_active: usize,
    /// Active nodes whose last open call has ended: they plan again.
    asking: VecDeque<usize>,
    /// Node executions and further calls so far.
    executions: usize,
    /// Questions to people so far.
    questions: usize,
    budget: Budget,
    spending_limit: SpendingLimit,
    usage: Usage,
    part: Part,
    /// What a test gives. Taken while it is asked.
    mocks: Option<Box<dyn Mocks>>,
    /// Why nothing new starts, once that is decided. The first reason stands.
    stop_reason: Option<StopReason>,
    outcome: Option<Outcome>,
}

#[derive(Debug)]
enum StopReason {
    Responded(Arc<Value>),
    Failed(RunError),
    Cancelled,
}

impl Run {
    /// A run of a workflow that names no others.
    pub fn new(workflow: Arc<Workflow>, start: RunStart) -> Self {
        Self::with_children(workflow, Children::default(), start)
    }

    pub fn with_children(workflow: Arc<Workflow>, children: Children, start: RunStart) -> Self {
        let spending_limit = start.spending_limit.and(workflow.spending_limit);
        let mut run = Self {
            frames: Frames::new(Frame::new(&workflow, 0, None)),
            budget: Budget::new(start.engine, &start.input),
            input: start.input,
            seed_root: start.run_id.clone(),
            run_id: start.run_id,
            started_at_ms: start.started_at_ms,
            begun_at_ms: start.started_at_ms,
            now_ms: start.started_at_ms,
            engine: start.engine,
            workflow,
            children,
            outbox: VecDeque::new(),
            ready: VecDeque::new(),
            open: BTreeMap::new(),
            active: BTreeMap::new(),
            next_active: 0,
            asking: VecDeque::new(),
            executions: 0,
            questions: 0,
            spending_limit,
            usage: Usage::default(),
            part: Part::default(),
            mocks: None,
            stop_reason: None,
            outcome: None,
        };
        run.enter(ROOT);
        run
    }

    /// Computes like an earlier run of the same workflow, whose results it may take over: with its
    /// "now" and its randomness.
    #[must_use]
    pub fn inheriting(mut self, started_at_ms: i64, seed_root: String) -> Self {
        (self.started_at_ms, self.seed_root) = (started_at_ms, seed_root);
        self
    }

    /// Returns what to do next. Call it until it returns `Wait` or `Done`.
    pub fn step(&mut self) -> Step {
        loop {
            if let Some(step) = self.outbox.pop_front() {
                return step;
            }
            if self.outcome.is_some() {
                return Step::Done;
            }
            if let Some(active) = self.asking.pop_front() {
                self.ask(active);
            } else if let Some((frame, node)) = self.ready.pop_front() {
                self.begin(frame, node);
            } else {
                return Step::Wait(Waiting { calls: self.open.len() });
            }
        }
    }

    /// Takes what a call reports. Ignores calls that are not open.
    pub fn progress(&mut self, id: &CallId, chunk: Chunk) {
        let Some(open) = self.open.get_mut(id) else { return };
        let (node, call) = (Arc::clone(&open.node), open.label.clone());
        let event = match chunk {
            Chunk::Started(started_at_ms) => RunEvent::CallStarted { node, call, started_at_ms },
            Chunk::Text(text) => {
                open.has_reported_text = true;
                RunEvent::Chunk { node, call, text }
            }
        };
        self.emit(event);
    }

    /// Takes the result of a call, and when it ended (ms since the epoch). Returns `Retrying` while
    /// the retry rule has attempts left.
    pub fn complete(&mut self, id: &CallId, result: CallResult, ended_at_ms: i64) -> Completion {
        let Some(open) = self.open.remove(id) else { return Completion::Ignored };
        self.now_ms = self.now_ms.max(ended_at_ms);
        self.emit_ended(&open, &result, open.attempt + 1, ended_at_ms);
        match result {
            CallResult::Failed(error) if self.may_retry(&open, &error) => {
                self.count(open.active, open.price, error.used());
                self.retry(open, &error);
                Completion::Retrying
            }
            result => {
                let attempts = open.attempt + 1;
                self.settle_call(open, result, attempts, ended_at_ms);
                Completion::Final
            }
        }
    }

    /// Takes a recorded result during replay. It is final, whatever the retry rule says.
    pub fn complete_recorded(&mut self, id: &CallId, recorded: Recorded) {
        let Recorded { result, attempts, ended_at_ms, has_reported_text } = recorded;
        if let Some(mut open) = self.open.remove(id) {
            open.has_reported_text = has_reported_text;
            let ended_at_ms = ended_at_ms.unwrap_or(self.begun_at_ms);
            self.now_ms = self.now_ms.max(ended_at_ms);
            self.emit_ended(&open, &result, attempts, ended_at_ms);
            self.settle_call(open, result, attempts, ended_at_ms);
        }
    }

    /// Takes the result of a call that an earlier run made. It is final, and costs nothing.
    pub fn complete_reused(
        &mut self,
        id: &CallId,
        result: CallResult,
        attempts: u32,
        ended_at_ms: i64,
    ) {
        if let Some(mut open) = self.open.remove(id) {
            open.is_reused = true;
            self.now_ms = self.now_ms.max(ended_at_ms);
            self.emit_ended(&open, &result, attempts, ended_at_ms);
            self.settle_call(open, result, attempts, ended_at_ms);
        }
    }

    /// Cancels the run: nothing new starts, open calls count as dropped. Has no effect on a run
    /// that is done.
    pub fn cancel(&mut self) {
        self.stop_now(StopReason::Cancelled);
    }

    /// Fails the run without waiting for open calls: deadline, poison, nondeterministic …
    pub fn abort(&mut self, error: RunError) {
        self.stop_now(StopReason::Failed(error));
    }

    /// Always set after `Done`.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// Whether a step may take long although the run keeps little.
    pub fn is_slow(&self) -> bool {
        self.workflow.is_slow || self.children.any_is_slow()
    }

    /// The bytes that the run keeps in memory.
    pub fn kept_bytes(&self) -> usize {
        self.budget.kept()
    }

    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// Returns whether the open call costs money.
    pub fn is_priced(&self, id: &CallId) -> bool {
        self.open.get(id).is_some_and(|open| open.price == Price::Priced)
    }

    /// Renders the workflow's own webhook with the run's outputs; its body is left to the caller.
    /// `None` also if a rendered field would be too large, or the run ends at a node.
    pub fn workflow_webhook(&self) -> Option<WebhookCall> {
        let webhook = self.workflow.webhook.as_ref().filter(|_| self.part.until.is_none())?;
        let scope = self.scope(ROOT, None, &[]);
        webhook.render(&scope, Value::Null).ok()
    }

    fn emit(&mut self, event: RunEvent) {
        self.outbox.push_back(Step::Emit(event));
    }

    /// What a node of a frame sees, or what the frame as a whole sees.
    fn scope<'a>(
        &'a self,
        frame: usize,
        node: Option<usize>,
        bindings: &'a [Arc<Value>],
    ) -> Scope<'a> {
        Scope {
            frames: &self.frames,
            children: &self.children,
            frame,
            node,
            seed_root: &self.seed_root,
            run_id: &self.run_id,
            call_place: None,
            input: self.input_of(frame),
            started_at_ms: self.started_at_ms,
            engine: self.engine,
            bindings,
        }
    }

    /// Called when the root frame has nothing left to do.
    fn finish(&mut self) {
        let outcome = match self.stop_reason.take() {
            None => self.until_failed().unwrap_or_else(|| self.succeeded()),
            Some(StopReason::Responded(output)) => {
                Outcome::Succeeded { output: Arc::unwrap_or_clone(output) }
            }
            Some(StopReason::Failed(error)) => {
                let output = Value::Object(self.merged_outputs(ROOT));
                let empty = || Value::Object(Map::new());
                let output = self.bounded(output).unwrap_or_else(|_| empty());
                Outcome::Failed { error, output }
            }
            Some(StopReason::Cancelled) => Outcome::Cancelled,
        };
        self.outcome = Some(outcome);
    }

    /// Fails a run whose outputs together are larger than a value may be.
    fn succeeded(&self) -> Outcome {
        match self.bounded(self.until_output().unwrap_or_else(|| self.output_of(ROOT))) {
            Ok(output) => Outcome::Succeeded { output },
            Err(error) => {
                let message = format!("the run's output: {}", error.message);
                let error = RunError { code: error.code.into_owned(), message, node: None };
                Outcome::Failed { error, output: Value::Object(Map::new()) }
            }
        }
    }

    fn bounded(&self, output: Value) -> Result<Value, NodeError> {
        if self.engine >= 2 {
            within_budget(Weight::of(&output))?;
        }
        Ok(output)
    }

    /// Merges the outputs of the output nodes that ran; without output nodes, those of the terminal
    /// nodes.
    fn output_of(&self, frame: usize) -> Value {
        let body = self.frames.body(frame);
        if !body.outputs.is_empty() {
            return Value::Object(self.merged_outputs(frame));
        }
        if let [only] = body.terminals.as_slice() {
            return self
                .frames
                .succeeded(frame, *only)
                .cloned()
                .unwrap_or_else(|| Value::Object(Map::new()));
        }
        let ran = body.terminals.iter().filter_map(|index| {
            Some((body.nodes[*index].id.to_string(), self.frames.succeeded(frame, *index)?.clone()))
        });
        Value::Object(ran.collect())
    }

    fn merged_outputs(&self, frame: usize) -> Map<String, Value> {
        let mut merged = Map::new();
        for index in &self.frames.body(frame).outputs {
            if let Some(Value::Object(values)) = self.frames.succeeded(frame, *index) {
                merged.extend(values.clone());
            }
        }
        merged
    }
}

#[cfg(test)]
pub(crate) mod tests;
