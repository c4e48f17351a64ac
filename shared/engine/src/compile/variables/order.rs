//! The order of the nodes of one list, as their edges give it.

use std::collections::{BTreeSet, HashMap};

use crate::workflow::{Body, When};

pub(super) struct Graph {
    /// The position of each node in an order that all edges follow.
    ranks: Vec<usize>,
    /// The nodes that come after each node, a bit each.
    after: Vec<Vec<u64>>,
    /// What must have happened for a node to run: how these nodes ended.
    conditions: Vec<BTreeSet<(usize, When)>>,
    /// Which pairs exclude each other: many variables ask for the same ones.
    exclusive: HashMap<(usize, usize), bool>,
}

impl Graph {
    /// `None` if nodes wait for each other.
    pub(super) fn of(body: &Body) -> Option<Self> {
        let order = in_order(body)?;
        let count = body.nodes.len();
        let mut ranks = vec![0; count];
        order.iter().enumerate().for_each(|(rank, node)| ranks[*node] = rank);
        let mut after = vec![vec![0u64; count.div_ceil(64)]; count];
        for node in order.iter().rev() {
            let mut reached = vec![0u64; count.div_ceil(64)];
            for edge in &body.nodes[*node].edges {
                reached[edge.to / 64] |= 1 << (edge.to % 64);
                reached.iter_mut().zip(&after[edge.to]).for_each(|(bits, more)| *bits |= more);
            }
            after[*node] = reached;
        }
        let conditions = conditions(body, &order);
        Some(Self { ranks, after, conditions, exclusive: HashMap::new() })
    }

    pub(super) fn rank(&self, node: usize) -> usize {
        self.ranks[node]
    }

    pub(super) fn reaches(&self, from: usize, to: usize) -> bool {
        self.after[from][to / 64] & (1 << (to % 64)) != 0
    }

    /// The nodes that come after this one, a bit each.
    pub(super) fn after(&self, node: usize) -> Vec<u64> {
        self.after[node].clone()
    }

    pub(super) fn is_ordered(&self, one: usize, other: usize) -> bool {
        self.reaches(one, other) || self.reaches(other, one)
    }

    /// Whether at most one of the two can run.
    pub(super) fn is_exclusive(&mut self, one: usize, other: usize) -> bool {
        if let Some(known) = self.exclusive.get(&(one, other)) {
            return *known;
        }
        let others = &self.conditions[other];
        let excludes = |(node, when): &(usize, When)| {
            let same = others.range((*node, When::Done)..=(*node, When::Error));
            same.into_iter().any(|(_, then)| cannot_both_happen(*when, *then))
        };
        let is_exclusive = self.conditions[one].iter().any(excludes);
        self.exclusive.insert((one, other), is_exclusive);
        is_exclusive
    }
}

fn cannot_both_happen(one: When, other: When) -> bool {
    match (one, other) {
        (When::Branch(one), When::Branch(other)) => one != other,
        (When::Error, other) => other != When::Error,
        (one, When::Error) => one != When::Error,
        _ => false,
    }
}

fn in_order(body: &Body) -> Option<Vec<usize>> {
    let mut waits: Vec<u32> = body.nodes.iter().map(|node| node.waits_for).collect();
    let mut order: Vec<usize> = (0..waits.len()).filter(|node| waits[*node] == 0).collect();
    let mut next = 0;
    while let Some(node) = order.get(next).copied() {
        next += 1;
        for edge in &body.nodes[node].edges {
            waits[edge.to] -= 1;
            if waits[edge.to] == 0 {
                order.push(edge.to);
            }
        }
    }
    (order.len() == waits.len()).then_some(order)
}

/// A node runs if one of its control edges is taken: what all of them need, it needs.
fn conditions(body: &Body, order: &[usize]) -> Vec<BTreeSet<(usize, When)>> {
    let mut needed: Vec<Option<BTreeSet<(usize, When)>>> = vec![None; body.nodes.len()];
    for node in order {
        let own = needed[*node].take().unwrap_or_default();
        for edge in body.nodes[*node].edges.iter().filter(|edge| edge.control) {
            let mut through = own.clone();
            through.insert((*node, edge.when));
            needed[edge.to] = Some(match needed[edge.to].take() {
                None => through,
                Some(others) => others.intersection(&through).copied().collect(),
            });
        }
        needed[*node] = Some(own);
    }
    needed.into_iter().map(Option::unwrap_or_default).collect()
}
