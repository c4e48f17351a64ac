//! Fields with references, and their rendering when a node runs.

use serde_json::{Map, Value};

use crate::call::{Piece, Rendered, RenderedUrl};
use crate::kind::NodeError;
use crate::run::budget::within_budget;
use crate::weight::Weight;

use super::reference::PathStep;
use super::scope::Scope;

#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    pub source: Source,
    pub path: Vec<PathStep>,
}

/// Where a reference starts. `up` counts lists of nodes outwards from the field's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Node {
        up: usize,
        index: usize,
    },
    Item {
        up: usize,
    },
    Index {
        up: usize,
    },
    /// The result of the iteration before; null in the first one.
    Last {
        up: usize,
    },
    /// The value that an inner node is bound to; `up` counts inner nodes outwards.
    Bound {
        up: usize,
    },
    /// A variable, by its index in the workflow.
    Variable {
        index: usize,
    },
    /// Null, as the author wrote it.
    Nothing,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    Text(String),
    Reference(Reference),
    Secret(String),
}

/// One text field.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Text {
    pub parts: Vec<Part>,
}

/// JSON with text fields at its leaves.
#[derive(Debug, Clone, PartialEq)]
pub enum Template {
    /// Contains nothing to fill in.
    Literal(Value),
    Text(Text),
    Array(Vec<Template>),
    Object(Vec<(String, Template)>),
}

impl Text {
    /// A field that is null.
    pub(crate) fn null() -> Self {
        let nothing = Reference { source: Source::Nothing, path: Vec::new() };
        Self { parts: vec![Part::Reference(nothing)] }
    }

    /// Text without references and secrets.
    pub(crate) fn raw(text: &str) -> Self {
        Self { parts: vec![Part::Text(text.to_owned())] }
    }

    /// Renders as text even if it is exactly one reference.
    pub(crate) fn into_forced(mut self) -> Self {
        if self.single().is_some() {
            self.parts.insert(0, Part::Text(String::new()));
        }
        self
    }

    /// Returns what the author wrote; `None` if a reference or a secret decides.
    pub(crate) fn literal(&self) -> Option<String> {
        let mut literal = String::new();
        for part in &self.parts {
            let Part::Text(text) = part else { return None };
            literal.push_str(text);
        }
        Some(literal)
    }

    /// A field that is exactly one reference keeps its JSON type; anything else is text.
    pub fn render(&self, scope: &Scope<'_>) -> Result<Value, NodeError> {
        within_budget(self.weight(scope))?;
        Ok(self.value(scope))
    }

    pub fn render_string(&self, scope: &Scope<'_>) -> Result<String, NodeError> {
        within_budget(self.weight(scope))?;
        Ok(self.string(scope))
    }

    /// Renders as text, secrets as names.
    pub fn render_outgoing(&self, scope: &Scope<'_>) -> Result<Rendered, NodeError> {
        within_budget(self.weight(scope))?;
        Ok(if self.has_secret() {
            self.pieces(scope)
        } else {
            Rendered::Json(Value::String(self.string(scope)))
        })
    }

    /// Renders as a URL: keeps what references give apart, so that it can be encoded for its place.
    pub fn render_url(&self, scope: &Scope<'_>) -> Result<RenderedUrl, NodeError> {
        within_budget(self.weight(scope))?;
        let piece = |part: &Part| match part {
            Part::Text(text) => Piece::Text(text.clone()),
            Part::Secret(name) => Piece::Secret(name.clone()),
            Part::Reference(reference) => {
                let mut text = String::new();
                push_value(&mut text, scope.read(reference));
                Piece::Value(text)
            }
        };
        Ok(RenderedUrl(self.parts.iter().map(piece).collect()))
    }

    /// Renders as text, secrets as names; a single reference to null as null.
    pub fn render_optional(&self, scope: &Scope<'_>) -> Result<Rendered, NodeError> {
        match self.single() {
            Some(reference) if scope.read(reference).is_null() => Ok(Rendered::Json(Value::Null)),
            _ => self.render_outgoing(scope),
        }
    }

    /// The reference that is the whole field.
    pub(crate) fn single(&self) -> Option<&Reference> {
        match self.parts.as_slice() {
            [Part::Reference(reference)] => Some(reference),
            _ => None,
        }
    }

    fn has_secret(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Secret(_)))
    }

    /// What the rendered field will weigh; counted before anything is allocated.
    pub(crate) fn weight(&self, scope: &Scope<'_>) -> Weight {
        if let Some(reference) = self.single() {
            return Weight::of(scope.read(reference));
        }
        let length = |part: &Part| match part {
            Part::Text(text) | Part::Secret(text) => text.len(),
            Part::Reference(reference) => match scope.read(reference) {
                Value::String(text) => text.len(),
                other => Weight::of(other).json,
            },
        };
        let length = self.parts.iter().map(length).sum();
        Weight { json: length, memory: length }
    }

    fn value(&self, scope: &Scope<'_>) -> Value {
        match self.single() {
            Some(reference) => scope.read(reference).clone(),
            None => Value::String(self.string(scope)),
        }
    }

    fn string(&self, scope: &Scope<'_>) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Reference(reference) => push_value(&mut text, scope.read(reference)),
                // Unreachable: fields that refuse secrets have none, the others go through
                // `pieces`.
                Part::Secret(_) => {}
            }
        }
        text
    }

    fn pieces(&self, scope: &Scope<'_>) -> Rendered {
        let mut pieces = Vec::new();
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Reference(reference) => push_value(&mut text, scope.read(reference)),
                Part::Secret(name) => {
                    if !text.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut text)));
                    }
                    pieces.push(Piece::Secret(name.clone()));
                }
            }
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Rendered::Text(pieces)
    }
}

impl Template {
    pub fn render(&self, scope: &Scope<'_>) -> Result<Value, NodeError> {
        within_budget(self.weight(scope))?;
        Ok(self.value(scope))
    }

    /// Secrets as names.
    pub fn render_outgoing(&self, scope: &Scope<'_>) -> Result<Rendered, NodeError> {
        within_budget(self.weight(scope))?;
        Ok(self.outgoing(scope))
    }

    /// Returns the value of a template with nothing to fill in.
    pub(crate) fn into_literal(self) -> Value {
        match self {
            Self::Literal(value) => value,
            Self::Text(text) => {
                let text = text.parts.into_iter().map(|part| match part {
                    Part::Text(text) => text,
                    Part::Reference(_) | Part::Secret(_) => String::new(),
                });
                Value::String(text.collect())
            }
            Self::Array(items) => items.into_iter().map(Self::into_literal).collect(),
            Self::Object(fields) => Value::Object(
                fields.into_iter().map(|(name, field)| (name, field.into_literal())).collect(),
            ),
        }
    }

    fn weight(&self, scope: &Scope<'_>) -> Weight {
        const HEAD: Weight = Weight { json: 4, memory: 120 };
        match self {
            Self::Literal(value) => Weight::of(value),
            Self::Text(text) => text.weight(scope),
            Self::Array(items) => items.iter().map(|item| HEAD + item.weight(scope)).sum(),
            Self::Object(fields) => {
                let field = |(name, field): &(String, Self)| {
                    HEAD + Weight::of_text(name) + field.weight(scope)
                };
                fields.iter().map(field).sum()
            }
        }
    }

    fn value(&self, scope: &Scope<'_>) -> Value {
        match self {
            Self::Literal(value) => value.clone(),
            Self::Text(text) => text.value(scope),
            Self::Array(items) => items.iter().map(|item| item.value(scope)).collect(),
            Self::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(name, field)| (name.clone(), field.value(scope)))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    fn outgoing(&self, scope: &Scope<'_>) -> Rendered {
        match self {
            _ if !self.has_secret() => Rendered::Json(self.value(scope)),
            Self::Literal(value) => Rendered::Json(value.clone()),
            Self::Text(text) => text.pieces(scope),
            Self::Array(items) => {
                Rendered::Array(items.iter().map(|item| item.outgoing(scope)).collect())
            }
            Self::Object(fields) => Rendered::Object(
                fields.iter().map(|(name, field)| (name.clone(), field.outgoing(scope))).collect(),
            ),
        }
    }

    fn has_secret(&self) -> bool {
        match self {
            Self::Literal(_) => false,
            Self::Text(text) => text.has_secret(),
            Self::Array(items) => items.iter().any(Self::has_secret),
            Self::Object(fields) => fields.iter().any(|(_, field)| field.has_secret()),
        }
    }
}

/// Inside text, a string renders as it is, null as nothing, anything else as compact JSON.
fn push_value(text: &mut String, value: &Value) {
    match value {
        Value::Null => {}
        Value::String(part) => text.push_str(part),
        other => text.push_str(&other.to_string()),
    }
}
