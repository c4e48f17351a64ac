//! Variables: what sets them, what reads them, and in which order that happens.

mod order;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::Compiler;
use super::outline::Outline;
use crate::document::Document;
use crate::kind::{Order, Role, variables as kind};
use crate::problem::Severity;
use crate::workflow::{Body, Setter, Variable};
use order::Graph;

/// A node by body and index.
type Place = (usize, usize);

const MAX_VARIABLES: usize = 1_000;

#[derive(Debug, Default)]
pub(crate) struct Variables {
    all: Vec<Variable>,
    by_name: HashMap<String, usize>,
    /// The document has more than [`MAX_VARIABLES`]; the rest are left out.
    has_too_many: bool,
    /// Where each is declared: its place in the section.
    declared: Vec<Option<usize>>,
    /// Nodes that set variables.
    sets: Vec<(usize, Place)>,
    /// Of each variable, by list of nodes and node, once.
    reads: BTreeMap<usize, BTreeMap<(usize, Option<usize>), Read>>,
    /// The node whose fields are read now; `None` for what belongs to no node.
    pub(super) reader: Option<Place>,
    /// The node that reads the session.
    pub(super) of_session: Option<usize>,
}

#[derive(Debug)]
struct Read {
    body: usize,
    /// `None`: when all nodes of the list have ended.
    node: Option<usize>,
    path: String,
    needs_value: bool,
}

impl Variables {
    /// Finds the variables of the document: those of its section, and those that nodes set.
    pub(super) fn of(document: &Document, outline: &Outline<'_>) -> Self {
        let mut variables = Self::default();
        for (at, entry) in kind::section(document.root()).iter().enumerate() {
            if let Some(name) = entry.get("name").and_then(Value::as_str)
                && let Some(index) = variables.index_or_new(name)
            {
                variables.declared[index].get_or_insert(at);
                let initial = entry.get("value").cloned().unwrap_or_default();
                let is_of_session = kind::is_of_session(entry);
                variables.all[index] =
                    Variable { initial, is_of_session, ..variables.all[index].clone() };
            }
        }
        for (body, nodes) in outline.bodies.iter().enumerate() {
            for (index, node) in nodes.nodes.iter().enumerate() {
                if node.path == kind::SECTION {
                    variables.of_session = Some(index);
                } else if node.kind_name() == kind::KIND {
                    variables.note_sets(node.object, (body, index));
                }
            }
        }
        variables
    }

    fn note_sets(&mut self, node: &Map<String, Value>, place: Place) {
        for name in kind::names_set(node) {
            if let Some(variable) = self.index_or_new(name) {
                self.sets.push((variable, place));
            }
        }
    }

    fn index_or_new(&mut self, name: &str) -> Option<usize> {
        if let Some(index) = self.index(name) {
            return Some(index);
        }
        if self.all.len() == MAX_VARIABLES {
            self.has_too_many = true;
            return None;
        }
        self.all.push(Variable { name: name.to_owned(), ..Variable::default() });
        self.declared.push(None);
        self.by_name.insert(name.to_owned(), self.all.len() - 1);
        Some(self.all.len() - 1)
    }

    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|variable| &*variable.name)
    }

    pub(crate) fn get(&self, index: usize) -> &Variable {
        &self.all[index]
    }

    pub(crate) fn of_sessions(&self) -> Vec<String> {
        let of_session = self.all.iter().filter(|variable| variable.is_of_session);
        of_session.map(|variable| variable.name.clone()).collect()
    }

    /// Notes a change that starts from the variable's value, or from none.
    pub(crate) fn note_append(&mut self, variable: usize, body: usize, path: &str) {
        self.note(variable, body, path, false);
    }

    /// Notes a read by the node whose fields are read now, from the list of nodes `body`.
    pub(super) fn note_read(&mut self, variable: usize, body: usize, path: &str) {
        self.note(variable, body, path, true);
    }

    fn note(&mut self, variable: usize, body: usize, path: &str, needs_value: bool) {
        let node = self.reader.filter(|(of, _)| *of == body).map(|(_, index)| index);
        let reads = self.reads.entry(variable).or_default();
        let read = || Read { body, node, path: path.to_owned(), needs_value };
        reads.entry((body, node)).or_insert_with(read).needs_value |= needs_value;
    }

    fn reads_of(&self, variable: usize) -> impl Iterator<Item = &Read> {
        self.reads.get(&variable).into_iter().flat_map(BTreeMap::values)
    }
}

/// Gives each list of nodes its setters, the last one first, and reports what has no order. Returns
/// the variables.
pub(super) fn arrange(compiler: &mut Compiler<'_>, bodies: &mut [Body]) -> Vec<Variable> {
    let variables = std::mem::take(&mut compiler.variables);
    if variables.has_too_many {
        let message = format!("a workflow has at most {MAX_VARIABLES} variables");
        compiler.report(Severity::Error, "/nodes", message);
    }
    if variables.sets.is_empty() {
        return variables.all;
    }
    let refused = refuse_side_by_side(compiler, &variables);
    let sets = lifted_sets(compiler, &variables);
    for (body, of_body) in sets {
        let Some(mut graph) = Graph::of(&bodies[body]) else { continue };
        let is_loop = is_one_by_one(compiler, body);
        for (variable, nodes) in of_body {
            let mut nodes: Vec<usize> = nodes.into_iter().collect();
            nodes.sort_by_key(|node| std::cmp::Reverse(graph.rank(*node)));
            let mut readers = readers_in(compiler, &variables, variable, body);
            readers.extend((is_loop && variables.reads.contains_key(&variable)).then_some(None));
            refuse_unordered(
                compiler,
                &variables.all[variable].name,
                body,
                &nodes,
                &mut graph,
                &readers,
            );
            let setter = |node: usize| Setter { node, before: graph.after(node) };
            bodies[body].setters.insert(variable, nodes.into_iter().map(setter).collect());
        }
        bodies[body].carries = is_loop;
    }
    if !refused {
        warn_of_early_reads(compiler, &variables, bodies);
    }
    variables.all
}

/// The nodes that set each variable, by list of nodes: a loop sets what is set inside it.
fn lifted_sets(
    compiler: &Compiler<'_>,
    variables: &Variables,
) -> BTreeMap<usize, BTreeMap<usize, BTreeSet<usize>>> {
    let mut sets: BTreeMap<usize, BTreeMap<usize, BTreeSet<usize>>> = BTreeMap::new();
    for (variable, place) in &variables.sets {
        let mut next = Some(*place);
        while let Some((body, index)) = next {
            sets.entry(body).or_default().entry(*variable).or_default().insert(index);
            let container = compiler.outline.bodies[body].container;
            next = container.filter(|_| is_one_by_one(compiler, body));
        }
    }
    sets
}

/// Whether the list of nodes runs once at a time.
fn is_one_by_one(compiler: &Compiler<'_>, body: usize) -> bool {
    compiler.outline.bodies[body].container.is_some_and(|(outer, index)| {
        let role = compiler.outline.bodies[outer].nodes[index].role();
        matches!(role, Role::Container { order: Order::OneByOne })
    })
}

/// Returns the nodes of the list that read the variable, or contain what does.
fn readers_in(
    compiler: &Compiler<'_>,
    variables: &Variables,
    variable: usize,
    target: usize,
) -> BTreeSet<Option<usize>> {
    variables
        .reads_of(variable)
        .filter_map(|read| {
            let (mut body, mut node) = (read.body, read.node);
            while body != target {
                let (outer, index) = compiler.outline.bodies[body].container?;
                (body, node) = (outer, Some(index));
            }
            Some(node)
        })
        .collect()
}

/// Two sets before a read need an order, unless only one of them can run.
fn refuse_unordered(
    compiler: &mut Compiler<'_>,
    name: &str,
    body: usize,
    nodes: &[usize],
    graph: &mut Graph,
    readers: &BTreeSet<Option<usize>>,
) {
    for (at, one) in nodes.iter().enumerate() {
        for other in &nodes[at + 1..] {
            if compiler.problems.len() >= super::MAX_PROBLEMS {
                return;
            }
            if graph.is_ordered(*one, *other) || graph.is_exclusive(*one, *other) {
                continue;
            }
            let reads_both = |reader: &&Option<usize>| match reader {
                None => true,
                Some(reader) => graph.reaches(*one, *reader) && graph.reaches(*other, *reader),
            };
            let Some(reader) = readers.iter().find(reads_both) else { continue };
            let of = |index: usize| &compiler.outline.bodies[body].nodes[index];
            let reader = reader.map_or_else(
                || "the next iteration or the end of the loop reads it".to_owned(),
                |index| format!("`{}` reads it", of(index).id),
            );
            for (here, there) in [(*one, *other), (*other, *one)] {
                let (path, id) = (of(here).path.clone(), of(there).id);
                let message = format!(
                    "`{name}` is also set by `{id}` ({}), without an order between the two, and \
                     {reader}: put one `after` the other",
                    of(there).path
                );
                compiler.problems.push(compiler.document.problem(Severity::Error, &path, message));
            }
        }
    }
}

/// What iterations that run side by side set, only they may read. Returns whether that is broken.
fn refuse_side_by_side(compiler: &mut Compiler<'_>, variables: &Variables) -> bool {
    let mut refused = false;
    for (variable, place) in &variables.sets {
        let Some(parallel) = innermost_parallel(compiler, place.0) else { continue };
        let (outer, index) = parallel;
        let inner = compiler.outline.bodies[outer].nodes[index].inner.unwrap_or_default();
        let is_inside = |body: usize| compiler.levels_up(body, inner).is_some();
        let name = &variables.all[*variable].name;
        let path_of =
            |(body, index): Place| compiler.outline.bodies[body].nodes[index].path.clone();
        let declared = variables.declared[*variable].map(|at| format!("{}/{at}", kind::SECTION));
        let read = variables.reads_of(*variable).filter(|read| !is_inside(read.body));
        let read = read.map(|read| read.path.clone());
        let sets = variables.sets.iter().filter(|(of, _)| of == variable);
        let set = sets.filter(|(_, other)| !is_inside(other.0)).map(|(_, other)| path_of(*other));
        let Some(outside) = declared.into_iter().chain(read).chain(set).next() else { continue };
        let id = compiler.outline.bodies[outer].nodes[index].id;
        let (path, message) = (
            path_of(*place),
            format!(
                "`{name}` belongs to what is outside of the parallel `{id}` ({outside}), whose \
                 iterations run side by side and cannot set it: give the parallel a `result`"
            ),
        );
        let other = format!("`{name}` is set inside the parallel `{id}`, at {path}");
        compiler.report(Severity::Error, &path, message);
        compiler.report(Severity::Error, &outside, other);
        refused = true;
    }
    refused
}

fn innermost_parallel(compiler: &Compiler<'_>, body: usize) -> Option<Place> {
    let mut around = compiler.enclosing(body);
    let parallel = around.find(|body| {
        compiler.outline.bodies[*body].container.is_some() && !is_one_by_one(compiler, *body)
    })?;
    compiler.outline.bodies[parallel].container
}

/// Without an order, a read comes before a set as soon as after it.
fn warn_of_early_reads(compiler: &mut Compiler<'_>, variables: &Variables, bodies: &[Body]) {
    let set: BTreeSet<usize> = variables.sets.iter().map(|(variable, _)| *variable).collect();
    let all = variables.reads.iter();
    for (index, read) in
        all.flat_map(|(index, reads)| reads.values().map(move |read| (index, read)))
    {
        let (variable, is_set) = (&variables.all[*index], set.contains(index));
        let has_value = variable.is_of_session || !variable.initial.is_null();
        if read.needs_value && is_set && !has_value && !is_preceded(compiler, *index, read, bodies)
        {
            let message = format!(
                "<variable.{}> is empty here: no node that sets it comes before; name one in \
                 `after`",
                variable.name
            );
            compiler.report(Severity::Warning, &read.path, message);
        }
    }
}

fn is_preceded(compiler: &Compiler<'_>, variable: usize, read: &Read, bodies: &[Body]) -> bool {
    let (mut body, mut node) = (read.body, read.node);
    loop {
        let setters = bodies[body].setters.get(&variable).map_or(&[][..], Vec::as_slice);
        let comes_before = |setter: &Setter| node.is_none_or(|node| setter.comes_before(node));
        if setters.iter().any(comes_before) || (bodies[body].carries && !setters.is_empty()) {
            return true;
        }
        let Some((outer, index)) = compiler.outline.bodies[body].container else { return false };
        (body, node) = (outer, Some(index));
    }
}
