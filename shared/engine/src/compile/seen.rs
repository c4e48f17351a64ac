//! What the compiler notes for the outline of a document: which node reads what of which other, in
//! which field.

use std::collections::{BTreeMap, HashMap};

use super::Compiler;
use super::edges::{self, Links};
use super::fields::Fields;
use crate::expr::reference::{PathStep, push_step};
use crate::field::Secrets;
use crate::kind::touches::clipped;
use crate::kind::{Node, node_fields};
use crate::outline::{MAX_EDGES, MAX_LABEL, OutlineTool};

/// A node by body and index.
type Place = (usize, usize);

/// What is deeper is shown as a reference of the field around it.
const MAX_POINTER: usize = 256;
/// Of one node to one other.
const MAX_REFERENCES: usize = 200;

#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The node whose fields are read now.
    pub reader: Option<Place>,
    pub reads: BTreeMap<Pair, Vec<Read>>,
    count: usize,
    pub branches: HashMap<Place, Vec<String>>,
    pub tools: HashMap<Place, Vec<OutlineTool>>,
    pub truncated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair {
    pub reader: Place,
    pub source: Place,
    /// It reads the error of the source.
    pub error: bool,
}

/// One reference, in one field.
#[derive(Debug)]
pub(super) struct Read {
    pub field: String,
    pub reference: String,
}

impl Seen {
    pub(super) fn note(&mut self, source: Place, path: &[PathStep], error: bool, field: &str) {
        let Some(reader) = self.reader else { return };
        let pair = Pair { reader, source, error };
        if self.count >= MAX_EDGES {
            self.truncated = true;
            return;
        }
        let reads = self.reads.entry(pair).or_default();
        let (field, reference) = (shallow(field), written(path));
        if reads.iter().any(|read| read.reference == reference && read.field == field) {
            return;
        }
        if reads.len() >= MAX_REFERENCES {
            self.truncated = true;
            return;
        }
        reads.push(Read { field: field.to_owned(), reference });
        self.count += 1;
    }

    pub(super) fn note_node(&mut self, place: Place, node: &dyn Node) {
        let branches = node.branches();
        if !branches.is_empty() {
            let labels = branches.into_iter().map(|branch| clipped(branch, MAX_LABEL));
            self.branches.insert(place, labels.collect());
        }
    }

    /// Notes an entry of the `tools` of the node that is read.
    pub(super) fn note_tool(&mut self, name: &str, kind: &'static str) {
        let Some(reader) = self.reader else { return };
        let name = clipped(name, MAX_LABEL);
        self.tools.entry(reader).or_default().push(OutlineTool { name, kind });
    }
}

impl Compiler<'_> {
    pub(super) fn note_tool(&mut self, name: &str, kind: &'static str) {
        if let Some(seen) = &mut self.seen {
            seen.note_tool(name, kind);
        }
    }

    /// Notes what a node of unknown kind reads. That its kind is unknown is problem enough.
    pub(super) fn see_unknown(&mut self, body: usize, index: usize, links: &mut Links) {
        let Some(seen) = &mut self.seen else { return };
        seen.reader = Some((body, index));
        let node = &self.outline.bodies[body].nodes[index];
        let (object, path, problems) = (node.object, node.path.clone(), self.problems.len());
        let tables = [node_fields::FIELDS, &[]];
        let after = edges::read_after(&mut Fields::new(self, object, path.clone(), body, tables));
        links.add(body, index, after, &[]);
        self.object_template(object, &path, body, Secrets::Allowed);
        self.problems.truncate(problems);
    }

    /// Notes what the results of containers read, where other nodes cannot be compiled.
    pub(super) fn see_results(&mut self) {
        if self.seen.is_none() {
            return;
        }
        let problems = self.problems.len();
        for body in 0..self.outline.bodies.len() {
            self.result(body);
        }
        self.problems.truncate(problems);
    }
}

/// The pointer, or that of the nearest ancestor that is not too long.
fn shallow(mut pointer: &str) -> &str {
    while pointer.len() > MAX_POINTER {
        pointer = pointer.rsplit_once('/').map_or("", |(outer, _)| outer);
    }
    pointer
}

/// The path as authors write it behind a node's name, without the first dot.
fn written(path: &[PathStep]) -> String {
    let mut text = String::new();
    path.iter().for_each(|step| push_step(&mut text, step));
    text.strip_prefix('.').map_or(text.clone(), str::to_owned)
}
