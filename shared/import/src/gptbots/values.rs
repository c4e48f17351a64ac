//! Values of nodes, and what reads them.

use flowgate_engine::expr::reference::PathStep;
use serde_json::Value;

use super::Flow;
use crate::json::{filled, items, text};
use crate::text::{Part, Text, reference, shortened};

impl Flow<'_, '_> {
    /// All inputs of a node, with their names.
    pub(super) fn inputs(&mut self, at: usize) -> Vec<(String, Text)> {
        let inputs = items(self.steps[at].fields.get("inputs"));
        let named = inputs.iter().filter_map(|input| Some((filled(input.get("name"))?, input)));
        named.map(|(name, input)| (name.to_owned(), self.value(at, input))).collect()
    }

    /// `{ source: DIRECT | NODE | ENV | GLOBAL, value }`.
    pub(super) fn value(&mut self, at: usize, value: &Value) -> Text {
        let written = text(value.get("value"));
        match text(value.get("source")).as_str() {
            "NODE" => self.of_node(at, &written),
            "ENV" => Text::secret(crate::secrets::secret_name(&written)),
            "GLOBAL" => {
                let note =
                    format!("`{}` has no counterpart: it stays text", shortened(&written, 60));
                self.draft.entry(self.steps[at].id).approximated(note);
                Text::literal(written)
            }
            _ => Text::literal(written),
        }
    }

    /// `nodeId#name#id`.
    fn of_node(&mut self, at: usize, written: &str) -> Text {
        let (node, rest) = written.split_once('#').unwrap_or((written, ""));
        let name = rest.split('#').next().unwrap_or_default();
        let found = self.place.get(node).and_then(|from| self.output(at, *from, name));
        found.map_or_else(
            || {
                let shown = shortened(written, 80);
                let note = format!("nothing here is what `{shown}` read: it stays text");
                self.draft.entry(self.steps[at].id).approximated(note);
                Text::literal(written)
            },
            |reference| Text(vec![Part::Reference(reference)]),
        )
    }

    /// How an output of a node is read.
    fn output(&self, at: usize, from: usize, name: &str) -> Option<String> {
        let step = &self.steps[from];
        if !self.runs[from] {
            return None;
        }
        let own = |path: &[&str]| {
            let id = self.id(from);
            let path: Vec<PathStep> =
                path.iter().map(|name| PathStep::Field((*name).into())).collect();
            Some(reference(self.draft.ids.spoken(&id), &path))
        };
        match step.origin.kind.as_str() {
            "START" if step.parent.is_none() => {
                Some(reference("api", &[PathStep::Field(name.to_owned())]))
            }
            "LOOP" | "BATCH" if self.is_around(from, at) => {
                let kind = if step.origin.kind == "LOOP" { "loop" } else { "parallel" };
                let field = if name == "index" { "index" } else { "item" };
                Some(format!("{kind}.{field}"))
            }
            "LOOP" | "BATCH" => own(&["results"]),
            "LLM" if self.schema(from).is_some() => own(&["data", name]),
            "LLM" => own(&["content"]),
            "CODE" | "VARIABLE_AGGREGATE" => own(&["result", name]),
            "HTTP" => match name {
                "body" | "data" | "response" => own(&["data"]),
                "statusCode" | "status" | "code" => own(&["status"]),
                "headers" => own(&["headers"]),
                name => own(&["data", name]),
            },
            "TEXT_PROCESS" => match text(self.param(from, "textProcessParam").get("mode")).as_str()
            {
                "SPLIT" => own(&["parts"]),
                _ => own(&["content"]),
            },
            "INTENT" => own(&["branch"]),
            "DATASET" => own(&["matches"]),
            "FILE_PARSE" => own(&["text"]),
            "CONDITION" | "COMMENT" | "START" | "END" | "CONTINUE" | "NEXT_LOOP" => None,
            _ => own(&["result", name]),
        }
    }

    pub(super) fn is_around(&self, container: usize, at: usize) -> bool {
        let around = std::iter::successors(self.steps[at].parent, |at| self.steps[*at].parent);
        around.take(self.steps.len()).any(|around| around == container)
    }

    /// A text, in which `{{name}}` is an input of the node, or else what any node leaves under
    /// that name.
    pub(super) fn text(&mut self, at: usize, written: &str, takes_secrets: bool) -> Text {
        let mut read = Text::default();
        let mut rest = written;
        while let Some((before, after)) = rest.split_once("{{") {
            read.push(Part::Literal(before.to_owned()));
            let Some((name, after)) = after.split_once("}}") else {
                rest = &rest[before.len()..];
                break;
            };
            match self.named(at, name.trim()) {
                Some(value) if takes_secrets || !value.has_secret() => read.append(value),
                _ => read.push(Part::Literal(format!("{{{{{name}}}}}"))),
            }
            rest = after;
        }
        read.push(Part::Literal(rest.to_owned()));
        read
    }

    /// What a name stands for, as long as there is room for another copy of it.
    fn named(&mut self, at: usize, name: &str) -> Option<Text> {
        if self.is_full {
            return None;
        }
        let value = match self.input_of.get(&(at, name)).copied() {
            Some(input) => self.value(at, input),
            None => self.by_name(at, name)?,
        };
        self.is_full = !self.draft.may_copy(&value);
        if self.is_full {
            let note = "too much text would stand in many places: the names of inputs stay text";
            self.draft.entry(self.steps[at].id).unsupported(note);
            return None;
        }
        Some(value)
    }

    /// The last node that leaves something under this name.
    fn by_name(&self, at: usize, name: &str) -> Option<Text> {
        let leaving = self.leaving.get(name)?;
        let from = leaving.iter().rfind(|from| **from != at)?;
        Some(Text(vec![Part::Reference(self.output(at, *from, name)?)]))
    }
}

pub(super) fn input_type(kind: &str) -> &'static str {
    match kind.to_uppercase().as_str() {
        "INTEGER" | "NUMBER" | "FLOAT" | "DOUBLE" => "number",
        "BOOLEAN" => "boolean",
        "OBJECT" => "object",
        "FILE" => "file",
        kind if kind.starts_with("ARRAY") => "array",
        _ => "string",
    }
}
