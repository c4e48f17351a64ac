//! Puts the parts of a draft together as a document.

use std::collections::HashMap;

use flowgate_engine::document::MAX_DOCUMENT_BYTES;
use flowgate_engine::workflow::MAX_NODES;
use flowgate_engine::{Problem, json};
use serde_json::{Map, Value, json};

use super::{Draft, Node};
use crate::edges::Resolved;
use crate::keys;
use crate::problem;
use crate::report::{Entry, Outcome};
use crate::secrets::Secrets;
use crate::stored;

impl Draft {
    /// Returns the document, what became of each step, and what keeps the workflow from being
    /// imported.
    pub(crate) fn finish(mut self, secrets: &mut Secrets) -> (Value, Vec<Entry>, Vec<Problem>) {
        self.rename_secrets(secrets);
        self.take_out_keys(secrets);
        self.add_texts();
        self.fill_empty();
        let mut problems = Vec::new();
        if self.nodes.len() > MAX_NODES {
            let count = self.nodes.len();
            let message =
                format!("it would become {count} nodes; a workflow has {MAX_NODES} at most");
            problems.push(problem(&self.path, message));
            return (json!({}), Vec::new(), problems);
        }
        let parents = self.parents(&mut problems);
        let start = self.start_of_joins(&parents);
        self.nodes.splice(0..0, start);
        let after = self.without_circles(&parents);
        let document = self.document(&after.lists());
        if json::size(&document) > MAX_DOCUMENT_BYTES {
            let message = format!("it would become more than {MAX_DOCUMENT_BYTES} bytes");
            problems.push(problem(&self.path, message));
        }
        self.entries.iter_mut().for_each(complete);
        (document, self.entries, problems)
    }

    /// No stored secret goes where the file's author says.
    fn rename_secrets(&mut self, secrets: &mut Secrets) {
        let own = &self.own_hosts;
        let chosen = self.nodes.iter_mut().filter(|node| !own.contains(&node.id));
        let renamed: Vec<_> = chosen
            .map(|node| (node.id.clone(), stored::rename(&mut node.fields, secrets)))
            .collect();
        for (id, names) in renamed {
            let Some(entry) = self.entry_of_node(&id) else { continue };
            for (name, fresh) in names {
                entry.approximated(format!(
                    "a secret `{name}` is stored, and is not given to what the file asks for: \
                     the secret `{fresh}` is to be set"
                ));
            }
        }
    }

    /// No key stays in the document.
    fn take_out_keys(&mut self, secrets: &mut Secrets) {
        let mut masked = Vec::new();
        for node in &mut self.nodes {
            let source = self.source_of.get(&node.id);
            let place = source.and_then(|source| self.places.get(source));
            if keys::take_out(&mut node.fields, secrets, place.unwrap_or(&self.path)) {
                masked.push(node.id.clone());
            }
        }
        for id in masked {
            if let Some(entry) = self.entry_of_node(&id) {
                entry.approximated("it held a key where no secret may stand: `***` has its place");
            }
        }
        let rest = self.variables.iter_mut().chain(self.input.iter_mut().flatten());
        let rest = rest.chain(self.settings.values_mut()).chain(self.output.values_mut());
        let is_masked = rest.map(keys::mask).fold(false, |any, masked| any | masked);
        let texts = self.texts.iter_mut().chain([&mut self.description, &mut self.name]);
        let is_masked = texts.map(keys::mask_text).fold(is_masked, |any, masked| any | masked);
        if let Some(entry) = self.entries.first_mut().filter(|_| is_masked) {
            entry.note("the workflow's own fields held a key: `***` has its place");
        }
    }

    /// An edge that leads back is left out, and reported at the step that it left from: what comes
    /// after runs once.
    fn without_circles(&mut self, parents: &HashMap<String, Option<String>>) -> Resolved {
        let mut edges = self.edges.resolved(parents);
        let order: Vec<&str> = self.nodes.iter().map(|node| node.id.as_str()).collect();
        for (from, to) in edges.cut_circles(&order) {
            let note = format!("the way back to {} was left out: it runs once", self.title(&to));
            if let Some(entry) = self.entry_of_node(&from) {
                entry.unsupported(note);
            }
        }
        edges
    }

    fn add_texts(&mut self) {
        if self.texts.is_empty() {
            return;
        }
        let texts = self.texts.iter().enumerate();
        let values =
            texts.map(|(index, text)| (format!("t{}", index + 1), json!({ "$raw": text })));
        let node = Node::new(self.texts_id.clone(), "set")
            .with("description", "Texts that look like references")
            .with("values", Value::Object(values.collect()));
        self.nodes.insert(0, node);
    }

    /// A list of nodes has one node at least.
    fn fill_empty(&mut self) {
        let is_container = |node: &&Node| matches!(node.kind(), "loop" | "parallel");
        let containers = self.nodes.iter().filter(is_container).map(|node| Some(node.id.clone()));
        let lists: Vec<Option<String>> = std::iter::once(None).chain(containers).collect();
        for list in lists {
            let runs = |node: &Node| node.inside == list && node.kind() != "note";
            if !self.nodes.iter().any(runs) {
                let id = self.ids.fresh("nothing");
                let node = Node::new(id, "template").with("template", "");
                self.nodes.push(node.inside(list.as_deref()));
            }
        }
    }

    /// The container of each node. One that is not there, or lies inside its own node, is a
    /// problem.
    fn parents(&mut self, problems: &mut Vec<Problem>) -> HashMap<String, Option<String>> {
        let own = self.nodes.iter().map(|node| (node.id.clone(), node.inside.clone()));
        let parents: HashMap<String, Option<String>> = own.collect();
        let up = |id: &String| parents.get(id).cloned().flatten();
        let ends = |id: &String| {
            std::iter::successors(Some(id.clone()), up).take(MAX_NODES + 1).count() <= MAX_NODES
        };
        let is_broken = |node: &&mut Node| {
            node.inside.as_ref().is_some_and(|container| !parents.contains_key(container))
                || !ends(&node.id)
        };
        let mut sound = parents.clone();
        for node in self.nodes.iter_mut().filter(is_broken) {
            let message = format!("`{}` is inside of what is no loop around it", node.id);
            problems.push(problem(&self.path, message));
            node.inside = None;
            sound.insert(node.id.clone(), None);
        }
        sound
    }

    /// A node that the start leads to, beside other nodes, runs in any case. A node that always
    /// succeeds stands for the start then.
    fn start_of_joins(&mut self, parents: &HashMap<String, Option<String>>) -> Option<Node> {
        if !self.edges.needs_start(parents) {
            return None;
        }
        let id = self.ids.fresh("start");
        self.edges.set_start(&id);
        Some(Node::new(id, "template").with("template", ""))
    }

    fn title(&self, id: &str) -> String {
        let node = self.nodes.iter().find(|node| node.id == id);
        let name = node.and_then(|node| node.fields.get("name")).and_then(Value::as_str);
        format!("`{}`", name.unwrap_or(id))
    }

    fn document(&mut self, after: &HashMap<String, Vec<String>>) -> Value {
        let mut document = Map::new();
        let mut put = |name: &str, value: Value| {
            document.insert(name.to_owned(), value);
        };
        if !self.name.is_empty() {
            put("name", self.name.clone().into());
        }
        if !self.description.is_empty() {
            put("description", self.description.clone().into());
        }
        if let Some(input) = self.input.take().filter(|input| !input.is_empty()) {
            put("input", input.into());
        }
        if !self.variables.is_empty() {
            put("variables", std::mem::take(&mut self.variables).into());
        }
        for (name, value) in std::mem::take(&mut self.settings) {
            put(&name, value);
        }
        put("nodes", self.list_of(None, after));
        if !self.output.is_empty() {
            put("output", std::mem::take(&mut self.output).into());
        }
        document.into()
    }

    /// The nodes of a container, or of the workflow itself.
    fn list_of(&self, container: Option<&str>, after: &HashMap<String, Vec<String>>) -> Value {
        let own = self.nodes.iter().filter(|node| node.inside.as_deref() == container);
        own.map(|node| self.written_node(node, after)).collect()
    }

    fn written_node(&self, node: &Node, after: &HashMap<String, Vec<String>>) -> Value {
        let mut fields = Map::from_iter([("id".to_owned(), node.id.clone().into())]);
        let (first, rest): (Vec<_>, Vec<_>) = node
            .fields
            .iter()
            .partition(|(name, _)| matches!(name.as_str(), "type" | "name" | "description"));
        fields.extend(first.into_iter().map(|(name, value)| (name.clone(), value.clone())));
        if let Some(after) = after.get(&node.id).filter(|after| !after.is_empty()) {
            fields.insert("after".to_owned(), after.clone().into());
        }
        fields.extend(rest.into_iter().map(|(name, value)| (name.clone(), value.clone())));
        if matches!(node.kind(), "loop" | "parallel") {
            fields.insert("nodes".to_owned(), self.list_of(Some(&node.id), after));
        }
        fields.into()
    }
}

/// Nothing is dropped in silence.
fn complete(entry: &mut Entry) {
    if entry.outcome == Outcome::Mapped && entry.became.is_empty() && entry.notes.is_empty() {
        entry.unsupported("nothing was made of it");
    }
}
