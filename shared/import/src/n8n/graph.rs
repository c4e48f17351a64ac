//! The nodes of a file and how they are connected.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use crate::draft::Origin;
use crate::json::{fields, filled, is_true, items, text};
use crate::{Importing, Root};

pub(super) struct Step<'a> {
    pub origin: Origin,
    /// The type without its package: `set`, `agent`, `slackTool`.
    pub kind: String,
    pub version: f64,
    pub parameters: &'a Map<String, Value>,
    /// All fields of the node.
    pub whole: &'a Map<String, Value>,
    pub disabled: bool,
}

impl Step<'_> {
    pub(super) fn is_trigger(&self) -> bool {
        let kind = self.kind.as_str();
        let is_known = matches!(kind, "webhook" | "cron" | "interval" | "emailReadImap" | "start");
        is_known || kind.ends_with("Trigger")
    }

    /// Nodes that only hand on what they get, and leave no trace.
    fn is_nothing(&self) -> bool {
        self.disabled && !self.is_trigger()
            || matches!(self.kind.as_str(), "noOp" | "executionData")
    }

    /// Nodes that only work on the whole list of their items.
    pub(super) fn is_list(&self) -> bool {
        matches!(
            self.kind.as_str(),
            "splitOut"
                | "aggregate"
                | "itemLists"
                | "limit"
                | "sort"
                | "removeDuplicates"
                | "summarize"
                | "merge"
        )
    }

    /// Whether it takes all items at once, and not one after the other.
    pub(super) fn takes_all(&self) -> bool {
        match self.kind.as_str() {
            "code" => text(self.parameters.get("mode")) != "runOnceForEachItem",
            "function" | "splitInBatches" | "respondToWebhook" => true,
            _ => self.is_list(),
        }
    }

    pub(super) fn is_note(&self) -> bool {
        self.kind == "stickyNote"
    }
}

/// What leads into a node: an output of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line {
    pub from: usize,
    pub output: usize,
    pub to: usize,
    pub input: usize,
}

pub(super) struct Graph<'a> {
    pub steps: Vec<Step<'a>>,
    pub by_name: HashMap<String, usize>,
    pub lines: Vec<Line>,
    /// What hangs on a node: the kind of the connection, and the helper.
    pub helpers: HashMap<usize, Vec<(String, usize)>>,
    /// The timezone of its schedules, if the file names one.
    pub timezone: Option<&'a str>,
}

pub(super) fn count_lines(root: &Value) -> usize {
    let kinds = fields(root.get("connections")).values().flat_map(|of| fields(Some(of)).values());
    let slots = kinds.flat_map(|slots| items(Some(slots)));
    slots.map(|slot| items(Some(slot)).len()).sum()
}

impl<'a> Graph<'a> {
    pub(super) fn read(root: &Root<'a>, importing: &mut Importing<'_>) -> Self {
        let mut graph = Self {
            steps: Vec::new(),
            by_name: HashMap::new(),
            lines: Vec::new(),
            helpers: HashMap::new(),
            timezone: timezone(root.value),
        };
        graph.read_steps(root, importing);
        graph.read_lines(root, importing);
        graph.join_ends_of_nothing();
        graph
    }

    fn read_steps(&mut self, root: &Root<'a>, importing: &mut Importing<'_>) {
        for (index, node) in items(root.value.get("nodes")).iter().enumerate() {
            let path = format!("{}/nodes/{index}", root.path);
            let step = step(fields(Some(node)), &path);
            if step.origin.kind.is_empty() {
                importing.problem(&path, "a node needs a `type`");
                continue;
            }
            let is_named = !step.origin.name.is_empty() || step.is_note();
            if !is_named {
                importing.problem(&path, "a node needs a `name`");
                continue;
            }
            self.by_name.entry(step.origin.name.clone()).or_insert(self.steps.len());
            self.steps.push(step);
        }
    }

    fn read_lines(&mut self, root: &Root<'a>, importing: &mut Importing<'_>) {
        for (name, kinds) in fields(root.value.get("connections")) {
            let path = format!("{}/connections/{}", root.path, name.replace('/', "~1"));
            let Some(from) = self.by_name.get(name).copied() else {
                importing.problem(&path, format!("connections name no node: `{name}`"));
                continue;
            };
            for (kind, slots) in fields(Some(kinds)) {
                for (output, slot) in items(Some(slots)).iter().enumerate() {
                    for end in items(Some(slot)) {
                        self.read_line(from, kind, output, end, &path, importing);
                    }
                }
            }
        }
        self.lines.sort_unstable();
        self.lines.dedup();
    }

    fn read_line(
        &mut self,
        from: usize,
        kind: &str,
        output: usize,
        end: &Value,
        path: &str,
        importing: &mut Importing<'_>,
    ) {
        let name = text(end.get("node"));
        let Some(to) = self.by_name.get(&name).copied() else {
            return importing.problem(path, format!("connections name no node: `{name}`"));
        };
        if kind.starts_with("ai_") {
            self.helpers.entry(to).or_default().push((kind.to_owned(), from));
            return;
        }
        let input = end.get("index").and_then(Value::as_u64).unwrap_or(0).min(20) as usize;
        // An older form of the output for failures.
        let output = if kind == "error" { 1 } else { output.min(100) };
        self.lines.push(Line { from, output, to, input });
    }

    /// Takes out nodes that do nothing; what leads to one leads to what is behind it.
    fn join_ends_of_nothing(&mut self) {
        const MAX_LINES: usize = 8_000;
        for at in 0..self.steps.len() {
            if !self.steps[at].is_nothing() {
                continue;
            }
            let (own, mut rest): (Vec<Line>, Vec<Line>) =
                self.lines.iter().partition(|line| line.from == at || line.to == at);
            let into = own.iter().filter(|line| line.to == at && line.from != at);
            for line in into {
                let out =
                    own.iter().filter(|out| out.from == at && out.to != at && out.output == 0);
                rest.extend(out.map(|out| Line { from: line.from, output: line.output, ..*out }));
            }
            rest.sort_unstable();
            rest.dedup();
            rest.truncate(MAX_LINES);
            self.lines = rest;
        }
    }

    /// The steps of each workflow in the file: those that are connected, and that a trigger
    /// reaches. Steps that none reaches are in no part; the first one lists them.
    pub(super) fn parts(&self) -> Vec<Vec<usize>> {
        let mut parts: Vec<Vec<usize>> = Vec::new();
        let mut group: Vec<usize> = (0..self.steps.len()).collect();
        for line in &self.lines {
            union(&mut group, line.from, line.to);
        }
        for (at, helpers) in &self.helpers {
            helpers.iter().for_each(|(_, helper)| union(&mut group, *at, *helper));
        }
        let mut seen = BTreeSet::new();
        for at in 0..self.steps.len() {
            let step = &self.steps[at];
            let root = find(&mut group, at);
            if step.is_trigger() && !step.disabled && self.leads_on(at) && seen.insert(root) {
                let own = (0..self.steps.len()).filter(|at| find(&mut group, *at) == root);
                parts.push(own.collect());
            }
        }
        if parts.is_empty() && self.steps.iter().any(|step| !step.is_note()) {
            return vec![(0..self.steps.len()).collect()];
        }
        let listed: BTreeSet<usize> = parts.iter().flatten().copied().collect();
        if let Some(first) = parts.first_mut() {
            first.extend((0..self.steps.len()).filter(|at| !listed.contains(at)));
        }
        parts
    }

    fn leads_on(&self, at: usize) -> bool {
        self.lines.iter().any(|line| line.from == at)
    }

    pub(super) fn helpers(&self, at: usize, kind: &str) -> Vec<usize> {
        let own = self.helpers.get(&at).into_iter().flatten();
        own.filter(|(of, helper)| of == kind && !self.steps[*helper].disabled)
            .map(|(_, helper)| *helper)
            .collect()
    }

    pub(super) fn is_nothing(&self, at: usize) -> bool {
        self.steps[at].is_nothing()
    }
}

/// n8n writes `DEFAULT` for that of its server.
fn timezone(root: &Value) -> Option<&str> {
    let name = filled(fields(root.get("settings")).get("timezone"))?;
    let is_name = name == "UTC" || name.contains('/');
    let is_sound = name.chars().all(|c| c.is_ascii_alphanumeric() || "/_+-".contains(c));
    (is_name && is_sound).then_some(name)
}

fn find(group: &mut [usize], at: usize) -> usize {
    let mut root = at;
    while group[root] != root {
        group[root] = group[group[root]];
        root = group[root];
    }
    root
}

fn union(group: &mut [usize], one: usize, other: usize) {
    let (one, other) = (find(group, one), find(group, other));
    group[one.max(other)] = one.min(other);
}

fn step<'a>(node: &'a Map<String, Value>, path: &str) -> Step<'a> {
    let whole = text(node.get("type"));
    let kind = whole.rsplit('.').next().unwrap_or_default().to_owned();
    let version = node.get("typeVersion").and_then(Value::as_f64).unwrap_or(1.0);
    let name = filled(node.get("name")).unwrap_or_default().to_owned();
    let kept = if whole.contains("langchain") && matches!(kind.as_str(), "code" | "openAi") {
        format!("lc:{kind}")
    } else {
        kind
    };
    let id = if name.is_empty() { path.to_owned() } else { name.clone() };
    Step {
        origin: Origin { id, name, kind: whole, path: path.to_owned() },
        kind: kept,
        version,
        parameters: fields(node.get("parameters")),
        whole: node,
        disabled: is_true(node.get("disabled")),
    }
}
