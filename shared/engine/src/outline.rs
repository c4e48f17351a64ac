//! The outline of a document: its nodes, and what leads from one to another. For those who show a
//! workflow: drawn up from what the compiler has read, so that both always agree.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::compile::outline::objects_by_id;
use crate::document::Document;
use crate::workflow::CompileOptions;

/// Of all text in an outline, as JSON. What is beyond it is left out.
pub const MAX_BYTES: usize = 1 << 20;
/// Edges from node to node; several references may follow one of them.
pub const MAX_EDGES: usize = 8_000;
/// In characters: of a description, of a branch, and of an output's value.
pub const MAX_DESCRIPTION: usize = 500;
pub const MAX_LABEL: usize = 100;
pub const MAX_VALUE: usize = 200;
/// Larger defaults are left out.
pub const MAX_DEFAULT_BYTES: usize = 1_000;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outline {
    /// In the order of the document, a container before what it holds.
    pub nodes: Vec<OutlineNode>,
    pub edges: Vec<OutlineEdge>,
    /// Of the `input` section.
    pub inputs: Vec<OutlineInput>,
    /// Of the `output` section.
    pub outputs: Vec<OutlineOutput>,
    /// Ids of nodes that the document lacks, and that the one it was compared with has.
    pub removed: Vec<String>,
    /// It would have been larger than [`MAX_BYTES`], or have had more than [`MAX_EDGES`].
    pub truncated: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct OutlineNode {
    /// JSON pointer into the document.
    pub path: String,
    /// Counted from 1.
    pub line: u32,
    pub last_line: u32,
    /// Empty if the author has given none, or none that is valid.
    pub id: String,
    pub name: Option<String>,
    /// As written.
    pub kind: String,
    /// The id of the container.
    pub parent: Option<String>,
    /// What the node is about: a model, an address, a condition.
    pub touches: Option<String>,
    pub branches: Vec<String>,
    pub tools: Vec<OutlineTool>,
    /// `None` if the node is the same, or was compared with nothing.
    pub change: Option<Change>,
}

/// An entry of an agent's `tools`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlineTool {
    /// Of a workflow without a name: its id; of a server: its address.
    pub name: String,
    /// The field that makes it one: `http`, `fetch`, `code`, `python`, `workflow` or `mcp`.
    pub kind: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Added,
    Changed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlineEdge {
    /// The id of a node; `api` is the input.
    pub from: String,
    /// The id of a node; `output` is the output section.
    pub to: String,
    /// The branch of a condition or router, or `error`.
    pub branch: Option<String>,
    /// JSON pointer to the field with the reference; `None` for `after`.
    pub field: Option<String>,
    /// What is read: `data.body`; `None` for the whole, and for `after`.
    pub reference: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct OutlineInput {
    pub path: String,
    pub name: String,
    pub input_type: &'static str,
    pub required: bool,
    pub default: Option<Value>,
    pub description: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlineOutput {
    pub path: String,
    pub name: String,
    /// As written.
    pub value: String,
    /// The ids of the nodes that it reads; `api` is the input.
    pub sources: Vec<String>,
}

impl Change {
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
        }
    }
}

impl Outline {
    /// Notes what is new or different in each node of `document`, which this outline is of, and
    /// which nodes of `before` are gone. Compares values, whatever their order and layout in the
    /// text.
    pub fn compare(&mut self, document: &Document, before: &Document, options: &CompileOptions) {
        let (now, then) = (objects_by_id(document, options), objects_by_id(before, options));
        for node in &mut self.nodes {
            node.change = match (now.get(&*node.id), then.get(&*node.id)) {
                (_, None) => Some(Change::Added),
                (Some(now), Some(then)) if now.is_same_as(then) => None,
                _ => Some(Change::Changed),
            };
        }
        self.removed = removed(&now, &then);
    }
}

/// A node as written, and the container that it is in.
pub(crate) struct Written<'d> {
    pub object: &'d Map<String, Value>,
    pub parent: Option<&'d str>,
    pub is_container: bool,
    /// Its place in the document, to list nodes in order.
    pub at: usize,
}

impl Written<'_> {
    /// The nodes that a container holds are compared by themselves.
    fn is_same_as(&self, other: &Self) -> bool {
        if !(self.is_container && other.is_container) {
            return self.parent == other.parent && self.object == other.object;
        }
        let own = |written: &Self| {
            let fields = written.object.iter().filter(|(name, _)| *name != "nodes");
            fields.map(|(name, value)| (name.clone(), value)).collect::<HashMap<_, _>>()
        };
        self.parent == other.parent && own(self) == own(other)
    }
}

fn removed(now: &HashMap<&str, Written<'_>>, then: &HashMap<&str, Written<'_>>) -> Vec<String> {
    let mut removed: Vec<_> = then.iter().filter(|(id, _)| !now.contains_key(**id)).collect();
    removed.sort_by_key(|(_, written)| written.at);
    removed.into_iter().map(|(id, _)| (*id).to_owned()).collect()
}

#[cfg(test)]
mod tests;
