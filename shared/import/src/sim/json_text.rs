//! JSON written as a text with references in it: `{ "to": <start.email>, "n": "<x.y> times" }`.

use flowgate_engine::json;
use serde_json::Value;

use super::references::{Found, scan};

/// Stands around the number of a reference while the JSON is read. JSON that holds it already is
/// not read.
const MARK: char = '\u{e000}';

/// JSON whose references are marks, and the texts that these stand for.
pub(super) struct Template<'t> {
    pub value: Value,
    references: Vec<&'t str>,
}

/// Reads a text. Returns nothing for what is no JSON, whatever the references become.
pub(super) fn read(text: &str) -> Option<Template<'_>> {
    if text.contains(MARK) {
        return None;
    }
    let mut marked = String::new();
    let mut references = Vec::new();
    let mut in_string = false;
    for part in scan(text) {
        match part {
            Found::Plain(plain) => {
                in_string = ends_in_string(plain, in_string);
                marked.push_str(plain);
            }
            Found::Secret(name) => marked.push_str(&format!("{{{{{name}}}}}")),
            Found::Reference { source, .. } => {
                let quote = if in_string { "" } else { "\"" };
                marked.push_str(&format!("{quote}{MARK}{}{MARK}{quote}", references.len()));
                references.push(source);
            }
        }
    }
    let value = json::parse(marked.as_bytes()).ok()?;
    Some(Template { value, references })
}

impl Template<'_> {
    /// Puts the references back into a text of the value.
    pub(super) fn restored(&self, text: &str) -> String {
        let parts = text.split(MARK).enumerate().map(|(index, part)| match index % 2 {
            0 => part,
            _ => part
                .parse()
                .ok()
                .and_then(|at: usize| self.references.get(at))
                .copied()
                .unwrap_or(part),
        });
        parts.collect()
    }
}

fn ends_in_string(text: &str, mut in_string: bool) -> bool {
    let mut escaped = false;
    for character in text.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            _ => {}
        }
    }
    in_string
}
