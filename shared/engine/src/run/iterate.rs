//! Loops and parallels: a frame per iteration, `width` of them at a time.

use std::sync::Arc;

use serde_json::{Value, json};

use super::budget::{Kept, within_budget};
use super::frame::{Frame, Parent};
use super::schedule::Report;
use super::{Run, RunError};
use crate::kind::{Items, NodeError};
use crate::weight::Weight;

#[derive(Debug)]
pub(crate) struct Iteration {
    items: Items,
    items_kept: Kept,
    next: usize,
    width: usize,
    /// Iterations in progress.
    live: usize,
    results: Vec<Value>,
    results_weight: Weight,
    results_kept: Kept,
    /// Iterations that have a result.
    complete: usize,
    /// Why no further iteration starts.
    pub failure: Option<RunError>,
}

impl Items {
    fn len(&self) -> usize {
        match self {
            Self::Count(count) => *count,
            Self::List(items) => items.len(),
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
        }
    }
}

impl Run {
    pub(super) fn iterate(&mut self, frame: usize, index: usize, items: Items, width: usize) {
        let kept = match &items {
            Items::Count(_) => Ok(Kept::default()),
            Items::List(items) => self.budget.keep_items(items.as_slice()),
        };
        let items_kept = match kept {
            Ok(kept) => kept,
            Err(error) => return self.fail(frame, index, error, Report::default()),
        };
        let results = vec![Value::Null; items.len()];
        let iteration = Iteration {
            items,
            items_kept,
            next: 0,
            width,
            live: 0,
            results,
            results_weight: Weight::default(),
            results_kept: Kept::default(),
            complete: 0,
            failure: None,
        };
        self.frames.slot(frame, index).iteration = Some(Box::new(iteration));
        self.start_iterations(frame, index);
    }

    fn start_iterations(&mut self, frame: usize, index: usize) {
        let workflow = Arc::clone(&self.workflow);
        let node = &self.frames.body(frame, &workflow).nodes[index];
        let Some(body) = node.inner else { return };
        let stopped = self.frames.get(frame).stopped;
        loop {
            let Some(iteration) = &mut self.frames.slot(frame, index).iteration else { return };
            if stopped
                || iteration.failure.is_some()
                || iteration.live == iteration.width
                || iteration.items.len() == 0
            {
                break;
            }
            let position = iteration.next;
            let item = iteration.items.take(position);
            iteration.next += 1;
            iteration.live += 1;
            let prefix = format!("{}{}[{position}]/", self.frames.prefix(frame), node.id);
            let parent =
                Parent { frame, node: index, body, item, index: position.into(), prefix, position };
            let mut inner = Frame::new(&workflow.bodies[body], Some(parent));
            match self.budget.keep_frame(&inner) {
                Ok(kept) => inner.kept = kept,
                Err(error) => return self.fail_iterations(frame, index, error),
            }
            let number = self.frames.add(inner);
            self.enter(number);
        }
        self.end_iterations(frame, index);
    }

    /// Takes the result of an iteration that has nothing left to do, and starts the next one.
    pub(super) fn end_iteration(&mut self, number: usize) {
        let result = if self.frames.get(number).stopped {
            Ok(None)
        } else {
            self.result_of(number).map(Some)
        };
        let Some(frame) = self.frames.remove(number) else { return };
        self.budget.release(frame.kept);
        let Some(parent) = frame.parent else { return };
        match result.and_then(|result| self.keep_result(&parent, result)) {
            Ok(()) => {
                self.iteration_is_over(parent.frame, parent.node);
                self.start_iterations(parent.frame, parent.node);
            }
            Err(error) => self.fail_iterations(parent.frame, parent.node, error),
        }
    }

    fn result_of(&self, frame: usize) -> Result<Value, NodeError> {
        match &self.frames.body(frame, &self.workflow).result {
            Some(result) => result.render(&self.scope(frame, None, &[])),
            None => Ok(self.output_of(frame)),
        }
    }

    fn keep_result(&mut self, parent: &Parent, result: Option<Value>) -> Result<(), NodeError> {
        let Some(result) = result else { return Ok(()) };
        let Some(iteration) = &mut self.frames.slot(parent.frame, parent.node).iteration else {
            return Ok(());
        };
        let weight = Weight::of(&result);
        iteration.results_weight = iteration.results_weight + weight;
        within_budget(iteration.results_weight)?;
        iteration.results_kept += self.budget.keep_weighed(weight)?;
        iteration.complete += 1;
        iteration.results[parent.position] = result;
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
            None if iteration.complete < iteration.results.len() => {
                self.abandon(frame, index, Report::default())
            }
            None => {
                let output = json!({ "results": iteration.results });
                self.succeed(frame, index, Arc::new(output), report);
            }
        }
    }
}
