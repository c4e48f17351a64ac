//! Texts made of what stood in the file, references and secrets.

use flowgate_engine::expr::reference::{PathStep, push_step};

/// A text field, or one that is exactly a reference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text(pub Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// As it stood in the file: never a reference or a secret, whatever it looks like.
    Literal(String),
    /// Without its brackets: `draft.content`.
    Reference(String),
    /// The name of a secret.
    Secret(String),
}

impl Text {
    pub(crate) fn literal(text: impl Into<String>) -> Self {
        Self(vec![Part::Literal(text.into())])
    }

    /// `node` is an id or a name, as [`Ids::spoken`](crate::ids::Ids::spoken) gives it.
    pub(crate) fn reference(node: &str, path: &[PathStep]) -> Self {
        Self(vec![Part::Reference(reference(node, path))])
    }

    pub(crate) fn secret(name: impl Into<String>) -> Self {
        Self(vec![Part::Secret(name.into())])
    }

    pub(crate) fn push(&mut self, part: Part) {
        match (self.0.last_mut(), part) {
            (_, Part::Literal(text)) if text.is_empty() => {}
            (Some(Part::Literal(before)), Part::Literal(text)) => before.push_str(&text),
            (_, part) => self.0.push(part),
        }
    }

    pub(crate) fn append(&mut self, other: Self) {
        other.0.into_iter().for_each(|part| self.push(part));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Literal(text) if text.trim().is_empty()))
    }

    /// Returns the text if it holds neither references nor secrets.
    pub(crate) fn as_literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Returns the reference that is the whole text.
    pub(crate) fn as_reference(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Part::Reference(reference)] => Some(reference),
            _ => None,
        }
    }

    pub(crate) fn references(&self) -> Vec<&str> {
        let references = self.0.iter().filter_map(|part| match part {
            Part::Reference(reference) => Some(reference.as_str()),
            Part::Literal(_) | Part::Secret(_) => None,
        });
        references.collect()
    }

    /// The bytes that it takes.
    pub(crate) fn size(&self) -> usize {
        let sizes = self.0.iter().map(|part| match part {
            Part::Literal(text) | Part::Reference(text) | Part::Secret(text) => text.len(),
        });
        sizes.sum()
    }

    pub(crate) fn has_secret(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Secret(_)))
    }
}

/// `draft.data["First Name"]`.
pub(crate) fn reference(node: &str, path: &[PathStep]) -> String {
    let mut reference = node.to_owned();
    path.iter().for_each(|step| push_step(&mut reference, step));
    reference
}

/// Cuts a text off after that many characters.
pub(crate) fn shortened(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
