//! Dependencies between nodes: edges from `after` and from references.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::fields::Fields;
use super::{Compiler, Used};
use crate::expr::reference::normalise;
use crate::json::push_segment;
use crate::kind::node_fields::AFTER;
use crate::kind::{Role, variables};
use crate::problem::{Severity, did_you_mean};
use crate::workflow::{Body, BodyNode, Edge, MAX_EDGES, OnError, When};

/// A node by body and index.
type Place = (usize, usize);

/// The dependencies that nodes declare, before they are resolved into edges.
#[derive(Default)]
pub(super) struct Links {
    after: BTreeMap<Place, Vec<AfterEntry>>,
    references: BTreeMap<Place, Vec<Used>>,
    /// The output section always runs, whichever edges are taken.
    sections: BTreeSet<Place>,
}

pub(super) struct AfterEntry {
    path: String,
    text: String,
}

impl Links {
    pub(super) fn add(&mut self, body: usize, index: usize, after: Vec<AfterEntry>, used: &[Used]) {
        self.after.entry((body, index)).or_default().extend(after);
        self.references.entry((body, index)).or_default().extend(used);
    }

    /// What the author writes as `after` of a node.
    pub(super) fn after(&self, place: Place) -> impl Iterator<Item = &str> {
        self.after.get(&place).into_iter().flatten().map(|entry| &*entry.text)
    }

    pub(super) fn add_section(&mut self, body: usize, index: usize, used: &[Used]) {
        self.add(body, index, Vec::new(), used);
        self.sections.insert((body, index));
    }
}

/// `after: x`, or a list of `x`, `x.branch` and `x.error`.
pub(super) fn read_after(fields: &mut Fields<'_, '_>) -> Vec<AfterEntry> {
    let path = fields.path_of("after");
    let entries = match fields.get(&AFTER) {
        Some(Value::String(text)) => return vec![AfterEntry { path, text: text.clone() }],
        Some(Value::Array(entries)) => entries.as_slice(),
        _ => return Vec::new(),
    };
    let mut after = Vec::new();
    for (index, text) in
        entries.iter().enumerate().filter_map(|(index, entry)| Some((index, entry.as_str()?)))
    {
        let mut path = path.clone();
        push_segment(&mut path, &index.to_string());
        after.push(AfterEntry { path, text: text.to_owned() });
    }
    after
}

pub(super) fn connect(compiler: &mut Compiler<'_>, bodies: &mut [Body], links: &Links) {
    let references = lift(compiler, bodies, links);
    let mut count = 0;
    for body in 0..bodies.len() {
        for index in 0..bodies[body].nodes.len() {
            let place = (body, index);
            let after = after_edges(compiler, bodies, place, &links.after);
            let none = BTreeSet::new();
            let referred = references.get(&place).unwrap_or(&none);
            let decides = after.is_empty() && !links.sections.contains(&place);
            let extra =
                referred.iter().filter(|(from, _)| !after.iter().any(|(named, _)| named == from));
            let edges: Vec<(usize, When, bool)> = after
                .iter()
                .map(|(from, when)| (*from, *when, true))
                .chain(extra.map(|(from, when)| (*from, *when, decides)))
                .collect();
            count += edges.len();
            for (from, when, control) in edges {
                bodies[body].nodes[from].edges.push(Edge { to: index, when, control });
                bodies[body].nodes[from].catches_error |= when == When::Error;
                bodies[body].nodes[index].waits_for += 1;
                bodies[body].nodes[index].controls += u32::from(control);
            }
        }
        refuse_cycles(compiler, body, &bodies[body]);
        refuse_caught_twice(compiler, body, &bodies[body]);
        settle_ends(&mut bodies[body]);
    }
    if count > MAX_EDGES {
        compiler.report(
            Severity::Error,
            "/nodes",
            format!("a workflow has at most {MAX_EDGES} edges, this one has {count}"),
        );
    }
}

/// Returns reference edges between nodes of one body: a reference from inside a loop to the outside
/// makes the loop wait.
fn lift(
    compiler: &mut Compiler<'_>,
    bodies: &[Body],
    links: &Links,
) -> BTreeMap<Place, BTreeSet<(usize, When)>> {
    let mut lifted: BTreeMap<Place, BTreeSet<(usize, When)>> = BTreeMap::new();
    for (&place, used) in &links.references {
        for used in used {
            let (mut body, mut index) = place;
            while body != used.body {
                let Some(container) = compiler.outline.bodies[body].container else { break };
                (body, index) = container;
            }
            if bodies[used.body].nodes[used.index].kind.role == Role::Input {
                continue;
            }
            if index == used.index {
                let node = &compiler.outline.bodies[body].nodes[index];
                let message = if (body, index) == place {
                    "refers to itself"
                } else {
                    "is referred to from inside its own body"
                };
                let (path, message) = (
                    compiler.outline.bodies[place.0].nodes[place.1].path.clone(),
                    format!("`{}` {message}", node.id),
                );
                compiler.report(Severity::Error, &path, message);
                continue;
            }
            let is_continued =
                matches!(bodies[used.body].nodes[used.index].on_error, OnError::Continue);
            // A node that continues has ended, with an error or without.
            let when = if used.error && !is_continued { When::Error } else { When::Done };
            lifted.entry((body, index)).or_default().insert((used.index, when));
        }
    }
    lifted
}

fn after_edges(
    compiler: &mut Compiler<'_>,
    bodies: &[Body],
    place: Place,
    after: &BTreeMap<Place, Vec<AfterEntry>>,
) -> Vec<(usize, When)> {
    let mut edges = Vec::new();
    for entry in after.get(&place).into_iter().flatten() {
        match after_edge(compiler, bodies, place, &entry.text) {
            Ok(edge) if edges.contains(&edge) => {}
            Ok(edge) => edges.push(edge),
            Err(message) => compiler.report(Severity::Error, &entry.path, message),
        }
    }
    edges
}

fn after_edge(
    compiler: &Compiler<'_>,
    bodies: &[Body],
    (body, index): Place,
    text: &str,
) -> Result<(usize, When), String> {
    let (name, handle) =
        text.split_once('.').map_or((text, None), |(name, handle)| (name, Some(handle)));
    let Some(&(other, from)) = compiler.outline.names.get(&normalise(name)) else {
        return Err(format!(
            "`{name}` names no node{}",
            did_you_mean(name, compiler.outline.names.keys().map(String::as_str))
        ));
    };
    if other != body {
        return Err(format!(
            "`{name}` is not in the same list of nodes; `after` cannot cross into or out of a loop \
             or parallel"
        ));
    }
    if from == index {
        return Err(format!("`{name}` cannot come after itself"));
    }
    let node = &bodies[body].nodes[from];
    if node.is_remark() {
        return Err(format!("`{name}` is a note and never runs"));
    }
    let when = match handle {
        None => When::Done,
        Some("error") => When::Error,
        Some(branch) => When::Branch(branch_index(&node.node.branches(), name, branch)?),
    };
    Ok((from, when))
}

fn branch_index(branches: &[&str], name: &str, branch: &str) -> Result<usize, String> {
    if branches.is_empty() {
        return Err(format!(
            "`{name}` is no condition: it has no branch `{branch}`, only `{name}` and \
             `{name}.error`"
        ));
    }
    branches.iter().position(|known| *known == branch).ok_or_else(|| {
        let hint = did_you_mean(branch, branches.iter().copied());
        format!("`{name}` has no branch `{branch}`{hint}")
    })
}

/// `on_error` and an error edge say two things about one failure.
fn refuse_caught_twice(compiler: &mut Compiler<'_>, body: usize, nodes: &Body) {
    for (index, node) in nodes.nodes.iter().enumerate() {
        let is_caught = match node.on_error {
            OnError::Fail => false,
            OnError::Continue => node.catches_error,
            OnError::Default(_) => node.catches_error || node.result_reads_error,
        };
        if is_caught {
            let path = format!("{}/on_error", compiler.outline.bodies[body].nodes[index].path);
            let message = match node.on_error {
                OnError::Default(_) => format!(
                    "`{0}` goes on with its default: nothing can come after `{0}.error`, and \
                     <{0}.error> and <{0}.code> are never set",
                    node.id
                ),
                _ => format!(
                    "`{0}` goes on after a failure: nothing can come after `{0}.error`",
                    node.id
                ),
            };
            compiler.report(Severity::Error, &path, message);
        }
    }
}

/// Removes nodes that wait for nothing until none is left; the rest are in or behind a cycle.
fn refuse_cycles(compiler: &mut Compiler<'_>, body: usize, nodes: &Body) {
    let mut waits: Vec<u32> = nodes.nodes.iter().map(|node| node.waits_for).collect();
    let mut free: Vec<usize> = (0..waits.len()).filter(|index| waits[*index] == 0).collect();
    let mut left = waits.len();
    while let Some(index) = free.pop() {
        left -= 1;
        for edge in &nodes.nodes[index].edges {
            waits[edge.to] -= 1;
            if waits[edge.to] == 0 {
                free.push(edge.to);
            }
        }
    }
    if left == 0 {
        return;
    }
    let cycle = one_cycle(nodes, &waits);
    let names: Vec<String> =
        cycle.iter().map(|index| format!("`{}`", nodes.nodes[*index].id)).collect();
    let path = compiler.outline.bodies[body].nodes[cycle[0]].path.clone();
    compiler.report(
        Severity::Error,
        &path,
        format!("these nodes wait for each other: {}", names.join(" → ")),
    );
}

/// Walks backwards through the remaining nodes until one repeats.
fn one_cycle(body: &Body, waits: &[u32]) -> Vec<usize> {
    let predecessor = |to: usize| {
        (0..waits.len()).find(|from| {
            waits[*from] > 0 && body.nodes[*from].edges.iter().any(|edge| edge.to == to)
        })
    };
    let mut walked: Vec<usize> = waits.iter().position(|waits| *waits > 0).into_iter().collect();
    while let Some(previous) = walked.last().and_then(|last| predecessor(*last)) {
        if let Some(start) = walked.iter().position(|index| *index == previous) {
            let mut cycle = walked.split_off(start);
            cycle.push(previous);
            cycle.reverse();
            return cycle;
        }
        walked.push(previous);
    }
    walked
}

fn settle_ends(body: &mut Body) {
    for node in &mut body.nodes {
        node.edges.sort_unstable();
    }
    let nodes = body.nodes.iter().enumerate();
    let outputs = nodes.clone().filter(|(_, node)| node.kind.role == Role::Output);
    body.outputs = outputs.map(|(index, _)| index).collect();
    let is_terminal = |node: &BodyNode| {
        !matches!(node.kind.role, Role::Remark | Role::Input) && &*node.id != variables::ID
    };
    let terminals = nodes.filter(|(_, node)| node.edges.is_empty() && is_terminal(node));
    body.terminals = terminals.map(|(index, _)| index).collect();
}
