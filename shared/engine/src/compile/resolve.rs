//! Resolves references in the author's text, or finds why they stay text.

use super::{Compiler, MAX_PROBLEMS, Used};
use crate::expr::reference::{PathStep, ReferenceText, loose_path, normalise, push_step};
use crate::expr::template::{Reference, Source};
use crate::kind::{Order, OutputField, OutputFields, OutputType, Role, input};
use crate::problem::{Severity, did_you_mean};

enum Resolved {
    Reference(Reference),
    /// Not a reference after all; with a message if the author may have meant one.
    Text(Option<String>),
    Impossible(String),
    /// Names something that is there, but is not written as a reference must be.
    Misspelt(String),
}

/// A name has few dots; what has more names nothing.
const MAX_SPLITS: usize = 8;

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
        match self.resolve(found, body, path) {
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
            Resolved::Misspelt(message) => {
                self.report_later_rule(path, message);
                None
            }
        }
    }

    fn resolve(&mut self, found: &ReferenceText<'_>, body: usize, path: &str) -> Resolved {
        let source = found.source;
        let first = normalise(found.node);
        if found.path.is_empty() {
            return match self.right_spelling(found.node) {
                Some(right) => Resolved::Misspelt(format!("{source} must be written {right}")),
                None => Resolved::Text(self.explain_near_reference(found, &first)),
            };
        }
        if let Some(up) = self.bound.iter().rev().position(|bound| *bound == first) {
            let (source, path) = (Source::Bound { up }, found.path.clone());
            return Resolved::Reference(Reference { source, path });
        }
        if self.options.kinds.find(&first).is_some_and(|kind| kind.role.is_container()) {
            return self.resolve_iteration(found, &first, body);
        }
        if first == "variable" {
            return self.resolve_variable(found, body, path);
        }
        let Some(&place) = self.outline.names.get(&first) else {
            if let Some(right) = self.right_spelling(inner(source)) {
                return Resolved::Misspelt(format!("{source} must be written {right}"));
            }
            // A text may contain any number of such words, and each hint scans all names.
            let names = self.outline.names.keys().map(String::as_str);
            let hint = did_you_mean(&first, names.filter(|_| self.problems.len() < MAX_PROBLEMS));
            return Resolved::Text(Some(format!("{source} names no node and stays text{hint}")));
        };
        self.resolve_node(found, body, place, path)
    }

    fn resolve_variable(&mut self, found: &ReferenceText<'_>, body: usize, path: &str) -> Resolved {
        let PathStep::Field(name) = &found.path[0] else {
            return Resolved::Misspelt(format!("{}: variables have names", found.source));
        };
        let Some(index) = self.variables.index(name) else {
            let hint = did_you_mean(name, self.variables.names());
            let message = format!("{}: nothing sets or declares `{name}`{hint}", found.source);
            return Resolved::Misspelt(message);
        };
        self.variables.note_read(index, body, path);
        if self.variables.get(index).is_of_session {
            self.use_session_of_variables();
        }
        let path = found.path[1..].to_vec();
        Resolved::Reference(Reference { source: Source::Variable { index }, path })
    }

    /// The node that is read now waits for the session of the variables.
    pub(crate) fn use_session_of_variables(&mut self) -> Option<usize> {
        let index = self.variables.of_session?;
        self.used.push(Used { body: 0, index, error: false });
        Some(index)
    }

    fn resolve_node(
        &mut self,
        found: &ReferenceText<'_>,
        from: usize,
        (body, index): Place,
        field: &str,
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
                if let Some(seen) = &mut self.seen {
                    seen.note((body, index), &path, error, field);
                }
                Resolved::Reference(Reference { source: Source::Node { up, index }, path })
            }
            Err(message) => {
                let is_remark = self.outline.bodies[body].nodes[index].role() == Role::Remark;
                if let Some(seen) = self.seen.as_mut().filter(|_| !is_remark) {
                    // The author means this node, whatever is wrong with the field.
                    seen.note((body, index), &found.path, false, field);
                }
                let hint = match self.joined_field(body, index, &found.path) {
                    Some(right) => format!("; write <{}{right}>", found.node),
                    None => String::new(),
                };
                Resolved::Impossible(format!("{source}: {message}{hint}"))
            }
        }
    }

    /// Returns what the author of a near miss most likely means: a node that is there, by a name
    /// with dots or spaces in it, or a path with a step that must be quoted.
    fn right_spelling(&self, inner: &str) -> Option<String> {
        let splits = inner.match_indices(['.', '[']).map(|(at, _)| at).take(MAX_SPLITS);
        let (name, path) = splits
            .map(|at| (normalise(&inner[..at]), &inner[at..]))
            .find(|(name, _)| self.is_name(name))?;
        let (body, index) = self.outline.names.get(&name).copied().unzip();
        let mut path = loose_path(path);
        if let (Some(body), Some(index)) = (body, index) {
            self.cut_to_known(body, index, &mut path);
        }
        let mut right = format!("<{name}");
        path.iter().for_each(|step| push_step(&mut right, step));
        (!path.is_empty()).then(|| right + ">")
    }

    fn is_name(&self, name: &str) -> bool {
        let is_container =
            || self.options.kinds.find(name).is_some_and(|kind| kind.role.is_container());
        self.outline.names.contains_key(name)
            || self.bound.iter().any(|bound| bound == name)
            || is_container()
    }

    /// Drops what follows a known field in the first step: `content | upper`.
    fn cut_to_known(&self, body: usize, index: usize, path: &mut [PathStep]) {
        let outputs = &self.outline.bodies[body].nodes[index].outputs;
        let Some(PathStep::Field(first)) = path.first_mut() else { return };
        let word = first.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
        let is_known = |name: &str| outputs.names().any(|known| known == name);
        if !is_known(first) && is_known(word) {
            *first = word.to_owned();
        }
    }

    /// Returns the path with its first fields joined, if that is the name of one: `.First.Name`.
    fn joined_field(&self, body: usize, index: usize, path: &[PathStep]) -> Option<String> {
        let names = |step: &PathStep| match step {
            PathStep::Field(name) => Some(name.clone()),
            PathStep::Item(_) => None,
        };
        let fields: Vec<String> = path.iter().map_while(names).collect();
        let outputs = &self.outline.bodies[body].nodes[index].outputs;
        let (joined, count) = (2..=fields.len())
            .map(|count| (fields[..count].join("."), count))
            .find(|(joined, _)| outputs.names().any(|name| name == joined))?;
        let mut right = String::new();
        push_step(&mut right, &PathStep::Field(joined));
        path[count..].iter().for_each(|step| push_step(&mut right, step));
        Some(right)
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
        let has_last = loop {
            let Some((outer, index)) = self.outline.bodies[body].container else {
                return Resolved::Impossible(format!("{source} stands outside of any {kind}"));
            };
            let node = &self.outline.bodies[outer].nodes[index];
            if node.kind_name() == kind {
                break matches!(node.role(), Role::Container { order: Order::OneByOne });
            }
            (body, up) = (outer, up + 1);
        };
        let path = found.path[1..].to_vec();
        let source = match &found.path[0] {
            PathStep::Field(name) if name == "item" || name == "currentItem" => Source::Item { up },
            PathStep::Field(name) if name == "index" => Source::Index { up },
            PathStep::Field(name) if name == "last" && has_last => Source::Last { up },
            _ if has_last => {
                let message = format!("{source}: a {kind} has `item`, `index` and `last`");
                return Resolved::Impossible(message);
            }
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

    /// Returns the output field that a reference in the list of nodes `body` reads, if it reads one
    /// as a whole and the kind declares it.
    pub(crate) fn output_read(&self, reference: &Reference, body: usize) -> Option<OutputField> {
        if let Source::Index { .. } = reference.source {
            return Some(OutputField::new("index", OutputType::Number));
        }
        let Source::Node { up, index } = reference.source else { return None };
        let [PathStep::Field(name)] = reference.path.as_slice() else { return None };
        let node = &self.outline.bodies[self.enclosing(body).nth(up)?].nodes[index];
        let OutputFields::Only(fields) = &node.outputs else { return None };
        fields.iter().find(|field| field.name == *name).cloned()
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

/// The text between the brackets of a reference.
fn inner(source: &str) -> &str {
    source.trim_start_matches('<').trim_end_matches('>')
}
