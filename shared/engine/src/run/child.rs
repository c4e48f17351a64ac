//! Children: each runs in a frame of its own, under the call of a node.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::budget::Kept;
use super::frame::{Frame, Parent};
use super::spending::SpendingLimit;
use super::{Run, RunError, Usage};
use crate::call::CallError;
use crate::child::PlannedChild;
use crate::kind::{CallEnd, CallName, CallOutcome, NodeError, Price};

/// What the frame of a child's own nodes has beyond those of iterations.
#[derive(Debug)]
pub(crate) struct ChildScope {
    /// Its position among the run's children, from 1.
    pub number: usize,
    pub input: Arc<Value>,
    /// The active node that called it, and the call.
    active: usize,
    call: CallName,
    input_kept: Kept,
    spending_limit: SpendingLimit,
    usage: Usage,
    /// Its own deadline, waiting excluded.
    deadline_at_ms: i64,
    /// Why nothing new starts in it, once that is decided. The first reason stands.
    end: Option<ChildEnd>,
}

#[derive(Debug)]
pub(super) enum ChildEnd {
    Responded(Arc<Value>),
    Failed(RunError),
}

impl Run {
    /// Starts a child under a call of an active node. Its nodes have the call's place before their
    /// names.
    pub(super) fn enter_child(
        &mut self,
        active: usize,
        call: CallName,
        place: &str,
        child: PlannedChild,
        input_kept: Kept,
    ) {
        let PlannedChild { number, workflow, input } = child;
        let Some(caller) = self.active.get(&active) else { return };
        let parent = Parent {
            frame: caller.frame,
            node: caller.index,
            item: Value::Null,
            index: Value::Null,
            prefix: format!("{place}/"),
            position: 0,
        };
        let mut frame = Frame::new(&workflow, 0, Some(parent));
        match self.budget.keep_frame(&frame) {
            Ok(kept) => frame.kept = kept,
            Err(error) => {
                self.budget.release(input_kept);
                return self.end_child_call(active, call, Err(error));
            }
        }
        frame.child = Some(Box::new(ChildScope {
            number,
            input: Arc::new(input),
            active,
            call,
            input_kept,
            spending_limit: workflow.spending_limit,
            usage: Usage::default(),
            deadline_at_ms: self.now_ms.saturating_add(millis(workflow.deadline)),
            end: None,
        }));
        let frame = self.frames.add(frame);
        self.enter(frame);
    }

    /// Ends a child that has nothing left to do: what it leaves is the result of the call.
    pub(super) fn end_child(&mut self, number: usize) {
        let is_stopped = self.frames.get(number).stopped;
        let output =
            if is_stopped { Ok(Value::Null) } else { self.bounded(self.output_of(number)) };
        let Some(frame) = self.drop_frame(number) else { return };
        let Some(child) = frame.child else { return };
        self.budget.release(child.input_kept);
        let result = match child.end {
            Some(ChildEnd::Responded(output)) => Ok(output),
            Some(ChildEnd::Failed(error)) => Err(self.failure_of(child.number, error)),
            None if is_stopped => {
                self.drop_once_idle(child.active);
                Err(NodeError::new("cancelled", "the run was ending"))
            }
            None => output.map(Arc::new),
        };
        self.end_child_call(child.active, child.call, result);
    }

    fn end_child_call(
        &mut self,
        active: usize,
        call: CallName,
        result: Result<Arc<Value>, NodeError>,
    ) {
        let outcome = |value| CallOutcome { value, tokens: None, cost_nano_usd: None };
        let result = result.map(outcome).map_err(CallError::from);
        self.end_call(active, call, CallEnd { result, ended_at_ms: self.now_ms });
    }

    /// The child's own code; its message says where the child failed.
    fn failure_of(&self, number: usize, error: RunError) -> NodeError {
        let RunError { code, message, node } = error;
        let name = self.children.name(number);
        let place = node.map_or_else(String::new, |node| format!(", node `{node}`"));
        let message = format!("in the workflow `{name}`{place}: {message}");
        NodeError { code: code.into(), message, output: None }
    }

    /// Starts nothing new in a child, which ends when its open calls have ended.
    pub(super) fn stop_child(&mut self, root: usize, end: ChildEnd) {
        let Some(child) = &mut self.frames.get_mut(root).child else { return };
        if child.end.is_some() {
            return;
        }
        child.end = Some(end);
        for number in self.frames.numbers() {
            if self.frames.outward(number).any(|outer| outer == root) {
                self.frames.get_mut(number).stopped = true;
            }
        }
        self.drop_stopped();
    }

    /// Returns the frame of the child that a frame belongs to; `None` for the run's own.
    pub(super) fn child_around(&self, frame: usize) -> Option<usize> {
        self.frames.outward(frame).find(|outer| self.frames.get(*outer).child.is_some())
    }

    /// The children around a frame, the innermost first.
    fn scopes(&self, frame: usize) -> impl Iterator<Item = (usize, &ChildScope)> {
        let scope = |outer| self.frames.get(outer).child.as_deref().map(|child| (outer, child));
        self.frames.outward(frame).filter_map(scope)
    }

    /// The input that the nodes of a frame see.
    pub(super) fn input_of(&self, frame: usize) -> &Arc<Value> {
        self.scopes(frame).next().map_or(&self.input, |(_, child)| &child.input)
    }

    /// The number of the workflow whose nodes run in a frame; 0 is the run's own.
    pub(super) fn workflow_number(&self, frame: usize) -> usize {
        self.scopes(frame).next().map_or(0, |(_, child)| child.number)
    }

    /// Returns why no priced call may be made in a frame: the run's budget, or a child's.
    pub(super) fn spending_refusal(&self, frame: usize, used: Usage) -> Option<NodeError> {
        self.spending_limit.refusal(used).or_else(|| {
            self.scopes(frame).find_map(|(_, child)| child.spending_limit.refusal(child.usage))
        })
    }

    pub(super) fn has_cost_limit(&self, frame: usize) -> bool {
        let has = |limit: &SpendingLimit| limit.cost_nano_usd.is_some();
        has(&self.spending_limit) || self.scopes(frame).any(|(_, child)| has(&child.spending_limit))
    }

    /// Adds what a call used to the children around its node.
    pub(super) fn count_in_children(&mut self, frame: usize, price: Price, used: Usage) {
        for outer in self.outward_of(frame) {
            if let Some(child) = &mut self.frames.get_mut(outer).child {
                child.usage.add(price, used);
            }
        }
    }

    /// What a wait took does not count towards the deadlines of the children around it.
    pub(super) fn extend_deadlines(&mut self, frame: usize, waited_ms: i64) {
        for outer in self.outward_of(frame) {
            if let Some(child) = &mut self.frames.get_mut(outer).child {
                child.deadline_at_ms = child.deadline_at_ms.saturating_add(waited_ms.max(0));
            }
        }
    }

    fn outward_of(&self, frame: usize) -> Vec<usize> {
        self.frames.outward(frame).collect()
    }

    /// Returns the time that the children around a frame have left; `None` outside of children.
    pub(super) fn time_left(&self, frame: usize) -> Option<Duration> {
        let left = |(_, child): (usize, &ChildScope)| child.deadline_at_ms - self.now_ms;
        let left = self.scopes(frame).map(left).min()?;
        Some(Duration::from_millis(u64::try_from(left).unwrap_or(0)))
    }

    /// Fails the child around a frame whose time is over. Returns whether there is one.
    pub(super) fn end_overdue_child(&mut self, frame: usize) -> bool {
        let is_over = |(_, child): &(usize, &ChildScope)| child.deadline_at_ms <= self.now_ms;
        let Some((root, _)) = self.scopes(frame).filter(is_over).last() else { return false };
        let message = "the run did not end before the workflow's own deadline".to_owned();
        let error = RunError { code: "timeout".to_owned(), message, node: None };
        self.stop_child(root, ChildEnd::Failed(error));
        true
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
