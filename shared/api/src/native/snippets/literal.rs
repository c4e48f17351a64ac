//! JSON values as literals of programming languages.
//!
//! Names and values are of authors, so each is escaped: quotes, backslashes, line ends, and
//! characters that cannot be seen or that turn the direction of text.

use std::fmt::Write;

use serde_json::{Map, Number, Value};

/// JavaScript's numbers are exact up to here.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// How a language writes what JSON has.
struct Style {
    null: &'static str,
    booleans: [&'static str; 2],
    /// Characters that are escaped although JSON does not need it.
    also: &'static [char],
    /// Whether `\U0001F600` is one character, and not a pair of surrogates.
    long_escapes: bool,
    indent: usize,
}

const JSON: Style =
    Style { null: "null", booleans: ["false", "true"], also: &[], long_escapes: false, indent: 2 };
const PYTHON: Style =
    Style { null: "None", booleans: ["False", "True"], also: &[], long_escapes: true, indent: 4 };

/// A Python expression, on as many lines as it needs.
pub(super) fn python(value: &Value) -> String {
    written(value, &PYTHON)
}

/// A JavaScript expression of the text of `{"input": value}`.
pub(super) fn javascript_body(input: &Value) -> String {
    if is_exact_in_javascript(input) {
        return format!("JSON.stringify({{ input: {} }})", indented(&written(input, &JSON), 2));
    }
    let text = body(input, &JSON);
    string(&text, &JSON)
}

/// For a shell: JSON in single quotes.
pub(super) fn shell_body(input: &Value) -> String {
    format!("'{}'", body(input, &Style { also: &['\''], ..JSON }))
}

/// JSON in a raw string of Go.
pub(super) fn go_body(input: &Value) -> String {
    format!("`{}`", body(input, &Style { also: &['`'], ..JSON }))
}

/// JSON in a raw string of Rust.
pub(super) fn rust_body(input: &Value) -> String {
    let text = body(input, &JSON);
    let longest =
        text.split('"').skip(1).map(|rest| rest.len() - rest.trim_start_matches('#').len());
    let hashes = "#".repeat(longest.max().unwrap_or(0) + 1);
    format!("r{hashes}\"{text}\"{hashes}")
}

fn body(input: &Value, style: &Style) -> String {
    let input = Map::from_iter([("input".to_owned(), input.clone())]);
    written(&Value::Object(input), style)
}

/// Neither rounded, nor, as the name `__proto__` would be, taken for something else.
fn is_exact_in_javascript(value: &Value) -> bool {
    match value {
        Value::Number(number) => is_safe(number),
        Value::Array(items) => items.iter().all(is_exact_in_javascript),
        Value::Object(fields) => {
            fields.iter().all(|(name, value)| name != "__proto__" && is_exact_in_javascript(value))
        }
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

fn is_safe(number: &Number) -> bool {
    let size = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
    size.is_none_or(|size| size <= MAX_SAFE_INTEGER)
}

fn indented(text: &str, by: usize) -> String {
    text.replace('\n', &format!("\n{}", " ".repeat(by)))
}

fn written(value: &Value, style: &Style) -> String {
    match value {
        Value::Null => style.null.to_owned(),
        Value::Bool(value) => style.booleans[usize::from(*value)].to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => string(text, style),
        Value::Array(items) => {
            listed('[', ']', items.iter().map(|item| written(item, style)).collect(), style)
        }
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                format!("{}: {}", string(name, style), written(value, style))
            };
            listed('{', '}', fields.iter().map(field).collect(), style)
        }
    }
}

/// One item on each line.
fn listed(open: char, close: char, items: Vec<String>, style: &Style) -> String {
    if items.is_empty() {
        return format!("{open}{close}");
    }
    let indent = " ".repeat(style.indent);
    let lines: Vec<String> =
        items.iter().map(|item| format!("\n{indent}{}", indented(item, style.indent))).collect();
    format!("{open}{}\n{close}", lines.join(","))
}

/// In double quotes. What is escaped means the same in JSON, JavaScript and Python.
fn string(text: &str, style: &Style) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted += "\\\"",
            '\\' => quoted += "\\\\",
            '\n' => quoted += "\\n",
            '\r' => quoted += "\\r",
            '\t' => quoted += "\\t",
            _ if is_visible(character) && !style.also.contains(&character) => {
                quoted.push(character);
            }
            _ => escape(character, style, &mut quoted),
        }
    }
    quoted.push('"');
    quoted
}

fn escape(character: char, style: &Style, into: &mut String) {
    let code = u32::from(character);
    // Writing to a string does not fail.
    let _ = if code > 0xffff && style.long_escapes {
        write!(into, "\\U{code:08x}")
    } else {
        let mut units = [0; 2];
        let units = character.encode_utf16(&mut units);
        units.iter().try_for_each(|unit| write!(into, "\\u{unit:04x}"))
    };
}

/// Not a control character, and none that Unicode calls a format character.
fn is_visible(character: char) -> bool {
    !character.is_control()
        && !matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_text_survives_json() {
        let text = "'\"\\\n\r\t\0`$HOME${x}\u{7f}\u{2028}\u{202e}\u{e0041}😀é</script>";
        let value = json!({ text: [text, 1.5, -3, true, null, [], {}] });
        for also in [&[][..], &['\''], &['`']] {
            let shown = written(&value, &Style { also, ..JSON });
            assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value, "{shown}");
            assert!(!shown.contains(['\u{202e}', '\u{2028}', '\u{e0041}', '\0', '\r']));
            assert!(also.iter().all(|escaped| !shown.contains(*escaped)), "{shown}");
        }
    }

    #[test]
    fn python_has_its_own_words_and_long_escapes() {
        let shown = python(&json!({ "a": [null, true, false, "\u{e0041}"] }));
        let expected = "{\n    \"a\": [\n        None,\n        True,\n        False,\n        \
                        \"\\U000e0041\"\n    ]\n}";
        assert_eq!(shown, expected);
    }

    #[test]
    fn javascript_gets_text_where_it_would_change_the_value() {
        let object = javascript_body(&json!({ "a": 1 }));
        assert_eq!(object, "JSON.stringify({ input: {\n    \"a\": 1\n  } })");
        for value in [json!({ "a": 9007199254740993_u64 }), json!([{ "__proto__": 1 }])] {
            let shown = javascript_body(&value);
            let text: String = serde_json::from_str(&shown).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["input"], value);
        }
    }

    #[test]
    fn rusts_raw_strings_end_where_they_should() {
        let shown = rust_body(&json!({ "a": "#", "b": "\"##" }));
        let text = shown.strip_prefix("r###\"").unwrap().strip_suffix("\"###").unwrap();
        assert!(!text.contains("\"###"), "{text}");
        assert!(rust_body(&json!({})).starts_with("r#\""));
    }
}
