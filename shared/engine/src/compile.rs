//! From a document to a workflow: every field read, every reference resolved, every problem told.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::edges::{self, Links};
use super::outline::{self, Outline};
use super::{Body, Node, NodeInfo, Retry, Workflow, settings};
use crate::document::Document;
use crate::json::push_segment;
use crate::node::fields::{Fields, Secrets};
use crate::node::{Kind, Leaves, input, output, timeouts};
use crate::problem::{Problem, Severity, did_you_mean};
use crate::shape::Shape;
use crate::template::{Part, Reference, Source, Template, Text};
use crate::text::{self, PathStep, Piece, ReferenceText, normalise};

pub(crate) struct Compiler<'d> {
    pub document: &'d Document,
    pub outline: Outline<'d>,
    pub problems: Vec<Problem>,
    pub secrets: BTreeSet<String>,
    /// What the fields read so far refer to; taken when a node is complete.
    pub used: Vec<Used>,
    #[cfg(test)]
    pub asked: crate::schema::Asked,
}

const MAX_PROBLEMS: usize = 500;

/// One reference to a node, wherever it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Used {
    pub body: usize,
    pub index: usize,
    /// It asks what the node failed with.
    pub error: bool,
}

pub(super) fn compile(document: &Document) -> (Option<Workflow>, Vec<Problem>) {
    let mut compiler = Compiler::new(document);
    let settings = settings::read(&mut compiler);
    let mut links = Links::default();
    let mut bodies = compiler.bodies(&mut links);
    let complete = bodies.iter().zip(&compiler.outline.bodies).all(|(body, outline)| body.nodes.len() == outline.nodes.len());
    if complete {
        compiler.results(&mut bodies, &mut links);
        edges::connect(&mut compiler, &mut bodies, &links);
    }
    let (infos, names) = compiler.infos();
    let problems = foremost(compiler.problems);
    let workflow = settings.into_workflow(bodies, infos, names, compiler.secrets);
    (complete.then_some(workflow), problems)
}

/// Every field that the readers ask for in a document, and how.
#[cfg(test)]
pub(crate) fn asked(document: &Document) -> crate::schema::Asked {
    let mut compiler = Compiler::new(document);
    settings::read(&mut compiler);
    compiler.bodies(&mut Links::default());
    compiler.asked
}

/// In the order of the text, and no more than anybody reads; errors stay before warnings go.
fn foremost(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by_key(|problem| (problem.severity != Severity::Error, problem.line, problem.column));
    problems.truncate(MAX_PROBLEMS);
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems
}

enum Resolved {
    Reference(Reference),
    /// Not a reference after all; a message where the author may have meant one.
    Text(Option<String>),
    Impossible(String),
}

impl<'d> Compiler<'d> {
    fn new(document: &'d Document) -> Self {
        let mut problems = Vec::new();
        let outline = outline::outline(document, &mut problems);
        Self {
            document,
            outline,
            problems,
            secrets: BTreeSet::new(),
            used: Vec::new(),
            #[cfg(test)]
            asked: crate::schema::Asked::default(),
        }
    }

    /// Nodes that cannot be read are left out.
    fn bodies(&mut self, links: &mut Links) -> Vec<Body> {
        let mut bodies = Vec::new();
        for body in 0..self.outline.bodies.len() {
            let nodes = 0..self.outline.bodies[body].nodes.len();
            let nodes = nodes.filter_map(|index| self.node(body, index, links)).collect();
            bodies.push(Body { nodes, ..Body::default() });
        }
        bodies
    }

    pub(crate) fn report(&mut self, severity: Severity, path: &str, message: String) {
        self.problems.push(self.document.problem(severity, path, message));
    }

    pub(crate) fn text(&mut self, text: &str, path: &str, scope: usize, secrets: Secrets) -> Text {
        let mut parts: Vec<Part> = Vec::new();
        for piece in text::scan(text) {
            let part = match piece {
                Piece::Text(text) => Part::Text(text.to_owned()),
                Piece::Secret(name) => {
                    self.secret(name, path, secrets);
                    Part::Secret(name.to_owned())
                }
                Piece::Reference(found) => match self.reference(&found, path, scope) {
                    Some(reference) => Part::Reference(reference),
                    None => Part::Text(found.source.to_owned()),
                },
            };
            match (parts.last_mut(), part) {
                (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
                (_, part) => parts.push(part),
            }
        }
        Text { parts }
    }

    pub(crate) fn template(&mut self, value: &Value, path: &str, scope: usize, secrets: Secrets) -> Template {
        let template = match value {
            Value::String(text) => Template::Text(self.text(text, path, scope, secrets)),
            Value::Array(items) => {
                let items = items.iter().enumerate().map(|(index, item)| self.template(item, &format!("{path}/{index}"), scope, secrets));
                Template::Array(items.collect())
            }
            Value::Object(fields) => {
                let fields = fields.iter().map(|(name, field)| {
                    let mut path = path.to_owned();
                    push_segment(&mut path, name);
                    (name.clone(), self.template(field, &path, scope, secrets))
                });
                Template::Object(fields.collect())
            }
            other => Template::Literal(other.clone()),
        };
        if is_literal(&template) { Template::Literal(value.clone()) } else { template }
    }

    /// Tells why a reference is none, or notes that it is used.
    pub(crate) fn reference(&mut self, found: &ReferenceText<'_>, path: &str, scope: usize) -> Option<Reference> {
        match self.resolve(found, scope) {
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

    pub(crate) fn secret(&mut self, name: &str, path: &str, secrets: Secrets) {
        self.secrets.insert(name.to_owned());
        if secrets == Secrets::Refused {
            let message = format!(
                "the secret {{{{{name}}}}} cannot be used here: secrets are filled in only on the way out, in urls, headers, queries and http bodies"
            );
            self.report(Severity::Error, path, message);
        }
    }

    fn resolve(&mut self, found: &ReferenceText<'_>, scope: usize) -> Resolved {
        let source = found.source;
        let first = normalise(found.node);
        if found.path.is_empty() {
            return Resolved::Text(self.explain_near_reference(found, &first));
        }
        if matches!(first.as_str(), "loop" | "parallel") {
            return self.resolve_iteration(found, &first, scope);
        }
        if first == "variable" {
            return Resolved::Text(Some(format!("{source} stays text: there are no variables yet")));
        }
        let Some(&(body, index)) = self.outline.names.get(&first) else {
            // A text may hold any number of such words, and each hint looks at all names.
            let names = self.outline.names.keys().map(String::as_str).filter(|_| self.problems.len() < MAX_PROBLEMS);
            let hint = did_you_mean(&first, names);
            return Resolved::Text(Some(format!("{source} names no node and stays text{hint}")));
        };
        let Some(up) = self.levels_up(scope, body) else {
            let container = self.outermost_container_outside(scope, body);
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
        if self.outline.names.contains_key(first) {
            return Some(format!("{} names a node but no field of it and stays text", found.source));
        }
        found.node.contains(['.', '@', '[']).then(|| format!("{} looks like a reference but is none and stays text", found.source))
    }

    /// `<loop.item>` and its like: of the nearest enclosing container of that kind.
    fn resolve_iteration(&self, found: &ReferenceText<'_>, kind: &str, scope: usize) -> Resolved {
        let source = found.source;
        let (mut body, mut up) = (scope, 0);
        loop {
            let Some((outer, index)) = self.outline.bodies[body].container else {
                return Resolved::Impossible(format!("{source} stands outside of any {kind}"));
            };
            if self.outline.bodies[outer].nodes[index].kind == Some(kind) {
                break;
            }
            (body, up) = (outer, up + 1);
        }
        let path = found.path[1..].to_vec();
        match &found.path[0] {
            PathStep::Field(name) if name == "item" || name == "currentItem" => {
                Resolved::Reference(Reference { source: Source::Item { up }, path })
            }
            PathStep::Field(name) if name == "index" => Resolved::Reference(Reference { source: Source::Index { up }, path }),
            _ => Resolved::Impossible(format!("{source}: a {kind} has `item` and `index`")),
        }
    }

    /// The path as it is read at run time, and whether it asks for the error. Fields a node cannot have are refused.
    fn node_path(&self, body: usize, index: usize, path: &[PathStep]) -> Result<(Vec<PathStep>, bool), String> {
        let node = &self.outline.bodies[body].nodes[index];
        if node.kind == Some("input") {
            return input::path(&node.leaves, path).map(|path| (path, false));
        }
        let PathStep::Field(first) = &path[0] else {
            return Err(format!("`{}` leaves an object behind, not a list", node.id));
        };
        let known = match &node.leaves {
            Leaves::Anything => return Ok((path.to_vec(), first == "error")),
            Leaves::Only(names) => names,
        };
        if known.contains(first) {
            return Ok((path.to_vec(), false));
        }
        // A node that failed leaves `{error, code}` behind instead.
        if matches!(first.as_str(), "error" | "code") && node.kind != Some("note") {
            return Ok((path.to_vec(), true));
        }
        let kind = node.kind.unwrap_or_default();
        let hint = did_you_mean(first, known.iter().map(String::as_str));
        Err(format!("`{}` ({kind}) has no field `{first}`{hint}", node.id))
    }

    /// How many scopes outwards `target` lies; `None` where it does not enclose `scope`.
    pub(super) fn levels_up(&self, scope: usize, target: usize) -> Option<usize> {
        self.enclosing(scope).position(|body| body == target)
    }

    /// A scope and the scopes around it.
    pub(super) fn enclosing(&self, scope: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(scope), |body| self.outline.bodies[*body].container.map(|(outer, _)| outer))
    }

    /// The container that hides `body` from `scope`.
    fn outermost_container_outside(&self, scope: usize, body: usize) -> &'d str {
        let visible: Vec<usize> = self.enclosing(scope).collect();
        let mut body = body;
        while let Some((outer, index)) = self.outline.bodies[body].container {
            if visible.contains(&outer) {
                return self.outline.bodies[outer].nodes[index].id;
            }
            body = outer;
        }
        ""
    }

    fn node(&mut self, body: usize, index: usize, links: &mut Links) -> Option<Node> {
        let outline = &self.outline.bodies[body].nodes[index];
        let (object, path, kind_name, inner) = (outline.object, outline.path.clone(), outline.kind?, outline.body);
        let id = outline.id.into();
        self.used.clear();
        let kind = match (kind_name, path.as_str()) {
            ("input", _) => Kind::Input(input::Input),
            ("output", "/output") => Kind::Output(output::Output::read_section(self, object)),
            _ => {
                let mut fields = Fields::new(self, object, &path, body);
                let node = read_node(&mut fields, kind_name, inner, id);
                let after = edges::read_after(&mut fields);
                fields.finish();
                links.add(body, index, after, &self.used);
                return node;
            }
        };
        links.add_section(body, index, &self.used);
        Some(plain_node(kind, id))
    }

    /// The `result` of a body is read where its nodes are in scope.
    fn results(&mut self, bodies: &mut [Body], links: &mut Links) {
        for (number, body) in bodies.iter_mut().enumerate() {
            self.used.clear();
            let Some((outer, index)) = self.outline.bodies[number].container else { continue };
            let node = &self.outline.bodies[outer].nodes[index];
            let (path, result) = (format!("{}/result", node.path), node.object.get("result"));
            body.result = result.map(|result| self.template(result, &path, number, Secrets::Refused));
            let outside: Vec<Used> = self.used.iter().copied().filter(|used| used.body != number).collect();
            links.add(outer, index, Vec::new(), &outside);
        }
    }

    fn infos(&self) -> (Vec<NodeInfo>, HashMap<String, usize>) {
        let mut infos = Vec::new();
        let mut names = HashMap::new();
        for node in self.outline.bodies.iter().flat_map(|body| &body.nodes) {
            for name in [Some(node.id), node.name].into_iter().flatten() {
                names.entry(normalise(name)).or_insert(infos.len());
            }
            infos.push(NodeInfo { id: node.id.to_owned(), name: node.name.map(str::to_owned), kind: node.kind.unwrap_or_default() });
        }
        (infos, names)
    }
}

fn is_literal(template: &Template) -> bool {
    match template {
        Template::Literal(_) => true,
        Template::Text(text) => text.parts.iter().all(|part| matches!(part, Part::Text(_))),
        Template::Array(items) => items.iter().all(is_literal),
        Template::Object(fields) => fields.iter().all(|(_, field)| is_literal(field)),
    }
}

fn plain_node(kind: Kind, id: std::sync::Arc<str>) -> Node {
    Node {
        id,
        kind,
        retry: Retry { max_attempts: 1, backoff: std::time::Duration::ZERO },
        timeout: std::time::Duration::ZERO,
        at_most_once: false,
        edges: Vec::new(),
        waits_for: 0,
        controls: 0,
        catches_error: false,
    }
}

/// The fields every node may have, and those of its kind.
fn read_node(fields: &mut Fields<'_, '_>, kind_name: &'static str, body: Option<usize>, id: std::sync::Arc<str>) -> Option<Node> {
    // The outline has read them.
    fields.leave_required("id", Shape::Id);
    fields.leave_required("type", Shape::Kind(kind_name));
    fields.string("name");
    fields.string("description");
    let kind = Kind::read(kind_name, fields, body)?;
    let mut node = plain_node(kind, id);
    let retry = fields.object("retry");
    let timeout = fields.duration("timeout", "1ms"..="10m");
    node.at_most_once = fields.boolean("at_most_once").unwrap_or(false);
    let Some((default, longest)) = timeouts(kind_name) else {
        refuse_call_fields(fields, kind_name, retry.is_some(), timeout.is_some(), node.at_most_once);
        return Some(node);
    };
    node.timeout = timeout.unwrap_or(default);
    if node.timeout > longest {
        fields.error("timeout", format!("a {kind_name} node takes at most {} s", longest.as_secs()));
    }
    if let Some(retry) = retry {
        node.retry = read_retry(fields, retry);
    }
    if node.at_most_once && node.retry.max_attempts > 1 {
        fields.error("at_most_once", "`at_most_once` and `retry` exclude each other");
    }
    Some(node)
}

fn refuse_call_fields(fields: &mut Fields<'_, '_>, kind: &str, retry: bool, timeout: bool, at_most_once: bool) {
    for (name, present) in [("retry", retry), ("timeout", timeout), ("at_most_once", at_most_once)] {
        if present {
            fields.warning(name, format!("`{name}` has no effect: a {kind} node makes no call"));
        }
    }
}

fn read_retry<'d>(fields: &mut Fields<'_, 'd>, object: &'d Map<String, Value>) -> Retry {
    let path = fields.path_of("retry");
    let mut retry = Fields::new(fields.compiler, object, &path, fields.scope);
    retry.require("max_attempts");
    let max_attempts = retry.integer("max_attempts", 1..=10).unwrap_or(1);
    let backoff = retry.duration("backoff", "0s"..="60s").unwrap_or(std::time::Duration::from_secs(1));
    retry.finish();
    Retry { max_attempts: u32::try_from(max_attempts).unwrap_or(1), backoff }
}
