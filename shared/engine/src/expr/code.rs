//! Code and conditions with references. A reference becomes a variable: its value is bound, never
//! spliced into the text.

use serde_json::Value;

use super::reference::{Piece, scan};
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
}

impl Code {
    pub fn read(fields: &mut Fields<'_, '_>, spec: &FieldSpec) -> Self {
        let name = &*spec.name;
        let Some(text) = fields.string(spec) else { return Self::default() };
        let prefix = unused_prefix(text);
        let path = fields.path_of(name);
        let mut code = Self::default();
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
}

impl Quotes {
    fn inside(&self) -> bool {
        self.open.is_some()
    }

    fn read(&mut self, text: &str) {
        let mut escaped = false;
        for character in text.chars() {
            match (self.open, character) {
                _ if escaped => escaped = false,
                (Some(_), '\\') => escaped = true,
                (Some('"' | '\''), '\n') => self.open = None,
                (Some(open), close) if open == close => self.open = None,
                (None, '"' | '\'') => self.open = Some(character),
                _ => {}
            }
        }
    }
}
