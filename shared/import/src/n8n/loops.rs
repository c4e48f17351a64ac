//! Circles of a graph, as loops: each has one node at which it begins.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Graph, Line};

const MAX_LOOPS: usize = 50;

pub(super) struct Loop {
    pub header: usize,
    /// All nodes that run in it; without the header if that only hands out items.
    pub body: BTreeSet<usize>,
    pub back: Vec<Line>,
    pub is_batches: bool,
}

/// The order in which steps are read, and the loops among them, the outer ones first.
#[derive(Default)]
pub(super) struct Order {
    pub steps: Vec<usize>,
    pub loops: Vec<Loop>,
    pub back: BTreeSet<Line>,
    /// Circles with more than one entry, by a node of each.
    pub tangled: Vec<usize>,
}

pub(super) fn order(graph: &Graph<'_>, part: &BTreeSet<usize>, starts: &[usize]) -> Order {
    let mut next: BTreeMap<usize, Vec<Line>> = BTreeMap::new();
    for line in graph.lines.iter().filter(|line| part.contains(&line.from)) {
        next.entry(line.from).or_default().push(*line);
    }
    let mut order = Order::default();
    let mut search = Search { next: &next, state: BTreeMap::new(), left: Vec::new() };
    for start in starts {
        search.visit(*start, &mut order.back);
    }
    order.steps = search.left.into_iter().rev().collect();
    let reached: BTreeSet<usize> = order.steps.iter().copied().collect();
    order.find_loops(graph, &reached);
    order
}

struct Search<'g> {
    next: &'g BTreeMap<usize, Vec<Line>>,
    /// Whether a node that was seen is still open.
    state: BTreeMap<usize, bool>,
    left: Vec<usize>,
}

impl Search<'_> {
    /// Depth first, without recursion: graphs may be long.
    fn visit(&mut self, start: usize, back: &mut BTreeSet<Line>) {
        let mut open = vec![(start, 0)];
        if self.state.insert(start, true).is_some() {
            self.state.insert(start, false);
            return;
        }
        while let Some((at, index)) = open.last_mut() {
            let lines = self.next.get(at).map_or(&[][..], Vec::as_slice);
            // The topmost branch comes first in the order if it is visited last.
            let Some(line) = lines.len().checked_sub(*index + 1).map(|index| lines[index]) else {
                self.state.insert(*at, false);
                self.left.push(*at);
                open.pop();
                continue;
            };
            *index += 1;
            match self.state.get(&line.to) {
                Some(true) => {
                    back.insert(line);
                }
                Some(false) => {}
                None => {
                    self.state.insert(line.to, true);
                    open.push((line.to, 0));
                }
            }
        }
    }
}

impl Order {
    fn find_loops(&mut self, graph: &Graph<'_>, reached: &BTreeSet<usize>) {
        let mut by_header: BTreeMap<usize, Vec<Line>> = BTreeMap::new();
        self.back.iter().for_each(|line| by_header.entry(line.to).or_default().push(*line));
        let is_header =
            |at: &&usize| by_header.contains_key(at) || graph.steps[**at].kind == "splitInBatches";
        let headers: Vec<usize> = reached.iter().filter(is_header).copied().collect();
        // Nobody draws so many circles; looking at each would take too long.
        if headers.len() > MAX_LOOPS {
            self.tangled = headers;
            return;
        }
        let lines = graph.lines.iter().filter(|line| reached.contains(&line.from));
        let forward = Forward::of(lines.filter(|line| !self.back.contains(line)));
        for at in headers {
            let back = by_header.remove(&at).unwrap_or_default();
            let is_batches = graph.steps[at].kind == "splitInBatches";
            let mut body = natural(at, &back, &forward);
            if is_batches {
                body.remove(&at);
                let each = usize::from(graph.steps[at].version >= 3.0);
                add_ends(at, each, &mut body, &forward);
            }
            match forward.enters(&body, at) {
                true => self.tangled.push(at),
                false => self.loops.push(Loop { header: at, body, back, is_batches }),
            }
        }
        self.keep_nested();
    }

    /// Loops that overlap without one being inside the other cannot be told apart.
    fn keep_nested(&mut self) {
        self.loops.sort_by_key(|one| std::cmp::Reverse(one.body.len()));
        let mut kept: Vec<Loop> = Vec::new();
        for one in std::mem::take(&mut self.loops) {
            let fits = |outer: &Loop| {
                outer.body.is_disjoint(&one.body)
                    || one.body.is_subset(&outer.body) && outer.body.contains(&one.header)
            };
            match kept.iter().all(fits) {
                true => kept.push(one),
                false => self.tangled.push(one.header),
            }
        }
        self.loops = kept;
    }
}

/// The lines that do not lead back, by the nodes at their ends.
#[derive(Default)]
struct Forward {
    out_of: BTreeMap<usize, Vec<Line>>,
    into: BTreeMap<usize, Vec<Line>>,
}

impl Forward {
    fn of<'l>(lines: impl Iterator<Item = &'l Line>) -> Self {
        let mut forward = Self::default();
        for line in lines {
            forward.out_of.entry(line.from).or_default().push(*line);
            forward.into.entry(line.to).or_default().push(*line);
        }
        forward
    }

    fn out_of(&self, at: usize) -> &[Line] {
        self.out_of.get(&at).map_or(&[], Vec::as_slice)
    }

    fn into(&self, at: usize) -> &[Line] {
        self.into.get(&at).map_or(&[], Vec::as_slice)
    }

    /// Whether a line leads into a loop past its header.
    fn enters(&self, body: &BTreeSet<usize>, header: usize) -> bool {
        let inner = body.iter().filter(|at| **at != header);
        inner
            .flat_map(|at| self.into(*at))
            .any(|line| line.from != header && !body.contains(&line.from))
    }
}

/// The nodes between a header and the lines that come back to it.
fn natural(header: usize, back: &[Line], forward: &Forward) -> BTreeSet<usize> {
    let mut body = BTreeSet::from([header]);
    let mut open: Vec<usize> = back.iter().map(|line| line.from).collect();
    while let Some(at) = open.pop() {
        if body.insert(at) {
            open.extend(forward.into(at).iter().map(|line| line.from));
        }
    }
    body
}

/// Adds what hangs on the output for each item and does not come back: nodes all of whose lines
/// come from inside. Follows each line once.
fn add_ends(header: usize, each: usize, body: &mut BTreeSet<usize>, forward: &Forward) {
    let mut inside: BTreeMap<usize, usize> = BTreeMap::new();
    let mut open: Vec<usize> = body.iter().copied().chain([header]).collect();
    while let Some(at) = open.pop() {
        let lines = forward.out_of(at).iter();
        for line in lines.filter(|line| at != header || line.output == each) {
            let seen = inside.entry(line.to).or_default();
            *seen += 1;
            let is_whole = *seen == forward.into(line.to).len() && line.to != header;
            if is_whole && body.insert(line.to) {
                open.push(line.to);
            }
        }
    }
}
