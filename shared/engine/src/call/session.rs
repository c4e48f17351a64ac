//! Calls of a session: what runs of one conversation keep for each other. Nothing goes out.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::kind::NodeError;

/// The longest name of a session, in bytes.
pub const MAX_SESSION_NAME: usize = 256;
/// A turn's texts are cut to this many bytes where they are kept.
const MAX_KEPT_TEXT: usize = 32 << 10;
/// The same for a tool's arguments, and for its result.
const MAX_KEPT_TOOL_TEXT: usize = 1 << 10;
const MAX_KEPT_TOOLS: usize = 20;

/// Names a session of the run's workflow, and says what is done with it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionCall {
    /// Not empty.
    pub session: String,
    pub request: SessionRequest,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionRequest {
    /// Output: `{turns: [KeptTurn]}`, at most `last` of them, oldest first.
    Recall { last: usize },
    /// Appends a turn. Output: `{kept}`.
    Remember { turn: KeptTurn },
    /// Output: `{values: {name: value}}`, of those that are set.
    Read { names: Vec<String> },
    /// Sets variables. Output: `{values: {name: value}}`, as they are now.
    Set { changes: Vec<Change> },
}

impl SessionRequest {
    /// Returns whether it changes the session.
    pub fn writes(&self) -> bool {
        matches!(self, Self::Remember { .. } | Self::Set { .. })
    }
}

/// A change of one variable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    pub name: String,
    #[serde(flatten)]
    pub how: How,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    Set {
        value: Value,
    },
    /// Puts the item at the end of the list that the variable holds; of `initial` if it is not set.
    Append {
        item: Value,
        initial: Value,
    },
}

/// One turn of a conversation, as a session keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptTurn {
    pub user: String,
    pub assistant: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<KeptTool>,
}

/// A tool that the model called, in short.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptTool {
    pub name: String,
    pub arguments: String,
    pub result: String,
}

impl KeptTurn {
    /// Cuts what is too long to be kept.
    pub(crate) fn new(user: String, assistant: String, tools: Vec<KeptTool>) -> Self {
        let tools = tools.into_iter().take(MAX_KEPT_TOOLS).map(|tool| KeptTool {
            name: tool.name,
            arguments: cut(tool.arguments, MAX_KEPT_TOOL_TEXT),
            result: cut(tool.result, MAX_KEPT_TOOL_TEXT),
        });
        Self {
            user: cut(user, MAX_KEPT_TEXT),
            assistant: cut(assistant, MAX_KEPT_TEXT),
            tools: tools.collect(),
        }
    }

    /// What the model reads of its own part: the tools that it used, then what it said.
    pub(crate) fn said(&self) -> String {
        if self.tools.is_empty() {
            return self.assistant.clone();
        }
        let used = self.tools.iter().map(|tool| {
            format!("Tool: {}, Input: {}, Result: {}", tool.name, tool.arguments, tool.result)
        });
        format!("[Used tools: {}]\n\n{}", used.collect::<Vec<_>>().join("; "), self.assistant)
    }
}

impl How {
    /// Returns the variable's value after the change.
    pub fn apply(&self, now: Option<&Value>) -> Result<Value, NodeError> {
        match self {
            Self::Set { value } => Ok(value.clone()),
            Self::Append { item, initial } => match now.unwrap_or(initial) {
                Value::Null => Ok(Value::Array(vec![item.clone()])),
                Value::Array(list) => {
                    Ok(Value::Array(list.iter().chain([item]).cloned().collect()))
                }
                Value::String(text) => match item {
                    Value::String(more) => Ok(Value::String(format!("{text}{more}"))),
                    _ => Err(not_appendable("a text takes only text")),
                },
                _ => Err(not_appendable("the variable holds neither a list nor a text")),
            },
        }
    }
}

/// Reads a session's name as it was rendered; `None` without a session.
pub(crate) fn session_name(rendered: &str) -> Result<Option<String>, NodeError> {
    let name = rendered.trim();
    if name.len() > MAX_SESSION_NAME {
        let message = format!("the name of a session has at most {MAX_SESSION_NAME} bytes");
        return Err(NodeError::new("invalid_session", message));
    }
    Ok((!name.is_empty()).then(|| name.to_owned()))
}

/// The output of `Read` and `Set`.
pub fn values_output(values: Map<String, Value>) -> Value {
    Value::Object(Map::from_iter([("values".to_owned(), Value::Object(values))]))
}

fn not_appendable(why: &str) -> NodeError {
    NodeError::new("invalid_append", why)
}

fn cut(mut text: String, max: usize) -> String {
    if text.len() > max {
        text.truncate(text.floor_char_boundary(max));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kept_texts_are_cut_at_a_character() {
        let turn = KeptTurn::new("é".repeat(20_000), "x".to_owned(), Vec::new());
        assert_eq!(turn.user.len(), MAX_KEPT_TEXT + '…'.len_utf8());
        let tool = || KeptTool { result: "y".repeat(5_000), ..KeptTool::default() };
        let turn = KeptTurn::new(String::new(), String::new(), (0..30).map(|_| tool()).collect());
        assert_eq!(turn.tools.len(), MAX_KEPT_TOOLS);
        assert!(turn.tools.iter().all(|tool| tool.result.len() < 1_100));
    }

    #[test]
    fn an_append_takes_lists_and_texts() {
        let append = |now: Value, item: Value| {
            How::Append { item, initial: json!(null) }.apply(Some(&now)).map_err(|error| error.code)
        };
        assert_eq!(append(json!([1]), json!([2])).unwrap(), json!([1, [2]]));
        assert_eq!(append(json!("a"), json!("b")).unwrap(), "ab");
        assert_eq!(append(json!("a"), json!(1)).unwrap_err(), "invalid_append");
        assert_eq!(append(json!({}), json!(1)).unwrap_err(), "invalid_append");
        let first = How::Append { item: json!(1), initial: json!([0]) };
        assert_eq!(first.apply(None).unwrap(), json!([0, 1]));
    }
}
