//! A call of a language model, as plain data: the same for every provider.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Rendered, RenderedUrl, as_millis};
use crate::file::FileId;

/// Output: `{content, model, tokens, finish_reason, tool_calls, cost}`; with a schema `data` and
/// the fields of the answer; with tool calls `turn`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ModelCall {
    /// `provider/model`, such as `openai/gpt-5-mini` or `offline/echo`.
    pub model: String,
    /// A reference chose the provider, and with it the host that the call goes to.
    #[serde(skip)]
    pub has_given_provider: bool,
    pub messages: Vec<ModelMessage>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ModelTool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// The answer must be an object that matches this JSON Schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// The provider's address and key, if the author gives them; else its default address and the
    /// secret `<PROVIDER>_API_KEY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<RenderedUrl>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Rendered>,
    /// Pause between the words of `offline/echo`.
    #[serde(skip_serializing_if = "Duration::is_zero", serialize_with = "as_millis")]
    pub echo_delay: Duration,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum ModelMessage {
    System {
        content: String,
    },
    User {
        content: Content,
    },
    /// What an author lets the model have said.
    Assistant {
        content: String,
    },
    /// What the model said in an earlier turn of this node.
    Turn {
        #[serde(serialize_with = "shared")]
        turn: Arc<Turn>,
    },
    /// The results of the tools that the turn before called, in the order of its calls.
    Tools {
        results: Vec<ToolResult>,
    },
}

impl ModelMessage {
    pub fn user(text: impl Into<String>) -> Self {
        Self::User { content: Content::Text(text.into()) }
    }

    pub fn system(text: impl Into<String>) -> Self {
        Self::System { content: text.into() }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Content {
    Text(String),
    Parts(Vec<ContentPart>),
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ContentPart {
    Text {
        text: String,
    },
    Image {
        image: Image,
    },
    /// A picture or a PDF of the run's files. What goes out has its bytes instead.
    File {
        file: FileId,
    },
    /// A file that a provider reads, with its bytes in base64.
    Document {
        name: String,
        media_type: String,
        data: String,
    },
}

/// A picture for the model.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Image {
    /// The provider fetches it.
    Url(String),
    Base64 {
        media_type: String,
        data: String,
    },
}

/// A tool that the model may call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelTool {
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// A JSON Schema of an object.
    pub parameters: Value,
}

/// What the model said in one turn. Recorded with the call's output, under `turn`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// The provider whose message this is. No other one can read it.
    pub provider: String,
    pub content: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<TurnCall>,
    /// The provider's own message, which goes back unchanged: it may carry signatures.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub message: Value,
}

/// A tool call that a model asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TurnCall {
    pub id: String,
    pub name: String,
    pub arguments: Map<String, Value>,
    /// The arguments as they came, if they are no JSON object. Such a call is not made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToolResult {
    pub id: String,
    pub name: String,
    pub content: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
}

fn shared<S: serde::Serializer>(turn: &Arc<Turn>, serializer: S) -> Result<S::Ok, S::Error> {
    turn.serialize(serializer)
}
