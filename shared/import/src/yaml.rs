//! A document as YAML for people: in blocks, with texts of several lines as such.

use serde_json::Value;

/// Writes what every reader of YAML 1.2 reads as the same value.
pub fn written(value: &Value) -> String {
    let mut text = String::new();
    push(&mut text, value, 0);
    text.trim_start_matches('\n').to_owned() + "\n"
}

fn push(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, field) in fields {
                text.push_str(&format!("\n{indent}{}:", key(name)));
                push_field(text, field, depth);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                text.push_str(&format!("\n{indent}-"));
                push_item(text, item, depth);
            }
        }
        Value::String(lines) if is_block(lines) => {
            text.push_str("|-");
            for line in lines.split('\n') {
                let indent = if line.is_empty() { "" } else { &indent };
                text.push_str(&format!("\n{indent}{line}"));
            }
        }
        Value::String(words) => text.push_str(&quoted(words)),
        other => text.push_str(&other.to_string()),
    }
}

fn push_field(text: &mut String, field: &Value, depth: usize) {
    let is_list = matches!(field, Value::Object(_) | Value::Array(_)) && !is_empty(field);
    if !is_list {
        text.push(' ');
    }
    push(text, field, depth + 1);
}

/// The first field of an item stands beside its dash.
fn push_item(text: &mut String, item: &Value, depth: usize) {
    let mut inner = String::new();
    push(&mut inner, item, depth + 1);
    text.push(' ');
    text.push_str(inner.trim_start_matches(['\n', ' ']));
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
        || value.as_object().is_some_and(serde_json::Map::is_empty)
}

/// Whether a text stays the same as a block.
fn is_block(text: &str) -> bool {
    let is_plain = |line: &str| line.trim() == line || (!line.trim().is_empty() && is_even(line));
    text.contains('\n')
        && !text.starts_with(['\n', ' '])
        && !text.ends_with(['\n', ' '])
        && text.split('\n').all(is_plain)
        && !text.chars().any(|c| c != '\n' && is_hidden(c))
}

fn is_even(line: &str) -> bool {
    line.trim_end() == line && !line.contains('\t')
}

fn key(name: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(is_word);
    let means_more = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if is_plain && !means_more.contains(&name.to_ascii_lowercase().as_str()) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// As JSON, without characters that YAML does not accept as they are.
fn quoted(text: &str) -> String {
    let mut written = String::new();
    for character in Value::from(text).to_string().chars() {
        match is_hidden(character) {
            true => written.push_str(&format!("\\u{:04x}", u32::from(character))),
            false => written.push(character),
        }
    }
    written
}

fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use flowgate_engine::document::read_value;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let odd = [
            "",
            " ",
            "a: b",
            "- a",
            "#",
            "no",
            "1",
            "~",
            "a\nb",
            "a\n\n  b",
            "a\n",
            "\na",
            " a\nb",
            "a \nb",
            "a\n \nb",
            "a\n\tb",
            "a\r\nb",
            "\u{7f}\u{85}\u{feff}\u{2028}\nx",
            "é\n<a.b>",
            "---\n...",
            "a\n---\nb",
            "a\n# b",
            "\"",
            "\\",
            "%x",
            "|",
            "😀\n😀",
            "a\u{0}b",
            "{{A}}",
        ];
        for text in odd {
            let value = json!({
                "a": text, "no": [text, [text], { "b": text, "c": {} }, [], { "d": [[text]] }],
                "e f": { text: [{ "g": 1.5, "h": null, "i": { "j": text } }] }
            });
            let written = written(&value);
            assert_eq!(read_value(&written).as_ref(), Ok(&value), "{text:?}\n{written}");
        }
    }

    #[test]
    fn documents_read_well() {
        let document = json!({
            "name": "Story", "nodes": [{ "id": "a", "prompt": "One.\n\nTwo.", "after": ["b"] }]
        });
        assert_eq!(
            written(&document),
            "name: \"Story\"\nnodes:\n  - id: \"a\"\n    prompt: |-\n      One.\n\n      Two.\n    \
             after:\n      - \"b\"\n"
        );
    }
}
