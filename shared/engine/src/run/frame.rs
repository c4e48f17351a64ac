//! The state of nodes: one frame for the run, and one per iteration in progress.

use std::sync::Arc;

use serde_json::Value;

use super::budget::Kept;
use super::child::ChildScope;
use super::iterate::Iteration;
use crate::workflow::{Body, Workflow};

/// The frame of the workflow itself; it outlives the run.
pub(crate) const ROOT: usize = 0;

#[derive(Debug)]
pub(crate) struct Frame {
    /// `None` for the root.
    pub parent: Option<Parent>,
    /// The workflow whose nodes run here, and the list of nodes in it.
    pub workflow: Arc<Workflow>,
    pub body: usize,
    /// Set if these are a child's own nodes, outside of its loops.
    pub child: Option<Box<ChildScope>>,
    pub nodes: Vec<Slot>,
    /// Nodes that have not settled yet.
    pub remaining: usize,
    /// Busy nodes: a call is open, or iterations are in progress.
    pub busy: usize,
    /// Nothing new starts here.
    pub stopped: bool,
    /// What its nodes keep; released when the frame ends.
    pub kept: Kept,
}

#[derive(Debug)]
pub(crate) struct Parent {
    pub frame: usize,
    /// The loop or parallel this is an iteration of, or the node that called the child.
    pub node: usize,
    pub item: Value,
    pub index: Value,
    /// `outer[2]/`: the prefix of the names of the frame's nodes.
    pub prefix: String,
    pub position: usize,
}

#[derive(Debug)]
pub(crate) struct Slot {
    pub state: State,
    pub waits_for: u32,
    pub live: u32,
    /// The node's output; after a failure `{error, code}`.
    pub output: Option<Arc<Value>>,
    pub iteration: Option<Box<Iteration>>,
    /// What the iterations of a loop have set so far.
    pub carried: Vec<Carried>,
}

/// A variable's value, as an iteration left it.
#[derive(Debug)]
pub(crate) struct Carried {
    pub variable: usize,
    pub value: Value,
    pub kept: Kept,
}

impl Slot {
    pub(crate) fn carried(&self, variable: usize) -> Option<&Value> {
        let carried = &self.carried;
        carried.iter().find(|carried| carried.variable == variable).map(|carried| &carried.value)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Waiting,
    Busy,
    Succeeded,
    Failed,
    Skipped,
}

impl Frame {
    pub(crate) fn new(workflow: &Arc<Workflow>, body: usize, parent: Option<Parent>) -> Self {
        let slot = |waits_for| Slot {
            state: State::Waiting,
            waits_for,
            live: 0,
            output: None,
            iteration: None,
            carried: Vec::new(),
        };
        let nodes = &workflow.bodies[body].nodes;
        Self {
            parent,
            workflow: Arc::clone(workflow),
            body,
            child: None,
            nodes: nodes.iter().map(|node| slot(node.waits_for)).collect(),
            remaining: nodes.iter().filter(|node| !node.is_remark()).count(),
            busy: 0,
            stopped: false,
            kept: Kept::default(),
        }
    }
}

/// Frames by number. The numbers of ended frames are reused.
#[derive(Debug)]
pub(crate) struct Frames {
    /// Boxed, since an iteration moves its frame in and out.
    frames: Vec<Option<Box<Frame>>>,
    free: Vec<usize>,
}

impl Frames {
    pub(crate) fn new(root: Frame) -> Self {
        Self { frames: vec![Some(Box::new(root))], free: Vec::new() }
    }

    pub(crate) fn add(&mut self, frame: Frame) -> usize {
        match self.free.pop() {
            Some(number) => {
                self.frames[number] = Some(Box::new(frame));
                number
            }
            None => {
                self.frames.push(Some(Box::new(frame)));
                self.frames.len() - 1
            }
        }
    }

    pub(crate) fn remove(&mut self, number: usize) -> Option<Box<Frame>> {
        let frame = self.frames[number].take();
        self.free.push(number);
        frame
    }

    pub(crate) fn get(&self, number: usize) -> &Frame {
        self.frames[number].as_ref().expect("frames are asked for only while they are under way")
    }

    pub(crate) fn get_mut(&mut self, number: usize) -> &mut Frame {
        self.frames[number].as_mut().expect("frames are asked for only while they are under way")
    }

    pub(crate) fn is_under_way(&self, number: usize) -> bool {
        self.frames[number].is_some()
    }

    /// The numbers of all frames, in order.
    pub(crate) fn numbers(&self) -> Vec<usize> {
        (0..self.frames.len()).filter(|number| self.frames[*number].is_some()).collect()
    }

    pub(crate) fn slot(&mut self, frame: usize, node: usize) -> &mut Slot {
        &mut self.get_mut(frame).nodes[node]
    }

    pub(crate) fn workflow(&self, frame: usize) -> &Arc<Workflow> {
        &self.get(frame).workflow
    }

    pub(crate) fn body(&self, frame: usize) -> &Body {
        let frame = self.get(frame);
        &frame.workflow.bodies[frame.body]
    }

    /// The frame, then those around it.
    pub(crate) fn outward(&self, frame: usize) -> impl Iterator<Item = usize> {
        let outer = |frame: &usize| self.get(*frame).parent.as_ref().map(|parent| parent.frame);
        std::iter::successors(Some(frame), outer)
    }

    pub(crate) fn succeeded(&self, frame: usize, node: usize) -> Option<&Value> {
        let slot = &self.get(frame).nodes[node];
        slot.output.as_deref().filter(|_| slot.state == State::Succeeded)
    }

    pub(crate) fn prefix(&self, frame: usize) -> &str {
        self.get(frame).parent.as_ref().map_or("", |parent| &parent.prefix)
    }

    /// Returns whether `frame` is inside an iteration of the given node, or in a child of it.
    pub(crate) fn is_inside(&self, mut frame: usize, container: (usize, usize)) -> bool {
        while let Some(parent) = &self.get(frame).parent {
            if (parent.frame, parent.node) == container {
                return true;
            }
            frame = parent.frame;
        }
        false
    }
}
