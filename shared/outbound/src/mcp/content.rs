//! What a tool said, as text.

use flowgate_engine::call::CallError;
use serde_json::{Value, json};

use super::{invalid_answer, mcp_error};

/// Returns `{content, structured, is_error}`.
pub(super) fn output(result: &Value) -> Result<Value, CallError> {
    match result.get("resultType").and_then(Value::as_str) {
        None | Some("complete") => {}
        Some("input_required") => {
            return Err(mcp_error("the tool asks for input, which a workflow cannot give"));
        }
        Some(_) => {
            return Err(mcp_error("the tool gave a result of a kind that was not asked for"));
        }
    }
    let content = match result.get("content") {
        None | Some(Value::Null) => String::new(),
        Some(Value::Array(parts)) => parts.iter().map(text_of).collect::<Vec<_>>().join("\n"),
        Some(_) => return Err(invalid_answer("the content of the tool's result is no list")),
    };
    let structured = result.get("structuredContent").unwrap_or(&Value::Null);
    let is_error = result.get("isError") == Some(&Value::Bool(true));
    Ok(json!({ "content": content, "structured": structured, "is_error": is_error }))
}

/// A part that is no text is named: its type and size.
fn text_of(part: &Value) -> String {
    let text = |pointer| part.pointer(pointer).and_then(Value::as_str);
    match text("/type") {
        Some("text") => text("/text").unwrap_or_default().to_owned(),
        Some(kind @ ("image" | "audio")) => {
            let media_type = text("/mimeType").unwrap_or("of unknown type");
            format!("[{kind}: {media_type}, {} bytes]", size(text("/data").unwrap_or_default()))
        }
        Some("resource_link") => format!("[link: {}]", text("/uri").unwrap_or_default()),
        Some("resource") => match (text("/resource/text"), text("/resource/blob")) {
            (Some(text), _) => text.to_owned(),
            (None, blob) => {
                let media_type = text("/resource/mimeType").unwrap_or("of unknown type");
                let uri = text("/resource/uri").unwrap_or_default();
                let size = size(blob.unwrap_or_default());
                format!("[resource {uri}: {media_type}, {size} bytes]")
            }
        },
        kind => format!("[{}]", kind.unwrap_or("a part of no type")),
    }
}

/// The bytes that a text in base64 stands for.
fn size(base64: &str) -> usize {
    base64.trim_end_matches('=').len() * 3 / 4
}
