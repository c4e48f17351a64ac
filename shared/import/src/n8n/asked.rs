//! `$fromAI('name', …)`: what a model fills in when it calls a tool.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::expression::{self, Part};
use crate::ids;

const CALL: &str = "$fromAI(";
/// The most that one tool asks for.
const MAX_ASKED: usize = 100;

/// What a tool asks for: the names of the file, and what they are called here.
#[derive(Default)]
pub(super) struct Asked(Vec<(String, String)>);

impl Asked {
    /// The name of a parameter; of two that would be called the same, the second has a number.
    /// `None` if it asks for too much.
    pub(super) fn named(&mut self, name: &str) -> Option<String> {
        if let Some((_, known)) = self.0.iter().find(|(known, _)| known == name) {
            return Some(known.clone());
        }
        if self.0.len() == MAX_ASKED {
            return None;
        }
        let taken: BTreeSet<&str> = self.0.iter().map(|(_, known)| known.as_str()).collect();
        let base = ids::slug(name);
        let numbered = (2..).map(|number| format!("{base}_{number}"));
        let mut names = std::iter::once(base.clone()).chain(numbered);
        let own = names.find(|own| !taken.contains(own.as_str()))?;
        self.0.push((name.to_owned(), own.clone()));
        Some(own)
    }

    /// The schema of each parameter.
    pub(super) fn schemas(self) -> impl Iterator<Item = (String, Value)> {
        self.0.into_iter().map(|(_, name)| (name, json!({ "type": "string" })))
    }
}

/// The name that a call asks for, if the call is the whole expression.
pub(super) fn name(code: &str) -> Option<String> {
    let arguments = without_remark(code).strip_prefix(CALL)?;
    let end = end_of(arguments)?;
    if !without_remark(&arguments[end + 1..]).trim_end_matches(';').trim().is_empty() {
        return None;
    }
    let given = arguments.trim_start();
    let quote = given.chars().next().filter(|quote| "'\"`".contains(*quote))?;
    given[1..].split(quote).next().filter(|name| !name.is_empty()).map(str::to_owned)
}

/// n8n's editor writes a remark before a call.
fn without_remark(code: &str) -> &str {
    let code = code.trim();
    let inner = code.strip_prefix("/*").and_then(|code| code.split_once("*/"));
    inner.map_or(code, |(_, after)| after.trim())
}

/// Where the bracket ends that is open at the beginning.
fn end_of(arguments: &str) -> Option<usize> {
    let (mut depth, mut quote, mut is_escaped) = (0, None, false);
    for (at, c) in arguments.char_indices() {
        match (quote, c) {
            _ if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(open), c) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"' | '`') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => return Some(at),
            (None, ')') => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Whether a parameter computes something with what is asked for, such as a bound.
pub(super) fn is_computed_with(parameters: &Map<String, Value>) -> bool {
    parameters.values().any(in_value)
}

fn in_value(value: &Value) -> bool {
    match value {
        Value::String(parameter) if parameter.contains(CALL) => {
            expression::split(parameter).iter().any(|piece| match piece {
                Part::Code(code) => code.contains(CALL) && name(code).is_none(),
                Part::Text(_) => false,
            })
        }
        Value::Array(items) => items.iter().any(in_value),
        Value::Object(fields) => is_computed_with(fields),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_the_whole_expression() {
        let check = |code: &str, expected: Option<&str>| {
            assert_eq!(name(code).as_deref(), expected, "{code}");
        };
        check("$fromAI('city')", Some("city"));
        check("/*n8n-auto*/ $fromAI(\"a b\", `an (odd) 'one'`, 'string') ", Some("a b"));
        check("$fromAI('a', 'it\\'s )', 'number', f(1));", Some("a"));
        for code in [
            "Math.min($fromAI('n'), 5)",
            "$fromAI('n') + 1",
            "$fromAI('n') || $fromAI('m')",
            "$fromAI(x)",
            "$fromAI('n'",
            "$fromAI(é",
        ] {
            check(code, None);
        }
    }

    #[test]
    fn names_that_clash_are_numbered() {
        let mut asked = Asked::default();
        let names = ["First name", "first_name", "first-name", "First name", "first_name_2"];
        let named = names.map(|name| asked.named(name).unwrap());
        let expected =
            ["first_name", "first_name_2", "first_name_3", "first_name", "first_name_2_2"];
        assert_eq!(named, expected);
        assert_eq!(asked.schemas().count(), 4);
    }
}
