//! Pauses: nothing goes out. The driver ends them at their time, or when a person has answered.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::WebhookCall;
use crate::input::{InputField, InputProblem, InputRules, InputSection, InputType, Undeclared};
use crate::kind::NodeError;

/// The longest pause, and the longest that all pauses of a run may take together.
pub const MAX_PAUSE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Output: `{until}`. A time that has passed is no pause.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitCall {
    /// Counted from [`Call::asked_at_ms`](super::Call::asked_at_ms).
    #[serde(serialize_with = "super::as_millis")]
    ForMs(Duration),
    /// RFC 3339.
    Until(String),
}

/// Output: `{approved, data, by, at}`. Fails as `timeout` if nobody answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskCall {
    pub question: Question,
    #[serde(rename = "timeout_ms", serialize_with = "super::as_millis")]
    pub timeout: Duration,
    /// Called once the question can be answered. Its body is the driver's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookCall>,
}

/// What a person is asked, stored while it is open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    pub message: String,
    /// What an answer may hold. `None`: any object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<AskedField>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AskedField {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: InputType,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What is shown first, and stands if the answer leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// JSON Schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

impl Question {
    /// Checks the data of an answer, and fills in the values that it leaves out: an answer changes
    /// what was shown. `coerce` reads the texts of a form.
    pub fn accept(&self, data: Value, coerce: bool) -> Result<Value, Vec<InputProblem>> {
        let Some(fields) = &self.fields else {
            let rules = InputRules { undeclared: Undeclared::Keep, coerce };
            return InputSection::Any.accept(data, rules);
        };
        let rules = InputRules { undeclared: Undeclared::Refuse, coerce };
        InputSection::Fields(fields.iter().map(InputField::asked).collect()).accept(data, rules)
    }
}

impl WaitCall {
    /// Refuses a pause that is too long to be meant.
    pub(crate) fn lasting(duration: Duration) -> Result<Self, NodeError> {
        if duration > MAX_PAUSE {
            let days = MAX_PAUSE.as_secs() / 86_400;
            return Err(NodeError::new(
                "invalid_wait",
                format!("a wait takes at most {days} days"),
            ));
        }
        Ok(Self::ForMs(duration))
    }
}
