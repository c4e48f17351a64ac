//! Operators on text and bytes.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::connector::template::{Values, text_of};
use crate::file::FileRef;
use crate::kind::NodeError;

/// `{over, with}`, or a list that is joined with commas.
pub(super) fn join(value: &Value, values: &Values<'_>) -> Result<Option<Value>, NodeError> {
    let over = value.get("over").unwrap_or(value);
    let with = value.get("with").and_then(Value::as_str).unwrap_or(",");
    let Value::Array(items) = over else { return Ok(Some(text_of(over).into())) };
    values.count_text(items.len() * with.len())?;
    Ok(Some(items.iter().map(text_of).collect::<Vec<_>>().join(with).into()))
}

/// Text in base64; `{of, url: true}` uses the alphabet of URLs. A file stays a mark, which a body
/// of `bytes` sends as the base64 of the file.
pub(super) fn base64(value: &Value, values: &Values<'_>) -> Result<Option<Value>, NodeError> {
    if FileRef::is_marked(value) {
        return Ok(Some(json!({ "$base64": value })));
    }
    let of = text_of(value.get("of").unwrap_or(value));
    values.count_text(of.len() * 2)?;
    let is_url = value.get("url") == Some(&Value::Bool(true));
    Ok(Some(if is_url { URL_SAFE_NO_PAD.encode(of) } else { STANDARD.encode(of) }.into()))
}

/// The text that base64 of either alphabet stands for. What is no text gives null.
pub(super) fn base64_text(value: &Value, values: &Values<'_>) -> Result<Option<Value>, NodeError> {
    let text = text_of(value);
    values.count_text(text.len())?;
    Ok(decode(&text).and_then(|bytes| String::from_utf8(bytes).ok()).map(Value::from))
}

pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let plain = |c: char| match c {
        '+' => Some('-'),
        '/' => Some('_'),
        '=' => None,
        c if c.is_ascii_whitespace() => None,
        c => Some(c),
    };
    URL_SAFE_NO_PAD.decode(text.chars().filter_map(plain).collect::<String>()).ok()
}

/// The value of `Content-Disposition` for a file of this name.
pub(super) fn disposition(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !"\"\\".contains(c) || c == ' ' { c } else { '_' })
        .collect();
    if plain == name {
        return format!("attachment; filename=\"{name}\"");
    }
    let mut encoded = String::new();
    for byte in name.bytes() {
        match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => encoded.push(char::from(byte)),
            false => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}
