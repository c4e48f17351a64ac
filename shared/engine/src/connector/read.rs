//! Reads the parts of a connector's file. Each fault becomes a problem with its place, and reading
//! continues.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::template::{LOGIN, Reference, Values, reference};
use crate::expr::cel::Rule;
use crate::expr::reference::{PathStep, Piece, scan};
use crate::json::push_segment;
use crate::kind::NodeError;
use crate::problem::did_you_mean;

/// A JSON pointer into the document, and what is wrong there.
pub(super) type Fault = (String, String);

#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) faults: Vec<Fault>,
}

const MAX_FAULTS: usize = 200;

/// What references may read at one place.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    /// The fields of the node; `None`: any.
    pub(super) fields: Option<BTreeSet<String>>,
    /// Values that may have any path.
    pub(super) open: Vec<String>,
    /// Steps that stand before, with the fields that each leaves.
    pub(super) steps: Vec<String>,
}

/// What a step leaves.
pub(super) const OF_STEP: [&str; 4] = ["body", "status", "headers", "items"];

impl Names {
    pub(super) fn with(&self, open: &[&str]) -> Self {
        let mut names = self.clone();
        names.open.extend(open.iter().map(|name| (*name).to_owned()));
        names
    }

    pub(super) fn check(
        &self,
        reader: &mut Reader,
        root: &str,
        path: &[PathStep],
        written: &str,
        place: &str,
    ) -> Option<()> {
        let first = match path.first() {
            Some(PathStep::Field(name)) => Some(name.as_str()),
            _ => None,
        };
        if root == "in" {
            let Some(fields) = &self.fields else { return Some(()) };
            return match first {
                None if path.is_empty() => Some(()),
                Some(name) if fields.contains(name) => Some(()),
                _ => {
                    let name = first.unwrap_or_default();
                    let hint = did_you_mean(name, fields.iter().map(String::as_str));
                    reader.error(place, format!("<{written}>: `fields` has no `{name}`{hint}"));
                    None
                }
            };
        }
        if self.steps.iter().any(|step| step == root) {
            return match first {
                Some(name) if OF_STEP.contains(&name) => Some(()),
                _ => {
                    let message = format!("<{written}>: a step leaves {}", OF_STEP.join(", "));
                    reader.error(place, message);
                    None
                }
            };
        }
        if self.open.iter().any(|name| name == root) {
            return Some(());
        }
        let known = ["in"].into_iter().chain(self.open.iter().chain(&self.steps).map(|n| &**n));
        let hint = did_you_mean(root, known);
        reader.error(place, format!("<{written}>: nothing before is called `{root}`{hint}"));
        None
    }
}

impl Reader {
    pub(super) fn error(&mut self, path: &str, message: impl Into<String>) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push((path.to_owned(), message.into()));
        }
    }

    /// Reports the fields of an object that have no meaning there.
    pub(super) fn known(&mut self, object: &Map<String, Value>, path: &str, known: &[&str]) {
        for name in object.keys().filter(|name| !known.contains(&name.as_str())) {
            let hint = did_you_mean(name, known.iter().copied());
            self.error(&at(path, name), format!("unknown field `{name}`{hint}"));
        }
    }

    pub(super) fn object<'v>(
        &mut self,
        object: &'v Map<String, Value>,
        path: &str,
        name: &str,
    ) -> Option<&'v Map<String, Value>> {
        let value = given(object, name)?;
        let found = value.as_object();
        if found.is_none() {
            self.error(&at(path, name), format!("`{name}` must be an object"));
        }
        found
    }

    pub(super) fn list<'v>(
        &mut self,
        object: &'v Map<String, Value>,
        path: &str,
        name: &str,
    ) -> &'v [Value] {
        match given(object, name) {
            None => &[],
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.error(&at(path, name), format!("`{name}` must be a list"));
                &[]
            }
        }
    }

    pub(super) fn text<'v>(
        &mut self,
        object: &'v Map<String, Value>,
        path: &str,
        name: &str,
    ) -> Option<&'v str> {
        let value = given(object, name)?;
        let found = value.as_str();
        if found.is_none() {
            self.error(&at(path, name), format!("`{name}` must be text"));
        }
        found
    }

    pub(super) fn needed<'v>(
        &mut self,
        object: &'v Map<String, Value>,
        path: &str,
        name: &str,
    ) -> &'v str {
        if given(object, name).is_none() {
            self.error(path, format!("`{name}` is missing"));
        }
        self.text(object, path, name).unwrap_or_default()
    }

    pub(super) fn boolean(
        &mut self,
        object: &Map<String, Value>,
        path: &str,
        name: &str,
    ) -> Option<bool> {
        let value = given(object, name)?;
        if value.as_bool().is_none() {
            self.error(&at(path, name), format!("`{name}` must be true or false"));
        }
        value.as_bool()
    }

    pub(super) fn number(
        &mut self,
        object: &Map<String, Value>,
        path: &str,
        (name, min, max): (&str, u64, u64),
    ) -> Option<u64> {
        let value = given(object, name)?;
        let found = value.as_u64().filter(|number| (min..=max).contains(number));
        if found.is_none() {
            let message = format!("`{name}` must be a whole number from {min} to {max}");
            self.error(&at(path, name), message);
        }
        found
    }

    pub(super) fn one_of(
        &mut self,
        object: &Map<String, Value>,
        path: &str,
        (name, words): (&str, &[&'static str]),
    ) -> Option<&'static str> {
        let written = self.text(object, path, name)?;
        let found = words.iter().find(|word| **word == written).copied();
        if found.is_none() {
            let hint = did_you_mean(written, words.iter().copied());
            let message = format!("`{name}` must be one of {}{hint}", words.join(", "));
            self.error(&at(path, name), message);
        }
        found
    }

    /// An expression over a vendor's answer.
    pub(super) fn rule(&mut self, text: &str, path: &str, names: &[&str]) -> Option<Rule> {
        Rule::compile(text, names).map_err(|message| self.error(path, message)).ok()
    }

    /// A condition with references, such as `<in.text> != null`.
    pub(super) fn condition(&mut self, text: &str, path: &str, names: &Names) -> Option<Condition> {
        let (mut code, mut references) = (String::new(), Vec::new());
        for piece in scan(text) {
            match piece {
                Piece::Text(text) => code.push_str(text),
                Piece::Secret(_) => self.error(path, "a condition reads no secret"),
                Piece::Reference(found) => {
                    let inner = &found.source[1..found.source.len() - 1];
                    if inner == LOGIN {
                        self.error(path, "a condition reads no secret");
                    }
                    let read = reference(self, inner, path, names)?;
                    let name = format!("value{}_", references.len());
                    code.push_str(&name);
                    references.push((name, read));
                }
            }
        }
        let names: Vec<&str> = references.iter().map(|(name, _)| name.as_str()).collect();
        let rule = Rule::compile(&code, &names);
        let restored = |message: String| {
            references
                .iter()
                .fold(message, |text, (name, read)| text.replace(name, &read.written()))
        };
        let rule = rule.map_err(|message| self.error(path, restored(message))).ok()?;
        Some(Condition { rule, references })
    }
}

/// An expression with references.
#[derive(Debug)]
pub(super) struct Condition {
    rule: Rule,
    references: Vec<(String, Reference)>,
}

impl Condition {
    /// What it reads becomes values of CEL, each time anew, and counts as what is made.
    pub(super) fn holds(&self, values: &Values<'_>) -> Result<bool, NodeError> {
        let mut named = Vec::with_capacity(self.references.len());
        for (name, reference) in &self.references {
            let value = values.read(reference).unwrap_or(&Value::Null);
            values.count(value)?;
            named.push((name.as_str(), value));
        }
        Ok(self.rule.holds(&named))
    }
}

pub(super) fn at(path: &str, name: &str) -> String {
    let mut path = path.to_owned();
    push_segment(&mut path, name);
    path
}

pub(super) fn given<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// `[a-z][a-z0-9_]*`, at most 40 characters.
pub(super) fn is_word(text: &str) -> bool {
    text.len() <= 40
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}
