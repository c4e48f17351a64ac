//! Draws up the outline of a document from what the compiler has noted.

use std::collections::HashMap;
use std::io::{self, Write};

use serde_json::Value;

use super::Compiler;
use super::edges::Links;
use super::outline::NodeOutline;
use super::seen::{Pair, Read, Seen};
use crate::document::Place as TextPlace;
use crate::expr::reference::normalise;
use crate::json::push_segment;
use crate::kind::Role;
use crate::kind::touches::clipped;
pub(crate) use crate::outline::Outline;
use crate::outline::{
    MAX_BYTES, MAX_DEFAULT_BYTES, MAX_DESCRIPTION, MAX_EDGES, MAX_LABEL, MAX_VALUE, OutlineEdge,
    OutlineInput, OutlineNode, OutlineOutput,
};
use crate::workflow::Workflow;

/// A node by body and index.
type Place = (usize, usize);

const OUTPUT: &str = "/output";

pub(super) fn draw(compiler: &Compiler<'_>, workflow: &Workflow, links: &Links) -> Outline {
    let Some(seen) = &compiler.seen else { return Outline::default() };
    let outline = Outline { truncated: seen.truncated, ..Outline::default() };
    let mut drawing = Drawing { compiler, seen, outline, room: MAX_BYTES };
    drawing.body(0, None);
    drawing.inputs(workflow);
    drawing.outputs();
    drawing.edges(links);
    drawing.outline
}

struct Drawing<'c, 'd> {
    compiler: &'c Compiler<'d>,
    seen: &'c Seen,
    outline: Outline,
    /// How much more text there may be.
    room: usize,
}

impl<'d> Drawing<'_, 'd> {
    /// Returns whether there is room for these texts, and takes it.
    fn takes<'t>(&mut self, texts: impl IntoIterator<Item = &'t str>) -> bool {
        const NAMES_OF_FIELDS: usize = 100;
        let taken = NAMES_OF_FIELDS + texts.into_iter().map(length).sum::<usize>();
        let has_room = taken <= self.room;
        self.room = self.room.saturating_sub(taken);
        self.outline.truncated |= !has_room;
        has_room
    }

    fn node_at(&self, (body, index): Place) -> &NodeOutline<'d> {
        &self.compiler.outline.bodies[body].nodes[index]
    }

    fn body(&mut self, body: usize, parent: Option<&str>) {
        let compiler = self.compiler;
        for (index, node) in compiler.outline.bodies[body].nodes.iter().enumerate() {
            if !node.is_of_list() {
                continue;
            }
            let drawn = self.node((body, index), parent);
            let branches = drawn.branches.iter().map(String::as_str);
            let tools = drawn.tools.iter().map(|tool| &*tool.name);
            let texts = [&drawn.path, &drawn.id, &drawn.kind].into_iter().map(String::as_str);
            let more = [drawn.name.as_deref(), drawn.touches.as_deref(), parent];
            if self.takes(texts.chain(more.into_iter().flatten()).chain(branches).chain(tools)) {
                self.outline.nodes.push(drawn);
            }
            if let Some(inner) = node.inner {
                self.body(inner, Some(node.id));
            }
        }
    }

    fn node(&self, place: Place, parent: Option<&str>) -> OutlineNode {
        let node = self.node_at(place);
        let at = self.compiler.document.place(&node.path);
        let at = at.unwrap_or(TextPlace { line: 1, column: 1, last_line: 1 });
        let written = node.object.get("type").and_then(Value::as_str).unwrap_or_default();
        OutlineNode {
            path: node.path.clone(),
            line: at.line,
            last_line: at.last_line,
            id: node.id.to_owned(),
            name: node.name.map(|name| clipped(name, MAX_LABEL)),
            kind: clipped(written, MAX_LABEL),
            parent: parent.map(str::to_owned),
            touches: node.kind.as_ref().and_then(|kind| kind.touches.read(node.object)),
            branches: self.seen.branches.get(&place).cloned().unwrap_or_default(),
            tools: self.seen.tools.get(&place).cloned().unwrap_or_default(),
            change: None,
        }
    }

    fn inputs(&mut self, workflow: &Workflow) {
        let written = self.compiler.document.root().get("input").and_then(Value::as_array);
        let entries = written.into_iter().flatten().enumerate();
        let objects = entries.filter(|(_, entry)| entry.is_object());
        for ((at, _), field) in objects.zip(workflow.input_fields()) {
            let default = field.default.as_ref();
            let small = default
                .filter(|value| as_json(value, MAX_DEFAULT_BYTES + 1).len() <= MAX_DEFAULT_BYTES);
            let description = Some(clipped(&field.description, MAX_DESCRIPTION));
            let input = OutlineInput {
                path: format!("/input/{at}"),
                name: clipped(&field.name, MAX_LABEL),
                input_type: field.kind.name(),
                required: default.is_none(),
                default: small.cloned(),
                description: description.filter(|text| !text.is_empty()),
            };
            if self.takes([&*input.name, input.description.as_deref().unwrap_or_default()]) {
                self.outline.inputs.push(input);
            }
        }
    }

    fn outputs(&mut self) {
        let compiler = self.compiler;
        let section = compiler.outline.bodies[0].nodes.iter().position(|node| node.path == OUTPUT);
        let Some(section) = section else { return };
        let mut sources = self.sources((0, section));
        for (name, value) in compiler.outline.bodies[0].nodes[section].object {
            let mut path = OUTPUT.to_owned();
            push_segment(&mut path, name);
            let written = match value {
                Value::String(text) => clipped(text, MAX_VALUE),
                other => clipped(&as_json(other, MAX_VALUE * 4), MAX_VALUE),
            };
            let sources = sources.remove(&*path).unwrap_or_default();
            let output = OutlineOutput { path, name: name.clone(), value: written, sources };
            let texts = [&output.path, &output.name, &output.value].into_iter();
            if !self.takes(texts.chain(&output.sources).map(String::as_str)) {
                return;
            }
            self.outline.outputs.push(output);
        }
    }

    /// The ids of the nodes that each field of the output section reads, by the field's place.
    fn sources(&self, section: Place) -> HashMap<String, Vec<String>> {
        let mut sources: HashMap<String, Vec<String>> = HashMap::new();
        for (pair, reads) in self.reads_of(section) {
            let id = self.node_at(pair.source).id;
            for read in reads {
                let Some(inside) = read.field.strip_prefix(OUTPUT) else { continue };
                let name = inside.split('/').nth(1).unwrap_or_default();
                let of_field = sources.entry(format!("{OUTPUT}/{name}")).or_default();
                // The reads of one node follow one another.
                if of_field.last().is_none_or(|last| last != id) {
                    of_field.push(id.to_owned());
                }
            }
        }
        sources
    }

    fn reads_of(&self, reader: Place) -> impl Iterator<Item = (&Pair, &Vec<Read>)> {
        let first = Pair { reader, source: (0, 0), error: false };
        self.seen.reads.range(first..).take_while(move |(pair, _)| pair.reader == reader)
    }

    fn edges(&mut self, links: &Links) {
        let bodies = &self.compiler.outline.bodies;
        let nodes = bodies.iter().enumerate().flat_map(|(body, outline)| {
            outline.nodes.iter().enumerate().map(move |(index, node)| ((body, index), node))
        });
        for (place, _) in nodes.filter(|(_, node)| is_shown(node)) {
            for edge in self.edges_to(place, links) {
                let texts = [&edge.branch, &edge.field, &edge.reference].into_iter();
                let texts = texts.filter_map(|text| text.as_deref());
                if self.outline.edges.len() == MAX_EDGES
                    || !self.takes(texts.chain([&*edge.from, &*edge.to]))
                {
                    self.outline.truncated = true;
                    return;
                }
                self.outline.edges.push(edge);
            }
        }
    }

    fn edges_to(&self, place: Place, links: &Links) -> Vec<OutlineEdge> {
        let to = self.node_at(place).id;
        let after = links.after(place).filter_map(|text| self.after(place, text));
        let mut edges: Vec<OutlineEdge> = Vec::new();
        for (from, branch) in after {
            let (from, to) = (from.to_owned(), to.to_owned());
            let edge = OutlineEdge { from, to, branch, field: None, reference: None };
            if !edges.contains(&edge) {
                edges.push(edge);
            }
        }
        for (pair, reads) in self.reads_of(place) {
            let source = self.node_at(pair.source);
            let is_continued = source.object.get("on_error").is_some_and(|on| on == "continue");
            let branch = (pair.error && !is_continued).then(|| "error".to_owned());
            edges.extend(reads.iter().map(|read| OutlineEdge {
                from: source.id.to_owned(),
                to: to.to_owned(),
                branch: branch.clone(),
                field: Some(read.field.clone()),
                reference: Some(read.reference.clone()).filter(|path| !path.is_empty()),
            }));
        }
        edges.retain(|edge| !edge.from.is_empty() && !edge.to.is_empty());
        edges
    }

    /// Returns the node and the branch that `after` names, if the node is beside the one that
    /// waits.
    fn after(&self, place: Place, text: &str) -> Option<(&'d str, Option<String>)> {
        let (name, branch) =
            text.split_once('.').map_or((text, None), |(name, branch)| (name, Some(branch)));
        let from = *self.compiler.outline.names.get(&normalise(name))?;
        let is_beside = from.0 == place.0 && from != place;
        let source = self.node_at(from);
        let is_shown = is_beside && is_shown(source);
        is_shown.then(|| (source.id, branch.map(|branch| clipped(branch, MAX_LABEL))))
    }
}

/// Whether edges lead from or to the node: the section of variables is none to those who look.
fn is_shown(node: &NodeOutline<'_>) -> bool {
    node.is_of_list() || node.path == OUTPUT || node.role() == Role::Input
}

/// How long a text is as JSON.
fn length(text: &str) -> usize {
    let escaped = text.bytes().filter(|byte| matches!(byte, 0..0x20 | b'"' | b'\\')).count();
    text.len() + 5 * escaped
}

/// The beginning of a value as JSON.
fn as_json(value: &Value, max_bytes: usize) -> String {
    let mut beginning = Beginning { bytes: Vec::new(), max_bytes };
    // It ends early, with an error, where the value is longer.
    let _ = serde_json::to_writer(&mut beginning, value);
    String::from_utf8_lossy(&beginning.bytes).into_owned()
}

struct Beginning {
    bytes: Vec<u8>,
    max_bytes: usize,
}

impl Write for Beginning {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.max_bytes - self.bytes.len();
        if room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = bytes.len().min(room);
        self.bytes.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
