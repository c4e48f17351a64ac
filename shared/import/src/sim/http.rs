//! Requests and answers.

use flowgate_engine::expr::reference::readable;
use flowgate_engine::header;
use serde_json::{Map, Value, json};

use super::Flow;
use super::block::parsed;
use crate::draft::Node;
use crate::json::{items, number, text};

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
const MAX_TIMEOUT: f64 = 600_000.0;

impl Flow<'_, '_> {
    pub(super) fn request(&mut self, at: usize, id: &str) -> Option<Node> {
        let url = self.field_text(at, &["url"]);
        if url.is_empty() {
            return Some(self.stub(at, id, "it has no address"));
        }
        let url = self.draft.text(&url);
        let method = self.blocks[at].text("method").trim().to_uppercase();
        let method = if METHODS.contains(&&*method) { method } else { "GET".to_owned() };
        let has_body = !matches!(method.as_str(), "GET" | "HEAD");
        let timeout = number(self.blocks[at].value("timeout")).filter(|ms| *ms >= 1.0);
        let timeout = timeout.map(|ms| format!("{}ms", ms.min(MAX_TIMEOUT) as u64));
        let body = if has_body { self.body(at) } else { None };
        let node = Node::new(id, "http")
            .with("url", url)
            .with("method", method)
            .with_some("query", self.table(at, "params"))
            .with_some("headers", self.table(at, "headers"));
        Some(node.with_some("body", body).with_some("timeout", timeout))
    }

    fn body(&mut self, at: usize) -> Option<Value> {
        let body = self.blocks[at].text("body");
        (!body.trim().is_empty()).then(|| self.json_of_text(at, &body, true))
    }

    /// The rows of a table, as name to text.
    fn table(&mut self, at: usize, name: &str) -> Option<Value> {
        let mut table = Map::new();
        for (key, value) in self.blocks[at].rows(name) {
            let is_name = name != "headers" || is_header(&key);
            if !is_name || !readable(&key).is_empty() {
                let note = format!("the name `{key}` in `{name}` cannot be one, and was left out");
                self.draft.entry(self.blocks[at].id).unsupported(note);
                continue;
            }
            let value = self.read(at, &value, true);
            table.insert(key, self.draft.text(&value));
        }
        (!table.is_empty()).then(|| table.into())
    }

    pub(super) fn webhook(&mut self, at: usize, id: &str) -> Option<Node> {
        let url = self.field_text(at, &["url", "webhookUrl"]);
        if url.is_empty() {
            return Some(self.stub(at, id, "it has no address"));
        }
        let url = self.draft.text(&url);
        let body = self.blocks[at].text("body");
        let body = self.json_of_text(at, &body, false);
        if !self.blocks[at].text("secret").is_empty() {
            let note = "the signature is ours: see the secret for signatures of this workflow";
            self.draft.entry(self.blocks[at].id).approximated(note);
        }
        let headers = self.table(at, "headers");
        Some(
            Node::new(id, "webhook")
                .with("url", url)
                .with_some("headers", headers)
                .with("body", body),
        )
    }

    pub(super) fn response(&mut self, at: usize, id: &str) -> Option<Node> {
        let block = &self.blocks[at];
        let built = block.list("builderData");
        let is_built = block.text("dataMode") != "json" && !built.is_empty();
        let data = match is_built {
            true => self.built(at, &built),
            false => self.json_of_text(at, &block.text("data"), false),
        };
        let status = self.plain_text(at, &["status"]);
        let status = match number(Some(&self.draft.text(&status))) {
            Some(status) => Some(json!(status as i64)),
            None => status.as_reference().map(|reference| format!("<{reference}>").into()),
        };
        let mut headers = Map::new();
        for (key, value) in block.rows("headers").into_iter().filter(|(key, _)| is_header(key)) {
            let value = self.read(at, &value, false);
            headers.insert(key, self.draft.text(&value));
        }
        let headers = (!headers.is_empty()).then(|| Value::from(headers));
        let node = Node::new(id, "response").with("data", data).with_some("status", status);
        Some(node.with_some("headers", headers))
    }

    /// Fields of the editor: `[{ name, type, value }]`, those of objects inside of them.
    fn built(&mut self, at: usize, fields: &[Value]) -> Value {
        let mut built = Map::new();
        for field in fields {
            let name = text(field.get("name"));
            let value = field.get("value").cloned().unwrap_or_default();
            let kind = text(field.get("type"));
            let value = match (kind.as_str(), parsed(&value)) {
                ("object", Value::Array(inner)) => self.built(at, &inner),
                ("array", Value::Array(inner)) => {
                    let inner: Vec<Value> = inner.iter().map(inner_value).collect();
                    self.json(at, &Value::Array(inner), false)
                }
                ("string", _) => self.json(at, &value, false),
                (_, Value::String(text)) => self.json_of_text(at, &text, false),
                (_, value) => self.json(at, &value, false),
            };
            if !name.is_empty() {
                built.insert(name, value);
            }
        }
        built.into()
    }

    /// Another workflow, with its fields.
    pub(super) fn child(&mut self, at: usize, id: &str) -> Option<Node> {
        let workflow = self.blocks[at].text("workflowId");
        let Some(child) = child_id(&workflow) else {
            return Some(self.stub(at, id, "the file does not say which workflow it calls"));
        };
        let mapped = self.blocks[at].text("inputMapping");
        let own = self.blocks[at].text("input");
        let written = if mapped.trim().is_empty() { own } else { mapped };
        let input = match self.json_of_text(at, &written, false) {
            Value::Object(fields) => Value::Object(fields),
            Value::String(text) if text.trim().is_empty() => json!({}),
            Value::String(text) if text.starts_with('<') && text.ends_with('>') => text.into(),
            other => json!({ "input": other }),
        };
        let note = format!("import and publish the workflow `{child}`, too");
        self.draft.entry(self.blocks[at].id).note(note);
        Some(Node::new(id, "workflow").with("workflow", child).with("input", input))
    }
}

pub(super) fn child_id(id: &str) -> Option<String> {
    flowgate_engine::compile::is_id(id).then(|| id.to_owned())
}

fn inner_value(item: &Value) -> Value {
    match item.get("value") {
        Some(value) if items(Some(item)).is_empty() => value.clone(),
        _ => item.clone(),
    }
}

fn is_header(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token) && !header::is_forbidden(name)
}
