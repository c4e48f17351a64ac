//! What tries say, and what requests hold, read and changed as plain values.

use reqwest::Url;
use serde_json::{Map, Value, json};

pub(super) fn replaced(value: &Value, from: &str, to: &str) -> Value {
    match value {
        Value::String(text) => text.replace(from, to).into(),
        Value::Array(items) => items.iter().map(|item| replaced(item, from, to)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), replaced(value, from, to)))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

pub(super) fn files_in(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(fields) if fields.contains_key("$file") => found.push(value.clone()),
        Value::Object(fields) => fields.values().for_each(|value| files_in(value, found)),
        Value::Array(items) => items.iter().for_each(|value| files_in(value, found)),
        _ => {}
    }
}

/// Puts the run's file in the place of the try's, and its size beside its id in requests.
pub(super) fn with_file(value: &Value, file: &Value, name: &str) -> Value {
    match value {
        same if same == file => format!("<api.input.{name}>").into(),
        Value::String(_) if *value == file["$file"] => {
            format!("{} {}", file["$file"].as_str().unwrap(), file["size"]).into()
        }
        Value::Array(items) => items.iter().map(|item| with_file(item, file, name)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), with_file(value, file, name)))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// A stored file has an id of its own.
pub(super) fn without_files(value: &Value) -> Value {
    match value {
        Value::Object(fields) if fields.contains_key("$file") => json!({ "$file": "" }),
        Value::Array(items) => items.iter().map(without_files).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), without_files(value)))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// Puts one sign in the place of each run of 24 hexadecimal digits and more.
pub(super) fn without_hashes(text: &str) -> String {
    let mut left = String::new();
    for piece in text.split_inclusive(|c: char| !c.is_ascii_hexdigit()) {
        let digits = piece.trim_end_matches(|c: char| !c.is_ascii_hexdigit());
        match digits.len() >= 24 {
            true => left.push_str(&piece.replace(digits, "#")),
            false => left.push_str(piece),
        }
    }
    left
}

pub(super) fn form(bytes: &[u8]) -> Vec<(String, String)> {
    let url = Url::parse(&format!("http://x.example/?{}", text_of(bytes))).unwrap();
    let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    pairs.sort();
    pairs
}

pub(super) fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|it| std::str::from_utf8(it).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped.filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    text_of(&bytes)
}

pub(super) fn pairs_of(written: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut pairs = Vec::new();
    let mut add = |name: &str, value: &Value| {
        for value in value.as_array().map_or(std::slice::from_ref(value), |values| values) {
            pairs.push((name.to_owned(), text(value)));
        }
    };
    match written {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| add(name, value)),
        Value::Array(list) => list.iter().for_each(|pair| add(pair[0].as_str().unwrap(), &pair[1])),
        _ => {}
    }
    pairs
}

pub(super) fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
