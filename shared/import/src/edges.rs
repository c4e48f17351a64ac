//! Edges between nodes, and the `after` that they become.

use std::collections::{BTreeSet, HashMap, HashSet};

/// What of a node an edge follows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Branch {
    Success,
    Error,
    /// A branch of a condition, a router or an approval.
    Named(String),
}

/// The container of each node.
type Parents = HashMap<String, Option<String>>;

#[derive(Debug, Default)]
pub(crate) struct Edges {
    edges: Vec<(String, Branch, String)>,
    from_start: BTreeSet<String>,
}

impl Edges {
    pub(crate) fn add(&mut self, from: &str, branch: Branch, to: &str) {
        self.edges.push((from.to_owned(), branch, to.to_owned()));
    }

    pub(crate) fn add_start(&mut self, to: &str) {
        self.from_start.insert(to.to_owned());
    }

    /// Whether the start leads to a node that waits for others, too.
    pub(crate) fn needs_start(&self, parents: &Parents) -> bool {
        let waiting: HashSet<String> =
            self.lifted(parents).into_iter().map(|(_, _, to)| to).collect();
        self.from_start.iter().any(|to| waiting.contains(outermost(to, parents)))
    }

    /// Lets a node stand for the start.
    pub(crate) fn set_start(&mut self, id: &str) {
        for to in std::mem::take(&mut self.from_start) {
            self.add(id, Branch::Success, &to);
        }
    }

    pub(crate) fn resolved(&self, parents: &Parents) -> Resolved {
        let mut seen = HashSet::new();
        let mut edges = self.lifted(parents);
        edges.retain(|edge| seen.insert(edge.clone()));
        Resolved { edges }
    }

    /// The edges between nodes of one list each.
    fn lifted(&self, parents: &Parents) -> Vec<(String, Branch, String)> {
        let lift = |(from, branch, to): &(String, Branch, String)| {
            let (over, under) = siblings(from, to, parents)?;
            // Of a container, only its own failure is a branch.
            let branch = match branch {
                Branch::Named(_) if over != *from => Branch::Success,
                other => other.clone(),
            };
            // A node that waits for itself, and is none of those that a container runs, is a
            // circle.
            let is_inside = over == under && from != to;
            (!is_inside).then_some((over, branch, under))
        };
        self.edges.iter().filter_map(lift).collect()
    }
}

/// Edges as they stand in the document.
#[derive(Debug)]
pub(crate) struct Resolved {
    edges: Vec<(String, Branch, String)>,
}

impl Resolved {
    /// What each node has in `after`.
    pub(crate) fn lists(&self) -> HashMap<String, Vec<String>> {
        let mut lists: HashMap<String, Vec<String>> = HashMap::new();
        for (from, branch, to) in &self.edges {
            lists.entry(to.clone()).or_default().push(match branch {
                Branch::Success => from.clone(),
                Branch::Error => format!("{from}.error"),
                Branch::Named(name) => format!("{from}.{name}"),
            });
        }
        lists
    }

    /// Takes out the edges that lead back to where their way came from, and returns them. `order`
    /// says where ways begin: first at nodes that wait for nothing.
    pub(crate) fn cut_circles(&mut self, order: &[&str]) -> Vec<(String, String)> {
        let back = self.leading_back(order);
        let mut cut = Vec::new();
        let mut index = 0;
        self.edges.retain(|(from, _, to)| {
            let is_back = back.contains(&index);
            index += 1;
            if is_back {
                cut.push((from.clone(), to.clone()));
            }
            !is_back
        });
        cut
    }

    /// The edges to a node that is still open in a walk into the depth.
    fn leading_back(&self, order: &[&str]) -> HashSet<usize> {
        let mut next: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, (from, ..)) in self.edges.iter().enumerate() {
            next.entry(from).or_default().push(index);
        }
        let waiting: HashSet<&str> = self.edges.iter().map(|(.., to)| to.as_str()).collect();
        let (later, first): (Vec<&str>, Vec<&str>) =
            order.iter().partition(|id| waiting.contains(**id));
        let (mut open, mut seen, mut back) = (HashSet::new(), HashSet::new(), HashSet::new());
        for start in first.into_iter().chain(later).filter(|id| next.contains_key(id)) {
            let mut way: Vec<(&str, usize)> = Vec::new();
            if seen.insert(start) {
                open.insert(start);
                way.push((start, 0));
            }
            while let Some((id, at)) = way.last_mut() {
                let Some(&index) = next.get(id).and_then(|edges| edges.get(*at)) else {
                    open.remove(id);
                    way.pop();
                    continue;
                };
                *at += 1;
                let to = self.edges[index].2.as_str();
                if open.contains(to) {
                    back.insert(index);
                } else if seen.insert(to) {
                    open.insert(to);
                    way.push((to, 0));
                }
            }
        }
        back
    }
}

/// A node and the containers around it, the innermost first.
fn around<'p>(id: &'p str, parents: &'p Parents) -> impl Iterator<Item = &'p str> {
    std::iter::successors(Some(id), |id| parents.get(*id)?.as_deref())
}

fn outermost<'p>(id: &'p str, parents: &'p Parents) -> &'p str {
    around(id, parents).last().unwrap_or(id)
}

/// Returns the nodes of one list that `from` and `to` are or lie in.
fn siblings(from: &str, to: &str, parents: &Parents) -> Option<(String, String)> {
    if !parents.contains_key(from) || !parents.contains_key(to) {
        return None;
    }
    around(from, parents).find_map(|over| {
        let list = &parents[over];
        let under = around(to, parents).find(|under| parents.get(*under) == Some(list))?;
        Some((over.to_owned(), under.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parents() -> Parents {
        let own = [("a", None), ("l", None), ("x", Some("l")), ("m", Some("l")), ("y", Some("m"))];
        own.into_iter().map(|(id, parent)| (id.to_owned(), parent.map(str::to_owned))).collect()
    }

    #[test]
    fn edges_are_drawn_between_nodes_of_one_list() {
        let check = |from: &str, to: &str, expected: Option<(&str, &str)>| {
            let mut edges = Edges::default();
            edges.add(from, Branch::Success, to);
            let lists = edges.resolved(&parents()).lists();
            let found = lists.iter().next().map(|(to, from)| (from[0].as_str(), to.as_str()));
            assert_eq!(found, expected, "{from} {to}");
        };
        check("a", "l", Some(("a", "l")));
        check("a", "y", Some(("a", "l")));
        check("x", "y", Some(("x", "m")));
        check("y", "a", Some(("l", "a")));
        check("l", "x", None);
        check("y", "m", None);
        check("a", "nobody", None);
    }

    #[test]
    fn edges_that_lead_back_are_cut() {
        let mut edges = Edges::default();
        let pairs = [("s", "a"), ("a", "b"), ("b", "a"), ("b", "t"), ("c", "c"), ("t", "u")];
        pairs.into_iter().for_each(|(from, to)| edges.add(from, Branch::Success, to));
        let parents = "sabtcu".chars().map(|id| (id.to_string(), None)).collect();
        let mut edges = edges.resolved(&parents);
        let cut = edges.cut_circles(&["b", "a", "c", "s", "t", "u"]);
        let named = [("b", "a"), ("c", "c")].map(|(from, to)| (from.to_owned(), to.to_owned()));
        assert_eq!(cut, named);
        assert_eq!(edges.cut_circles(&["b", "a", "c", "s", "t", "u"]), []);
        assert_eq!(edges.lists()["a"], ["s"]);
    }
}
