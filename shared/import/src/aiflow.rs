//! AI-Flow: a list of nodes, each of which names what feeds it.

mod nodes;

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::draft::{Branch, Draft, Node, Origin};
use crate::json::{fields, filled, items, text};
use crate::stub::stub;
use crate::text::{Part, Text};
use crate::{Importing, Root};

/// A bare list of nodes, a template around one, or a tab of the editor.
pub(crate) fn is_aiflow(root: &Value) -> bool {
    let nodes = node_list(root).0;
    !nodes.is_empty() && nodes.iter().any(|node| own(node).contains_key("processorType"))
}

pub(crate) fn read(root: &Root<'_>, importing: &mut Importing<'_>) {
    let (nodes, below) = node_list(root.value);
    let path = format!("{}{below}", root.path);
    let lines = nodes.iter().map(|node| feeds(own(node)).len()).sum();
    if !importing.is_small_enough(&path, nodes.len(), lines) {
        return;
    }
    let steps = steps(nodes, &path, importing);
    let mut flow = Flow { draft: draft(root, importing), outputs: HashMap::new() };
    steps.iter().for_each(|step| flow.draft.list(&step.origin));
    for step in in_order(&steps, &path, importing) {
        flow.step(step);
    }
    importing.add(flow.draft);
}

fn node_list(root: &Value) -> (&[Value], &'static str) {
    match root {
        Value::Array(nodes) => (nodes, ""),
        _ if root.get("template").is_some() => (items(root.get("template")), "/template"),
        _ => (items(root.get("nodes")), "/nodes"),
    }
}

/// The fields of a node; the editor's tabs keep them in `data`.
fn own(node: &Value) -> &Map<String, Value> {
    match node.get("data") {
        Some(Value::Object(data)) if data.contains_key("processorType") => data,
        _ => fields(Some(node)),
    }
}

fn draft(root: &Root<'_>, importing: &Importing<'_>) -> Draft {
    let metadata = fields(root.value.get("metadata"));
    let title = filled(root.value.get("title")).or_else(|| filled(metadata.get("name")));
    let name = title.map(str::to_owned).or_else(|| importing.options.name.clone());
    let id = text(metadata.get("id"));
    let mut draft = Draft::new(&id, name.as_deref().unwrap_or("AI-Flow"), &root.path);
    draft.description = text(root.value.get("description"));
    draft
}

/// A node of the file.
struct Step<'a> {
    origin: Origin,
    fields: &'a Map<String, Value>,
    feeds: Vec<Feed<'a>>,
}

/// What feeds a node: an output of another one.
struct Feed<'a> {
    /// The field that it fills in, as far as the file says so.
    field: Option<&'a str>,
    from: &'a str,
    output: usize,
}

/// Reads both forms: a list `inputs`, and the older `input` with its `inputKey`.
fn feeds(fields: &Map<String, Value>) -> Vec<Feed<'_>> {
    let index = |value: Option<&Value>| {
        value.and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok()).unwrap_or(0)
    };
    if let Some(from) = filled(fields.get("input")).filter(|_| !fields.contains_key("inputs")) {
        return vec![Feed { field: None, from, output: index(fields.get("inputKey")) }];
    }
    let read = items(fields.get("inputs")).iter().filter_map(|value| {
        Some(Feed {
            field: filled(value.get("inputName")),
            from: filled(value.get("inputNode"))?,
            output: index(value.get("inputNodeOutputKey")),
        })
    });
    read.collect()
}

/// Reports nodes without a name or a type, names that come twice, and feeds from nowhere.
fn steps<'a>(nodes: &'a [Value], path: &str, importing: &mut Importing<'_>) -> Vec<Step<'a>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut known = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        let path = format!("{path}/{index}");
        let fields = own(node);
        let (id, kind) = (text(fields.get("name")), text(fields.get("processorType")));
        if id.is_empty() || kind.is_empty() {
            importing.problem(&path, "a node needs a `name` and a `processorType`");
        } else if known.insert(id.clone(), index).is_some() {
            importing.problem(&path, format!("the name `{id}` comes twice"));
        } else {
            let custom = fields.get("appearance").and_then(|look| filled(look.get("customName")));
            let name = custom.unwrap_or(&id).to_owned();
            let feeds = feeds(fields);
            steps.push(Step { origin: Origin { id, name, kind, path }, fields, feeds });
        }
    }
    for step in &steps {
        for feed in step.feeds.iter().filter(|feed| !known.contains_key(feed.from)) {
            importing.problem(&step.origin.path, format!("no node is called `{}`", feed.from));
        }
    }
    steps
}

/// Sorts the steps so that each comes after those that feed it; a circle is a problem.
fn in_order<'s, 'a>(
    steps: &'s [Step<'a>],
    path: &str,
    importing: &mut Importing<'_>,
) -> Vec<&'s Step<'a>> {
    let index: HashMap<&str, usize> =
        steps.iter().enumerate().map(|(index, step)| (step.origin.id.as_str(), index)).collect();
    let mut open: Vec<usize> = (0..steps.len()).collect();
    let mut done = vec![false; steps.len()];
    let mut order = Vec::new();
    while !open.is_empty() {
        let is_ready = |at: &usize| {
            let before = steps[*at].feeds.iter().filter_map(|feed| index.get(feed.from));
            before.into_iter().all(|before| done[*before])
        };
        let (ready, left): (Vec<usize>, Vec<usize>) = open.iter().partition(|at| is_ready(at));
        if ready.is_empty() {
            let names: Vec<&str> = left.iter().map(|at| steps[*at].origin.id.as_str()).collect();
            importing
                .problem(path, format!("nodes feed each other in a circle: {}", names.join(", ")));
            return order;
        }
        for at in ready {
            done[at] = true;
            order.push(&steps[at]);
        }
        open = left;
    }
    order
}

struct Flow<'s> {
    draft: Draft,
    /// What others read of a node, by its name in the file.
    outputs: HashMap<&'s str, Output>,
}

/// How the outputs of a node are read.
#[derive(Clone)]
enum Output {
    /// One value, whatever the index.
    One(String),
    /// A list; the index counts.
    List(String),
}

impl<'s> Flow<'s> {
    fn step(&mut self, step: &'s Step<'_>) {
        let source = &step.origin.id;
        if let Some(name) = filled(step.fields.get("api_input_name")) {
            return self.input(step, name);
        }
        if let Some(name) = filled(step.fields.get("api_output_name")) {
            let value = self.fed(step, &[]);
            let value = self.draft.any(&value);
            self.draft.output.insert(name.to_owned(), value);
            self.draft.entry(source).note(format!("the output `{name}` of the workflow"));
            let through = self.through(step);
            self.outputs.insert(source, through);
            return;
        }
        let id = self.draft.ids.claim(source, source.split('#').next().unwrap_or(source));
        let (node, output) = match self.node(step, &id) {
            Some((node, output)) => (node, Output::of(&id, output)),
            None => self.stub(step, &id),
        };
        let is_named = step.origin.name != *source && self.draft.ids.name(&id, &step.origin.name);
        let node = node.with_some("name", is_named.then(|| step.origin.name.clone()));
        self.draft.add(source, node);
        for feed in &step.feeds {
            let from = self.draft.ids.of(feed.from).map(str::to_owned);
            if let Some(from) = from {
                self.draft.edge(&from, Branch::Success, &id);
            }
        }
        self.outputs.insert(source, output);
    }

    fn stub(&mut self, step: &Step<'_>, id: &str) -> (Node, Output) {
        let why = format!("`{}` has no counterpart", step.origin.kind);
        self.draft.entry(&step.origin.id).unsupported(&why);
        let hidden = ["config", "inputs", "outputData", "x", "y", "width", "height", "lastRun"];
        let settings = step.fields.iter().filter(|(name, _)| !hidden.contains(&name.as_str()));
        let settings = settings.map(|(name, value)| (name.clone(), value.clone())).collect();
        (stub(id, &step.origin, &why, &settings), Output::One(format!("{id}.result")))
    }

    /// A field of the input. One without a default, or with an empty one, is required.
    fn input(&mut self, step: &'s Step<'_>, name: &str) {
        let mut field = Map::from_iter([("name".to_owned(), Value::from(name))]);
        let is_file = crate::json::is_true(step.fields.get("is_file_url"));
        field.insert("type".to_owned(), if is_file { "file" } else { "string" }.into());
        if let Some(default) = filled(step.fields.get("default_value")) {
            field.insert("default".to_owned(), default.into());
        }
        self.draft.input.get_or_insert_default().push(field.into());
        self.draft.entry(&step.origin.id).note(format!("the input `{name}` of the workflow"));
        self.outputs.insert(
            &step.origin.id,
            Output::One(crate::text::reference(
                "api",
                &[flowgate_engine::expr::reference::PathStep::Field(name.to_owned())],
            )),
        );
    }

    fn through(&self, step: &Step<'_>) -> Output {
        let first = step.feeds.first().and_then(|feed| self.outputs.get(feed.from));
        first.cloned().unwrap_or(Output::One(String::new()))
    }

    /// What feeds one of these fields, or any if none is named.
    fn fed(&self, step: &Step<'_>, names: &[&str]) -> Text {
        let is_meant = |feed: &&Feed<'_>| {
            names.is_empty() || feed.field.is_some_and(|field| names.contains(&field))
        };
        step.feeds.iter().find(is_meant).map_or_else(Text::default, |feed| self.read(feed))
    }

    fn read(&self, feed: &Feed<'_>) -> Text {
        match self.outputs.get(feed.from) {
            Some(Output::One(path)) if !path.is_empty() => {
                Text(vec![Part::Reference(path.clone())])
            }
            Some(Output::List(path)) => {
                Text(vec![Part::Reference(format!("{path}[{}]", feed.output))])
            }
            _ => Text::default(),
        }
    }

    /// A field of the node: what feeds it, else its own value.
    fn field(&self, step: &Step<'_>, name: &str) -> Text {
        let fed = self.fed(step, &[name]);
        if fed.is_empty() { Text::literal(text(step.fields.get(name))) } else { fed }
    }

    /// What feeds the node without a field of its own: the text that it works on.
    fn context(&self, step: &Step<'_>, own: &[&str]) -> Text {
        let mut context = Text::default();
        for feed in &step.feeds {
            if feed.field.is_none_or(|field| !own.contains(&field)) {
                if !context.is_empty() {
                    context.push(Part::Literal("\n\n".to_owned()));
                }
                context.append(self.read(feed));
            }
        }
        context
    }
}

impl Output {
    fn of(id: &str, path: &str) -> Self {
        match path.strip_suffix("[]") {
            Some(list) => Self::List(format!("{id}.{list}")),
            None => Self::One(format!("{id}.{path}")),
        }
    }
}

/// The size of a picture, where the file says one.
fn size(fields: &Map<String, Value>) -> Option<Value> {
    let size = filled(fields.get("size")).or_else(|| filled(fields.get("aspect_ratio")));
    size.map(|size| json!(size))
}
