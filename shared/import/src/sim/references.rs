//! Texts of the file: `<block.path>` and `{{NAME}}` in them.

use flowgate_engine::expr::reference::{PathStep, normalise, parse_path};
use serde_json::Value;

use super::Flow;
use super::leaves::Leaves;
use crate::json::{fields, text};
use crate::text::{Part, Text, reference, shortened};

/// Nothing longer is read as a reference.
const MAX_REFERENCE: usize = 250;
/// Nothing longer is written as one: a name of many blanks is read by a short one.
const MAX_WRITTEN: usize = 1_000;

/// A part of a text that may mean something.
pub(super) enum Found<'t> {
    Plain(&'t str),
    Reference { source: &'t str, head: &'t str, path: Vec<PathStep> },
    Secret(&'t str),
}

/// Takes a text apart.
pub(super) fn scan(text: &str) -> Vec<Found<'_>> {
    let (mut found, mut plain, mut at) = (Vec::new(), 0, 0);
    while let Some(step) = text[at..].find(['<', '{']) {
        at += step;
        let Some((part, length)) = part(&text[at..]) else {
            at += 1;
            continue;
        };
        found.push(Found::Plain(&text[plain..at]));
        found.push(part);
        at += length;
        plain = at;
    }
    found.push(Found::Plain(&text[plain..]));
    found
}

fn part(text: &str) -> Option<(Found<'_>, usize)> {
    if let Some(inner) = text.strip_prefix("{{") {
        let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
        let is_name =
            inner[end..].starts_with("}}") && !inner.starts_with(|c: char| c.is_ascii_digit());
        return (end > 0 && is_name).then(|| (Found::Secret(&inner[..end]), end + 4));
    }
    let window = &text[1..text.floor_char_boundary(MAX_REFERENCE)];
    let end = window.find(['<', '>', '\n']).filter(|end| window[*end..].starts_with('>'))?;
    let inner = &window[..end];
    let split = inner.find(['.', '[']).unwrap_or(end);
    let (head, path) = inner.split_at(split);
    let is_head = head.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' '));
    let is_head = is_head && head.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let path = parse_path(path).filter(|_| is_head)?;
    Some((Found::Reference { source: &text[..end + 2], head, path }, end + 2))
}

impl Flow<'_, '_> {
    /// Reads a text of a block. Where no secret may stand, the name of one stays text.
    pub(super) fn read(&mut self, at: usize, text: &str, takes_secrets: bool) -> Text {
        let mut read = Text::default();
        for found in scan(text) {
            read.push(match found {
                Found::Plain(text) => Part::Literal(text.to_owned()),
                Found::Secret(name) if takes_secrets => Part::Secret(name.to_owned()),
                Found::Secret(name) => {
                    let note =
                        format!("no secret may stand where `{{{{{name}}}}}` does: it stays text");
                    self.draft.entry(self.blocks[at].id).unsupported(note);
                    Part::Literal(format!("{{{{{name}}}}}"))
                }
                Found::Reference { source, head, path } => self.part(at, source, head, &path),
            });
        }
        read
    }

    /// What names nothing stays text, as in Sim; a part that a node here does not leave does, too,
    /// and is reported.
    fn part(&mut self, at: usize, source: &str, head: &str, path: &[PathStep]) -> Part {
        match self.resolve(at, head, path) {
            Some(Some(reference)) if reference.len() <= MAX_WRITTEN => Part::Reference(reference),
            Some(_) => {
                let shown = shortened(source, 80);
                let note = format!("nothing here is what `{shown}` read: it stays text");
                self.draft.entry(self.blocks[at].id).approximated(note);
                Part::Literal(source.to_owned())
            }
            None => Part::Literal(source.to_owned()),
        }
    }

    /// `None`: it names nothing. `Some(None)`: what it names has no counterpart.
    fn resolve(&self, at: usize, head: &str, path: &[PathStep]) -> Option<Option<String>> {
        let name = normalise(head);
        match name.as_str() {
            "loop" | "parallel" => return Some(self.iteration(at, &name, path)),
            "variable" => return Some(self.variable(path)),
            _ => {}
        }
        let &block = self.by_name.get(&name)?;
        match &self.leaves[block] {
            Leaves::Input => Some(self.input.path(self.blocks[block].kind(), path)),
            Leaves::Variables => Some(self.variable(path)),
            _ if !self.runs[block] => Some(None),
            Leaves::Loop | Leaves::Parallel if self.is_around(block, at) => {
                let kind =
                    if matches!(self.leaves[block], Leaves::Loop) { "loop" } else { "parallel" };
                Some(self.iteration(at, kind, path))
            }
            leaves => {
                let id = self.id(block);
                Some(leaves.path(path).map(|path| reference(self.draft.ids.spoken(&id), &path)))
            }
        }
    }

    /// Whether a loop or parallel is the innermost of its kind around a block.
    fn is_around(&self, container: usize, at: usize) -> bool {
        let is_loop = |at: usize| matches!(self.leaves[at], Leaves::Loop);
        let around = std::iter::successors(self.parent(at), |at| self.parent(*at));
        around.take(self.blocks.len()).find(|around| is_loop(*around) == is_loop(container))
            == Some(container)
    }

    fn iteration(&self, at: usize, kind: &str, path: &[PathStep]) -> Option<String> {
        let around = std::iter::successors(self.parent(at), |at| self.parent(*at));
        let is_inside =
            around.take(self.blocks.len()).any(|around| self.blocks[around].kind() == kind);
        let (first, rest) = path.split_first().filter(|_| is_inside)?;
        let name = match first {
            PathStep::Field(name) if name == "currentItem" => "item",
            PathStep::Field(name) if name == "index" => "index",
            _ => return None,
        };
        let steps = std::iter::once(PathStep::Field(name.to_owned())).chain(rest.iter().cloned());
        Some(reference(kind, &steps.collect::<Vec<_>>()))
    }

    fn variable(&self, path: &[PathStep]) -> Option<String> {
        let (PathStep::Field(name), rest) = path.split_first()? else { return None };
        let name = self.variables.get(&normalise(name))?;
        let steps = std::iter::once(PathStep::Field(name.clone())).chain(rest.iter().cloned());
        Some(reference("variable", &steps.collect::<Vec<_>>()))
    }

    /// Variables keep their names and values.
    pub(super) fn declare_variables(&mut self, state: &Value) {
        for variable in fields(state.get("variables")).values() {
            let name = text(variable.get("name"));
            if name.trim().is_empty() || self.variables.contains_key(&normalise(&name)) {
                continue;
            }
            let value = typed(variable.get("value"), &text(variable.get("type")));
            self.draft.variables.push(serde_json::json!({ "name": name, "value": value }));
            self.variables.insert(normalise(&name), name);
        }
    }
}

/// The editor keeps values of all types as texts.
pub(super) fn typed(value: Option<&Value>, kind: &str) -> Value {
    match (value, kind) {
        (Some(Value::String(text)), "number" | "boolean" | "object" | "array" | "json") => {
            flowgate_engine::json::parse(text.as_bytes()).unwrap_or_else(|_| text.clone().into())
        }
        (value, _) => value.cloned().unwrap_or_default(),
    }
}
