//! Runs of tests: nodes leave what a test gives, or some of their calls are answered by it.

use std::fmt::Debug;
use std::sync::Arc;

use serde_json::Value;

use super::Run;
use super::part::given;
use super::schedule::Report;
use crate::call::{Action, CallError, CallOutput, CallResult};
use crate::event::NodePath;
use crate::kind::{CallEnd, CallName, CallOutcome, NodeError, Planned, Work};

/// What a test gives for one execution of a node, which then does not run.
#[derive(Debug, Clone, PartialEq)]
pub enum Mock {
    /// The node leaves this.
    Output(Arc<Value>),
    /// The node fails, as if its last attempt had.
    Failure(CallError),
}

/// What a test gives. It is asked in the order in which the run goes on, so that the same run asks
/// the same.
pub trait Mocks: Debug + Send + Sync {
    /// Called as a node begins. `node` is its id, `child/node` for a node of a child. `None`: it
    /// runs.
    fn node(&mut self, node: &str, path: &NodePath) -> Option<Mock>;

    /// How a call of a node that runs ends, instead of being made. `None`: it is made.
    fn call(&mut self, path: &NodePath, name: &str, work: MockedWork<'_>) -> Option<CallResult>;
}

/// What a call would do.
#[derive(Debug, Clone, Copy)]
pub enum MockedWork<'a> {
    Action(&'a Action),
    /// Run a node, such as an agent's tool.
    Node,
    /// Run a child.
    Workflow,
}

impl Run {
    /// Runs with what a test gives.
    #[must_use]
    pub fn mocking(mut self, mocks: Box<dyn Mocks>) -> Self {
        self.mocks = Some(mocks);
        self
    }

    /// Ends a node that a test answers for. Returns whether it did.
    pub(super) fn begin_mocked(&mut self, frame: usize, index: usize) -> bool {
        let Some(mut mocks) = self.mocks.take() else { return false };
        let mock = mocks.node(&self.mock_key(frame, index), &self.path(frame, index));
        self.mocks = Some(mocks);
        let Some(mock) = mock else { return false };
        self.emit_started(frame, index);
        match mock {
            Mock::Output(output) => {
                let plan = given(self.node(frame, index), &output);
                self.carry_out(frame, index, plan, Report::default());
            }
            Mock::Failure(error) => {
                self.fail(frame, index, NodeError::from(error), Report::default());
            }
        }
        true
    }

    fn mock_key(&self, frame: usize, index: usize) -> String {
        let id = &self.node(frame, index).id;
        match self.workflow_number(frame) {
            0 => id.to_string(),
            child => format!("{}/{id}", self.children.name(child)),
        }
    }

    /// Ends the calls that a test answers. Returns the others.
    pub(super) fn note_mocked(&mut self, number: usize, calls: Vec<Planned>) -> Vec<Planned> {
        let Some(mut mocks) = self.mocks.take() else { return calls };
        let mut others = Vec::with_capacity(calls.len());
        for planned in calls {
            match self.mocked_call(&mut *mocks, number, &planned) {
                Some(result) => self.end_mocked(number, planned.name, result),
                None => others.push(planned),
            }
        }
        self.mocks = Some(mocks);
        others
    }

    fn mocked_call(
        &self,
        mocks: &mut dyn Mocks,
        number: usize,
        planned: &Planned,
    ) -> Option<CallResult> {
        let active = &self.active[&number];
        let work = match &planned.work {
            Work::Call(action) => MockedWork::Action(action),
            Work::Node(..) => MockedWork::Node,
            Work::Workflow(_) => MockedWork::Workflow,
            Work::Refused(_) => return None,
        };
        let may_end = !active.is_inner() && active.may_name(&planned.name);
        let result = || mocks.call(&active.node, planned.name.as_str(), work);
        may_end.then(result).flatten()
    }

    fn end_mocked(&mut self, number: usize, name: CallName, result: CallResult) {
        self.report_start(number);
        let result = match result {
            CallResult::Succeeded(CallOutput { value, .. }) => {
                Ok(CallOutcome::from(CallOutput { value, tokens: None, cost_nano_usd: Some(0) }))
            }
            CallResult::Failed(error) => Err(error),
        };
        let end = self.within_budget(number, CallEnd { result, ended_at_ms: self.now_ms });
        if let Some(active) = self.active.get_mut(&number) {
            active.note_call(&name);
            active.end_at_once(name, end);
        }
    }
}

#[cfg(test)]
mod tests;
