//! What the kinds of pictures, speech and predictions share: files in fields, and sums of costs.

use serde_json::Value;

use super::{CallEnd, NodeError};
use crate::compile::fields::Fields;
use crate::cost::dollars;
use crate::expr::scope::Scope;
use crate::expr::template::Text;
use crate::field::FieldSpec;
use crate::file::{FileId, FileRef};

/// Reads a field that is one reference, to a file or a list of files.
pub(super) fn file_field(fields: &mut Fields<'_, '_>, spec: &FieldSpec) -> Option<Text> {
    let text = fields.text(spec)?;
    if text.single().is_none() {
        let message =
            format!("`{}` needs one reference to a file, such as `<api.photo>`", spec.name);
        fields.error(&spec.name, message);
        return None;
    }
    Some(text)
}

/// The files of a field: one, or a list of them. Null is none.
pub(super) fn files(
    field: Option<&Text>,
    name: &str,
    max: usize,
    scope: &Scope<'_>,
) -> Result<Vec<FileId>, NodeError> {
    let invalid = |message: String| NodeError::new("invalid_field", message);
    let value = field.map(|text| text.render(scope)).transpose()?.unwrap_or_default();
    let files = match value {
        Value::Null => Vec::new(),
        Value::Array(files) => files,
        file => vec![file],
    };
    if files.len() > max {
        return Err(invalid(format!("`{name}` takes at most {max} files, not {}", files.len())));
    }
    let is_list = files.len() > 1;
    let read = |(index, file): (usize, &Value)| {
        let place = if is_list { format!("{name}[{index}]") } else { name.to_owned() };
        FileRef::parse(file).map_err(|why| invalid(format!("`{place}` {why}")))
    };
    files.iter().enumerate().map(read).map(|file| file.map(|file| file.id)).collect()
}

/// A text that may be left out. Null and empty text count as left out.
pub(super) fn optional(
    field: Option<&Text>,
    scope: &Scope<'_>,
) -> Result<Option<String>, NodeError> {
    let text = field.map(|text| text.render_string(scope)).transpose()?;
    Ok(text.filter(|text| !text.is_empty()))
}

/// What the calls of a node cost together; `None` once one of them is unknown.
pub(super) struct Sums(Option<u64>);

impl Default for Sums {
    fn default() -> Self {
        Self(Some(0))
    }
}

impl Sums {
    pub(super) fn add(&mut self, end: Option<&CallEnd>) {
        let cost = end.and_then(|end| end.result.as_ref().ok()?.cost_nano_usd);
        self.0 = self.0.zip(cost).map(|(sum, cost)| sum.saturating_add(cost));
    }

    pub(super) fn dollars(&self) -> Option<Value> {
        self.0.map(dollars)
    }
}
