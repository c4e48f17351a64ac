//! Nodes with calls: they plan, and plan again when none of their calls is open.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::budget::Kept;
use super::calls::{OpenCall, Prepared};
use super::schedule::Report;
use super::{Run, RunError, StopReason, Usage};
use crate::call::{CallError, CallResult, INTERRUPTED};
use crate::event::{CallLabel, NodePath, RunEvent};
use crate::expr::scope::Scope;
use crate::kind::{
    Bindings, CallEnd, CallName, CallOutcome, Done, Node, NodeError, Plan, Planned, Price, Work,
};
use crate::workflow::{MAX_EXECUTIONS, MAX_NESTING};

/// Maximum calls of one node, including those of the nodes it runs.
const MAX_NODE_CALLS: usize = 500;

/// A node of the graph that has made calls, or a node that runs under such a call.
#[derive(Debug)]
pub(super) struct Active {
    /// The node of the graph.
    pub frame: usize,
    pub index: usize,
    /// The path of the node of the graph.
    pub node: NodePath,
    pub report: Report,
    /// The place of its first call, and the prefix (before a `/`) of its further ones.
    place: Arc<str>,
    inner: Option<Inner>,
    done: Done,
    names: BTreeSet<CallName>,
    /// Calls that have not ended.
    open: usize,
    /// What `done` holds.
    kept: Kept,
    /// Calls that have reported text since the node last planned.
    with_text: Vec<CallLabel>,
    /// How the node will end once its open calls have ended, whatever its plan.
    verdict: Option<Verdict>,
}

/// Links an active node to the call of another node under which it runs.
#[derive(Debug)]
struct Inner {
    parent: usize,
    name: CallName,
    node: Arc<dyn Node>,
    bindings: Vec<Arc<Value>>,
}

#[derive(Debug)]
enum Verdict {
    Failed(NodeError),
    /// It planned a further call after the run, or its enclosing scope, had stopped.
    Dropped,
}

impl Active {
    fn new(
        frame: usize,
        index: usize,
        node: NodePath,
        place: Arc<str>,
        inner: Option<Inner>,
    ) -> Self {
        Self {
            frame,
            index,
            node,
            report: Report::default(),
            place,
            inner,
            done: Done::default(),
            names: BTreeSet::new(),
            open: 0,
            kept: Kept::default(),
            with_text: Vec::new(),
            verdict: None,
        }
    }

    pub(super) fn is_inner(&self) -> bool {
        self.inner.is_some()
    }

    /// Returns whether a further call may have this name.
    pub(super) fn may_name(&self, name: &CallName) -> bool {
        name.is_valid() && !self.names.contains(name) && self.done.get(name.as_str()).is_none()
    }

    /// Takes the end of a call that was not made.
    pub(super) fn end_at_once(&mut self, name: CallName, end: CallEnd) {
        self.done.insert(name, end);
    }

    /// Registers a call. Returns its place and label. The first call keeps the bare path, as in
    /// runs from before nodes made several calls.
    pub(super) fn note_call(&mut self, name: &CallName) -> (Arc<str>, CallLabel) {
        let place = match self.names.is_empty() {
            true => Arc::clone(&self.place),
            false => format!("{}/{}", self.place, name.as_str()).into(),
        };
        self.names.insert(name.clone());
        let label = place.strip_prefix(&*self.node).and_then(|rest| rest.strip_prefix('/'));
        let label = label.map(Arc::from);
        (place, label)
    }
}

impl Run {
    /// Activates a node of the graph that plans its first calls.
    pub(super) fn activate(&mut self, frame: usize, index: usize, calls: Vec<Planned>) {
        let node = self.path(frame, index);
        let number = self.add_active(Active::new(frame, index, Arc::clone(&node), node, None));
        self.perform(number, calls);
    }

    fn add_active(&mut self, active: Active) -> usize {
        self.next_active += 1;
        self.active.insert(self.next_active, active);
        self.next_active
    }

    /// Activates a node that runs under the call of another.
    pub(super) fn activate_inner(
        &mut self,
        parent: usize,
        name: CallName,
        place: Arc<str>,
        node: Arc<dyn Node>,
        Bindings(value): Bindings,
    ) {
        let Some(outer) = self.active.get(&parent) else { return };
        let mut bindings =
            outer.inner.as_ref().map_or_else(Vec::new, |inner| inner.bindings.clone());
        bindings.push(value);
        let is_too_deep = bindings.len() > MAX_NESTING;
        let inner = Inner { parent, name, node, bindings };
        let path = Arc::clone(&outer.node);
        let mut active = Active::new(outer.frame, outer.index, path, place, Some(inner));
        if is_too_deep {
            let error = NodeError::internal("nodes run inside one another too deep");
            active.verdict = Some(Verdict::Failed(error));
        }
        let number = self.add_active(active);
        self.asking.push_back(number);
    }

    /// Lets a node plan again when none of its calls is open.
    pub(super) fn ask(&mut self, number: usize) {
        let Some(active) = self.active.get_mut(&number) else { return };
        match active.verdict.take() {
            Some(Verdict::Failed(error)) => return self.end_active(number, Err(error)),
            Some(Verdict::Dropped) => return self.drop_active(number),
            None => {}
        }
        let (frame, is_inner) = (active.frame, active.is_inner());
        match self.plan(number) {
            Ok(Plan::Perform(_)) if self.frames.get(frame).stopped => self.drop_active(number),
            Ok(Plan::Perform(calls)) => {
                // A node that only keeps what it said has said it.
                if !calls.iter().all(Planned::is_of_session) {
                    self.take_back(number);
                }
                self.perform(number, calls);
            }
            Ok(Plan::Done(output)) => self.end_active(number, Ok(output)),
            Ok(plan) if !is_inner => self.end_otherwise(number, plan),
            Ok(Plan::Branch { output, .. } | Plan::Respond(output)) => {
                self.end_active(number, Ok(Arc::new(output)));
            }
            Ok(Plan::Iterate { .. }) => {
                let error = NodeError::internal("a loop cannot run under a call");
                self.end_active(number, Err(error));
            }
            Err(error) => self.end_active(number, Err(error)),
        }
    }

    fn plan(&self, number: usize) -> Result<Plan, NodeError> {
        let active = &self.active[&number];
        match &active.inner {
            Some(inner) => {
                let scope = self.scope(active.frame, Some(active.index), &inner.bindings);
                let scope = Scope { call_place: Some(&active.place), ..scope };
                inner.node.plan(&scope, &active.done)
            }
            None => {
                let node = &self.node(active.frame, active.index).node;
                node.plan(&self.scope(active.frame, Some(active.index), &[]), &active.done)
            }
        }
    }

    /// Takes back the text of earlier calls before a node makes further ones: only the text of the
    /// last ones counts.
    fn take_back(&mut self, number: usize) {
        let Some(active) = self.active.get_mut(&number) else { return };
        let node = Arc::clone(&active.node);
        for call in std::mem::take(&mut active.with_text) {
            self.emit(RunEvent::NodeReset { node: Arc::clone(&node), call });
        }
    }

    /// Hands out the calls, or ends the node if one of them is not allowed.
    fn perform(&mut self, number: usize, calls: Vec<Planned>) {
        let frame = self.active[&number].frame;
        if self.end_overdue_child(frame) {
            self.report_start(number);
            return self.drop_active(number);
        }
        let planned = calls.len();
        let calls = self.note_refused(number, calls);
        let calls = self.note_mocked(number, calls);
        if calls.is_empty() && planned > 0 {
            return self.asking.push_back(number);
        }
        let prepared = match self.refusal(number, &calls) {
            Some(error) => Err(error),
            None => self.prepare_all(number, calls),
        };
        match prepared {
            Ok(prepared) => self.launch(number, prepared),
            Err(error) => {
                self.report_start(number);
                self.end_active(number, Err(error));
            }
        }
    }

    /// A node without calls so far has not been reported as started.
    pub(super) fn report_start(&mut self, number: usize) {
        let active = &self.active[&number];
        if !active.is_inner() && active.names.is_empty() {
            self.emit_started(active.frame, active.index);
        }
    }

    /// Ends the calls that the node does not make. Returns the others.
    fn note_refused(&mut self, number: usize, calls: Vec<Planned>) -> Vec<Planned> {
        let begun_at_ms = self.begun_at_ms;
        let Some(active) = self.active.get_mut(&number) else { return calls };
        let ended_at_ms = active.done.last_ended_at_ms().unwrap_or(begun_at_ms);
        let mut others = Vec::with_capacity(calls.len());
        for planned in calls {
            match planned.work {
                // A name that it cannot have is refused with the others.
                Work::Refused(error) if active.may_name(&planned.name) => {
                    active.done.insert(planned.name, CallEnd { result: Err(error), ended_at_ms });
                }
                _ => others.push(planned),
            }
        }
        others
    }

    fn prepare_all(
        &mut self,
        number: usize,
        calls: Vec<Planned>,
    ) -> Result<Vec<Prepared>, NodeError> {
        let mut prepared = Vec::with_capacity(calls.len());
        for planned in calls {
            match self.prepare(number, planned) {
                Ok(call) => prepared.push(call),
                Err(error) => {
                    prepared.iter().for_each(|call| self.budget.release(call.kept()));
                    return Err(error);
                }
            }
        }
        Ok(prepared)
    }

    fn launch(&mut self, number: usize, calls: Vec<Prepared>) {
        if let Some(active) = self.active.get_mut(&number) {
            active.open = calls.len();
        }
        for call in calls {
            self.launch_call(number, call);
        }
    }

    /// Counts the calls, or returns why they are not allowed.
    fn refusal(&mut self, number: usize, calls: &[Planned]) -> Option<NodeError> {
        let active = &self.active[&number];
        let is_first = active.names.is_empty();
        let names: BTreeSet<&CallName> = calls.iter().map(|call| &call.name).collect();
        let is_new = |name: &CallName| active.may_name(name);
        if calls.is_empty() || names.len() < calls.len() || !names.into_iter().all(is_new) {
            return Some(NodeError::internal(
                "a node planned no call, or one of a name that it cannot have",
            ));
        }
        if calls.iter().any(|call| call.price == Price::Priced)
            && let Some(error) = self.spending_refusal(active.frame, self.usage)
        {
            return Some(error);
        }
        // The first call counts as the execution of the node that makes it.
        self.executions += calls.len() - usize::from(is_first);
        if self.executions > MAX_EXECUTIONS {
            let error = RunError::too_many_executions();
            self.end_when_idle(StopReason::Failed(error.clone()));
            let (code, message) = (error.code.into(), error.message);
            return Some(NodeError { code, message, output: None });
        }
        let root = self.root_of(number);
        let report = &mut self.active.get_mut(&root)?.report;
        report.calls += calls.len();
        (report.calls > MAX_NODE_CALLS).then(|| {
            NodeError::new("too_many_calls", format!("a node makes at most {MAX_NODE_CALLS} calls"))
        })
    }

    /// Returns the node of the graph that a call belongs to.
    pub(super) fn root_of(&self, mut number: usize) -> usize {
        while let Some(inner) = &self.active[&number].inner {
            number = inner.parent;
        }
        number
    }

    /// Takes the final result of a call.
    pub(super) fn settle_call(
        &mut self,
        open: OpenCall,
        result: CallResult,
        attempts: u32,
        ended_at_ms: i64,
    ) {
        self.budget.release(open.kept);
        let result = match result {
            CallResult::Succeeded(output) => Ok(CallOutcome::from(output)),
            CallResult::Failed(error) => Err(error),
        };
        let used = match &result {
            Ok(outcome) => outcome.used(),
            Err(error) => error.used(),
        };
        if !open.is_reused {
            self.count(open.active, open.price, used);
        }
        if open.is_pause {
            let frame = self.active[&open.active].frame;
            self.extend_deadlines(frame, ended_at_ms - open.asked_at_ms);
        }
        let root = self.root_of(open.active);
        if let Some(root) = self.active.get_mut(&root) {
            root.report.attempts = root.report.attempts.max(attempts);
        }
        if let Some(active) = self.active.get_mut(&open.active) {
            active.with_text.extend(open.has_reported_text.then_some(open.label));
        }
        self.end_call(open.active, open.name, CallEnd { result, ended_at_ms });
    }

    /// Adds what one attempt used to its node of the graph and to the run.
    pub(super) fn count(&mut self, number: usize, price: Price, used: Usage) {
        let root = self.root_of(number);
        if let Some(root) = self.active.get_mut(&root) {
            root.report.add(price, used.tokens, used.cost_nano_usd);
        }
        self.usage.add(price, used);
        let frame = self.active[&number].frame;
        self.count_in_children(frame, price, used);
    }

    pub(super) fn end_call(&mut self, number: usize, name: CallName, end: CallEnd) {
        let end = self.within_budget(number, end);
        let Some(active) = self.active.get_mut(&number) else { return };
        if let Err(error) = &end.result
            && error.code == INTERRUPTED
            && active.verdict.is_none()
        {
            // A new plan, or the model behind it, would only repeat the call.
            active.verdict = Some(Verdict::Failed(error.clone().into()));
        }
        active.done.insert(name, end);
        active.open -= 1;
        if active.open == 0 {
            self.asking.push_back(number);
        }
    }

    /// Counts the output of a call towards the budget. A call whose output exceeds it fails; a
    /// failed call loses its output.
    pub(super) fn within_budget(&mut self, number: usize, mut end: CallEnd) -> CallEnd {
        let left = match &end.result {
            Ok(outcome) => Some(&*outcome.value),
            Err(error) => error.output.as_deref(),
        };
        let kept = left.map_or(Ok(Kept::default()), |left| self.budget.keep(left));
        match (kept, &mut end.result) {
            (Ok(kept), _) => {
                if let Some(active) = self.active.get_mut(&number) {
                    active.kept += kept;
                }
            }
            (Err(error), Ok(_)) => end.result = Err(error.into()),
            (Err(_), Err(failure)) => failure.output = None,
        }
        end
    }

    /// Settles a node that has finished its calls.
    fn end_active(&mut self, number: usize, result: Result<Arc<Value>, NodeError>) {
        let Some(active) = self.active.remove(&number) else { return };
        self.budget.release(active.kept);
        let Some(Inner { parent, name, .. }) = active.inner else {
            let (frame, index, report) = (active.frame, active.index, active.report);
            return match result {
                Ok(output) => self.succeed(frame, index, output, report),
                Err(error) => self.fail(frame, index, error, report),
            };
        };
        let ended_at_ms = active.done.last_ended_at_ms().unwrap_or(self.begun_at_ms);
        let outcome = |value| CallOutcome { value, tokens: None, cost_nano_usd: None };
        let result = result.map(outcome).map_err(CallError::from);
        if let Some(parent) = self.active.get_mut(&parent) {
            parent.with_text.extend(active.with_text);
        }
        self.end_call(parent, name, CallEnd { result, ended_at_ms });
    }

    /// Carries out a plan that follows the node's calls and is not an output.
    fn end_otherwise(&mut self, number: usize, plan: Plan) {
        let Some(active) = self.active.remove(&number) else { return };
        self.budget.release(active.kept);
        self.carry_out(active.frame, active.index, plan, active.report);
    }

    /// The node ends once it has no open call left, because the run or its enclosing scope ends.
    pub(super) fn drop_once_idle(&mut self, number: usize) {
        if let Some(active) = self.active.get_mut(&number) {
            active.verdict.get_or_insert(Verdict::Dropped);
        }
    }

    /// Takes one of its calls from a node, which ends because the run or its enclosing scope ends.
    pub(super) fn drop_call(&mut self, number: usize) {
        self.drop_once_idle(number);
        if let Some(active) = self.active.get_mut(&number) {
            active.open -= 1;
            if active.open == 0 {
                self.asking.push_back(number);
            }
        }
    }

    /// Abandons a node because the run or its enclosing scope ends. A node that runs under a call
    /// takes the node of the graph with it, once that has no open call left.
    fn drop_active(&mut self, number: usize) {
        if let Some(Inner { parent, .. }) = &self.active[&number].inner {
            self.drop_once_idle(*parent);
            let error = NodeError::new("cancelled", "the run was ending");
            return self.end_active(number, Err(error));
        }
        let Some(active) = self.active.remove(&number) else { return };
        self.budget.release(active.kept);
        self.abandon(active.frame, active.index, active.report);
    }
}
