//! GPTBots: the `.flow` export of a workflow. Nodes have their settings in a field of their own
//! (`llmParam`), and read each other by `nodeId#name#id`, or by the name of an input: `{{name}}`.

mod kinds;
mod branches;
mod values;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::draft::{Branch, Draft, Node, Origin};
use crate::json::{fields, filled, is_true, items, text};
use crate::reach::Graph;
use crate::stub::stub;
use crate::{Importing, Root};

/// Subworkflows of subworkflows.
const MAX_DEPTH: usize = 8;

pub(crate) fn is_gptbots(root: &Value) -> bool {
    let is_workflow = |value: &Value| value.get("workflowNodes").is_some_and(Value::is_array);
    root.get("exportType").is_some() && root.get("botType").is_some()
        || root.get("workflow").is_some_and(is_workflow)
        || is_workflow(root)
}

pub(crate) fn read(root: &Root<'_>, importing: &mut Importing<'_>) {
    let kind = text(root.value.get("exportType"));
    if !matches!(&*kind, "" | "WORKFLOW") {
        let message = format!("`{kind}` is an agent, not a workflow: export a workflow (`.flow`)");
        return importing.problem(&root.path, message);
    }
    let version = text(root.value.get("formatVersion"));
    if !matches!(version.split('.').next(), Some("" | "1")) {
        importing.problem(&root.path, format!("version `{version}` of the format is not known"));
    }
    let (workflow, path) = match root.value.get("workflow") {
        Some(workflow) => (workflow, format!("{}/workflow", root.path)),
        None => (root.value, root.path.clone()),
    };
    let mut reading = Reading { steps: Vec::new(), edges: Vec::new(), importing };
    reading.graph(workflow, &path, None, 0);
    let Reading { steps, edges, importing } = reading;
    if !importing.is_small_enough(&path, steps.len(), edges.len()) {
        return;
    }
    let name = filled(root.value.get("name")).map(str::to_owned);
    let name = name.or_else(|| importing.options.name.clone());
    let draft = Draft::new("", name.as_deref().unwrap_or("GPTBots"), &root.path);
    let mut flow = Flow::new(draft, &steps);
    flow.run(edges);
    importing.add(flow.draft);
}

/// A node of the file.
struct Step<'a> {
    id: &'a str,
    origin: Origin,
    fields: &'a Map<String, Value>,
    /// The place of the loop or batch around it.
    parent: Option<usize>,
}

struct Edge<'a> {
    from: usize,
    to: usize,
    handle: &'a str,
}

/// Reports broken structure: nodes without an id or type, ids that come twice, edges from and to
/// nowhere.
struct Reading<'i, 'a, 'o> {
    steps: Vec<Step<'a>>,
    edges: Vec<Edge<'a>>,
    importing: &'i mut Importing<'o>,
}

impl<'a> Reading<'_, 'a, '_> {
    fn graph(&mut self, graph: &'a Value, path: &str, parent: Option<usize>, depth: usize) {
        if depth > MAX_DEPTH {
            let message = format!("subworkflows are at most {MAX_DEPTH} deep");
            return self.importing.problem(path, message);
        }
        let nodes = items(graph.get("workflowNodes"));
        if !self.importing.is_small_enough(path, self.steps.len() + nodes.len(), 0) {
            return;
        }
        let mut inner = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let place = format!("{path}/workflowNodes/{index}");
            let (Some(id), Some(kind)) = (filled(node.get("id")), filled(node.get("type"))) else {
                self.importing.problem(&place, "a node needs an `id` and a `type`");
                continue;
            };
            if self.steps.iter().any(|step| step.id == id) {
                self.importing.problem(&place, format!("the id `{id}` comes twice"));
                continue;
            }
            if node.get("subWorkflow").is_some() {
                inner.push((self.steps.len(), node, format!("{place}/subWorkflow")));
            }
            let name = filled(node.get("name")).unwrap_or(id).to_owned();
            let origin = Origin { id: id.to_owned(), name, kind: kind.to_owned(), path: place };
            self.steps.push(Step { id, origin, fields: fields(Some(node)), parent });
        }
        for (index, edge) in items(graph.get("workflowEdges")).iter().enumerate() {
            self.edge(edge, &format!("{path}/workflowEdges/{index}"));
        }
        for (at, node, place) in inner {
            if let Some(graph) = node.get("subWorkflow") {
                self.graph(graph, &place, Some(at), depth + 1);
            }
        }
    }

    fn edge(&mut self, edge: &'a Value, path: &str) {
        let mut place = |name: &str| {
            let id = text(edge.get(name));
            let found = self.steps.iter().position(|step| step.id == id);
            if found.is_none() {
                self.importing.problem(path, format!("no node has the id `{id}`"));
            }
            found
        };
        let (from, to) = (place("sourceNodeID"), place("targetNodeID"));
        if let (Some(from), Some(to)) = (from, to) {
            let handle = filled(edge.get("sourceHandle")).unwrap_or_default();
            self.edges.push(Edge { from, to, handle });
        }
    }
}

struct Flow<'s, 'a> {
    draft: Draft,
    steps: &'s [Step<'a>],
    place: HashMap<&'s str, usize>,
    /// Inputs by their node and name.
    input_of: HashMap<(usize, &'a str), &'a Value>,
    /// The nodes that leave something under a name.
    leaving: HashMap<&'a str, Vec<usize>>,
    /// Too much was copied: names stay names from now on.
    is_full: bool,
    /// Whether a run comes to each node.
    runs: Vec<bool>,
    /// Names of branches, by node and handle.
    branches: HashMap<(usize, String), String>,
    /// The function before a condition.
    entrances: HashMap<usize, String>,
}

impl<'s, 'a> Flow<'s, 'a> {
    fn new(draft: Draft, steps: &'s [Step<'a>]) -> Self {
        let mut flow = Self {
            draft,
            steps,
            place: steps.iter().enumerate().map(|(at, step)| (step.id, at)).collect(),
            input_of: HashMap::new(),
            leaving: HashMap::new(),
            is_full: false,
            runs: Vec::new(),
            branches: HashMap::new(),
            entrances: HashMap::new(),
        };
        steps.iter().enumerate().for_each(|(at, step)| flow.index(at, step));
        flow
    }

    /// Makes the inputs and outputs of a node known by their names.
    fn index(&mut self, at: usize, step: &Step<'a>) {
        for input in items(step.fields.get("inputs")) {
            if let Some(name) = filled(input.get("name")) {
                self.input_of.entry((at, name)).or_insert(input);
            }
        }
        for output in items(step.fields.get("outputs")) {
            if let Some(name) = output.get("name").and_then(Value::as_str) {
                self.leaving.entry(name).or_default().push(at);
            }
        }
    }

    fn run(&mut self, edges: Vec<Edge<'_>>) {
        self.steps.iter().for_each(|step| self.draft.list(&step.origin));
        let edges = self.known(edges);
        self.runs = reached(self.steps, &edges);
        let is_start = |step: &&Step<'_>| step.origin.kind == "START" && step.parent.is_none();
        if self.steps.iter().filter(is_start).count() > 1 {
            let note = "the file has several starts: a run starts what comes after each of them";
            for step in self.steps.iter().filter(is_start) {
                self.draft.entry(step.id).approximated(note);
            }
        }
        for step in self.steps.iter().filter(|step| is_node(step)) {
            let id = self.draft.ids.claim(step.id, step.id);
            self.draft.ids.name(&id, &step.origin.name);
        }
        for at in 0..self.steps.len() {
            self.step(at);
        }
        edges.iter().for_each(|edge| self.connect(edge));
    }

    /// Leaves out, and reports, edges by handles that their nodes do not have.
    fn known<'e>(&mut self, mut edges: Vec<Edge<'e>>) -> Vec<Edge<'e>> {
        let handles: Vec<_> = self.steps.iter().map(branches::handles).collect();
        edges.retain(|edge| {
            let known = handles[edge.from].as_ref();
            let is_known = known.is_none_or(|known| known.contains(edge.handle));
            if !is_known {
                let note =
                    format!("an edge from `{}`, which it does not have, was left out", edge.handle);
                self.draft.entry(self.steps[edge.from].id).approximated(note);
            }
            is_known
        });
        edges
    }

    fn step(&mut self, at: usize) {
        let step = &self.steps[at];
        let is_inside = step.parent.is_some();
        if !self.runs[at] && step.origin.kind != "COMMENT" {
            return self.remark(at);
        }
        match step.origin.kind.as_str() {
            "START" if is_inside => self.draft.entry(step.id).note("the start of an iteration"),
            "END" if is_inside => self.draft.entry(step.id).note("the end of an iteration"),
            "START" => self.start(at),
            "END" => self.end(at),
            "CONTINUE" | "NEXT_LOOP" => {
                let note = "an iteration ends where nothing comes after";
                self.draft.entry(step.id).note(note);
            }
            _ => {
                let id = self.id(at);
                let node = self.node(at, &id);
                self.add(at, node);
            }
        }
    }

    /// A note in the place of a node that nothing leads to.
    fn remark(&mut self, at: usize) {
        let step = &self.steps[at];
        let note = "nothing leads to it, so that it never ran";
        self.draft.entry(step.id).note(note);
        if is_node(step) {
            let text = format!("Not connected: {} ({})", step.origin.name, step.origin.kind);
            let node = Node::new(self.id(at), "note").with("text", text);
            let container = self.container(at);
            self.draft.add(step.id, node.inside(container.as_deref()));
        }
    }

    fn add(&mut self, at: usize, node: Node) {
        let step = &self.steps[at];
        let is_named = node.kind() != "note" && self.draft.ids.spoken(&node.id) != node.id;
        let node = node.with_some("name", is_named.then(|| step.origin.name.clone()));
        let container = self.container(at);
        self.draft.add(step.id, node.inside(container.as_deref()));
    }

    fn id(&self, at: usize) -> String {
        self.draft.ids.of(self.steps[at].id).unwrap_or_default().to_owned()
    }

    fn container(&self, at: usize) -> Option<String> {
        let parent = self.steps[at].parent.filter(|parent| self.runs[*parent])?;
        Some(self.id(parent))
    }

    fn stub(&mut self, at: usize, id: &str, why: &str) -> Node {
        let step = &self.steps[at];
        self.draft.entry(step.id).unsupported(why);
        let settings = step.fields.iter().filter(|(name, _)| name.ends_with("Param"));
        let settings = settings.map(|(name, value)| (name.clone(), value.clone())).collect();
        stub(id, &step.origin, why, &settings)
    }

    fn param(&self, at: usize, name: &str) -> &'a Map<String, Value> {
        fields(self.steps[at].fields.get(name))
    }

    /// The input section: the outputs of the start.
    fn start(&mut self, at: usize) {
        let step = &self.steps[at];
        for output in items(step.fields.get("outputs")) {
            let Some(name) = filled(output.get("name")) else { continue };
            if name == "input" {
                let note = "callers cannot send a field that is called `input`";
                self.draft.entry(step.id).unsupported(note);
                continue;
            }
            let mut field =
                json!({ "name": name, "type": values::input_type(&text(output.get("type"))) });
            if let Some(about) = filled(output.get("desc")) {
                field["description"] = about.into();
            }
            if !is_true(output.get("required")) {
                field["default"] = output.get("defaultValue").cloned().unwrap_or_default();
            }
            self.draft.input.get_or_insert_default().push(field);
        }
        self.draft.entry(step.id).note("the workflow's input");
    }

    /// The output section: a text, or variables by their names.
    fn end(&mut self, at: usize) {
        let param = self.param(at, "endParam");
        self.draft.entry(self.steps[at].id).note("the workflow's output");
        if text(param.get("outputType")) == "TEXT" {
            let written = self.text(at, &text(param.get("outputText")), false);
            let written = self.draft.text(&written);
            self.draft.output.insert("output".to_owned(), written);
            return;
        }
        for (name, value) in self.inputs(at) {
            let value = self.draft.any(&value);
            self.draft.output.insert(name, value);
        }
    }

    fn connect(&mut self, edge: &Edge<'_>) {
        let (from, to) = (&self.steps[edge.from], &self.steps[edge.to]);
        if !is_node(to) || !self.runs[edge.from] || !self.runs[edge.to] {
            return;
        }
        let into = self.entrances.get(&edge.to).cloned().unwrap_or_else(|| self.id(edge.to));
        if is_node(from) {
            let branch = self.branches.get(&(edge.from, edge.handle.to_owned()));
            let branch = branch.map_or(Branch::Success, |name| Branch::Named(name.clone()));
            let from = self.id(edge.from);
            self.draft.edge(&from, branch, &into);
        } else if from.parent.is_none() {
            self.draft.edge_from_start(&into);
        }
    }
}

fn is_node(step: &Step<'_>) -> bool {
    !matches!(step.origin.kind.as_str(), "START" | "END" | "CONTINUE" | "NEXT_LOOP")
}

/// Whether a run comes to each node, from the starts on.
fn reached(steps: &[Step<'_>], edges: &[Edge<'_>]) -> Vec<bool> {
    let parents: Vec<Option<usize>> = steps.iter().map(|step| step.parent).collect();
    let firsts: Vec<bool> = steps.iter().map(|step| step.origin.kind == "START").collect();
    let lines: Vec<(usize, usize)> = edges.iter().map(|edge| (edge.from, edge.to)).collect();
    let enabled = vec![true; steps.len()];
    Graph { parents: &parents, firsts: &firsts, enabled: &enabled, lines: &lines }.reached()
}
