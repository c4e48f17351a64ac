//! Text that the author marks: `{ raw: … }` is never scanned, `{ text: … }` stays text.
//!
//! A field that is text takes both marks as they are. In JSON a server may want such an object, so
//! there the marks are `$raw` and `$text`; `$$raw` and `$$text` stand for these names themselves.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// An object with exactly one key, a mark, and a text as its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marked<'d> {
    /// Holds no reference and no secret, whatever it looks like.
    Raw(&'d str),
    /// Is text even where it is exactly one reference.
    Text(&'d str),
}

impl<'d> Marked<'d> {
    /// Reads the value of a text field.
    pub(crate) fn in_text(value: &'d Value) -> Option<Self> {
        let (name, text) = only_text(value.as_object()?)?;
        Self::named(name.strip_prefix('$').unwrap_or(name), text)
    }

    /// Reads an object inside a field of any JSON.
    pub(crate) fn in_json(fields: &'d Map<String, Value>) -> Option<Self> {
        let (name, text) = only_text(fields)?;
        Self::named(name.strip_prefix('$')?, text)
    }

    fn named(name: &str, text: &'d str) -> Option<Self> {
        match name {
            "raw" => Some(Self::Raw(text)),
            "text" => Some(Self::Text(text)),
            _ => None,
        }
    }
}

/// Returns the object that is meant: one whose only key is `$$raw` or `$$text` has a `$` less.
pub(crate) fn unescaped(fields: &Map<String, Value>) -> Cow<'_, Map<String, Value>> {
    match fields.iter().next() {
        Some((name, value)) if fields.len() == 1 && matches!(&**name, "$$raw" | "$$text") => {
            Cow::Owned([(name[1..].to_owned(), value.clone())].into_iter().collect())
        }
        _ => Cow::Borrowed(fields),
    }
}

fn only_text(fields: &Map<String, Value>) -> Option<(&str, &str)> {
    let (name, value) = fields.iter().next().filter(|_| fields.len() == 1)?;
    Some((name, value.as_str()?))
}
