//! Loops and parallels: a frame per iteration, `width` of them at a time.

use std::sync::Arc;

use serde_json::{Value, json};

use super::frame::{Frame, Parent};
use super::schedule::Report;
use super::{MAX_RUN_BYTES, Run, RunError};
use crate::expr::template::MAX_VALUE_BYTES;
use crate::json;
use crate::kind::{Items, NodeError};

#[derive(Debug)]
pub(crate) struct Iteration {
    items: Items,
    items_size: usize,
    next: usize,
    width: usize,
    /// Iterations in progress.
    live: usize,
    results: Vec<Value>,
    results_size: usize,
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
        let items_size = match &items {
            Items::Count(_) => 0,
            Items::List(items) => items.as_slice().iter().map(json::size).sum(),
        };
        self.retained += items_size;
        let results = vec![Value::Null; items.len()];
        let iteration = Iteration {
            items,
            items_size,
            next: 0,
            width,
            live: 0,
            results,
            results_size: 0,
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
            let number = self.frames.add(Frame::new(&workflow.bodies[body], Some(parent)));
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
        self.retained -= frame.retained;
        let Some(parent) = frame.parent else { return };
        let kept = result.and_then(|result| self.keep_result(&parent, result));
        let Some(iteration) = &mut self.frames.slot(parent.frame, parent.node).iteration else {
            return;
        };
        iteration.live -= 1;
        match kept {
            Ok(()) => self.start_iterations(parent.frame, parent.node),
            Err(error) => self.fail_iterations(&parent, error),
        }
    }

    fn result_of(&self, frame: usize) -> Result<Value, NodeError> {
        match &self.frames.body(frame, &self.workflow).result {
            Some(result) => result.render(&self.scope(frame, &[])),
            None => Ok(self.output_of(frame)),
        }
    }

    fn keep_result(&mut self, parent: &Parent, result: Option<Value>) -> Result<(), NodeError> {
        let Some(result) = result else { return Ok(()) };
        let size = json::size(&result);
        let Some(iteration) = &mut self.frames.slot(parent.frame, parent.node).iteration else {
            return Ok(());
        };
        if iteration.results_size + size > MAX_VALUE_BYTES {
            return Err(NodeError::value_too_large());
        }
        iteration.results_size += size;
        iteration.complete += 1;
        iteration.results[parent.position] = result;
        self.retained += size;
        if self.retained > MAX_RUN_BYTES { Err(NodeError::run_too_large()) } else { Ok(()) }
    }

    fn fail_iterations(&mut self, parent: &Parent, error: NodeError) {
        let id = self.node(parent.frame, parent.node).id.to_string();
        let error =
            RunError { code: error.code.into_owned(), message: error.message, node: Some(id) };
        self.stop_container(parent.frame, parent.node, error);
        self.end_iterations(parent.frame, parent.node);
    }

    /// Ends the loop or parallel once no iteration is in progress and none will start.
    fn end_iterations(&mut self, frame: usize, index: usize) {
        let slot = self.frames.slot(frame, index);
        let Some(iteration) = slot.iteration.take_if(|iteration| iteration.live == 0) else {
            return;
        };
        self.retained -= iteration.results_size + iteration.items_size;
        let report = Report::default();
        match iteration.failure {
            Some(failure) => self.fail_with(frame, index, failure, report),
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
