//! Finds states from which a run can no longer end. The model checker proves what always holds;
//! this proves what stays possible.

use std::collections::HashMap;

use stateright::Model;

use super::world::{Protocol, World};

/// Returns the reachable states from which no step sequence leads to the end of the run.
pub(crate) fn states_that_never_end(protocol: &Protocol) -> Vec<World> {
    let (states, came_from) = explore(protocol);
    let mut ends = vec![false; states.len()];
    let ended = (0..states.len()).filter(|at| !states[*at].store.is_open());
    let mut open: Vec<usize> = ended.collect();
    while let Some(at) = open.pop() {
        if !std::mem::replace(&mut ends[at], true) {
            open.extend(&came_from[at]);
        }
    }
    states.into_iter().zip(ends).filter_map(|(state, ends)| (!ends).then_some(state)).collect()
}

/// Returns all states, and for each the states that lead to it.
fn explore(protocol: &Protocol) -> (Vec<World>, Vec<Vec<usize>>) {
    let mut states = protocol.init_states();
    let mut known: HashMap<World, usize> =
        states.iter().cloned().enumerate().map(|(at, state)| (state, at)).collect();
    let mut came_from = vec![Vec::new(); states.len()];
    let mut at = 0;
    while at < states.len() {
        for next in protocol.next_states(&states[at].clone()) {
            let to = *known.entry(next).or_insert_with_key(|next| {
                states.push(next.clone());
                came_from.push(Vec::new());
                states.len() - 1
            });
            came_from[to].push(at);
        }
        at += 1;
    }
    (states, came_from)
}
