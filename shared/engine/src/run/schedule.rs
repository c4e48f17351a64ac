//! The scheduler: starts, settles, skips and stops nodes.

use std::sync::Arc;

use serde_json::Value;

use super::budget::within_budget;
use super::child::ChildEnd;
use super::frame::{ROOT, State};
use super::{Run, RunError, StopReason, Usage};
use crate::event::{NodePath, NodeStatus, RunEvent};
use crate::kind::{Done, KindName, NodeError, Plan, Price};
use crate::weight::Weight;
use crate::workflow::{BodyNode, MAX_EXECUTIONS, OnError, When};

const MAX_MESSAGE_BYTES: usize = 4096;

/// How a node settled, as its edges need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settled {
    Succeeded,
    /// A condition: only the edges of this branch, and those of any branch, are taken.
    Branched(Option<usize>),
    Failed,
    Skipped,
}

/// What is reported with a node's end.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// The maximum over the node's calls.
    pub attempts: u32,
    /// Number of calls made, including those of inner nodes.
    pub calls: usize,
    tokens: Option<u64>,
    cost_nano_usd: Option<u64>,
    /// An attempt of a priced call did not say its tokens, or its cost.
    has_unknown_tokens: bool,
    has_unknown_cost: bool,
}

impl Report {
    pub(super) fn add(&mut self, price: Price, tokens: Option<u64>, cost_nano_usd: Option<u64>) {
        let sum = |sum: Option<u64>, more: Option<u64>| match (sum, more) {
            (Some(sum), Some(more)) => Some(sum.saturating_add(more)),
            (sum, more) => sum.or(more),
        };
        self.tokens = sum(self.tokens, tokens);
        self.cost_nano_usd = sum(self.cost_nano_usd, cost_nano_usd);
        self.has_unknown_tokens |= price == Price::Priced && tokens.is_none();
        self.has_unknown_cost |= price == Price::Priced && cost_nano_usd.is_none();
    }
}

impl Run {
    /// Makes those nodes of a new frame ready that wait for nothing.
    pub(super) fn enter(&mut self, frame: usize) {
        let free = self
            .frames
            .body(frame)
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.waits_for == 0 && !node.is_remark());
        self.ready.extend(free.map(|(index, _)| (frame, index)));
    }

    pub(super) fn begin(&mut self, frame: usize, index: usize) {
        self.executions += 1;
        if self.executions > MAX_EXECUTIONS {
            return self.end_when_idle(StopReason::Failed(RunError::too_many_executions()));
        }
        let (workflow, body) =
            (Arc::clone(self.frames.workflow(frame)), self.frames.get(frame).body);
        let node = &workflow.bodies[body].nodes[index];
        self.frames.slot(frame, index).state = State::Busy;
        self.frames.get_mut(frame).busy += 1;
        // A child has nodes of its own that may have the same ids.
        let pinned = self.part.plan(node).filter(|_| self.child_around(frame).is_none());
        if let Some(pinned) = pinned {
            self.emit_started(frame, index);
            return self.carry_out(frame, index, pinned, Report::default());
        }
        if self.begin_mocked(frame, index) {
            return;
        }
        match node.node.plan(&self.scope(frame, Some(index), &[]), &Done::default()) {
            Ok(Plan::Perform(calls)) => self.activate(frame, index, calls),
            Ok(plan) => {
                self.emit_started(frame, index);
                self.carry_out(frame, index, plan, Report::default());
            }
            Err(error) => {
                self.emit_started(frame, index);
                self.fail(frame, index, error, Report::default());
            }
        }
    }

    pub(super) fn carry_out(&mut self, frame: usize, index: usize, plan: Plan, report: Report) {
        match plan {
            Plan::Done(output) => self.succeed(frame, index, output, report),
            Plan::Branch { taken, output } => {
                self.keep(frame, index, Arc::new(output), Settled::Branched(taken), report);
            }
            Plan::Iterate { items, width } => self.iterate(frame, index, items, width),
            Plan::Respond(output) => self.respond(frame, index, Arc::new(output), report),
            Plan::Perform(calls) => self.activate(frame, index, calls),
        }
    }

    pub(super) fn succeed(
        &mut self,
        frame: usize,
        index: usize,
        output: Arc<Value>,
        report: Report,
    ) {
        self.keep(frame, index, output, Settled::Succeeded, report);
    }

    /// Fixes the response before anything else can end the run.
    fn respond(&mut self, frame: usize, index: usize, output: Arc<Value>, report: Report) {
        if within_budget(Weight::of(&output)).is_ok() {
            match self.child_around(frame) {
                Some(child) => self.stop_child(child, ChildEnd::Responded(Arc::clone(&output))),
                None => self.end_when_idle(StopReason::Responded(Arc::clone(&output))),
            }
        }
        self.keep(frame, index, output, Settled::Succeeded, report);
    }

    /// Stores a node's output, if the budget allows it.
    fn keep(
        &mut self,
        frame: usize,
        index: usize,
        output: Arc<Value>,
        settled: Settled,
        report: Report,
    ) {
        match self.budget.keep(&output) {
            Ok(kept) => self.frames.get_mut(frame).kept += kept,
            Err(error) => return self.fail(frame, index, error, report),
        }
        self.emit_finished(
            frame,
            index,
            NodeStatus::Succeeded,
            Some(Arc::clone(&output)),
            None,
            report,
        );
        let slot = self.frames.slot(frame, index);
        slot.output = Some(output);
        slot.state = State::Succeeded;
        self.settle(frame, index, settled);
    }

    pub(super) fn fail(&mut self, frame: usize, index: usize, error: NodeError, report: Report) {
        let id = self.node(frame, index).id.to_string();
        let message = self.bounded_message(error.message);
        let left = error.output.map(|left| *left);
        let error = RunError { code: error.code.into_owned(), message, node: Some(id) };
        self.fail_with(frame, index, error, left, report);
    }

    /// A message is kept with its node and in the trace, outside the budget.
    fn bounded_message(&self, mut message: String) -> String {
        if self.engine >= 2 && message.len() > MAX_MESSAGE_BYTES {
            message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
            message.push('…');
        }
        message
    }

    /// A failed node follows its error edge, goes on as its `on_error` says, or fails its enclosing
    /// scope. What its call left stays readable beside the error, if the budget allows it.
    pub(super) fn fail_with(
        &mut self,
        frame: usize,
        index: usize,
        error: RunError,
        left: Option<Value>,
        report: Report,
    ) {
        let left = left.and_then(|left| {
            self.frames.get_mut(frame).kept += self.budget.keep(&left).ok()?;
            Some(left)
        });
        let output = Arc::new(failed_output(&error, left.as_ref()));
        let left = left.map(Arc::new);
        self.emit_finished(frame, index, NodeStatus::Failed, left, Some(error.clone()), report);
        let (state, output, settled) = match self.default_output(frame, index) {
            Some(default) => (State::Succeeded, default, Settled::Succeeded),
            None if matches!(self.node(frame, index).on_error, OnError::Continue) => {
                (State::Failed, output, Settled::Succeeded)
            }
            None => (State::Failed, output, Settled::Failed),
        };
        let slot = self.frames.slot(frame, index);
        slot.output = Some(output);
        slot.state = state;
        if settled == Settled::Failed && !self.contains_failure(frame, index) {
            self.stop_around(frame, error);
        }
        self.settle(frame, index, settled);
    }

    /// Renders and keeps what a failed node leaves instead. `None` too if that is too large: then
    /// the failure stands.
    fn default_output(&mut self, frame: usize, index: usize) -> Option<Arc<Value>> {
        let OnError::Default(default) = &self.node(frame, index).on_error else { return None };
        let output = default.render(&self.scope(frame, Some(index), &[])).ok()?;
        let kept = self.budget.keep(&output).ok()?;
        self.frames.get_mut(frame).kept += kept;
        Some(Arc::new(output))
    }

    /// Whether the enclosing scopes go on after a failure of this node.
    fn contains_failure(&self, frame: usize, index: usize) -> bool {
        let node = self.node(frame, index);
        let is_read = node.result_reads_error && self.engine >= 3;
        node.catches_error || is_read || matches!(node.on_error, OnError::Continue)
    }

    /// Stops the enclosing scopes of a failure in `frame`, up to a loop or parallel that contains
    /// it, or up to the child; or else the whole run.
    fn stop_around(&mut self, frame: usize, error: RunError) {
        let mut inner = frame;
        while let Some((outer, container)) =
            self.frames.get(inner).parent.as_ref().map(|parent| (parent.frame, parent.node))
        {
            if self.frames.get(inner).child.is_some() {
                return self.stop_child(inner, ChildEnd::Failed(error));
            }
            self.set_failure(outer, container, &error);
            let has_default = matches!(self.node(outer, container).on_error, OnError::Default(_));
            if has_default || self.contains_failure(outer, container) {
                return self.stop_inside((outer, container));
            }
            inner = outer;
        }
        self.end_when_idle(StopReason::Failed(error));
    }

    /// Fails a loop or parallel for its own reasons: the body's result, or its size.
    pub(super) fn stop_container(&mut self, frame: usize, container: usize, error: RunError) {
        self.set_failure(frame, container, &error);
        self.stop_inside((frame, container));
    }

    /// Abandons a node because the run or its enclosing scope ends.
    pub(super) fn abandon(&mut self, frame: usize, index: usize, report: Report) {
        self.emit_cancelled(frame, index, report);
        self.frames.slot(frame, index).state = State::Failed;
        self.settle(frame, index, Settled::Failed);
    }

    fn set_failure(&mut self, frame: usize, container: usize, error: &RunError) {
        if let Some(iteration) = &mut self.frames.slot(frame, container).iteration {
            iteration.failure.get_or_insert_with(|| error.clone());
        }
    }

    fn stop_inside(&mut self, container: (usize, usize)) {
        for number in self.frames.numbers() {
            if self.frames.is_inside(number, container) {
                self.frames.get_mut(number).stopped = true;
            }
        }
        self.drop_stopped();
    }

    /// Starts nothing new anywhere; the run ends when its open calls have ended. The first reason
    /// stands.
    pub(super) fn end_when_idle(&mut self, reason: StopReason) {
        if self.stop_reason.is_some() {
            return;
        }
        self.stop_reason = Some(reason);
        for number in self.frames.numbers() {
            self.frames.get_mut(number).stopped = true;
        }
        self.drop_stopped();
    }

    /// Stopped frames start nothing, wait for nobody, and end immediately if they have no open call.
    pub(super) fn drop_stopped(&mut self) {
        let frames = &self.frames;
        self.ready.retain(|(frame, _)| !frames.get(*frame).stopped);
        self.drop_pauses();
        let idle: Vec<usize> = self
            .frames
            .numbers()
            .into_iter()
            .filter(|number| self.is_stopped_and_idle(*number))
            .collect();
        for frame in idle {
            if self.frames.is_under_way(frame) && self.is_stopped_and_idle(frame) {
                self.exit_frame(frame);
            }
        }
    }

    fn is_stopped_and_idle(&self, frame: usize) -> bool {
        let frame = self.frames.get(frame);
        frame.stopped && frame.busy == 0
    }

    /// Ends the run immediately: drops open calls.
    pub(super) fn stop_now(&mut self, reason: StopReason) {
        if self.outcome.is_some() {
            return;
        }
        // Whatever ended before counts.
        while let Some(active) = self.asking.pop_front() {
            self.ask(active);
        }
        if self.outcome.is_some() {
            return;
        }
        self.outbox.retain(|step| matches!(step, super::Step::Emit(_)));
        self.ready.clear();
        self.drop_open_calls();
        let mut frames = self.frames.numbers();
        frames.reverse();
        for frame in frames {
            for index in 0..self.frames.get(frame).nodes.len() {
                if self.frames.slot(frame, index).iteration.is_some() {
                    self.emit_cancelled(frame, index, Report::default());
                }
            }
        }
        if !matches!(self.stop_reason, Some(StopReason::Responded(_))) {
            self.stop_reason = Some(reason);
        }
        self.finish();
    }

    /// Reports the nodes with calls as cancelled, in the order of their paths.
    fn drop_open_calls(&mut self) {
        for open in std::mem::take(&mut self.open).into_values() {
            // Nobody will know what it used.
            self.count(open.active, open.price, Usage::UNKNOWN);
            let root = self.root_of(open.active);
            if let Some(root) = self.active.get_mut(&root) {
                root.report.attempts = root.report.attempts.max(open.attempt + 1);
            }
        }
        let mut dropped: Vec<_> = std::mem::take(&mut self.active).into_values().collect();
        dropped.retain(|active| !active.is_inner());
        dropped.sort_by(|left, right| left.node.cmp(&right.node));
        for active in dropped {
            self.emit_cancelled(active.frame, active.index, active.report);
        }
    }

    /// Follows the node's edges and their consequences, without recursion: skips can run through
    /// whole graphs.
    fn settle(&mut self, frame: usize, index: usize, settled: Settled) {
        let (workflow, body) =
            (Arc::clone(self.frames.workflow(frame)), self.frames.get(frame).body);
        let body = &workflow.bodies[body];
        self.frames.get_mut(frame).busy -= 1;
        let mut settling = vec![(index, settled)];
        while let Some((index, settled)) = settling.pop() {
            self.frames.get_mut(frame).remaining -= 1;
            if self.frames.get(frame).stopped {
                continue;
            }
            for edge in &body.nodes[index].edges {
                let slot = self.frames.slot(frame, edge.to);
                if slot.waits_for == 0 {
                    // Left out of this run, or pinned: it waits for nothing.
                    continue;
                }
                slot.waits_for -= 1;
                slot.live += u32::from(edge.control && is_live(edge.when, settled));
                if slot.waits_for > 0 {
                    continue;
                }
                if body.nodes[edge.to].controls == 0 || slot.live > 0 {
                    self.ready.push_back((frame, edge.to));
                } else {
                    slot.state = State::Skipped;
                    self.emit_finished(
                        frame,
                        edge.to,
                        NodeStatus::Skipped,
                        None,
                        None,
                        Report::default(),
                    );
                    settling.push((edge.to, Settled::Skipped));
                }
            }
        }
        let frame_state = self.frames.get(frame);
        if frame_state.remaining == 0 || frame_state.stopped && frame_state.busy == 0 {
            self.exit_frame(frame);
        }
    }

    /// Ends a frame that has nothing left to do.
    fn exit_frame(&mut self, frame: usize) {
        match self.frames.get(frame).child {
            _ if frame == ROOT => self.finish(),
            Some(_) => self.end_child(frame),
            None => self.end_iteration(frame),
        }
    }

    pub(super) fn node(&self, frame: usize, index: usize) -> &BodyNode {
        &self.frames.body(frame).nodes[index]
    }

    pub(super) fn path(&self, frame: usize, index: usize) -> NodePath {
        let id = &self.node(frame, index).id;
        match self.frames.prefix(frame) {
            "" => Arc::clone(id),
            prefix => format!("{prefix}{id}").into(),
        }
    }

    pub(super) fn kind_name(&self, frame: usize, index: usize) -> KindName {
        self.node(frame, index).kind.name.clone()
    }

    /// Reports the start of a node that makes no call, or none yet.
    pub(super) fn emit_started(&mut self, frame: usize, index: usize) {
        let (node, kind) = (self.path(frame, index), self.kind_name(frame, index));
        let ready_at_ms = self.ready_at_ms();
        self.emit(RunEvent::NodeStarted { node, kind, input: None, ready_at_ms });
    }

    /// Returns when the nodes became ready that start now: each starts with the result that it
    /// waited for. A run that takes over results has them when it begins.
    pub(super) fn ready_at_ms(&self) -> i64 {
        self.now_ms.max(self.begun_at_ms)
    }

    fn emit_cancelled(&mut self, frame: usize, index: usize, report: Report) {
        self.emit_finished(frame, index, NodeStatus::Cancelled, None, None, report);
    }

    fn emit_finished(
        &mut self,
        frame: usize,
        index: usize,
        status: NodeStatus,
        output: Option<Arc<Value>>,
        error: Option<RunError>,
        report: Report,
    ) {
        let (node, kind) = (self.path(frame, index), self.kind_name(frame, index));
        let Report { attempts, .. } = report;
        let tokens = report.tokens.filter(|_| !report.has_unknown_tokens);
        let cost_nano_usd = report.cost_nano_usd.filter(|_| !report.has_unknown_cost);
        // Only what was skipped was never attempted.
        let attempts = if status == NodeStatus::Skipped { 0 } else { attempts.max(1) };
        self.emit(RunEvent::NodeFinished {
            node,
            kind,
            status,
            output,
            error,
            attempts,
            tokens,
            cost_nano_usd,
        });
    }
}

/// Nothing that a call left hides the error.
fn failed_output(error: &RunError, left: Option<&Value>) -> Value {
    let mut fields = left.and_then(Value::as_object).cloned().unwrap_or_default();
    fields.insert("error".to_owned(), error.message.clone().into());
    fields.insert("code".to_owned(), error.code.clone().into());
    Value::Object(fields)
}

fn is_live(when: When, settled: Settled) -> bool {
    match when {
        When::Done => matches!(settled, Settled::Succeeded | Settled::Branched(_)),
        When::Branch(branch) => settled == Settled::Branched(Some(branch)),
        When::Error => settled == Settled::Failed,
    }
}
