//! What stands in the place of a step that has no counterpart.

use serde_json::{Map, Value};

use crate::draft::{Node, Origin};
use crate::js;
use crate::keys;
use crate::text::shortened;

const MAX_SETTINGS: usize = 1_000;
const MAX_SETTING: usize = 120;

/// A `function` node that throws, and says what was there. Its outputs, which never come, are read
/// as `<id.result.…>`.
pub(crate) fn stub(id: &str, origin: &Origin, why: &str, settings: &Map<String, Value>) -> Node {
    let message = format!("`{}` ({}) was not imported: {why}", origin.name, origin.kind);
    let message = js::string(&shortened(&message, 400));
    Node::new(id, "function")
        .with("description", description(origin, settings))
        .with("code", format!("throw new Error({message})"))
}

/// What the step was set to. Whoever replaces it needs that.
fn description(origin: &Origin, settings: &Map<String, Value>) -> String {
    let mut text = format!("In the place of `{}`.", shortened(&origin.kind, MAX_SETTING));
    for (name, value) in settings.iter().filter(|(_, value)| is_worth_showing(value)) {
        if text.len() > 4 * MAX_SETTINGS {
            break;
        }
        let mut value = value.clone();
        keys::mask_setting(name, &mut value);
        let value = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        text.push_str(&format!(" {name}: {}.", shortened(&value, MAX_SETTING)));
    }
    shortened(&text, MAX_SETTINGS)
}

fn is_worth_showing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    }
}
