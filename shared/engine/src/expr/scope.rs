//! What a node sees when it runs.

use std::sync::Arc;

use serde_json::Value;

use super::reference::PathStep;
use super::template::{Reference, Source};
use crate::child::{ChildName, Children, MAX_CHILD_DEPTH, PlannedChild};
use crate::kind::NodeError;
use crate::run::frame::{Frames, Parent, State};
use crate::workflow::{When, Workflow};

static NULL: Value = Value::Null;

/// The input, and the outputs of other nodes.
pub struct Scope<'a> {
    pub(crate) frames: &'a Frames,
    pub(crate) children: &'a Children,
    pub(crate) frame: usize,
    /// The node that reads; `None` for what belongs to no node, such as the result of a loop.
    pub(crate) node: Option<usize>,
    /// What randomness is made of: the run's id, or that of the first run it was rerun from.
    pub(crate) seed_root: &'a str,
    pub(crate) run_id: &'a str,
    /// The call under which an inner node runs; `None` for a node of the graph.
    pub(crate) call_place: Option<&'a str>,
    pub(crate) input: &'a Arc<Value>,
    pub(crate) started_at_ms: i64,
    pub(crate) engine: u32,
    /// The values that the enclosing inner nodes are bound to, the innermost last.
    pub(crate) bindings: &'a [Arc<Value>],
}

impl<'a> Scope<'a> {
    /// Returns null for what is missing: a path that leads nowhere, a node that did not run.
    pub fn read(&self, reference: &Reference) -> &'a Value {
        let start = match reference.source {
            Source::Node { up, index } => self.output(up, index, &reference.path),
            Source::Item { up } => self.parent(up).map(|parent| &parent.item),
            Source::Index { up } => self.parent(up).map(|parent| &parent.index),
            Source::Last { up } => self.last(up),
            Source::Variable { index } => Some(self.variable(index)),
            Source::Nothing => None,
            Source::Bound { up } => self.bindings.iter().rev().nth(up).map(|value| &**value),
        };
        start.and_then(|value| follow(value, &reference.path)).unwrap_or(&NULL)
    }

    pub fn input(&self) -> &'a Value {
        self.input
    }

    pub(crate) fn input_shared(&self) -> &'a Arc<Value> {
        self.input
    }

    /// Returns the child that the run has pinned, with its checked input.
    pub(crate) fn child(&self, name: &ChildName, input: Value) -> Result<PlannedChild, NodeError> {
        let (number, workflow) = self.children.find(name)?;
        let frames = self.frames;
        let depth = frames.outward(self.frame).filter(|at| frames.get(*at).child.is_some()).count();
        if depth >= MAX_CHILD_DEPTH {
            let message = format!("workflows run at most {MAX_CHILD_DEPTH} deep in one another");
            return Err(NodeError::new("too_deep", message));
        }
        let input = workflow.accept_as_child(input)?;
        Ok(PlannedChild { number, workflow: Arc::clone(workflow), input })
    }

    pub(crate) fn children(&self) -> &'a Children {
        self.children
    }

    /// When the run started, in ms since the epoch: a node's "now".
    pub fn started_at_ms(&self) -> i64 {
        self.started_at_ms
    }

    /// The seed of a node's randomness. Made of the run and the node's place, so that it is the
    /// same when the run is computed again.
    pub(crate) fn seed(&self) -> String {
        let prefix = self.frames.prefix(self.frame);
        let node = self.node.map(|node| &self.frames.body(self.frame).nodes[node]);
        let id = node.map_or("", |node| &*node.id);
        format!("random\0{}\0{prefix}{id}", self.seed_root)
    }

    /// Names the node in this run, for ids that are the same after a crash: a rerun has others.
    pub(crate) fn key_seed(&self) -> String {
        let prefix = self.frames.prefix(self.frame);
        let node = self.node.map(|node| &self.frames.body(self.frame).nodes[node]);
        let place = self.call_place.unwrap_or_default();
        format!("{}\0{prefix}{}\0{place}", self.run_id, node.map_or("", |node| &*node.id))
    }

    /// The workflow whose nodes read: the run's own, or a child's.
    fn workflow(&self) -> &'a Workflow {
        self.frames.workflow(self.frame)
    }

    /// Returns the variable's value as the last set before the reader left it.
    pub(crate) fn variable(&self, variable: usize) -> &'a Value {
        let (mut frame, mut reader) = (self.frame, self.node);
        loop {
            if let Some(value) = self.set_in(frame, reader, variable) {
                return value;
            }
            let of_frame = self.frames.get(frame);
            // A child sees none of its caller's variables.
            let around = of_frame.parent.as_ref().filter(|_| of_frame.child.is_none());
            let Some(parent) = around else { break };
            if self.frames.body(frame).carries
                && let Some(value) =
                    self.frames.get(parent.frame).nodes[parent.node].carried(variable)
            {
                return value;
            }
            (frame, reader) = (parent.frame, Some(parent.node));
        }
        self.kept_by_session(variable).unwrap_or_else(|| self.initial_of(variable))
    }

    /// Its value before any set.
    pub(crate) fn initial_of(&self, variable: usize) -> &'a Value {
        self.workflow().variables.get(variable).map_or(&NULL, |variable| &variable.initial)
    }

    /// What the last node of the frame that has set the variable before the reader left; before the
    /// end, without a reader.
    pub(crate) fn set_in(
        &self,
        frame: usize,
        reader: Option<usize>,
        variable: usize,
    ) -> Option<&'a Value> {
        let name = &self.workflow().variables.get(variable)?.name;
        let setters = self.frames.body(frame).setters.get(&variable)?;
        let slots = &self.frames.get(frame).nodes;
        let before =
            setters.iter().filter(|setter| reader.is_none_or(|node| setter.comes_before(node)));
        before
            .filter_map(|setter| {
                let slot = &slots[setter.node];
                let output = || slot.output.as_ref().filter(|_| slot.state == State::Succeeded);
                slot.carried(variable).or_else(|| output()?.get(name))
            })
            .next()
    }

    /// What the session held when the run read it.
    fn kept_by_session(&self, variable: usize) -> Option<&'a Value> {
        let workflow = self.workflow();
        let variable = workflow.variables.get(variable).filter(|it| it.is_of_session)?;
        let read = workflow.session_read?;
        let is_root = |frame: &usize| {
            let frame = self.frames.get(*frame);
            frame.child.is_some() || frame.parent.is_none()
        };
        let root = self.frames.outward(self.frame).find(is_root)?;
        self.frames.succeeded(root, read)?.get("values")?.get(&variable.name)
    }

    /// The version of the engine's rules that the run follows: [`ENGINE`](crate::ENGINE).
    pub(crate) fn engine(&self) -> u32 {
        self.engine
    }

    /// What the call of a failed node left is only for what follows the failure: nodes behind its
    /// error edge, and the `result` of a loop that reads its error. To a node that joins both ways,
    /// the failed one left no data.
    fn output(&self, up: usize, index: usize, path: &[PathStep]) -> Option<&'a Value> {
        let (frame, reader) = self.outward(up);
        let slot = &self.frames.get(frame).nodes[index];
        let is_open = slot.state != State::Failed
            || is_error(path)
            || match reader {
                Some(reader) => self.follows_failure(frame, index, reader),
                None => self.result_follows_failure(frame, index),
            };
        slot.output.as_deref().filter(|_| is_open)
    }

    fn follows_failure(&self, frame: usize, failed: usize, reader: usize) -> bool {
        let edges = &self.frames.body(frame).nodes[failed].edges;
        edges.iter().any(|edge| edge.to == reader && edge.when == When::Error)
    }

    fn result_follows_failure(&self, frame: usize, failed: usize) -> bool {
        let node = &self.frames.body(frame).nodes[failed];
        node.result_reads_error && self.engine >= 4
    }

    fn parent(&self, up: usize) -> Option<&'a Parent> {
        self.frames.get(self.outward(up).0).parent.as_ref()
    }

    fn last(&self, up: usize) -> Option<&'a Value> {
        let parent = self.parent(up)?;
        let slot = &self.frames.get(parent.frame).nodes[parent.node];
        slot.iteration.as_ref()?.last_result()
    }

    /// Returns the frame, and the node in it that reads or contains what reads.
    fn outward(&self, up: usize) -> (usize, Option<usize>) {
        let (mut frame, mut reader) = (self.frame, self.node);
        for _ in 0..up {
            if let Some(parent) = &self.frames.get(frame).parent {
                (frame, reader) = (parent.frame, Some(parent.node));
            }
        }
        (frame, reader)
    }
}

fn is_error(path: &[PathStep]) -> bool {
    matches!(path.first(), Some(PathStep::Field(name)) if matches!(name.as_str(), "error" | "code"))
}

pub(crate) fn follow<'v>(value: &'v Value, path: &[PathStep]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, step| match step {
        PathStep::Field(name) => value.as_object()?.get(name),
        PathStep::Item(index) => value.as_array()?.get(*index),
    })
}
