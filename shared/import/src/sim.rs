//! Sim: blocks whose settings are `subBlocks`, edges between them, loops and parallels.

mod block;
mod leaves;
mod references;
mod trigger;
mod kinds;
mod agent;
mod tools;
mod branches;
mod containers;
mod http;
mod vendors;
mod json_text;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use crate::draft::{Branch, Draft, Node};
use crate::json::{fields, filled, items, text};
use crate::reach::Graph;
use crate::stub::stub;
use crate::text::Text;
use crate::{Importing, Root};
use block::{Block, read_blocks};
use flowgate_engine::expr::reference::normalise;
use leaves::Leaves;
use trigger::Input;

/// An export (`{version, state}`), a bare state, or the YAML of earlier versions.
pub(crate) fn is_sim(root: &Value) -> bool {
    let blocks = state(root).0.get("blocks").and_then(Value::as_object);
    let is_block = |block: &Value| {
        block.get("type").is_some_and(Value::is_string)
            && ["subBlocks", "inputs", "name"].iter().any(|field| block.get(*field).is_some())
    };
    blocks.is_some_and(|blocks| !blocks.is_empty() && blocks.values().any(is_block))
}

fn state(root: &Value) -> (&Value, &'static str) {
    match root.get("state") {
        Some(state) if state.get("blocks").is_some() => (state, "/state"),
        _ => (root, ""),
    }
}

pub(crate) fn read(root: &Root<'_>, importing: &mut Importing<'_>) {
    let (state, below) = state(root.value);
    let path = format!("{}{below}", root.path);
    let version = text(root.value.get("version"));
    if !matches!(version.split('.').next(), Some("" | "0" | "1" | "2" | "3")) {
        importing.problem(&root.path, format!("version `{version}` of the format is not known"));
    }
    let blocks = fields(state.get("blocks"));
    let lines = items(state.get("edges")).len();
    if !importing.is_small_enough(&path, blocks.len(), lines) {
        return;
    }
    let blocks = read_blocks(blocks, &path, importing);
    let edges = read_edges(state, &blocks, &path, importing);
    let mut flow = Flow::new(draft(root, state, importing), state, &blocks, edges);
    flow.run();
    importing.add(flow.draft);
}

fn draft(root: &Root<'_>, state: &Value, importing: &Importing<'_>) -> Draft {
    let own = fields(root.value.get("workflow"));
    let metadata = fields(state.get("metadata"));
    let named = [own.get("name"), metadata.get("name"), root.value.get("name")];
    let name = named.into_iter().find_map(filled).map(str::to_owned);
    let name = name.or_else(|| importing.options.name.clone());
    let mut draft = Draft::new(&text(own.get("id")), name.as_deref().unwrap_or("Sim"), &root.path);
    let described = [own.get("description"), metadata.get("description")];
    let said = described.into_iter().find_map(filled).filter(|text| *text != "New workflow");
    draft.description = said.unwrap_or_default().to_owned();
    draft
}

/// An edge, by the places of its blocks.
struct Edge<'a> {
    from: usize,
    to: usize,
    handle: &'a str,
}

/// Reports edges from and to nowhere.
fn read_edges<'a>(
    state: &'a Value,
    blocks: &[Block<'a>],
    path: &str,
    importing: &mut Importing<'_>,
) -> Vec<Edge<'a>> {
    let place: HashMap<&str, usize> =
        blocks.iter().enumerate().map(|(at, block)| (block.id, at)).collect();
    let mut edges = Vec::new();
    let mut add = |path: String, from: &str, to: &str, handle: &'a str| match (
        place.get(from),
        place.get(to),
    ) {
        (Some(&from), Some(&to)) => edges.push(Edge { from, to, handle }),
        (None, _) => importing.problem(&path, format!("no block has the id `{from}`")),
        _ => importing.problem(&path, format!("no block has the id `{to}`")),
    };
    for (index, edge) in items(state.get("edges")).iter().enumerate() {
        let handle = filled(edge.get("sourceHandle")).unwrap_or("source");
        let (from, to) = (text(edge.get("source")), text(edge.get("target")));
        add(format!("{path}/edges/{index}"), &from, &to, handle);
    }
    for block in blocks {
        for (handle, targets) in fields(block.fields.get("connections")) {
            let one = std::slice::from_ref(targets);
            for target in targets.as_array().map_or(one, Vec::as_slice) {
                let handle = if handle == "success" { "source" } else { handle.as_str() };
                add(
                    format!("{}/connections", block.origin.path),
                    block.id,
                    &text(Some(target)),
                    handle,
                );
            }
        }
    }
    edges
}

struct Flow<'s, 'a> {
    draft: Draft,
    blocks: &'s [Block<'a>],
    edges: Vec<Edge<'a>>,
    /// Edges by handles that their blocks do not have.
    lost: Vec<Edge<'a>>,
    /// Whether a run comes to each block.
    runs: Vec<bool>,
    /// Blocks by the names that references use.
    by_name: HashMap<String, usize>,
    leaves: Vec<Leaves>,
    /// What the file says of loops and parallels, by their ids.
    subflows: HashMap<&'a str, &'a Map<String, Value>>,
    /// Names of variables, by how references write them.
    variables: HashMap<String, String>,
    input: Input,
    /// What the edges to a block lead to, where that is not the node of its id: a condition has a
    /// function before it.
    entrances: HashMap<usize, String>,
    /// Names of branches, by block and handle.
    branches: HashMap<(usize, String), String>,
}

impl<'s, 'a> Flow<'s, 'a> {
    fn new(draft: Draft, state: &'a Value, blocks: &'s [Block<'a>], edges: Vec<Edge<'a>>) -> Self {
        let mut by_name = HashMap::new();
        for (at, block) in blocks.iter().enumerate() {
            by_name.entry(normalise(&block.origin.name)).or_insert(at);
        }
        let subflows = ["loops", "parallels"].into_iter().flat_map(|of| fields(state.get(of)));
        let handles: Vec<_> = blocks.iter().map(branches::handles).collect();
        let is_known = |edge: &Edge<'_>| {
            let known = handles[edge.from].as_ref();
            edge.handle == "error" || known.is_none_or(|known| known.contains(edge.handle))
        };
        let (edges, lost): (Vec<_>, Vec<_>) = edges.into_iter().partition(is_known);
        let mut flow = Self {
            draft,
            blocks,
            runs: reached(blocks, &edges),
            edges,
            lost,
            by_name,
            leaves: blocks.iter().map(Leaves::of).collect(),
            subflows: subflows.map(|(id, flow)| (id.as_str(), fields(Some(flow)))).collect(),
            variables: HashMap::new(),
            input: Input::default(),
            entrances: HashMap::new(),
            branches: HashMap::new(),
        };
        flow.declare_variables(state);
        flow
    }

    fn run(&mut self) {
        for block in self.blocks {
            self.draft.list(&block.origin);
        }
        for edge in std::mem::take(&mut self.lost) {
            let note =
                format!("an edge from `{}`, which it does not have, was left out", edge.handle);
            self.draft.entry(self.blocks[edge.from].id).approximated(note);
        }
        self.claim_ids();
        self.read_input();
        for at in 0..self.blocks.len() {
            self.block(at);
        }
        self.connect();
    }

    /// Blocks keep their ids and names. What is no node needs none.
    fn claim_ids(&mut self) {
        for (at, block) in self.blocks.iter().enumerate() {
            if self.is_node(at) {
                let id = self.draft.ids.claim(block.id, block.id);
                self.draft.ids.name(&id, &block.origin.name);
            }
        }
    }

    fn is_node(&self, at: usize) -> bool {
        !matches!(self.leaves[at], Leaves::Input | Leaves::Nothing)
    }

    fn id(&self, at: usize) -> String {
        self.draft.ids.of(self.blocks[at].id).unwrap_or_default().to_owned()
    }

    fn block(&mut self, at: usize) {
        let block = &self.blocks[at];
        if !block.is_enabled {
            self.draft.entry(block.id).note("it is disabled in the file, and was left out");
            return;
        }
        if matches!(self.leaves[at], Leaves::Input) {
            return;
        }
        if !self.runs[at] && !matches!(self.leaves[at], Leaves::Remark) {
            return self.remark(at);
        }
        let id = self.id(at);
        let Some(node) = self.node(at, &id) else { return };
        self.add(at, node);
    }

    /// A note in the place of a block that nothing leads to.
    fn remark(&mut self, at: usize) {
        let block = &self.blocks[at];
        let note = "nothing leads to it, so that it never ran; it is a note now";
        self.draft.entry(block.id).note(note);
        let text = format!("Not connected: {} ({})", block.origin.name, block.kind());
        let node = Node::new(self.id(at), "note").with("text", text);
        let container = self.container(at);
        self.draft.add(block.id, node.inside(container.as_deref()));
    }

    /// Adds the node of a block, with what all blocks have.
    fn add(&mut self, at: usize, node: Node) {
        let block = &self.blocks[at];
        let name = &block.origin.name;
        let is_named = node.kind() != "note" && self.draft.ids.spoken(&node.id) != node.id;
        let node = node.with_some("name", is_named.then(|| name.clone()));
        let node = self.with_retry(at, node);
        let container = self.container(at);
        self.draft.add(block.id, node.inside(container.as_deref()));
    }

    fn with_retry(&self, at: usize, node: Node) -> Node {
        let retry = fields(self.blocks[at].fields.get("retry"));
        let is_call = matches!(node.kind(), "agent" | "http" | "function" | "python")
            || node.kind().contains('.');
        if !is_call || !crate::json::is_true(retry.get("enabled")) {
            return node;
        }
        let number = |name: &str| crate::json::number(retry.get(name));
        let tries = number("maxTries").unwrap_or(3.0).clamp(1.0, 10.0) as u64;
        let pause = number("waitBetweenTriesMs").unwrap_or(1_000.0).clamp(0.0, 60_000.0) as u64;
        let retry = serde_json::json!({ "max_attempts": tries, "backoff": format!("{pause}ms") });
        node.with("retry", retry)
    }

    /// The id of the node that runs a block.
    fn container(&self, at: usize) -> Option<String> {
        let parent = self.parent(at).filter(|parent| self.runs[*parent])?;
        Some(self.id(parent))
    }

    fn parent(&self, at: usize) -> Option<usize> {
        let parent = self.blocks[at].parent?;
        self.blocks.iter().position(|block| block.id == parent && block.is_enabled)
    }

    fn stub(&mut self, at: usize, id: &str, why: &str) -> Node {
        let block = &self.blocks[at];
        self.draft.entry(block.id).unsupported(why);
        let settings =
            block.values.iter().map(|(name, value)| ((*name).to_owned(), (*value).clone()));
        stub(id, &block.origin, why, &settings.collect())
    }

    /// A setting of a block: the text of a field in which secrets may stand.
    fn field_text(&mut self, at: usize, names: &[&str]) -> Text {
        let found = names.iter().map(|name| self.blocks[at].text(name));
        let text = found.into_iter().find(|text| !text.trim().is_empty()).unwrap_or_default();
        self.read(at, &text, true)
    }

    /// As [`Self::field_text`], where no secret may stand.
    fn plain_text(&mut self, at: usize, names: &[&str]) -> Text {
        let found = names.iter().map(|name| self.blocks[at].text(name));
        let text = found.into_iter().find(|text| !text.trim().is_empty()).unwrap_or_default();
        self.read(at, &text, false)
    }

    fn connect(&mut self) {
        let mut seen = HashSet::new();
        for edge in std::mem::take(&mut self.edges) {
            let is_used = self.runs[edge.from] && self.runs[edge.to] && self.is_node(edge.to);
            if !is_used || !seen.insert((edge.from, edge.to, edge.handle)) {
                continue;
            }
            let into = self.entrances.get(&edge.to).cloned().unwrap_or_else(|| self.id(edge.to));
            if matches!(self.leaves[edge.from], Leaves::Input) {
                self.draft.edge_from_start(&into);
            } else if self.is_node(edge.from) {
                let branch = self.branch(&edge);
                let failing = self.entrances.get(&edge.from).filter(|_| branch == Branch::Error);
                let from = failing.cloned().unwrap_or_else(|| self.id(edge.from));
                self.draft.edge(&from, branch, &into);
            }
        }
    }
}

/// Whether a run comes to each block, from the triggers on.
fn reached(blocks: &[Block<'_>], edges: &[Edge<'_>]) -> Vec<bool> {
    let place: HashMap<&str, usize> =
        blocks.iter().enumerate().map(|(at, block)| (block.id, at)).collect();
    let parents: Vec<Option<usize>> =
        blocks.iter().map(|block| place.get(block.parent?).copied()).collect();
    let mut firsts: Vec<bool> = blocks.iter().map(|block| block.is_trigger).collect();
    for edge in edges.iter().filter(|edge| parents[edge.to] == Some(edge.from)) {
        firsts[edge.to] = true;
    }
    let enabled: Vec<bool> = blocks.iter().map(|block| block.is_enabled).collect();
    let lines: Vec<(usize, usize)> = edges.iter().map(|edge| (edge.from, edge.to)).collect();
    Graph { parents: &parents, firsts: &firsts, enabled: &enabled, lines: &lines }.reached()
}
