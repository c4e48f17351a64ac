//! Compares a value with what is expected of it: an object may have further fields, and an object
//! with one field that begins with `$` is a matcher.

use flowgate_engine::pattern;
use flowgate_engine::schema::Schema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::command::test::reader::{Reader, below};

const NAMES: &[&str] = &["$any", "$exactly", "$contains", "$matches", "$length", "$schema", "$not"];

/// A place where a run left something else than expected.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Difference {
    /// JSON pointer into `{status, error, output, nodes}`.
    pub path: String,
    pub expected: Value,
    /// Absent if there is nothing at that place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<Value>,
    /// What a matcher has against it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Difference {
    pub(super) fn of(path: &str, expected: &Value, actual: Value) -> Self {
        let (path, expected) = (path.to_owned(), expected.clone());
        Self { path, expected, actual: Some(actual), why: None }
    }

    pub(super) fn said(path: String, expected: &str, actual: &str) -> Self {
        Self { path, expected: expected.into(), actual: Some(actual.into()), why: None }
    }

    /// There is nothing at that place.
    pub(super) fn absent(path: String, expected: &Value, why: impl Into<String>) -> Self {
        Self { path, expected: expected.clone(), actual: None, why: Some(why.into()) }
    }

    fn because(self, why: impl Into<String>) -> Self {
        Self { why: Some(why.into()), ..self }
    }
}

/// Returns the matcher that an object is, with its argument.
fn matcher(fields: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut fields = fields.iter();
    let (name, argument) = fields.next().filter(|(name, _)| name.starts_with('$'))?;
    fields.next().is_none().then_some((name.as_str(), argument))
}

/// Notes matchers that do not exist, or cannot be what they are given.
pub(super) fn check(reader: &mut Reader<'_>, expected: &Value, path: &str) {
    match expected {
        Value::Object(fields) => match matcher(fields) {
            Some((name, argument)) => check_matcher(reader, name, argument, &below(path, name)),
            None => {
                fields.iter().for_each(|(name, field)| check(reader, field, &below(path, name)))
            }
        },
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, item)| check(reader, item, &format!("{path}/{index}")));
        }
        _ => {}
    }
}

fn check_matcher(reader: &mut Reader<'_>, name: &str, argument: &Value, path: &str) {
    let wrong = match (name, argument) {
        ("$any", Value::Bool(true)) | ("$exactly", _) => None,
        ("$any", _) => Some("must be true".to_owned()),
        ("$contains" | "$not", _) => return check(reader, argument, path),
        ("$matches", Value::String(text)) => pattern::is_match(text, "").err(),
        ("$matches", _) => Some("must be a regular expression, as text".to_owned()),
        ("$length", length) if length.is_u64() => None,
        ("$length", _) => Some("must be a whole number".to_owned()),
        ("$schema", schema) => Schema::compile(schema).err(),
        _ => Some(format!("there is no matcher `{name}`; there are {}", NAMES.join(", "))),
    };
    wrong.into_iter().for_each(|message| reader.error(path, message));
}

/// Returns the places where `actual` is not as expected.
pub(super) fn compare(expected: &Value, actual: &Value, path: &str) -> Vec<Difference> {
    match (expected, actual) {
        (Value::Object(fields), _) if let Some((name, argument)) = matcher(fields) => {
            let why = misfit(name, argument, actual);
            let different = |why| Difference::of(path, expected, actual.clone()).because(why);
            why.map(different).into_iter().collect()
        }
        (Value::Object(fields), Value::Object(left)) => fields
            .iter()
            .flat_map(|(name, field)| {
                let path = below(path, name);
                match left.get(name) {
                    Some(left) => compare(field, left, &path),
                    None => vec![absent(path, field, left.keys())],
                }
            })
            .collect(),
        (Value::Array(items), Value::Array(left)) if items.len() == left.len() => {
            let pairs = items.iter().zip(left).enumerate();
            pairs
                .flat_map(|(at, (item, left))| compare(item, left, &format!("{path}/{at}")))
                .collect()
        }
        (Value::Array(items), Value::Array(left)) => {
            let why = format!("{} items, not {}", left.len(), items.len());
            vec![Difference::of(path, expected, actual.clone()).because(why)]
        }
        _ if is_same(expected, actual) => Vec::new(),
        _ => vec![Difference::of(path, expected, actual.clone())],
    }
}

fn absent<'f>(
    path: String,
    expected: &Value,
    fields: impl Iterator<Item = &'f String>,
) -> Difference {
    let fields: Vec<&str> = fields.map(String::as_str).take(20).collect();
    let why = match fields.is_empty() {
        true => "there is no field".to_owned(),
        false => format!("there are {}", fields.join(", ")),
    };
    Difference::absent(path, expected, why)
}

/// `3` is `3.0`.
fn is_same(expected: &Value, actual: &Value) -> bool {
    match (expected, actual) {
        (Value::Number(expected), Value::Number(actual)) => {
            expected == actual || expected.as_f64() == actual.as_f64()
        }
        (Value::Array(expected), Value::Array(actual)) => {
            let pairs = || expected.iter().zip(actual);
            expected.len() == actual.len() && pairs().all(|(one, other)| is_same(one, other))
        }
        (Value::Object(expected), Value::Object(actual)) => {
            let has = |(name, field): (&String, &Value)| {
                actual.get(name).is_some_and(|other| is_same(field, other))
            };
            expected.len() == actual.len() && expected.iter().all(has)
        }
        _ => expected == actual,
    }
}

/// Returns what the matcher has against the value.
fn misfit(name: &str, argument: &Value, actual: &Value) -> Option<String> {
    match (name, actual) {
        ("$any", _) => actual.is_null().then(|| "null".to_owned()),
        ("$exactly", _) => (!is_same(argument, actual)).then(|| "not exactly this".to_owned()),
        ("$not", _) => compare(argument, actual, "").is_empty().then(|| "it is".to_owned()),
        ("$contains", _) => (!contains(argument, actual)).then(|| "not in it".to_owned()),
        ("$matches", Value::String(text)) => {
            match pattern::is_match(argument.as_str().unwrap_or_default(), text) {
                Ok(true) => None,
                Ok(false) => Some("no match".to_owned()),
                Err(why) => Some(why),
            }
        }
        ("$matches", _) => Some("not a text".to_owned()),
        ("$length", _) => match length(actual) {
            Some(length) if argument.as_u64() == Some(length as u64) => None,
            Some(length) => Some(format!("the length is {length}")),
            None => Some("it has no length".to_owned()),
        },
        ("$schema", _) => {
            let misfits = Schema::compile(argument).map(|schema| schema.misfits(actual));
            let first = misfits.unwrap_or_default().into_iter().next()?;
            Some(format!("{} {}", first.pointer, first.reason).trim().to_owned())
        }
        _ => Some("no such matcher".to_owned()),
    }
}

/// A text has a part, a list an item, an object a field of this name.
fn contains(part: &Value, actual: &Value) -> bool {
    match (actual, part) {
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        (Value::Array(items), _) => items.iter().any(|item| compare(part, item, "").is_empty()),
        (Value::Object(fields), Value::String(name)) => fields.contains_key(name),
        _ => false,
    }
}

/// Of texts in characters.
fn length(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(items) => Some(items.len()),
        Value::Object(fields) => Some(fields.len()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
