//! Reads texts and selectors of a file: what they say, and what they refer to.

use flowgate_engine::expr::reference::PathStep;
use serde_json::{Value, json};

use super::flow::{Constant, Flow};
use super::graph::Step;
use crate::draft::Node;
use crate::json::{items, text};
use crate::keys::{self, MASK};
use crate::text::{Part, Text, shortened};

const MAX_DEPTH: usize = 60;
const MAX_PLACEHOLDER: usize = 800;
/// What the constants of the environment may take in all places where they are written.
const MAX_CONSTANTS: usize = 4 << 20;

/// A part of a text: what stands between `{{#` and `#}}`, or anything else.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    Text(&'t str),
    Selector(Vec<&'t str>),
}

/// Takes a text apart. What is not written as Dify reads it stays text.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut plain, mut at) = (0, 0);
    while let Some(step) = text[at..].find("{{#") {
        let begin = at + step;
        at = begin + 3;
        let window = &text[at..text.floor_char_boundary(at + MAX_PLACEHOLDER)];
        let Some(length) = window.find("#}}") else { continue };
        let Some(selector) = selector(&text[at..at + length]) else { continue };
        if plain < begin {
            pieces.push(Piece::Text(&text[plain..begin]));
        }
        pieces.push(Piece::Selector(selector));
        at += length + 3;
        plain = at;
    }
    if plain < text.len() {
        pieces.push(Piece::Text(&text[plain..]));
    }
    pieces
}

fn selector(text: &str) -> Option<Vec<&str>> {
    let is_word = |word: &&str| {
        !word.is_empty()
            && word.len() <= 64
            && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
    };
    let words: Vec<&str> = text.split('.').collect();
    let is_whole = words == ["context"] || (2..=11).contains(&words.len());
    (is_whole && words.iter().all(is_word)).then_some(words)
}

/// A selector that is written as a list, as text, or as a text with one placeholder.
pub(super) fn selector_of(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(parts)) => parts.iter().map(|part| text(Some(part))).collect(),
        Some(Value::String(text)) => match pieces(text).as_slice() {
            [Piece::Selector(parts)] => parts.iter().map(|part| (*part).to_owned()).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

impl<'a> Flow<'a, '_, '_> {
    /// Reads a text with placeholders. A key in it is masked, and a secret left out: most fields
    /// may hold neither.
    pub(super) fn template(&mut self, reader: &Step<'_>, text: &str) -> Text {
        let text = self.without_keys(reader, text);
        let read = self.with_secrets(reader, &text);
        self.without_secrets(reader, read)
    }

    /// As [`Self::template`], for a field that may hold secrets.
    pub(super) fn with_secrets(&mut self, reader: &Step<'_>, text: &str) -> Text {
        let mut read = Text::default();
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => read.push(Part::Literal(text.to_owned())),
                Piece::Selector(selector) if selector == ["context"] => {
                    let context = self.context(reader);
                    read.append(context);
                }
                Piece::Selector(selector) => {
                    let selector: Vec<String> = selector.into_iter().map(str::to_owned).collect();
                    let value = self.selected(reader, &selector);
                    read.append(value);
                }
            }
        }
        read
    }

    pub(super) fn without_keys(&mut self, reader: &Step<'_>, text: &str) -> String {
        let mut plain = text.to_owned();
        if keys::mask_text(&mut plain) {
            let note = "it held a key where no secret may stand: `***` has its place";
            self.draft.entry(reader.id()).unsupported(note);
        }
        plain
    }

    fn without_secrets(&mut self, reader: &Step<'_>, read: Text) -> Text {
        let mut plain = Text::default();
        for part in read.0 {
            match part {
                Part::Secret(name) => {
                    let note = format!("the secret `{name}` cannot stand there");
                    self.draft.entry(reader.id()).unsupported(note);
                    plain.push(Part::Literal(MASK.to_owned()));
                }
                part => plain.push(part),
            }
        }
        plain
    }

    /// The value that a selector names, for a field that takes any JSON.
    pub(super) fn value(&mut self, reader: &Step<'_>, selector: &[String]) -> Value {
        if let [head, name] = selector
            && head == "env"
            && let Some(value) = self.constant(name)
        {
            return self.draft.json(&value, &mut |text| Text::literal(text));
        }
        let read = self.selected(reader, selector);
        let read = self.without_secrets(reader, read);
        match read.0.is_empty() {
            true => Value::Null,
            false => self.draft.any(&read),
        }
    }

    /// The same as an expression of JavaScript.
    pub(super) fn expression(&mut self, reader: &Step<'_>, selector: &[String]) -> Text {
        if let [head, name] = selector
            && head == "env"
            && let Some(value) = self.constant(name)
        {
            return Text::literal(literal(&value));
        }
        let read = self.selected(reader, selector);
        let read = self.without_secrets(reader, read);
        match read.as_literal() {
            Some("") => Text::literal("null"),
            Some(text) => Text::literal(crate::js::string(text)),
            None => read,
        }
    }

    /// What a selector names. Empty if it names nothing that a run can have.
    pub(super) fn selected(&mut self, reader: &Step<'_>, selector: &[String]) -> Text {
        let Some((head, path)) = selector.split_first().filter(|(_, path)| !path.is_empty()) else {
            return Text::default();
        };
        match (head.as_str(), path) {
            ("sys", [name, ..]) => self.system_value(reader, name, &path[1..]),
            ("env", [name, ..]) => match self.environment.get(name) {
                Some(Constant::Secret(name)) => Text::secret(name),
                _ => match self.constant(name) {
                    Some(value) => Text::literal(shown(&value)),
                    None => self.nothing(reader, selector),
                },
            },
            ("conversation", path) => Text::reference("variable", &steps(path)),
            (id, path) => match self.graph.step(id) {
                None => self.nothing(reader, selector),
                Some(step) if !self.graph.is_reached(id) => {
                    let note = format!("`{}` never runs, so that it is empty", step.origin.name);
                    self.draft.entry(reader.id()).note(note);
                    Text::default()
                }
                Some(step) => self.output(reader, step, path),
            },
        }
    }

    /// A constant of the environment, as long as there is room for it: each place has its own copy.
    fn constant(&mut self, name: &str) -> Option<Value> {
        let Constant::Value(value) = self.environment.get(name)? else { return None };
        if self.constants > MAX_CONSTANTS {
            return None;
        }
        self.constants += flowgate_engine::json::size(value);
        (self.constants <= MAX_CONSTANTS).then(|| value.clone())
    }

    /// Reports a selector that names nothing.
    pub(super) fn nothing(&mut self, reader: &Step<'_>, selector: &[String]) -> Text {
        let name = selector.join(".");
        self.draft.entry(reader.id()).approximated(format!("`{name}` is nothing, and empty here"));
        Text::default()
    }

    fn system_value(&mut self, reader: &Step<'_>, name: &str, path: &[String]) -> Text {
        let given = ["query", "files", "conversation_id", "user_id"];
        if let Some(given) = given.into_iter().find(|given| *given == name) {
            self.given.insert(given);
            let path: Vec<String> =
                [name.to_owned()].into_iter().chain(path.iter().cloned()).collect();
            return Text::reference("api", &steps(&path));
        }
        let helper = match name {
            "dialogue_count" => {
                let id = self.helper("dialogue_count", dialogue_count());
                Some((id, "result"))
            }
            "timestamp" => {
                let node =
                    Node::new("", "function").with("code", "return Math.floor(Date.now() / 1000)");
                Some((self.helper("timestamp", node), "result"))
            }
            "workflow_run_id" | "message_id" => {
                let note = format!("`sys.{name}` is another id than that of the run");
                self.draft.entry(reader.id()).approximated(note);
                let node = Node::new("", "random").with("uuid", true);
                Some((self.helper("workflow_run_id", node), "value"))
            }
            "workflow_id" | "app_id" => return Text::literal(shortened(&self.draft.name, 100)),
            _ => None,
        };
        match helper {
            Some((id, field)) => Text::reference(&id, &[PathStep::Field(field.to_owned())]),
            None => self.nothing(reader, &["sys".to_owned(), name.to_owned()]),
        }
    }
}

/// Counts the turns of a conversation, from 1.
fn dialogue_count() -> Node {
    Node::new("", "function").with("code", "return (<variable.dialogue_count> ?? 0) + 1")
}

pub(super) fn steps(path: &[String]) -> Vec<PathStep> {
    path.iter().take(MAX_DEPTH).map(|step| PathStep::Field(step.clone())).collect()
}

/// A constant as text.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A constant as JavaScript.
pub(super) fn literal(value: &Value) -> String {
    match value {
        Value::String(text) => crate::js::string(text),
        other => other.to_string(),
    }
}

/// Whether a variable is a secret by its name.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["key", "token", "secret", "password", "passwd"].iter().any(|word| name.contains(word))
}

/// The text of a note: the editor's own JSON, a line for each paragraph.
pub(super) fn rich_text(written: &str) -> String {
    let Ok(root) = serde_json::from_str::<Value>(written) else { return written.to_owned() };
    let mut lines = Vec::new();
    for paragraph in items(root.get("root").and_then(|root| root.get("children"))) {
        let mut line = String::new();
        leaves(paragraph, &mut line, 0);
        lines.push(line);
    }
    lines.join("\n")
}

fn leaves(value: &Value, line: &mut String, depth: usize) {
    line.push_str(&text(value.get("text")));
    for child in items(value.get("children")).iter().filter(|_| depth < MAX_DEPTH) {
        leaves(child, line, depth + 1);
    }
}

/// The fields of an input that is a file, with the names that ours have.
pub(super) fn file_field(name: &str) -> Option<&'static str> {
    Some(match name {
        "name" | "filename" => "name",
        "size" => "size",
        "mime_type" => "type",
        "url" | "remote_url" => "url",
        _ => return None,
    })
}

/// An object of default values whose names are ours.
pub(super) fn renamed(default: &serde_json::Map<String, Value>, names: &[(&str, &str)]) -> Value {
    let fields = names
        .iter()
        .filter_map(|(theirs, ours)| Some(((*ours).to_owned(), default.get(*theirs)?.clone())));
    json!(fields.collect::<serde_json::Map<_, _>>())
}
