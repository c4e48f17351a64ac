//! Bytes of a file as JSON, whatever they are wrapped in.

use flowgate_engine::document::read_value;
use flowgate_engine::{Problem, json};
use serde_json::Value;

use crate::{MAX_FILE_BYTES, Root, problem};

/// The values of a file that may be a workflow, the outermost first.
#[derive(Debug)]
pub(crate) struct Content {
    root: Value,
    /// What a text inside the file holds, and where it stands: some systems export a file as a text
    /// within another one.
    inner: Option<(String, Value)>,
}

impl Content {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Problem> {
        if bytes.len() > MAX_FILE_BYTES {
            return Err(problem("", format!("the file is longer than {MAX_FILE_BYTES} bytes")));
        }
        if bytes.starts_with(b"PK\x03\x04") {
            let message = "a zip archive: unpack it, and import the files in it";
            return Err(problem("", message));
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(problem("", "neither JSON nor YAML: the text is not UTF-8"));
        };
        let root = parse(text.trim_start_matches('\u{feff}'))?;
        let inner = match wrapped_text(&root) {
            Some((path, text)) => Some((path.to_owned(), parse(text)?)),
            None => None,
        };
        Ok(Self { root, inner })
    }

    pub(crate) fn candidates(&self) -> Vec<Root<'_>> {
        let (path, value) = match &self.inner {
            Some((path, value)) => (path.clone(), value),
            None => (String::new(), &self.root),
        };
        let mut candidates = vec![Root { value, path: path.clone() }];
        for key in ["data", "workflow", "0"] {
            let found = value.pointer(&format!("/{key}")).filter(|found| found.is_object());
            let is_list_of_one = key != "0" || value.as_array().is_some_and(|list| list.len() == 1);
            if let Some(value) = found.filter(|_| is_list_of_one) {
                candidates.push(Root { value, path: format!("{path}/{key}") });
            }
        }
        candidates
    }
}

fn parse(text: &str) -> Result<Value, Problem> {
    let placed = |line, column, message: String| Problem {
        line: Some(line),
        column: Some(column),
        ..problem("", message)
    };
    if text.trim_start().starts_with(['{', '[', '"']) {
        return json::parse(text.as_bytes())
            .map_err(|error| placed(error.line, error.column, error.reason.to_string()));
    }
    read_value(text).map_err(|error| placed(error.line, error.column, error.message))
}

/// A file that is one text, or an object whose `data` is one.
fn wrapped_text(root: &Value) -> Option<(&'static str, &str)> {
    match root {
        Value::String(text) => Some(("", text)),
        Value::Object(fields) if fields.len() <= 2 => {
            Some(("/data", fields.get("data")?.as_str()?))
        }
        _ => None,
    }
}
