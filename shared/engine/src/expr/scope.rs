//! What a node sees when it runs.

use std::sync::Arc;

use serde_json::Value;

use super::reference::PathStep;
use super::template::{Reference, Source};
use crate::run::frame::{Frame, Frames};

static NULL: Value = Value::Null;

/// The input, and the outputs of other nodes.
pub struct Scope<'a> {
    pub(crate) frames: &'a Frames,
    pub(crate) frame: usize,
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
            Source::Node { up, index } => self.outward(up).nodes[index].output.as_deref(),
            Source::Item { up } => self.outward(up).parent.as_ref().map(|parent| &parent.item),
            Source::Index { up } => self.outward(up).parent.as_ref().map(|parent| &parent.index),
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

    /// When the run started, in ms since the epoch: a node's "now".
    pub fn started_at_ms(&self) -> i64 {
        self.started_at_ms
    }

    /// The version of the engine's rules that the run follows: [`ENGINE`](crate::ENGINE).
    pub(crate) fn engine(&self) -> u32 {
        self.engine
    }

    fn outward(&self, up: usize) -> &'a Frame {
        let mut frame = self.frames.get(self.frame);
        for _ in 0..up {
            if let Some(parent) = &frame.parent {
                frame = self.frames.get(parent.frame);
            }
        }
        frame
    }
}

fn follow<'v>(value: &'v Value, path: &[PathStep]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, step| match step {
        PathStep::Field(name) => value.as_object()?.get(name),
        PathStep::Item(index) => value.as_array()?.get(*index),
    })
}
