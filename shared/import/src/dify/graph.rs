//! The graph of a file: its nodes, the lines between them, and which of them a run can reach.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use crate::Importing;
use crate::draft::Origin;
use crate::json::{fields, filled, is_true, items, text};

/// A node of the file.
pub(super) struct Step<'a> {
    pub origin: Origin,
    pub data: &'a Map<String, Value>,
    /// The id of the iteration or loop that it belongs to.
    pub container: Option<&'a str>,
}

/// An edge of the file.
pub(super) struct Line<'a> {
    pub from: &'a str,
    pub handle: &'a str,
    pub to: &'a str,
}

pub(super) struct Graph<'a> {
    pub steps: Vec<Step<'a>>,
    pub lines: Vec<Line<'a>>,
    /// Ids of nodes that the file's edges name and that are not there.
    pub dangling: Vec<String>,
    /// Edges by handles that their nodes do not have.
    pub lost: Vec<Line<'a>>,
    index: HashMap<String, usize>,
    reached: HashSet<String>,
}

impl Step<'_> {
    pub(super) fn id(&self) -> &str {
        &self.origin.id
    }

    pub(super) fn kind(&self) -> &str {
        &self.origin.kind
    }

    /// A field of `data` as text.
    pub(super) fn text(&self, field: &str) -> String {
        text(self.data.get(field))
    }

    pub(super) fn object(&self, field: &str) -> &Map<String, Value> {
        fields(self.data.get(field))
    }

    pub(super) fn list(&self, field: &str) -> &[Value] {
        items(self.data.get(field))
    }

    pub(super) fn is(&self, field: &str) -> bool {
        is_true(self.data.get(field))
    }

    pub(super) fn is_start(&self) -> bool {
        self.kind() == "start" || self.kind().starts_with("trigger-")
    }

    /// Marks where the nodes of a container begin; does nothing itself.
    pub(super) fn is_marker(&self) -> bool {
        matches!(self.kind(), "iteration-start" | "loop-start")
    }

    pub(super) fn fails_over(&self) -> bool {
        self.text("error_strategy") == "fail-branch"
    }

    pub(super) fn has_default(&self) -> bool {
        self.text("error_strategy") == "default-value"
    }
}

impl<'a> Graph<'a> {
    /// Returns `None` if the graph is too large. Nodes without an id, and ids that come twice, are
    /// problems.
    pub(super) fn read(
        graph: &'a Map<String, Value>,
        path: &str,
        importing: &mut Importing<'_>,
    ) -> Option<Self> {
        let (nodes, edges) = (items(graph.get("nodes")), items(graph.get("edges")));
        if !importing.is_small_enough(path, nodes.len(), edges.len()) {
            return None;
        }
        if nodes.is_empty() {
            importing.problem(path, "the graph has no nodes");
            return None;
        }
        let mut steps = Vec::new();
        let mut index = HashMap::new();
        for (at, node) in nodes.iter().enumerate() {
            let path = format!("{path}/nodes/{at}");
            match step(node, &path) {
                None => importing.problem(&path, "a node needs an `id` and `data`"),
                Some(step) if index.contains_key(step.id()) => {
                    importing.problem(&path, format!("the id `{}` comes twice", step.id()));
                }
                Some(step) => {
                    index.insert(step.id().to_owned(), steps.len());
                    steps.push(step);
                }
            }
        }
        let (mut lines, mut dangling) = (Vec::new(), Vec::new());
        for line in edges.iter().filter_map(line) {
            let missing = [line.from, line.to].into_iter().find(|id| !index.contains_key(*id));
            match missing {
                Some(id) if !dangling.iter().any(|known| known == id) => dangling.push(id.into()),
                Some(_) => {}
                None => lines.push(line),
            }
        }
        let (lost, reached) = (Vec::new(), HashSet::new());
        let mut graph = Self { steps, lines, dangling, lost, index, reached };
        graph.reached = graph.reach();
        Some(graph)
    }

    /// Leaves out the edges by handles that their nodes do not have: no run follows them.
    pub(super) fn keep_known(&mut self, has: impl Fn(&Step<'_>, &str) -> bool) {
        let lines = std::mem::take(&mut self.lines);
        let is_known =
            |line: &Line<'_>| self.step(line.from).is_none_or(|from| has(from, line.handle));
        (self.lines, self.lost) = lines.into_iter().partition(is_known);
        self.reached = self.reach();
    }

    pub(super) fn step(&self, id: &str) -> Option<&Step<'a>> {
        self.index.get(id).map(|index| &self.steps[*index])
    }

    pub(super) fn is_reached(&self, id: &str) -> bool {
        self.reached.contains(id)
    }

    pub(super) fn inside<'g>(&'g self, container: &'g str) -> impl Iterator<Item = &'g Step<'a>> {
        self.steps.iter().filter(move |step| step.container == Some(container))
    }

    /// Nodes of a kind, each after those that lead to it.
    pub(super) fn in_order(&self, kind: &str) -> Vec<&Step<'a>> {
        let mut open: HashMap<&str, usize> = HashMap::new();
        for line in &self.lines {
            *open.entry(line.to).or_default() += 1;
        }
        let is_first = |step: &&Step<'_>| !open.contains_key(step.id());
        let mut ready: std::collections::VecDeque<&str> =
            self.steps.iter().filter(is_first).map(Step::id).collect();
        let next = self.next();
        let mut order = Vec::new();
        while let Some(id) = ready.pop_front() {
            order.extend(self.step(id).filter(|step| step.kind() == kind));
            for to in next.get(id).into_iter().flatten() {
                let count = open.entry(to).or_default();
                *count = count.saturating_sub(1);
                if *count == 0 {
                    ready.push_back(to);
                }
            }
        }
        order
    }

    fn next(&self) -> HashMap<&str, Vec<&str>> {
        let mut next: HashMap<&str, Vec<&str>> = HashMap::new();
        for line in &self.lines {
            next.entry(line.from).or_default().push(line.to);
        }
        next
    }

    /// What a run can come to, from the start along the edges and into containers.
    fn reach(&self) -> HashSet<String> {
        let next = self.next();
        let targets: HashSet<&str> = self.lines.iter().map(|line| line.to).collect();
        let mut firsts: HashMap<&str, Vec<&str>> = HashMap::new();
        for step in self.steps.iter().filter(|step| self.is_first(step, &targets)) {
            firsts.entry(step.container.unwrap_or_default()).or_default().push(step.id());
        }
        let mut open = firsts.get("").cloned().unwrap_or_default();
        let mut reached = HashSet::new();
        while let Some(id) = open.pop() {
            if reached.insert(id.to_owned()) {
                open.extend(next.get(id).into_iter().flatten());
                open.extend(firsts.get(id).into_iter().flatten());
            }
        }
        reached
    }

    /// Whether its list of nodes begins with this one: by its kind, by what the container says, and
    /// if neither says so, because nothing leads to it.
    fn is_first(&self, step: &Step<'_>, targets: &HashSet<&str>) -> bool {
        let Some(container) = step.container.and_then(|id| self.step(id)) else {
            let has_start = self.steps.iter().any(Step::is_start);
            return step.is_start() || !has_start && !targets.contains(step.id());
        };
        let named = container.text("start_node_id");
        let is_named = self.step(&named).is_some_and(|first| first.container == step.container);
        match is_named {
            true => named == step.id(),
            false => {
                step.is_marker() || step.is("isIterationStart") || !targets.contains(step.id())
            }
        }
    }
}

fn step<'a>(node: &'a Value, path: &str) -> Option<Step<'a>> {
    let id = text(node.get("id"));
    let data = node.get("data")?.as_object()?;
    if id.is_empty() {
        return None;
    }
    let is_note = text(node.get("type")) == "custom-note";
    let kind = match text(data.get("type")) {
        _ if is_note => "note".to_owned(),
        kind if kind.is_empty() => "note".to_owned(),
        kind => kind,
    };
    let name = filled(data.get("title")).unwrap_or(&id).to_owned();
    let container = ["iteration_id", "loop_id"].iter().find_map(|field| filled(data.get(*field)));
    let container = container.or_else(|| filled(node.get("parentId")));
    let origin = Origin { id, name, kind, path: path.to_owned() };
    Some(Step { origin, data, container })
}

fn line(edge: &Value) -> Option<Line<'_>> {
    let from = filled(edge.get("source"))?;
    let handle = filled(edge.get("sourceHandle")).unwrap_or("source");
    Some(Line { from, handle, to: filled(edge.get("target"))? })
}
