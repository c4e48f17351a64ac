//! Resolves references in the author's text, or finds why they stay text.

use super::{Compiler, MAX_PROBLEMS, Used};
use crate::expr::reference::{PathStep, ReferenceText, normalise};
use crate::expr::template::{Reference, Source};
use crate::kind::{OutputFields, Role, input};
use crate::problem::{Severity, did_you_mean};

enum Resolved {
    Reference(Reference),
    /// Not a reference after all; with a message if the author may have meant one.
    Text(Option<String>),
    Impossible(String),
}

/// A list of nodes and an index in it.
type Place = (usize, usize);

impl<'d> Compiler<'d> {
    /// Resolves a reference and notes its use; reports a problem if it is none.
    pub(crate) fn reference(
        &mut self,
        found: &ReferenceText<'_>,
        path: &str,
        body: usize,
    ) -> Option<Reference> {
        match self.resolve(found, body) {
            Resolved::Reference(reference) => Some(reference),
            Resolved::Text(None) => None,
            Resolved::Text(Some(message)) => {
                self.report(Severity::Warning, path, message);
                None
            }
            Resolved::Impossible(message) => {
                self.report(Severity::Error, path, message);
                None
            }
        }
    }

    fn resolve(&mut self, found: &ReferenceText<'_>, body: usize) -> Resolved {
        let source = found.source;
        let first = normalise(found.node);
        if found.path.is_empty() {
            return Resolved::Text(self.explain_near_reference(found, &first));
        }
        if let Some(up) = self.bound.iter().rev().position(|bound| *bound == first) {
            let (source, path) = (Source::Bound { up }, found.path.clone());
            return Resolved::Reference(Reference { source, path });
        }
        if self.options.kinds.find(&first).is_some_and(|kind| kind.role == Role::Container) {
            return self.resolve_iteration(found, &first, body);
        }
        if first == "variable" {
            return Resolved::Text(Some(format!(
                "{source} stays text: there are no variables yet"
            )));
        }
        let Some(&place) = self.outline.names.get(&first) else {
            // A text may contain any number of such words, and each hint scans all names.
            let names = self.outline.names.keys().map(String::as_str);
            let hint = did_you_mean(&first, names.filter(|_| self.problems.len() < MAX_PROBLEMS));
            return Resolved::Text(Some(format!("{source} names no node and stays text{hint}")));
        };
        self.resolve_node(found, body, place)
    }

    fn resolve_node(
        &mut self,
        found: &ReferenceText<'_>,
        from: usize,
        (body, index): Place,
    ) -> Resolved {
        let source = found.source;
        let Some(up) = self.levels_up(from, body) else {
            let container = self.outermost_container_outside(from, body);
            return Resolved::Impossible(format!(
                "{source}: `{}` is inside `{container}`; from outside, use <{container}.results>",
                found.node
            ));
        };
        match self.node_path(body, index, &found.path) {
            Ok((path, error)) => {
                self.used.push(Used { body, index, error });
                Resolved::Reference(Reference { source: Source::Node { up, index }, path })
            }
            Err(message) => Resolved::Impossible(format!("{source}: {message}")),
        }
    }

    fn explain_near_reference(&self, found: &ReferenceText<'_>, first: &str) -> Option<String> {
        let source = found.source;
        if self.outline.names.contains_key(first) {
            return Some(format!("{source} names a node but no field of it and stays text"));
        }
        let resembles = found.node.contains(['.', '@', '[']);
        resembles.then(|| format!("{source} looks like a reference but is none and stays text"))
    }

    /// Resolves `<loop.item>` and the like, to the nearest enclosing container of that kind.
    fn resolve_iteration(&self, found: &ReferenceText<'_>, kind: &str, body: usize) -> Resolved {
        let source = found.source;
        let (mut body, mut up) = (body, 0);
        loop {
            let Some((outer, index)) = self.outline.bodies[body].container else {
                return Resolved::Impossible(format!("{source} stands outside of any {kind}"));
            };
            if self.outline.bodies[outer].nodes[index].kind_name() == kind {
                break;
            }
            (body, up) = (outer, up + 1);
        }
        let path = found.path[1..].to_vec();
        let source = match &found.path[0] {
            PathStep::Field(name) if name == "item" || name == "currentItem" => Source::Item { up },
            PathStep::Field(name) if name == "index" => Source::Index { up },
            _ => return Resolved::Impossible(format!("{source}: a {kind} has `item` and `index`")),
        };
        Resolved::Reference(Reference { source, path })
    }

    /// Returns the path as it is read at run time, and whether it reads the error. Refuses fields
    /// that the node cannot have.
    fn node_path(
        &self,
        body: usize,
        index: usize,
        path: &[PathStep],
    ) -> Result<(Vec<PathStep>, bool), String> {
        let node = &self.outline.bodies[body].nodes[index];
        let role = node.role();
        if role == Role::Input {
            return input::path(&node.outputs, path).map(|path| (path, false));
        }
        let PathStep::Field(first) = &path[0] else {
            return Err(format!("`{}` leaves an object behind, not a list", node.id));
        };
        if node.outputs == OutputFields::Any {
            return Ok((path.to_vec(), first == "error"));
        }
        if node.outputs.names().any(|name| name == first) {
            return Ok((path.to_vec(), false));
        }
        // A failed node's output is `{error, code}` instead.
        if matches!(first.as_str(), "error" | "code") && role != Role::Remark {
            return Ok((path.to_vec(), true));
        }
        let hint = did_you_mean(first, node.outputs.names());
        Err(format!("`{}` ({}) has no field `{first}`{hint}", node.id, node.kind_name()))
    }

    /// Returns how many lists of nodes outwards `target` is; `None` if it does not enclose `body`.
    pub(super) fn levels_up(&self, body: usize, target: usize) -> Option<usize> {
        self.enclosing(body).position(|body| body == target)
    }

    /// Iterates over a list of nodes and its enclosing ones.
    pub(super) fn enclosing(&self, body: usize) -> impl Iterator<Item = usize> {
        let outwards = |body: &usize| self.outline.bodies[*body].container.map(|(outer, _)| outer);
        std::iter::successors(Some(body), outwards)
    }

    /// Returns the container that hides `body` from `from`.
    fn outermost_container_outside(&self, from: usize, body: usize) -> &'d str {
        let visible: Vec<usize> = self.enclosing(from).collect();
        let mut body = body;
        while let Some((outer, index)) = self.outline.bodies[body].container {
            if visible.contains(&outer) {
                return self.outline.bodies[outer].nodes[index].id;
            }
            body = outer;
        }
        ""
    }
}
