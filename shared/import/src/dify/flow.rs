//! Turns a graph into a draft: first the ids of all nodes, then the nodes in the order of the file,
//! then the edges.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::app_name;
use super::graph::{Graph, Line, Step};
use crate::draft::{Branch, Draft, Node, Origin};
use crate::json::{fields, items, number, text};
use crate::secrets::{keys_in, secret_name};
use crate::stub::stub;
use crate::text::{Part, Text};
use crate::{Importing, Root};

/// The report's line of the app itself.
const APP: &str = "(app)";
/// What drawing and Dify's own pages need.
const HIDDEN: [&str; 9] = [
    "type",
    "title",
    "desc",
    "selected",
    "paramSchemas",
    "params",
    "output_schema",
    "isInIteration",
    "isInLoop",
];

/// A variable of the app's environment.
pub(super) enum Constant {
    Secret(String),
    Value(Value),
}

pub(super) struct Flow<'a, 'i, 'o> {
    pub graph: &'i Graph<'a>,
    pub importing: &'i mut Importing<'o>,
    pub draft: Draft,
    pub is_chat: bool,
    pub environment: HashMap<String, Constant>,
    /// The size of all constants that were written so far.
    pub constants: usize,
    /// Inputs that Dify gives to every run, as far as a node reads them.
    pub given: HashSet<&'static str>,
    pub features: &'a Map<String, Value>,
    /// Why steps cannot become anything that does the same, by their ids.
    obstacles: HashMap<String, String>,
    /// The nodes that a step begins and ends with, where these are not the one that has its id.
    ends: HashMap<String, (String, String)>,
    /// Nodes that stand for a value of the run, by the value.
    helpers: HashMap<&'static str, String>,
}

fn obstacles(graph: &Graph<'_>) -> HashMap<String, String> {
    let of = |step: &Step<'_>| Some((step.id().to_owned(), super::nodes::obstacle(step)?));
    graph.steps.iter().filter_map(of).collect()
}

impl<'a, 'i, 'o> Flow<'a, 'i, 'o> {
    pub(super) fn new(
        root: &Root<'a>,
        workflow: &'a Map<String, Value>,
        graph: &'i Graph<'a>,
        importing: &'i mut Importing<'o>,
    ) -> Self {
        let app = fields(root.value.get("app"));
        let name = app_name(root.value, importing.options.name.as_deref()).to_owned();
        let mut draft = Draft::new("", &name, &root.path);
        draft.description = text(app.get("description"));
        let has_answer = graph.steps.iter().any(|step| step.kind() == "answer");
        let mut flow = Self {
            graph,
            importing,
            draft,
            is_chat: text(app.get("mode")) == "advanced-chat" || has_answer,
            environment: HashMap::new(),
            constants: 0,
            given: HashSet::new(),
            features: fields(workflow.get("features")),
            obstacles: obstacles(graph),
            ends: HashMap::new(),
            helpers: HashMap::new(),
        };
        flow.read_environment(workflow, &root.path);
        flow.declare_conversation(items(workflow.get("conversation_variables")));
        flow
    }

    /// A note on the app as a whole.
    pub(super) fn say(&mut self, note: &str) {
        if !note.is_empty() {
            self.app_entry().approximated(note);
        }
    }

    fn app_entry(&mut self) -> &mut crate::report::Entry {
        let (id, kind) = (APP.to_owned(), "app".to_owned());
        let name = self.draft.name.clone();
        self.draft.list(&Origin { id, name, kind, path: String::new() });
        self.draft.entry(APP)
    }

    pub(super) fn run(mut self) -> Draft {
        for id in &self.graph.dangling {
            self.say(&format!("edges to or from `{id}`, which is not there, were left out"));
        }
        let graph = self.graph;
        graph.steps.iter().for_each(|step| self.draft.list(&step.origin));
        for line in &graph.lost {
            let note = format!("an edge from `{}`, which it does not have", line.handle);
            self.draft.entry(line.from).approximated(note);
        }
        for step in graph.steps.iter().filter(|step| !step.is_start() && !step.is_marker()) {
            self.draft.ids.claim(step.id(), step.id());
        }
        graph.steps.iter().for_each(|step| self.step(step));
        graph.lines.iter().for_each(|line| self.line(line));
        self.answer();
        self.input();
        self.draft
    }

    pub(super) fn obstacle(&self, step: &Step<'_>) -> Option<&str> {
        self.obstacles.get(step.id()).map(String::as_str)
    }

    fn step(&mut self, step: &'i Step<'a>) {
        if step.is_start() {
            return self.start(step);
        }
        if step.is_marker() {
            return self.draft.entry(step.id()).note("the beginning of its container");
        }
        if step.kind() == "note" {
            return self.remark(step, &super::read::rich_text(&step.text("text")));
        }
        if !self.graph.is_reached(step.id()) {
            let note = "nothing leads to it, so that it never ran; it is a note now";
            self.draft.entry(step.id()).note(note);
            let kind = step.kind();
            return self.remark(step, &format!("Not connected: {} ({kind})", step.origin.name));
        }
        match self.obstacle(step).map(str::to_owned) {
            Some(why) => self.stub(step, &why),
            None => self.convert(step),
        }
    }

    fn remark(&mut self, step: &Step<'_>, remark: &str) {
        let node = Node::new(self.id(step), "note").with("text", remark);
        self.draft.add(step.id(), node.inside(self.container(step).as_deref()));
    }

    /// Puts a function that throws in the place of a step.
    fn stub(&mut self, step: &Step<'_>, why: &str) {
        let shown = step.data.iter().filter(|(name, _)| !HIDDEN.contains(&name.as_str()));
        let shown = shown.map(|(name, value)| (name.clone(), value.clone())).collect();
        let node = stub(&self.id(step), &step.origin, why, &shown);
        self.add(step, node);
        self.draft.entry(step.id()).unsupported(why);
    }

    /// Adds the node that stands for a step, with what every node of Dify may have.
    pub(super) fn add(&mut self, step: &Step<'_>, node: Node) {
        let id = node.id.clone();
        let has_name = step.origin.name != step.id();
        let is_named = has_name && self.draft.ids.name(&id, &step.origin.name);
        let node = node.with_some("name", is_named.then(|| step.origin.name.clone()));
        let note = step.text("desc");
        let node = match node.fields.contains_key("description") || note.trim().is_empty() {
            true => node,
            false => node.with("description", note),
        };
        self.help(step, node);
    }

    /// Adds a node that stands before or behind the one of a step.
    pub(super) fn help(&mut self, step: &Step<'_>, node: Node) {
        let container = self.container(step);
        self.draft.add(step.id(), node.inside(container.as_deref()));
    }

    /// Says which nodes a step begins and ends with; each leads to the next one.
    pub(super) fn chain(&mut self, step: &Step<'_>, nodes: &[&str]) {
        for pair in nodes.windows(2) {
            self.draft.edge(pair[0], Branch::Success, pair[1]);
        }
        if let [first, .., last] = nodes {
            let ends = ((*first).to_owned(), (*last).to_owned());
            self.ends.insert(step.id().to_owned(), ends);
        }
    }

    pub(super) fn id(&self, step: &Step<'_>) -> String {
        self.draft.ids.of(step.id()).unwrap_or(step.id()).to_owned()
    }

    /// An id for a node beside that of a step.
    pub(super) fn beside(&mut self, step: &Step<'_>, what: &str) -> String {
        let wanted = format!("{}_{what}", self.id(step));
        self.draft.ids.fresh(&wanted)
    }

    pub(super) fn container(&self, step: &Step<'_>) -> Option<String> {
        let container = self.graph.step(step.container?)?;
        let runs = matches!(container.kind(), "iteration" | "loop");
        if !runs || !self.graph.is_reached(container.id()) {
            return None;
        }
        self.draft.ids.of(container.id()).map(str::to_owned)
    }

    /// A node for a value of the run that our references do not have, made once.
    pub(super) fn helper(&mut self, what: &'static str, node: Node) -> String {
        if let Some(id) = self.helpers.get(what) {
            return id.clone();
        }
        let id = self.draft.ids.fresh(what);
        self.helpers.insert(what, id.clone());
        if !what.ends_with("_kept") {
            self.app_entry().note(format!("`sys.{what}` is what the node `{id}` leaves"));
        }
        self.draft.add(APP, Node { id: id.clone(), ..node });
        id
    }

    pub(super) fn has_helper(&self, what: &str) -> bool {
        self.helpers.contains_key(what)
    }

    /// `retry`, as far as the step has one, and `on_error` with these fields as the outputs.
    pub(super) fn failing(&mut self, step: &Step<'_>, node: Node, default: Option<Value>) -> Node {
        let retry = step.object("retry_config");
        let is_on = crate::json::is_true(retry.get("retry_enabled"));
        let node = match number(retry.get("max_retries")).filter(|_| is_on) {
            Some(retries) => {
                if retries > 3.0 {
                    let note = "the pause between attempts doubles; Dify's stays as it is";
                    self.draft.entry(step.id()).approximated(note);
                }
                let pause = number(retry.get("retry_interval")).unwrap_or(1_000.0);
                let attempts = retries.clamp(0.0, 9.0) as u64 + 1;
                let backoff = format!("{}ms", pause.clamp(1.0, 60_000.0) as u64);
                node.with("retry", json!({ "max_attempts": attempts, "backoff": backoff }))
            }
            None => node,
        };
        match default.filter(|_| step.has_default()) {
            Some(default) => node.with("on_error", json!({ "default": default })),
            None => node,
        }
    }

    /// The outputs that a step has if it fails, by their names.
    pub(super) fn default_of(&self, step: &Step<'_>) -> Map<String, Value> {
        let value = |default: &Value| {
            let written = default.get("value");
            let is_text = text(default.get("type")) == "string";
            match written.and_then(Value::as_str).filter(|_| !is_text) {
                Some(json) => serde_json::from_str(json).unwrap_or_else(|_| json.into()),
                None => written.cloned().unwrap_or_default(),
            }
        };
        let defaults = step.list("default_value").iter();
        defaults.map(|default| (text(default.get("key")), value(default))).collect()
    }

    fn line(&mut self, line: &Line<'a>) {
        let (Some(from), Some(to)) = (self.graph.step(line.from), self.graph.step(line.to)) else {
            return;
        };
        let is_reached = self.graph.is_reached(from.id()) && self.graph.is_reached(to.id());
        if !is_reached || from.is_marker() || to.is_marker() || to.is_start() {
            return;
        }
        let entry = self.ends.get(to.id()).map_or_else(|| self.id(to), |ends| ends.0.clone());
        if from.is_start() {
            return self.draft.edge_from_start(&entry);
        }
        let exit = self.ends.get(from.id()).map_or_else(|| self.id(from), |ends| ends.1.clone());
        match branch(from, line.handle) {
            Some(Branch::Error) => self.draft.edge(&self.id(from), Branch::Error, &entry),
            Some(branch) => self.draft.edge(&exit, branch, &entry),
            None => {}
        }
    }

    fn read_environment(&mut self, workflow: &'a Map<String, Value>, path: &str) {
        let variables = items(workflow.get("environment_variables"));
        for (index, variable) in variables.iter().enumerate() {
            let name = text(variable.get("name"));
            let value = variable.get("value").cloned().unwrap_or_default();
            let written = text(Some(&value));
            let is_secret = text(variable.get("value_type")) == "secret"
                || !keys_in(&name, &written).is_empty()
                || super::read::is_secret_name(&name);
            let constant = match is_secret {
                true => {
                    let place = format!("{path}/workflow/environment_variables/{index}/value");
                    Constant::Secret(self.secret(&name, &written, None, &place))
                }
                false => Constant::Value(value),
            };
            self.environment.insert(name, constant);
        }
    }

    /// The name of a secret. A value that the file holds goes to the found secrets.
    pub(super) fn secret(
        &mut self,
        name: &str,
        value: &str,
        host: Option<&str>,
        place: &str,
    ) -> String {
        if value.trim().is_empty() || self.importing.secrets.is_full() {
            let name = secret_name(name);
            self.app_entry().note(format!("set the secret `{name}`"));
            return name;
        }
        self.importing.secrets.add(name, value, host, place)
    }

    /// What a chat replies: all answers that were given, in the order of the graph.
    fn answer(&mut self) {
        let mut answers = Text::default();
        for step in self.graph.in_order("answer") {
            if self.graph.is_reached(step.id()) {
                let id = self.id(step);
                answers.push(Part::Reference(format!("{id}.content")));
            }
        }
        if !answers.0.is_empty() {
            let answers = self.draft.any(&answers);
            self.draft.output.insert("answer".to_owned(), answers);
        }
    }
}

/// What of a step an edge follows. Returns nothing for a handle that it does not have; one that
/// becomes a function that throws has any.
pub(super) fn branch(from: &Step<'_>, handle: &str) -> Option<Branch> {
    use super::{conditions, lists, model};
    let (obstacle, name) = match (handle, from.kind()) {
        ("fail-branch", _) => return Some(Branch::Error),
        (_, "if-else") => (None, conditions::branch(from, handle)),
        (_, "question-classifier") => (model::obstacle(from), model::route(from, handle)),
        (_, "human-input") => (lists::human_obstacle(from), lists::decision(from, handle)),
        _ => return Some(Branch::Success),
    };
    if obstacle.is_some() { Some(Branch::Success) } else { name.map(Branch::Named) }
}
