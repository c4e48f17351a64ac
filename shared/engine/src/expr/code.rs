//! Code and conditions with references. A reference becomes a variable: its value is bound, never
//! spliced into the text.

use std::sync::Arc;

use serde_json::Value;

use super::reference::{Piece, is_near_in_code, scan};
use super::scope::Scope;
use super::template::Reference;
use crate::compile::fields::Fields;
use crate::field::{FieldSpec, Secrets};
use crate::kind::NodeError;
use crate::run::budget::within_budget;
use crate::weight::Weight;

const MAX_VARIABLES: usize = 500;

#[derive(Debug, Default)]
pub struct Code {
    pub text: String,
    /// Variable names with their references.
    pub variables: Vec<(String, Reference)>,
    pub sources: Sources,
}

/// What the author wrote for each variable. Whoever shows text that may name variables restores it
/// first: their names are ours alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// A variable's name is this and its index.
    prefix: String,
    references: Arc<[String]>,
}

impl Sources {
    /// Restores the author's references in the text.
    pub fn restore(&self, text: &str) -> String {
        self.restore_within(text, usize::MAX, str::to_owned).unwrap_or_default()
    }

    /// Restores them in JSON text; `None` if it becomes longer than `max_bytes`.
    pub fn restore_json(&self, text: &str, max_bytes: usize) -> Option<String> {
        self.restore_within(text, max_bytes, |reference| {
            let quoted = Value::from(reference).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        })
    }

    /// Restores the code and the variables' names of a call that is shown.
    pub(crate) fn restore_call(&self, call: &mut Value) {
        if let Some(Value::String(code)) = call.get_mut("code") {
            *code = self.restore(code);
        }
        if let Some(Value::Object(variables)) = call.get_mut("variables") {
            let shown = std::mem::take(variables);
            variables.extend(shown.into_iter().map(|(name, value)| (self.restore(&name), value)));
        }
    }

    /// Returns the references in the order of the variables.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.references.iter().map(String::as_str)
    }

    /// Whether text could name a variable. Values that a run was given may say so by chance.
    pub fn may_be_named_in(&self, text: &str) -> bool {
        !self.references.is_empty() && text.contains(&self.prefix)
    }

    fn restore_within(
        &self,
        text: &str,
        max_bytes: usize,
        shown: impl Fn(&str) -> String,
    ) -> Option<String> {
        let mut restored = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(&self.prefix).filter(|_| !self.references.is_empty()) {
            let after = &rest[at + self.prefix.len()..];
            let (reference, length) = self.numbered(after).unwrap_or((&self.prefix, 0));
            restored.push_str(&rest[..at]);
            restored.push_str(&if length > 0 { shown(reference) } else { reference.to_owned() });
            if restored.len() > max_bytes {
                return None;
            }
            rest = &after[length..];
        }
        restored.push_str(rest);
        (restored.len() <= max_bytes).then_some(restored)
    }

    /// Returns the reference with the number that the text begins with, and the number's length:
    /// the longest that is one, since a digit of the author's may follow.
    fn numbered(&self, text: &str) -> Option<(&str, usize)> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let digits = if text.starts_with('0') { 1 } else { digits };
        (1..=digits.min(MAX_VARIABLES.ilog10() as usize + 1)).rev().find_map(|length| {
            let index: usize = text[..length].parse().ok()?;
            Some((self.references.get(index)?.as_str(), length))
        })
    }
}

impl Code {
    pub fn read(fields: &mut Fields<'_, '_>, spec: &FieldSpec) -> Self {
        let name = &*spec.name;
        let Some(text) = fields.string(spec) else { return Self::default() };
        let prefix = unused_prefix(text);
        let path = fields.path_of(name);
        let mut code = Self::default();
        let mut sources = Vec::new();
        let mut quotes = Quotes::default();
        for piece in scan(text) {
            match piece {
                Piece::Text(text) => {
                    quotes.read(text);
                    code.text.push_str(text);
                }
                Piece::Secret(secret) => {
                    let source = format!("{{{{{secret}}}}}");
                    fields.compiler.secret(secret, &path, Secrets::Refused);
                    code.text.push_str(&source);
                }
                // A bare `<word>` is code here: a comparison, or JSX. Only a path makes it a
                // reference.
                Piece::Reference(found) if found.path.is_empty() => {
                    if is_near_in_code(found.node) {
                        fields.compiler.reference(&found, &path, fields.body);
                    }
                    quotes.read(found.source);
                    code.text.push_str(found.source);
                }
                Piece::Reference(found) => {
                    match fields.compiler.reference(&found, &path, fields.body) {
                        Some(reference) => {
                            if quotes.inside() {
                                let message = format!(
                                    "{} stands inside quotes, where its value is not filled in; \
                                     write it outside them",
                                    found.source
                                );
                                fields.warning(name, message);
                            }
                            let variable = code.variable(&prefix, reference);
                            if sources.len() < code.variables.len() {
                                sources.push(found.source.to_owned());
                            }
                            code.text.push_str(&variable);
                        }
                        None => code.text.push_str(found.source),
                    }
                }
            }
        }
        if code.variables.len() > MAX_VARIABLES {
            fields.error(
                name,
                format!("`{name}` refers to more than {MAX_VARIABLES} different values"),
            );
        }
        code.sources = Sources { prefix, references: sources.into() };
        code
    }

    /// Binds equal references once.
    fn variable(&mut self, prefix: &str, reference: Reference) -> String {
        // Beyond the limit the code is refused anyway, and finding duplicates would take long.
        let known =
            self.variables.iter().take(MAX_VARIABLES).find(|(_, known)| *known == reference);
        if let Some((name, _)) = known {
            return name.clone();
        }
        let name = format!("{prefix}{}", self.variables.len());
        self.variables.push((name.clone(), reference));
        name
    }

    /// Returns the values of the variables, after counting their size.
    pub fn read_variables<'a>(
        &'a self,
        scope: &'a Scope<'_>,
    ) -> Result<impl Iterator<Item = (&'a str, &'a Value)>, NodeError> {
        within_budget(
            self.variables.iter().map(|(_, reference)| Weight::of(scope.read(reference))).sum(),
        )?;
        Ok(self.variables.iter().map(|(name, reference)| (name.as_str(), scope.read(reference))))
    }
}

/// Extends our identifier until it does not occur in the author's code.
fn unused_prefix(text: &str) -> String {
    let mut prefix = "__ref".to_owned();
    while text.contains(&prefix) {
        prefix.push('_');
    }
    prefix
}

/// Tracks string literals roughly: enough for a warning, not for a decision.
#[derive(Default)]
struct Quotes {
    open: Option<char>,
    /// Python fills in what stands in such a string.
    is_formatted: bool,
    last: char,
}

impl Quotes {
    fn inside(&self) -> bool {
        self.open.is_some() && !self.is_formatted
    }

    fn read(&mut self, text: &str) {
        let mut escaped = false;
        for character in text.chars() {
            match (self.open, character) {
                _ if escaped => escaped = false,
                (Some(_), '\\') => escaped = true,
                (Some('"' | '\''), '\n') => self.open = None,
                (Some(open), close) if open == close => self.open = None,
                (None, '"' | '\'') => {
                    self.open = Some(character);
                    self.is_formatted = matches!(self.last, 'f' | 'F');
                }
                _ => {}
            }
            self.last = character;
        }
    }
}
