//! A document in the making: nodes, the edges between them, and what became of each step.

mod document;

use std::collections::{HashMap, HashSet};

use flowgate_engine::expr::reference::readable;
use serde_json::{Map, Value, json};

use crate::edges::Edges;
use crate::ids::Ids;
use crate::js;
use crate::report::Entry;
use crate::text::{Part, Text};

pub(crate) use crate::edges::Branch;

/// What the values of a file may take in all places where their names stand.
const MAX_COPIED: usize = 4 << 20;

/// A step as it stood in the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    pub id: String,
    pub name: String,
    /// Its type.
    pub kind: String,
    /// JSON pointer into the file.
    pub path: String,
}

/// A node of the document.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub id: String,
    /// All but `id`, `after` and `nodes`.
    pub fields: Map<String, Value>,
    /// The id of the container that runs it.
    pub inside: Option<String>,
}

impl Node {
    pub(crate) fn new(id: impl Into<String>, kind: &str) -> Self {
        let fields = Map::from_iter([("type".to_owned(), kind.into())]);
        Self { id: id.into(), fields, inside: None }
    }

    pub(crate) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(field.to_owned(), value.into());
        self
    }

    pub(crate) fn with_some(self, field: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(field, value),
            None => self,
        }
    }

    pub(crate) fn inside(mut self, container: Option<&str>) -> Self {
        self.inside = container.map(str::to_owned);
        self
    }

    pub(crate) fn kind(&self) -> &str {
        self.fields.get("type").and_then(Value::as_str).unwrap_or_default()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// What its id should be; empty if the file does not say.
    pub id: String,
    pub name: String,
    pub description: String,
    /// Where the workflow stands in the file.
    pub path: String,
    /// Fields of the input. `None` accepts any object.
    pub input: Option<Vec<Value>>,
    pub output: Map<String, Value>,
    pub variables: Vec<Value>,
    /// Further fields at the top level, such as `schedule`.
    pub settings: Map<String, Value>,
    pub ids: Ids,
    nodes: Vec<Node>,
    edges: Edges,
    entries: Vec<Entry>,
    entry_of: HashMap<String, usize>,
    /// Where each step stands in the file.
    places: HashMap<String, String>,
    /// The step that each node was made of.
    source_of: HashMap<String, String>,
    /// Parts of texts that would be read as references, and the node that holds them.
    texts: Vec<String>,
    text_of: HashMap<String, usize>,
    texts_id: String,
    /// The nodes whose address and login are ours, not the file's.
    own_hosts: HashSet<String>,
    /// The bytes of values that stand in more than one place, by what was copied.
    copied: usize,
}

impl Draft {
    pub(crate) fn new(id: &str, name: &str, path: &str) -> Self {
        let texts = |draft: &mut Self| draft.texts_id = draft.ids.fresh("texts");
        let mut draft = Self {
            id: id.to_owned(),
            name: name.to_owned(),
            path: path.to_owned(),
            ..Self::default()
        };
        texts(&mut draft);
        draft
    }

    /// Lists a step in the report. Every step of the file must be listed; one of which nothing is
    /// made, and nothing is said, is reported as unsupported.
    pub(crate) fn list(&mut self, origin: &Origin) {
        if !self.entry_of.contains_key(&origin.id) {
            self.entry_of.insert(origin.id.clone(), self.entries.len());
            self.places.insert(origin.id.clone(), origin.path.clone());
            self.entries.push(Entry::of(origin));
        }
    }

    /// The report's line of a listed step.
    pub(crate) fn entry(&mut self, source: &str) -> &mut Entry {
        let index = self.entry_of.get(source).copied().unwrap_or_else(|| {
            let origin = Origin { id: source.to_owned(), ..Origin::default() };
            self.list(&origin);
            self.entries.len() - 1
        });
        &mut self.entries[index]
    }

    /// Adds a node that a step became.
    pub(crate) fn add(&mut self, source: &str, node: Node) {
        let kind = node.kind().to_owned();
        self.entry(source).became(&kind);
        self.source_of.insert(node.id.clone(), source.to_owned());
        self.nodes.push(node);
    }

    /// Adds the edge `from` to `to`, both ids of nodes. One between nodes of different containers
    /// is drawn between those around them that are in one list.
    pub(crate) fn edge(&mut self, from: &str, branch: Branch, to: &str) {
        self.edges.add(from, branch, to);
    }

    /// Adds an edge from the workflow's start.
    pub(crate) fn edge_from_start(&mut self, to: &str) {
        self.edges.add_start(to);
    }

    /// The report's line of the step that a node was made of.
    fn entry_of_node(&mut self, id: &str) -> Option<&mut Entry> {
        let source = self.source_of.get(id)?.clone();
        Some(self.entry(&source))
    }

    /// Notes that the importer itself chose where a node's secrets go.
    pub(crate) fn sends_to_own_host(&mut self, id: &str) {
        self.own_hosts.insert(id.to_owned());
    }

    pub(crate) fn node_mut(&mut self, id: &str) -> Option<&mut Node> {
        self.nodes.iter_mut().find(|node| node.id == id)
    }

    /// Whether there is room for another copy of a value of the file: a short name may stand for a
    /// long text in many places.
    pub(crate) fn may_copy(&mut self, value: &Text) -> bool {
        self.copied = self.copied.saturating_add(value.size());
        self.copied <= MAX_COPIED
    }

    /// Writes a field that is text (`prompt`, `url`, a header).
    pub(crate) fn text(&mut self, text: &Text) -> Value {
        self.written(text, "raw")
    }

    /// As [`Self::text`]; it stays text where it is exactly one reference.
    pub(crate) fn only_text(&mut self, text: &Text) -> Value {
        match text.as_reference() {
            Some(reference) => json!({ "text": format!("<{reference}>") }),
            None => self.text(text),
        }
    }

    /// Writes a text inside any JSON (`body`, `values`).
    pub(crate) fn any(&mut self, text: &Text) -> Value {
        self.written(text, "$raw")
    }

    /// Writes any JSON of the file, whose texts `read` takes apart.
    pub(crate) fn json(&mut self, value: &Value, read: &mut dyn FnMut(&str) -> Text) -> Value {
        match value {
            Value::String(text) => {
                let text = read(text);
                self.any(&text)
            }
            Value::Array(items) => items.iter().map(|item| self.json(item, read)).collect(),
            Value::Object(fields) => {
                let is_mark = |name: &str| fields.len() == 1 && matches!(name, "$raw" | "$text");
                let fields = fields.iter().map(|(name, field)| {
                    let name = if is_mark(name) { format!("${name}") } else { name.clone() };
                    (name, self.json(field, read))
                });
                Value::Object(fields.collect())
            }
            other => other.clone(),
        }
    }

    /// Writes JavaScript. What looks like a reference in its literal parts is written in another
    /// way that means the same.
    pub(crate) fn javascript(&mut self, code: &Text) -> String {
        let mut written = String::new();
        for part in &code.0 {
            match part {
                Part::Literal(code) => written.push_str(code),
                Part::Reference(reference) => written.push_str(&format!("<{reference}>")),
                // Code cannot hold a secret; who makes a text of one reports it.
                Part::Secret(name) => written.push_str(&js::string(name)),
            }
        }
        js::escaped(&written, &code.references())
    }

    fn written(&mut self, text: &Text, mark: &str) -> Value {
        if let Some(literal) = text.as_literal() {
            return match readable(literal).is_empty() {
                true => literal.into(),
                false => Value::Object(Map::from_iter([(mark.to_owned(), literal.into())])),
            };
        }
        let mut written = String::new();
        for part in &text.0 {
            match part {
                Part::Literal(literal) => self.push_literal(&mut written, literal),
                Part::Reference(reference) => written.push_str(&format!("<{reference}>")),
                Part::Secret(name) => written.push_str(&format!("{{{{{name}}}}}")),
            }
        }
        written.into()
    }

    /// Appends text of which nothing may be read: what would be goes to a node that holds it, and
    /// the value of a reference is never read.
    fn push_literal(&mut self, written: &mut String, literal: &str) {
        let mut plain = 0;
        for range in readable(literal) {
            written.push_str(&literal[plain..range.start]);
            let name = self.kept(&literal[range.clone()]);
            written.push_str(&format!("<{}.{name}>", self.texts_id));
            plain = range.end;
        }
        written.push_str(&literal[plain..]);
    }

    fn kept(&mut self, text: &str) -> String {
        if let Some(number) = self.text_of.get(text) {
            return format!("t{number}");
        }
        self.texts.push(text.to_owned());
        self.text_of.insert(text.to_owned(), self.texts.len());
        format!("t{}", self.texts.len())
    }
}
