//! First pass over a document: which nodes exist, where, and under what names.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::child::KnownChildren;
use crate::document::Document;
use crate::expr::reference::normalise;
use crate::json::push_segment;
use crate::kind::{KindSpec, Kinds, OutputFields, Role, input, output, variables, workflow};
use crate::outline::Written;
use crate::problem::{Problem, Severity, did_you_mean};
use crate::workflow::{CompileOptions, MAX_NESTING, MAX_NODES};

/// Reserved too are the names of all containers, such as `loop`.
const RESERVED_IDS: [&str; 3] = ["api", "variable", "output"];

#[derive(Debug)]
pub(crate) struct Outline<'d> {
    pub bodies: Vec<BodyOutline<'d>>,
    /// Normalised ids and names to body and index.
    pub names: HashMap<String, (usize, usize)>,
}

#[derive(Debug, Default)]
pub(crate) struct BodyOutline<'d> {
    /// The node whose body this is; `None` for the workflow itself.
    pub container: Option<(usize, usize)>,
    pub nodes: Vec<NodeOutline<'d>>,
}

#[derive(Debug)]
pub(crate) struct NodeOutline<'d> {
    pub id: &'d str,
    pub name: Option<&'d str>,
    /// `None` if the author names no kind, or an unknown one.
    pub kind: Option<Arc<KindSpec>>,
    pub path: String,
    pub object: &'d Map<String, Value>,
    pub outputs: OutputFields,
    /// The list of nodes that a container runs.
    pub inner: Option<usize>,
}

impl Outline<'_> {
    /// Returns the ids of the nodes that a place is inside, the outermost first.
    pub(crate) fn nodes_around(&self, path: &str) -> Vec<String> {
        let is_around = |node: &&NodeOutline<'_>| {
            path.strip_prefix(&*node.path).is_some_and(|rest| rest.starts_with('/'))
        };
        let nodes = self.bodies.iter().flat_map(|body| &body.nodes);
        let mut around: Vec<_> = nodes.filter(is_around).collect();
        around.sort_by_key(|node| node.path.len());
        around.into_iter().map(|node| node.id.to_owned()).collect()
    }
}

impl NodeOutline<'_> {
    /// Whether the author has written it among the nodes.
    pub(crate) fn is_of_list(&self) -> bool {
        self.path.starts_with("/nodes/")
    }

    pub(crate) fn role(&self) -> Role {
        self.kind.as_ref().map_or(Role::Step, |kind| kind.role)
    }

    /// Empty if there is none.
    pub(crate) fn kind_name(&self) -> &str {
        self.kind.as_ref().map_or("", |kind| &kind.name)
    }
}

pub(super) fn outline<'d>(
    document: &'d Document,
    options: &'d CompileOptions,
    problems: &mut Vec<Problem>,
) -> Outline<'d> {
    let outline = Outline { bodies: vec![BodyOutline::default()], names: HashMap::new() };
    let (kinds, children) = (&options.kinds, &options.children);
    let mut outliner = Outliner { document, kinds, children, problems, outline, count: 0 };
    let root = document.root();
    outliner.implicit("api", input::spec(), input::outputs(root), "/input", root);
    if variables::section(root).into_iter().any(variables::is_of_session) {
        let any = OutputFields::Any;
        outliner.implicit(variables::ID, variables::section_spec(), any, variables::SECTION, root);
    }
    outliner.body(0, root, "", 0);
    if let Some(Value::Object(values)) = root.get("output") {
        outliner.implicit(
            "output",
            output::spec(),
            output::section_outputs(values),
            "/output",
            values,
        );
    }
    outliner.outline
}

impl Outline<'_> {
    /// What the whole workflow leaves: known if nothing but output nodes decides it.
    pub(crate) fn output_fields(&self) -> OutputFields {
        let mut nodes = self.bodies.iter().flat_map(|body| &body.nodes);
        let own = self.bodies.first().map_or(&[][..], |body| &body.nodes);
        let mut outputs = own.iter().filter(|node| node.role() == Role::Output).peekable();
        if outputs.peek().is_none() || nodes.any(|node| node.kind_name() == "response") {
            return OutputFields::Any;
        }
        let mut fields = Vec::new();
        for node in outputs {
            match &node.outputs {
                OutputFields::Any => return OutputFields::Any,
                OutputFields::Only(own) => fields.extend(own.iter().cloned()),
            }
        }
        OutputFields::Only(fields)
    }
}

struct Outliner<'d, 'p> {
    document: &'d Document,
    kinds: &'d Kinds,
    children: &'d KnownChildren,
    problems: &'p mut Vec<Problem>,
    outline: Outline<'d>,
    count: usize,
}

impl<'d> Outliner<'d, '_> {
    fn error(&mut self, path: &str, message: String) {
        self.problems.push(self.document.problem(Severity::Error, path, message));
    }

    /// Adds the node of the section `input` or `output`.
    fn implicit(
        &mut self,
        id: &'static str,
        kind: KindSpec,
        outputs: OutputFields,
        path: &str,
        object: &'d Map<String, Value>,
    ) {
        self.name(id, (0, self.outline.bodies[0].nodes.len()), path);
        self.outline.bodies[0].nodes.push(NodeOutline {
            id,
            name: None,
            kind: Some(Arc::new(kind)),
            path: path.to_owned(),
            object,
            outputs,
            inner: None,
        });
    }

    fn body(&mut self, body: usize, owner: &'d Map<String, Value>, owner_path: &str, depth: usize) {
        let path = format!("{owner_path}/nodes");
        let Some(nodes) = owner.get("nodes") else {
            return self.error(owner_path, "`nodes` is missing".into());
        };
        let Value::Array(nodes) = nodes else {
            return self.error(&path, "`nodes` must be a list".into());
        };
        if depth > MAX_NESTING {
            return self
                .error(&path, format!("loops and parallels nest at most {MAX_NESTING} deep"));
        }
        for (index, node) in nodes.iter().enumerate() {
            let mut node_path = path.clone();
            push_segment(&mut node_path, &index.to_string());
            match node {
                Value::Object(object) => self.node(body, object, node_path, depth),
                _ => self.error(&node_path, "a node is an object with `id` and `type`".into()),
            }
        }
        if !self.outline.bodies[body]
            .nodes
            .iter()
            .any(|node| !matches!(node.role(), Role::Remark | Role::Input))
        {
            self.error(&path, "at least one node is needed".into());
        }
    }

    fn node(&mut self, body: usize, object: &'d Map<String, Value>, path: String, depth: usize) {
        self.count += 1;
        if self.count > MAX_NODES {
            if self.count == MAX_NODES + 1 {
                self.error(&path, format!("a workflow has at most {MAX_NODES} nodes"));
            }
            return;
        }
        let kind = self.kind(object, &path);
        let id = self.id(object, kind.as_deref(), &path);
        let name = object.get("name").and_then(Value::as_str);
        let place = (body, self.outline.bodies[body].nodes.len());
        self.name(id, place, &path);
        match name {
            Some(name) if self.is_reserved(name) && name != id => {
                let message = format!(
                    "the name `{name}` is reserved: references reach this node by its id only"
                );
                self.problems.push(self.document.problem(
                    Severity::Warning,
                    &format!("{path}/name"),
                    message,
                ));
            }
            Some(name) => self.name(name, place, &path),
            None => {}
        }
        let outputs = self.outputs(object, kind.as_deref());
        let is_container = kind.as_ref().is_some_and(|kind| kind.role.is_container());
        let inner = is_container.then_some(self.outline.bodies.len());
        let node = NodeOutline { id, name, kind, path: path.clone(), object, outputs, inner };
        self.outline.bodies[body].nodes.push(node);
        if let Some(inner) = inner {
            self.outline.bodies.push(BodyOutline { container: Some(place), nodes: Vec::new() });
            self.body(inner, object, &path, depth + 1);
        }
    }

    fn outputs(&self, object: &Map<String, Value>, kind: Option<&KindSpec>) -> OutputFields {
        let Some(kind) = kind else { return OutputFields::Any };
        let child = workflow::name_in(object).filter(|_| kind.name == "workflow");
        let known = child.and_then(|name| self.children.get(&name)).cloned();
        known.unwrap_or_else(|| kind.outputs_of(object))
    }

    fn kind(&mut self, object: &Map<String, Value>, path: &str) -> Option<Arc<KindSpec>> {
        let kinds = self.kinds;
        let Some(written) = object.get("type").and_then(Value::as_str) else {
            let names: Vec<&str> = kinds.plain().map(|kind| &*kind.name).collect();
            self.error(
                path,
                format!(
                    "`type` is missing; it is one of {}, or an operation of a connector",
                    names.join(", ")
                ),
            );
            return None;
        };
        let kind = kinds.find(written);
        if kind.is_none() {
            let message = match written {
                "input" => "the input is the workflow's `input` section, not a node".to_owned(),
                _ => format!("unknown type `{written}`{}", did_you_mean(written, kinds.names())),
            };
            self.error(&format!("{path}/type"), message);
        }
        kind.cloned()
    }

    fn is_reserved(&self, name: &str) -> bool {
        let name = normalise(name);
        let container = self.kinds.find(&name).is_some_and(|kind| kind.role.is_container());
        container || RESERVED_IDS.contains(&name.as_str())
    }

    fn id(
        &mut self,
        object: &'d Map<String, Value>,
        kind: Option<&KindSpec>,
        path: &str,
    ) -> &'d str {
        let id = match object.get("id") {
            None | Some(Value::Null) => {
                self.error(path, "`id` is missing".into());
                return "";
            }
            Some(Value::String(id)) if is_id(id) => id,
            Some(_) => {
                let message = "an id is 1 to 64 letters, digits, `_` and `-`, beginning with a \
                               letter or digit (in quotes where it looks like a number)";
                self.error(&format!("{path}/id"), message.into());
                return "";
            }
        };
        let is_output = id == "output" && kind.is_some_and(|kind| kind.role == Role::Output);
        if self.is_reserved(id) && !is_output {
            self.error(&format!("{path}/id"), format!("the id `{id}` is reserved"));
        }
        id
    }

    /// Registers a node under an id or name. Empty ones have been reported already.
    fn name(&mut self, name: &str, place: (usize, usize), path: &str) {
        let name = normalise(name);
        if name.is_empty() {
            return;
        }
        if let Some(other) =
            self.outline.names.insert(name.clone(), place).filter(|other| *other != place)
        {
            let other = &self.outline.bodies[other.0].nodes[other.1];
            let message = format!(
                "`{name}` is already the id or name of the node `{}` ({})",
                other.id, other.path
            );
            self.error(path, message);
        }
    }
}

/// `[A-Za-z0-9][A-Za-z0-9_-]{0,63}`, for nodes and workflows.
pub fn is_id(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    starts
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// Returns the document's nodes by their ids. Of several with one id, the first.
pub(crate) fn objects_by_id<'d>(
    document: &'d Document,
    options: &'d CompileOptions,
) -> HashMap<&'d str, Written<'d>> {
    let outline = outline(document, options, &mut Vec::new());
    let mut nodes = HashMap::new();
    for body in &outline.bodies {
        let parent = body.container.map(|(body, index)| outline.bodies[body].nodes[index].id);
        for node in body.nodes.iter().filter(|node| node.is_of_list() && !node.id.is_empty()) {
            let (object, is_container, at) = (node.object, node.inner.is_some(), nodes.len());
            nodes.entry(node.id).or_insert(Written { object, parent, is_container, at });
        }
    }
    nodes
}
