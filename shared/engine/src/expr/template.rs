//! Fields with references in them, and what they become when a node runs.

use serde_json::{Map, Value};

use crate::call::{Piece, Rendered};
use crate::json;
use crate::node::NodeError;
use crate::run::Reader;
use crate::text::PathStep;

/// No value is larger than this as compact JSON. Counted before anything is allocated.
pub(crate) const MAX_VALUE_BYTES: usize = 4 << 20;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reference {
    pub source: Source,
    pub path: Vec<PathStep>,
}

/// Where a reference begins. `up` counts scopes outwards from the one the field stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Node { up: usize, index: usize },
    Item { up: usize },
    Index { up: usize },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    Text(String),
    Reference(Reference),
    Secret(String),
}

/// One text field.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Text {
    pub parts: Vec<Part>,
}

/// JSON with text fields at its leaves.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Template {
    /// Nothing to fill in anywhere below.
    Literal(Value),
    Text(Text),
    Array(Vec<Template>),
    Object(Vec<(String, Template)>),
}

impl Text {
    /// A field that is exactly one reference keeps its JSON type; anything else is text.
    pub(crate) fn render(&self, reader: &Reader<'_>) -> Result<Value, NodeError> {
        within_budget(self.size(reader))?;
        Ok(self.value(reader))
    }

    pub(crate) fn render_string(&self, reader: &Reader<'_>) -> Result<String, NodeError> {
        within_budget(self.size(reader))?;
        Ok(self.string(reader))
    }

    /// Always text, secrets as names.
    pub(crate) fn render_outgoing(&self, reader: &Reader<'_>) -> Result<Rendered, NodeError> {
        within_budget(self.size(reader))?;
        Ok(if self.has_secret() { self.pieces(reader) } else { Rendered::Json(Value::String(self.string(reader))) })
    }

    fn single(&self) -> Option<&Reference> {
        match self.parts.as_slice() {
            [Part::Reference(reference)] => Some(reference),
            _ => None,
        }
    }

    fn has_secret(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Secret(_)))
    }

    fn size(&self, reader: &Reader<'_>) -> usize {
        let part_size = |part: &Part| match part {
            Part::Text(text) | Part::Secret(text) => text.len(),
            Part::Reference(reference) => match reader.read(reference) {
                Value::String(text) => text.len(),
                other => json::size(other),
            },
        };
        self.parts.iter().map(part_size).sum()
    }

    fn value(&self, reader: &Reader<'_>) -> Value {
        match self.single() {
            Some(reference) => reader.read(reference).clone(),
            None => Value::String(self.string(reader)),
        }
    }

    fn string(&self, reader: &Reader<'_>) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Reference(reference) => push_value(&mut text, reader.read(reference)),
                // Where secrets are refused none is left; where they are allowed, `pieces` is asked.
                Part::Secret(_) => {}
            }
        }
        text
    }

    fn pieces(&self, reader: &Reader<'_>) -> Rendered {
        let mut pieces = Vec::new();
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Reference(reference) => push_value(&mut text, reader.read(reference)),
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
    pub(crate) fn render(&self, reader: &Reader<'_>) -> Result<Value, NodeError> {
        within_budget(self.size(reader))?;
        Ok(self.value(reader))
    }

    /// Secrets as names.
    pub(crate) fn render_outgoing(&self, reader: &Reader<'_>) -> Result<Rendered, NodeError> {
        within_budget(self.size(reader))?;
        Ok(self.outgoing(reader))
    }

    fn size(&self, reader: &Reader<'_>) -> usize {
        match self {
            Self::Literal(value) => json::size(value),
            Self::Text(text) => text.size(reader),
            Self::Array(items) => items.iter().map(|item| item.size(reader) + 1).sum(),
            Self::Object(fields) => fields.iter().map(|(name, field)| name.len() + field.size(reader) + 4).sum(),
        }
    }

    fn value(&self, reader: &Reader<'_>) -> Value {
        match self {
            Self::Literal(value) => value.clone(),
            Self::Text(text) => text.value(reader),
            Self::Array(items) => items.iter().map(|item| item.value(reader)).collect(),
            Self::Object(fields) => {
                Value::Object(fields.iter().map(|(name, field)| (name.clone(), field.value(reader))).collect::<Map<_, _>>())
            }
        }
    }

    fn outgoing(&self, reader: &Reader<'_>) -> Rendered {
        match self {
            _ if !self.has_secret() => Rendered::Json(self.value(reader)),
            Self::Literal(value) => Rendered::Json(value.clone()),
            Self::Text(text) => text.pieces(reader),
            Self::Array(items) => Rendered::Array(items.iter().map(|item| item.outgoing(reader)).collect()),
            Self::Object(fields) => Rendered::Object(fields.iter().map(|(name, field)| (name.clone(), field.outgoing(reader))).collect()),
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

/// Inside text a string stands as it is, nothing as nothing, and the rest as compact JSON.
fn push_value(text: &mut String, value: &Value) {
    match value {
        Value::Null => {}
        Value::String(part) => text.push_str(part),
        other => text.push_str(&other.to_string()),
    }
}

fn within_budget(size: usize) -> Result<(), NodeError> {
    if size > MAX_VALUE_BYTES { Err(NodeError::value_too_large()) } else { Ok(()) }
}
