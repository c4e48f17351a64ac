//! Compiles a document to a workflow: reads every field, resolves every reference, reports every
//! problem.

pub mod fields;
pub(crate) mod outline;
mod outputs;
mod resolve;
mod edges;
mod seen;
mod drawn;
pub(crate) mod variables;
pub(crate) mod settings;
#[cfg(test)]
mod tests;

pub use outline::is_id;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::child::ChildUse;
use crate::connector;
use crate::document::Document;
use crate::expr::marked::{self, Marked};
use crate::expr::reference::{Piece, normalise, scan};
use crate::expr::template::{Part, Template, Text};
use crate::field::Secrets;
use crate::json::push_segment;
use crate::kind::{self, Node, input, node_fields, output};
use crate::literal_key;
use crate::problem::{Problem, Severity};
use crate::url::Host;
use crate::workflow::{
    Body, BodyNode, CallSettings, CompileOptions, NodeInfo, SecretUse, Workflow,
};
use edges::Links;
use fields::Fields;
use outline::Outline;
use seen::Seen;
use variables::Variables;

pub struct Compiler<'d> {
    pub(crate) document: &'d Document,
    pub(crate) options: &'d CompileOptions,
    outline: Outline<'d>,
    problems: Vec<Problem>,
    /// The secrets that fields name, each with its place.
    secrets: BTreeSet<(String, String)>,
    implicit_secrets: Vec<SecretUse>,
    /// The objects that are requests, by their places, and who decides where each goes.
    hosts: HashMap<String, Host>,
    /// The references of the fields read so far; taken when a node is complete.
    used: Vec<Used>,
    /// References to nodes of a container, which it reads when one of its iterations has ended.
    read_at_end: Vec<Used>,
    /// The names that inner nodes are bound to, the innermost last.
    bound: Vec<String>,
    /// The children that nodes and tools name.
    pub(crate) children: Vec<ChildUse>,
    pub(crate) variables: Variables,
    /// What the document's outline shows besides the nodes; `None` if nobody wants it.
    seen: Option<Seen>,
}

const MAX_PROBLEMS: usize = 500;

/// One reference to a node, in any scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Used {
    pub body: usize,
    pub index: usize,
    /// It reads the node's error.
    pub error: bool,
}

pub(crate) fn compile(
    document: &Document,
    options: &CompileOptions,
) -> (Option<Workflow>, Vec<Problem>) {
    let (own, faults) = with_connectors(document, options);
    let options = own.as_ref().unwrap_or(options);
    let mut compiler = Compiler::new(document, options);
    compiler.report_all(faults);
    let Compiled { workflow, is_complete, .. } = compiler.compile();
    (is_complete.then_some(workflow), foremost(compiler.problems))
}

/// Draws the document up, too, as far as it can be read.
pub(crate) fn compile_with_outline(
    document: &Document,
    options: &CompileOptions,
) -> (Option<Workflow>, Vec<Problem>, drawn::Outline) {
    let (own, faults) = with_connectors(document, options);
    let options = own.as_ref().unwrap_or(options);
    let mut compiler = Compiler::new(document, options);
    compiler.report_all(faults);
    compiler.seen = Some(Seen::default());
    let Compiled { workflow, is_complete, links } = compiler.compile();
    let outline = drawn::draw(&compiler, &workflow, &links);
    (is_complete.then_some(workflow), foremost(compiler.problems), outline)
}

/// Returns the options with the kinds of the document's own connectors, if it has any.
pub(crate) fn with_connectors(
    document: &Document,
    options: &CompileOptions,
) -> (Option<CompileOptions>, Vec<(String, String)>) {
    let Some(section) = document.root().get("connectors") else { return (None, Vec::new()) };
    let (connectors, faults) = connector::of_document(section);
    let mut options = options.clone();
    for operation in connectors.iter().flat_map(|connector| &connector.operations) {
        options.kinds = options.kinds.with(connector::spec_of(operation));
    }
    (Some(options), faults)
}

struct Compiled {
    workflow: Workflow,
    /// Every node was read. Problems may be errors all the same.
    is_complete: bool,
    links: Links,
}

/// Sorts problems in text order and truncates them; drops warnings before errors.
fn foremost(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems
        .sort_by_key(|problem| (problem.severity != Severity::Error, problem.line, problem.column));
    problems.truncate(MAX_PROBLEMS);
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems
}

impl<'d> Compiler<'d> {
    fn compile(&mut self) -> Compiled {
        for (path, message) in self.document.cut_off() {
            self.report_later_rule(path, message.clone());
        }
        let settings = settings::read(self);
        let mut links = Links::default();
        let mut bodies = self.bodies(&mut links);
        let outlines = bodies.iter().zip(&self.outline.bodies);
        let complete =
            outlines.into_iter().all(|(body, outline)| body.nodes.len() == outline.nodes.len());
        if complete {
            self.results(&mut bodies, &mut links);
            edges::connect(self, &mut bodies, &links);
        } else {
            self.see_results();
        }
        let session_read = self.variables.of_session;
        let variables = if complete { variables::arrange(self, &mut bodies) } else { Vec::new() };
        let literal_keys = self.literal_keys();
        let (infos, names) = self.infos();
        let secrets = self.secret_uses();
        let output_fields = self.outline.output_fields();
        let outputs = if complete { self.output_values(&bodies) } else { Vec::new() };
        let children = self.child_uses();
        let workflow = settings.into_workflow(bodies, infos, names, secrets, literal_keys);
        let workflow =
            Workflow { variables, session_read, children, output_fields, outputs, ..workflow };
        Compiled { workflow, is_complete: complete, links }
    }

    /// Returns the children that nodes name, with those nodes.
    fn child_uses(&mut self) -> Vec<ChildUse> {
        let mut children = std::mem::take(&mut self.children);
        for used in &mut children {
            used.nodes = self.outline.nodes_around(&used.path);
        }
        children
    }

    fn new(document: &'d Document, options: &'d CompileOptions) -> Self {
        let mut problems = Vec::new();
        let outline = outline::outline(document, options, &mut problems);
        let variables = Variables::of(document, &outline);
        Self {
            variables,
            document,
            options,
            outline,
            problems,
            secrets: BTreeSet::new(),
            implicit_secrets: Vec::new(),
            hosts: HashMap::new(),
            used: Vec::new(),
            read_at_end: Vec::new(),
            bound: Vec::new(),
            children: Vec::new(),
            seen: None,
        }
    }

    /// Leaves out nodes that cannot be read.
    fn bodies(&mut self, links: &mut Links) -> Vec<Body> {
        let mut bodies = Vec::new();
        for body in 0..self.outline.bodies.len() {
            let nodes = 0..self.outline.bodies[body].nodes.len();
            let nodes = nodes.filter_map(|index| self.node(body, index, links)).collect();
            bodies.push(Body { nodes, ..Body::default() });
        }
        bodies
    }

    fn report_all(&mut self, faults: Vec<(String, String)>) {
        for (path, message) in faults {
            self.report(Severity::Error, &path, message);
        }
    }

    pub(crate) fn report(&mut self, severity: Severity, path: &str, message: String) {
        self.problems.push(self.document.problem(severity, path, message));
    }

    /// Reports a fault that earlier releases published: published versions go on with a warning.
    pub(crate) fn report_later_rule(&mut self, path: &str, message: String) {
        let is_published = self.options.is_published;
        let severity = if is_published { Severity::Warning } else { Severity::Error };
        self.report(severity, path, message);
    }

    /// Warns of keys in the document, and returns them.
    fn literal_keys(&mut self) -> Arc<[String]> {
        let found = literal_key::find(self.document.root());
        for found in &found {
            let message = "this looks like a key, which everyone who reads the document sees: \
                           store it as a secret and write {{NAME}} here";
            self.report(Severity::Warning, &found.path, message.to_owned());
        }
        let keys: BTreeSet<String> = found.into_iter().map(|found| found.key).collect();
        keys.into_iter().collect()
    }

    /// Returns each use of a secret, and who decides the host that it goes to.
    fn secret_uses(&mut self) -> Vec<SecretUse> {
        let mut uses = std::mem::take(&mut self.implicit_secrets);
        for (name, path) in std::mem::take(&mut self.secrets) {
            let mut around = std::iter::successors(Some(path.as_str()), |path| {
                path.rsplit_once('/').map(|(outer, _)| outer)
            });
            // Elsewhere secrets are refused.
            if let Some(host) = around.find_map(|object| self.hosts.get(object)).cloned() {
                uses.push(SecretUse { name, path, host, is_implicit: false });
            }
        }
        uses
    }

    pub(crate) fn text(&mut self, text: &str, path: &str, body: usize, secrets: Secrets) -> Text {
        let mut parts: Vec<Part> = Vec::new();
        for piece in scan(text) {
            let part = match piece {
                Piece::Text(text) => Part::Text(text.to_owned()),
                Piece::Secret(name) => {
                    self.secret(name, path, secrets);
                    Part::Secret(name.to_owned())
                }
                Piece::Reference(found) => match self.reference(&found, path, body) {
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

    /// Reads text that the author has marked.
    pub(crate) fn marked(
        &mut self,
        marked: &Marked<'_>,
        path: &str,
        body: usize,
        secrets: Secrets,
    ) -> Text {
        match marked {
            Marked::Raw(text) => Text::raw(text),
            Marked::Text(text) => self.text(text, path, body, secrets).into_forced(),
        }
    }

    pub(crate) fn template(
        &mut self,
        value: &Value,
        path: &str,
        body: usize,
        secrets: Secrets,
    ) -> Template {
        let template = match value {
            Value::String(text) => Template::Text(self.text(text, path, body, secrets)),
            Value::Array(items) => {
                let items = items.iter().enumerate().map(|(index, item)| {
                    self.template(item, &format!("{path}/{index}"), body, secrets)
                });
                Template::Array(items.collect())
            }
            Value::Object(fields) => match Marked::in_json(fields) {
                Some(marked) => Template::Text(self.marked(&marked, path, body, secrets)),
                None => self.object_template(&marked::unescaped(fields), path, body, secrets),
            },
            other => Template::Literal(other.clone()),
        };
        if is_literal(&template) { Template::Literal(template.into_literal()) } else { template }
    }

    /// Name to template; no name is a mark.
    pub(crate) fn object_template(
        &mut self,
        fields: &Map<String, Value>,
        path: &str,
        body: usize,
        secrets: Secrets,
    ) -> Template {
        let fields = fields.iter().map(|(name, field)| {
            let mut path = path.to_owned();
            push_segment(&mut path, name);
            (name.clone(), self.template(field, &path, body, secrets))
        });
        Template::Object(fields.collect())
    }

    pub(crate) fn secret(&mut self, name: &str, path: &str, secrets: Secrets) {
        self.secrets.insert((name.to_owned(), path.to_owned()));
        if secrets == Secrets::Refused {
            let message = format!(
                "the secret {{{{{name}}}}} cannot be used here: secrets are filled in only on the \
                 way out, in urls, headers, queries and http bodies"
            );
            self.report(Severity::Error, path, message);
        }
    }

    fn node(&mut self, body: usize, index: usize, links: &mut Links) -> Option<BodyNode> {
        let outline = &self.outline.bodies[body].nodes[index];
        let (object, path, inner) = (outline.object, outline.path.clone(), outline.inner);
        let outputs = outline.outputs.clone();
        let Some(kind) = outline.kind.clone() else {
            self.see_unknown(body, index, links);
            return None;
        };
        let id = Arc::from(outline.id);
        self.used.clear();
        self.variables.reader = Some((body, index));
        if let Some(seen) = &mut self.seen {
            seen.reader = Some((body, index));
        }
        let section: Box<dyn Node> = match path.as_str() {
            "/input" => Box::new(input::Input),
            kind::variables::SECTION => {
                let node = Box::new(kind::variables::SessionRead::read_section(self));
                links.add(body, index, Vec::new(), &self.used);
                let call = kind.call.map(CallSettings::plain);
                return Some(BodyNode { call, ..BodyNode::new(id, kind, node) });
            }
            "/output" => Box::new(output::Output::read_section(self, object)),
            _ => {
                let tables = [&*kind.fields, node_fields::FIELDS];
                let mut fields = Fields::new(self, object, path, body, tables);
                let node = (kind.read)(&mut fields);
                let call = node_fields::read(&mut fields, &kind);
                let after = edges::read_after(&mut fields);
                let on_error = node_fields::read_on_error(&mut fields, &outputs);
                fields.finish();
                if let Some(seen) = &mut self.seen {
                    seen.note_node((body, index), &*node);
                }
                links.add(body, index, after, &self.used);
                return Some(BodyNode {
                    outputs,
                    call,
                    inner,
                    on_error,
                    ..BodyNode::new(id, Arc::clone(&kind), node)
                });
            }
        };
        links.add_section(body, index, &self.used);
        Some(BodyNode::new(id, kind, section))
    }

    /// Reads the `result` of a body, with the body's nodes in scope. An error that the result or a
    /// condition at its side reads is caught.
    fn results(&mut self, bodies: &mut [Body], links: &mut Links) {
        self.variables.reader = None;
        for (number, body) in bodies.iter_mut().enumerate() {
            self.used.clear();
            let Some((outer, index)) = self.outline.bodies[number].container else { continue };
            body.result = self.result(number);
            let (inside, outside): (Vec<Used>, Vec<Used>) =
                self.used.drain(..).partition(|used| used.body == number);
            let tested = self.read_at_end.iter().copied().filter(|used| used.body == number);
            for used in inside.into_iter().chain(tested).filter(|used| used.error) {
                body.nodes[used.index].result_reads_error = true;
            }
            links.add(outer, index, Vec::new(), &outside);
        }
    }

    /// Reads the `result` of one body.
    fn result(&mut self, body: usize) -> Option<Template> {
        let place = self.outline.bodies[body].container?;
        if let Some(seen) = &mut self.seen {
            seen.reader = Some(place);
        }
        let container = &self.outline.bodies[place.0].nodes[place.1];
        let (path, result) = (format!("{}/result", container.path), container.object.get("result"));
        result.map(|result| self.template(result, &path, body, Secrets::Refused))
    }

    fn infos(&self) -> (Vec<NodeInfo>, HashMap<String, usize>) {
        let mut infos = Vec::new();
        let mut names = HashMap::new();
        for node in self.outline.bodies.iter().flat_map(|body| &body.nodes) {
            for name in [Some(node.id), node.name].into_iter().flatten() {
                names.entry(normalise(name)).or_insert(infos.len());
            }
            infos.push(NodeInfo {
                id: node.id.to_owned(),
                name: node.name.map(str::to_owned),
                kind: node.kind.as_ref().map(|kind| kind.name.clone()).unwrap_or_default(),
            });
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
