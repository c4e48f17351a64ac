//! Loops and parallels: a frame per iteration, `width` of them at a time.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::budget::{Kept, within_budget};
use super::frame::{Carried, Frame, Parent};
use super::schedule::Report;
use super::{Run, RunError};
use crate::json::{self, is_deeper_than};
use crate::kind::{Items, Moment, NodeError};
use crate::weight::Weight;
use crate::workflow::{BodyNode, MAX_ITERATIONS};

#[derive(Debug)]
pub(crate) struct Iteration {
    items: Items,
    items_kept: Kept,
    next: usize,
    width: usize,
    /// Iterations in progress.
    live: usize,
    /// One for each iteration that has started.
    results: Vec<Value>,
    results_weight: Weight,
    results_kept: Kept,
    /// Iterations that have a result.
    complete: usize,
    /// The iteration whose result came last.
    latest: Option<usize>,
    /// The node's conditions say that no further iteration starts.
    is_over: bool,
    /// Why no further iteration starts.
    pub failure: Option<RunError>,
}

impl Iteration {
    fn new(items: Items, items_kept: Kept, width: usize) -> Self {
        Self {
            items,
            items_kept,
            next: 0,
            width,
            live: 0,
            results: Vec::new(),
            results_weight: Weight::default(),
            results_kept: Kept::default(),
            complete: 0,
            latest: None,
            is_over: false,
            failure: None,
        }
    }

    /// The result of the latest iteration that has ended.
    pub(crate) fn last_result(&self) -> Option<&Value> {
        self.results.get(self.latest?)
    }

    fn may_start(&self) -> bool {
        let has_more = !self.is_over && !self.items.is_used_up();
        has_more && self.failure.is_none() && self.live < self.width
    }

    /// Whether all iterations that were to run have a result.
    fn is_whole(&self) -> bool {
        let is_over = self.is_over || self.items.is_used_up();
        is_over && self.complete == self.results.len()
    }

    /// Returns the position of the next iteration, and its item.
    fn begin_next(&mut self) -> (usize, Value) {
        let position = self.next;
        self.next += 1;
        self.live += 1;
        self.results.push(Value::Null);
        (position, self.items.take(position))
    }

    /// Takes back the iteration that was begun last: it is not to run.
    fn end_before(&mut self) {
        self.live -= 1;
        self.results.pop();
        self.is_over = true;
    }
}

impl Items {
    fn is_used_up(&self) -> bool {
        match self {
            Self::Count(count) => *count == 0,
            Self::List(items) => items.len() == 0,
            Self::Open => false,
        }
    }

    /// Returns the item of the iteration with this index; without a list, the index itself.
    fn take(&mut self, index: usize) -> Value {
        match self {
            Self::Count(left) => {
                *left -= 1;
                Value::from(index)
            }
            Self::List(items) => items.next().unwrap_or(Value::Null),
            Self::Open => Value::from(index),
        }
    }
}

impl Run {
    pub(super) fn iterate(&mut self, frame: usize, index: usize, items: Items, width: usize) {
        let kept = match &items {
            Items::Count(_) | Items::Open => Ok(Kept::default()),
            Items::List(items) => self.budget.keep_items(items.as_slice()),
        };
        let items_kept = match kept {
            Ok(kept) => kept,
            Err(error) => return self.fail(frame, index, error, Report::default()),
        };
        let iteration = Iteration::new(items, items_kept, width);
        self.frames.slot(frame, index).iteration = Some(Box::new(iteration));
        self.start_iterations(frame, index);
    }

    fn start_iterations(&mut self, frame: usize, index: usize) {
        let (workflow, outer) =
            (Arc::clone(self.frames.workflow(frame)), self.frames.get(frame).body);
        let node = &workflow.bodies[outer].nodes[index];
        let Some(body) = node.inner else { return };
        let stopped = self.frames.get(frame).stopped;
        loop {
            let Some(iteration) = &mut self.frames.slot(frame, index).iteration else { return };
            if stopped || !iteration.may_start() {
                break;
            }
            let (position, item) = iteration.begin_next();
            let prefix = format!("{}{}[{position}]/", self.frames.prefix(frame), node.id);
            let parent =
                Parent { frame, node: index, item, index: position.into(), prefix, position };
            let mut inner = Frame::new(&workflow, body, Some(parent));
            match self.budget.keep_frame(&inner) {
                Ok(kept) => inner.kept = kept,
                Err(error) => return self.fail_iterations(frame, index, error),
            }
            let number = self.frames.add(inner);
            match self.is_to_run(node, position, number) {
                Ok(true) => self.enter(number),
                Ok(false) => {
                    self.drop_frame(number);
                    if let Some(iteration) = &mut self.frames.slot(frame, index).iteration {
                        iteration.end_before();
                    }
                }
                Err(error) => {
                    self.drop_frame(number);
                    return self.fail_iterations(frame, index, error);
                }
            }
        }
        self.end_iterations(frame, index);
    }

    /// Whether an iteration that has its frame is to run. What may go on for ever fails instead of
    /// ending in silence.
    fn is_to_run(&self, node: &BodyNode, position: usize, frame: usize) -> Result<bool, NodeError> {
        let scope = self.scope(frame, None, &[]);
        let is_to_run = node.node.goes_on(Moment::BeforeIteration, &scope)?;
        if is_to_run && position == MAX_ITERATIONS {
            let message = format!("after {MAX_ITERATIONS} iterations the loop would still go on");
            return Err(NodeError::new("too_many_iterations", message));
        }
        Ok(is_to_run)
    }

    pub(super) fn drop_frame(&mut self, number: usize) -> Option<Box<Frame>> {
        let frame = self.frames.remove(number)?;
        self.budget.release(frame.kept);
        for carried in frame.nodes.iter().flat_map(|slot| &slot.carried) {
            self.budget.release(carried.kept);
        }
        Some(frame)
    }

    /// Takes the result of an iteration that has nothing left to do, and starts the next one.
    pub(super) fn end_iteration(&mut self, number: usize) {
        let is_complete = !self.frames.get(number).stopped;
        let ended = match is_complete {
            true => self.take_result(number).and_then(|()| self.carry(number)),
            false => Ok(()),
        };
        let Some(frame) = self.drop_frame(number) else { return };
        let Some(parent) = frame.parent else { return };
        match ended.and_then(|()| self.keep_result(&parent, is_complete)) {
            Ok(()) => {
                self.iteration_is_over(parent.frame, parent.node);
                self.start_iterations(parent.frame, parent.node);
            }
            Err(error) => self.fail_iterations(parent.frame, parent.node, error),
        }
    }

    /// Takes the result of an iteration, and asks whether another one follows while the nodes can
    /// still be read.
    fn take_result(&mut self, number: usize) -> Result<(), NodeError> {
        let result = self.result_of(number)?;
        // One that holds the result before it grows by a level with each iteration, and what is
        // stored must be read again.
        if is_deeper_than(&result, json::MAX_DEPTH) {
            let message = format!("the result is nested deeper than {} levels", json::MAX_DEPTH);
            return Err(NodeError::new("value_too_deep", message));
        }
        let Some(parent) = &self.frames.get(number).parent else { return Ok(()) };
        let (frame, node, position) = (parent.frame, parent.node, parent.position);
        if let Some(iteration) = &mut self.frames.slot(frame, node).iteration {
            iteration.results[position] = result;
            iteration.latest = Some(position);
        }
        let scope = self.scope(number, None, &[]);
        let goes_on = self.node(frame, node).node.goes_on(Moment::AfterIteration, &scope)?;
        if let Some(iteration) = &mut self.frames.slot(frame, node).iteration {
            iteration.is_over |= !goes_on;
        }
        Ok(())
    }

    /// Hands what an iteration has set to the next one, and to what reads it after the loop.
    fn carry(&mut self, number: usize) -> Result<(), NodeError> {
        let workflow = Arc::clone(self.frames.workflow(number));
        let body = &workflow.bodies[self.frames.get(number).body];
        if !body.carries {
            return Ok(());
        }
        let Some(parent) = &self.frames.get(number).parent else { return Ok(()) };
        let (frame, node) = (parent.frame, parent.node);
        for variable in body.setters.keys() {
            let scope = self.scope(number, None, &[]);
            let Some(value) = scope.set_in(number, None, *variable).cloned() else { continue };
            let all = &mut self.frames.slot(frame, node).carried;
            if let Some(at) = all.iter().position(|carried| carried.variable == *variable) {
                self.budget.release(all.swap_remove(at).kept);
            }
            let kept = self.budget.keep(&value)?;
            let carried = Carried { variable: *variable, value, kept };
            self.frames.slot(frame, node).carried.push(carried);
        }
        Ok(())
    }

    fn result_of(&self, frame: usize) -> Result<Value, NodeError> {
        match &self.frames.body(frame).result {
            Some(result) => result.render(&self.scope(frame, None, &[])),
            None => Ok(self.output_of(frame)),
        }
    }

    fn keep_result(&mut self, parent: &Parent, is_complete: bool) -> Result<(), NodeError> {
        let iteration = &mut self.frames.slot(parent.frame, parent.node).iteration;
        let Some(iteration) = iteration.as_mut().filter(|_| is_complete) else { return Ok(()) };
        let weight = Weight::of(&iteration.results[parent.position]);
        iteration.results_weight = iteration.results_weight + weight;
        within_budget(iteration.results_weight)?;
        iteration.results_kept += self.budget.keep_weighed(weight)?;
        iteration.complete += 1;
        Ok(())
    }

    fn iteration_is_over(&mut self, frame: usize, index: usize) {
        if let Some(iteration) = &mut self.frames.slot(frame, index).iteration {
            iteration.live -= 1;
        }
    }

    /// Fails a loop by one of its iterations. That one counts as live until the others are stopped,
    /// so that the loop does not end while it is being stopped.
    fn fail_iterations(&mut self, frame: usize, index: usize, error: NodeError) {
        let id = self.node(frame, index).id.to_string();
        let error =
            RunError { code: error.code.into_owned(), message: error.message, node: Some(id) };
        self.stop_container(frame, index, error);
        self.iteration_is_over(frame, index);
        self.end_iterations(frame, index);
    }

    /// Ends the loop or parallel once no iteration is in progress and none will start.
    fn end_iterations(&mut self, frame: usize, index: usize) {
        let slot = self.frames.slot(frame, index);
        let Some(iteration) = slot.iteration.take_if(|iteration| iteration.live == 0) else {
            return;
        };
        self.budget.release(iteration.results_kept);
        self.budget.release(iteration.items_kept);
        let report = Report::default();
        match iteration.failure {
            Some(failure) => self.fail_with(frame, index, failure, None, report),
            None if !iteration.is_whole() => self.abandon(frame, index, Report::default()),
            None => {
                let results = ("results".to_owned(), Value::Array(iteration.results));
                let output = Value::Object(Map::from_iter([results]));
                self.succeed(frame, index, Arc::new(output), report);
            }
        }
    }
}
