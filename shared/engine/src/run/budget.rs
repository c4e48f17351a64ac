//! What a run keeps in memory: counted before it is kept, and bounded.

use std::ops::AddAssign;

use serde_json::Value;

use super::frame::Frame;
use crate::kind::NodeError;
use crate::weight::Weight;

/// The most that a run keeps at one time: its input, its nodes' outputs, the inputs of open calls,
/// and its iterations.
pub(crate) const MAX_RUN_BYTES: usize = 64 << 20;
/// No value is larger than this as compact JSON.
pub(crate) const MAX_VALUE_BYTES: usize = 4 << 20;
/// Nor does it take more memory than this. A list of small numbers takes 40 times its JSON.
const MAX_VALUE_MEMORY: usize = 32 << 20;
/// While a call is open, its input exists as its action, as what was hashed, and as what is sent.
const COPIES_OF_OPEN_CALL: usize = 3;
const SLOT_BYTES: usize = 96;
const FRAME_BYTES: usize = 512;

/// Refuses a value, or the sum of a node's fields, that is too large.
pub(crate) fn within_budget(weight: Weight) -> Result<(), NodeError> {
    if weight.json > MAX_VALUE_BYTES || weight.memory > MAX_VALUE_MEMORY {
        return Err(NodeError::value_too_large());
    }
    Ok(())
}

/// Bytes of a value that the budget of its run has let in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Kept(usize);

impl AddAssign for Kept {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

#[derive(Debug)]
pub(super) struct Budget {
    kept: usize,
    /// Runs of earlier rules counted the JSON of outputs, and nothing else.
    counts_memory: bool,
}

impl Budget {
    pub(super) fn new(engine: u32, input: &Value) -> Self {
        let counts_memory = engine >= 2;
        let kept = if counts_memory { Weight::of(input).memory } else { 0 };
        Self { kept, counts_memory }
    }

    pub(super) fn kept(&self) -> usize {
        self.kept
    }

    /// Keeps a value.
    pub(super) fn keep(&mut self, value: &Value) -> Result<Kept, NodeError> {
        self.keep_weighed(Weight::of(value))
    }

    pub(super) fn keep_weighed(&mut self, weight: Weight) -> Result<Kept, NodeError> {
        within_budget(weight)?;
        self.take(if self.counts_memory { weight.memory } else { weight.json })
    }

    /// Keeps the items of a loop.
    pub(super) fn keep_items(&mut self, items: &[Value]) -> Result<Kept, NodeError> {
        let weight: Weight = items.iter().map(Weight::of).sum();
        if self.counts_memory {
            return self.take(weight.memory);
        }
        self.kept += weight.json;
        Ok(Kept(weight.json))
    }

    /// Keeps the input of a call until it has ended.
    pub(super) fn keep_call(&mut self, input: &Value) -> Result<Kept, NodeError> {
        let weight = Weight::of(input);
        within_budget(weight)?;
        self.take(if self.counts_memory { COPIES_OF_OPEN_CALL * weight.memory } else { 0 })
    }

    pub(super) fn keep_frame(&mut self, frame: &Frame) -> Result<Kept, NodeError> {
        let item = frame
            .parent
            .as_ref()
            .map_or(0, |parent| Weight::of(&parent.item).memory + parent.prefix.len());
        let bytes = FRAME_BYTES + frame.nodes.len() * SLOT_BYTES + item;
        self.take(if self.counts_memory { bytes } else { 0 })
    }

    fn take(&mut self, bytes: usize) -> Result<Kept, NodeError> {
        if self.kept + bytes > MAX_RUN_BYTES {
            return Err(NodeError::run_too_large());
        }
        self.kept += bytes;
        Ok(Kept(bytes))
    }

    pub(super) fn release(&mut self, Kept(bytes): Kept) {
        self.kept -= bytes;
    }
}
