//! Loops and parallels.

use serde_json::Value;

use super::Flow;
use super::block::parsed;
use super::json_text;
use crate::draft::Node;
use crate::ids::slug;
use crate::json::{fields, filled, number, text};
use crate::text::{Part, Text};

/// The most iterations of a loop.
const MAX_ITERATIONS: f64 = 1_000.0;

impl Flow<'_, '_> {
    pub(super) fn container_node(&mut self, at: usize, id: &str, kind: &str) -> Option<Node> {
        let how = match text(self.setting(at, &["loopType", "parallelType"])).as_str() {
            "while" if kind == "loop" => return Some(self.conditional(at, id, "whileCondition")),
            "doWhile" if kind == "loop" => {
                return Some(self.conditional(at, id, "doWhileCondition"));
            }
            how => how.to_owned(),
        };
        let node = Node::new(id, kind);
        if matches!(how.as_str(), "forEach" | "collection") {
            let each = self.collection(at);
            return Some(node.with("each", each));
        }
        let count = number(self.setting(at, &["iterations", "count"])).unwrap_or(5.0);
        Some(node.with("for", count.clamp(0.0, MAX_ITERATIONS) as u64))
    }

    /// A loop's setting: in `loops`, its `data` or its own settings.
    fn setting(&self, at: usize, names: &[&str]) -> Option<&Value> {
        let block = &self.blocks[at];
        let subflow = self.subflows.get(block.id).copied();
        let data = fields(block.fields.get("data"));
        let of = |name: &&str| {
            let outside =
                subflow.and_then(|subflow| subflow.get(*name)).or_else(|| data.get(*name));
            let is_empty = |value: &&Value| value.is_null() || value.as_str() == Some("");
            outside.filter(|value| !is_empty(value)).or_else(|| block.value(name))
        };
        names.iter().find_map(of)
    }

    fn collection(&mut self, at: usize) -> Value {
        let names = ["forEachItems", "distribution", "collection"];
        let written = match self.setting(at, &names).map(parsed) {
            Some(Value::String(text)) => text,
            Some(list) => return self.json(at, &list, false),
            None => String::new(),
        };
        if json_text::read(&written).is_some_and(|found| found.value.is_array()) {
            return self.json_of_text(at, &written, false);
        }
        let each = self.read(at, written.trim(), false);
        if each.as_reference().is_some() {
            return self.draft.text(&each);
        }
        self.draft.entry(self.blocks[at].id).unsupported("it has no list that can be read");
        Value::Array(Vec::new())
    }

    /// JavaScript decides after each iteration, in a function of the loop.
    fn conditional(&mut self, at: usize, id: &str, setting: &str) -> Node {
        let block = &self.blocks[at];
        let condition = filled(self.setting(at, &[setting])).unwrap_or("false").to_owned();
        if setting == "whileCondition" {
            let note = "its condition is tested after each iteration, not before";
            self.draft.entry(block.id).approximated(note);
        }
        let test = self.draft.ids.fresh(&format!("{}_test", slug(&block.origin.name)));
        // The condition reads as one inside of the loop does.
        let inside = self.blocks.iter().position(|inner| inner.parent == Some(block.id));
        let mut code = Text::default();
        code.push(Part::Literal("return Boolean(".to_owned()));
        code.append(self.read(inside.unwrap_or(at), &condition, false));
        code.push(Part::Literal("\n)".to_owned()));
        let code = self.draft.javascript(&code);
        let function = Node::new(&test, "function")
            .with("description", "Whether the loop goes on")
            .with("code", code);
        self.draft.add(block.id, function.inside(Some(id)));
        let count = MAX_ITERATIONS as u64;
        Node::new(id, "loop")
            .with("for", count)
            .with("break_when", format!("<{test}.result> != true"))
    }

    /// Any JSON of the file, with the references in its texts.
    pub(super) fn json(&mut self, at: usize, value: &Value, takes_secrets: bool) -> Value {
        self.restored(at, value, &|text| text.to_owned(), takes_secrets)
    }

    /// A text that is JSON becomes that JSON; any other stays text.
    pub(super) fn json_of_text(&mut self, at: usize, text: &str, takes_secrets: bool) -> Value {
        match json_text::read(text) {
            Some(template) => {
                let restore = |text: &str| template.restored(text);
                self.restored(at, &template.value, &restore, takes_secrets)
            }
            None => {
                let text = self.read(at, text, takes_secrets);
                self.draft.any(&text)
            }
        }
    }

    fn restored(
        &mut self,
        at: usize,
        value: &Value,
        restore: &dyn Fn(&str) -> String,
        takes_secrets: bool,
    ) -> Value {
        match value {
            Value::String(text) => {
                let text = self.read(at, &restore(text), takes_secrets);
                self.draft.any(&text)
            }
            Value::Array(items) => {
                items.iter().map(|item| self.restored(at, item, restore, takes_secrets)).collect()
            }
            Value::Object(fields) => {
                let is_mark = |name: &str| fields.len() == 1 && matches!(name, "$raw" | "$text");
                let fields = fields.iter().map(|(name, field)| {
                    let name = if is_mark(name) { format!("${name}") } else { restore(name) };
                    (name, self.restored(at, field, restore, takes_secrets))
                });
                Value::Object(fields.collect())
            }
            other => other.clone(),
        }
    }
}
