//! Which steps of a graph a run comes to. The others never ran in the source, and must not run here
//! for the lack of what they wait for.

use std::collections::HashMap;

/// Steps by their places.
pub(crate) struct Graph<'g> {
    /// The container of each step.
    pub parents: &'g [Option<usize>],
    /// Whether the list that a step stands in begins with it. A list without such a step begins
    /// with those that nothing leads to.
    pub firsts: &'g [bool],
    /// Whether a step may run at all.
    pub enabled: &'g [bool],
    pub lines: &'g [(usize, usize)],
}

impl Graph<'_> {
    /// Whether a run comes to each step: from the start along the lines, and into containers.
    pub(crate) fn reached(&self) -> Vec<bool> {
        let count = self.parents.len();
        let begins = self.begins();
        let mut next = vec![Vec::new(); count];
        self.lines.iter().for_each(|(from, to)| next[*from].push(*to));
        let (mut reached, mut asked) = (vec![false; count], vec![false; count]);
        let mut waiting = vec![Vec::new(); count];
        let mut open = begins.get(&None).cloned().unwrap_or_default();
        while let Some(at) = open.pop() {
            if reached[at] || !self.enabled[at] {
                continue;
            }
            // A line into a container leads to the container, too.
            if let Some(container) = self.parents[at].filter(|container| !reached[*container]) {
                waiting[container].push(at);
                if !std::mem::replace(&mut asked[container], true) {
                    open.push(container);
                }
                continue;
            }
            reached[at] = true;
            open.append(&mut next[at]);
            open.append(&mut waiting[at]);
            open.extend(begins.get(&Some(at)).into_iter().flatten());
        }
        reached
    }

    /// What each list of steps begins with, by its container.
    fn begins(&self) -> HashMap<Option<usize>, Vec<usize>> {
        let mut is_target = vec![false; self.parents.len()];
        self.lines.iter().for_each(|(_, to)| is_target[*to] = true);
        let by_list = |is_begin: &dyn Fn(usize) -> bool| {
            let mut lists: HashMap<Option<usize>, Vec<usize>> = HashMap::new();
            for at in (0..self.parents.len()).filter(|at| is_begin(*at)) {
                lists.entry(self.parents[at]).or_default().push(at);
            }
            lists
        };
        let mut begins = by_list(&|at| !is_target[at]);
        begins.extend(by_list(&|at| self.firsts[at]));
        begins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_follows_lines_into_containers_and_nothing_else() {
        // 0 → 1 (a container of 2 → 3), 4 is disabled → 5, 6 alone; 7 and 8 contain each other.
        let parents = [None, None, Some(1), Some(1), None, None, None, Some(8), Some(7)];
        let (mut firsts, mut enabled) = ([false; 9], [true; 9]);
        firsts[0] = true;
        enabled[4] = false;
        let lines = [(0, 1), (2, 3), (0, 4), (4, 5), (0, 7)];
        let graph = Graph { parents: &parents, firsts: &firsts, enabled: &enabled, lines: &lines };
        let expected = [true, true, true, true, false, false, false, false, false];
        assert_eq!(graph.reached(), expected);
    }
}
