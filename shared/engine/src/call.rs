//! What a run asks of the outside, as plain data, and what comes back.
//!
//! The engine never performs a [`Call`]; whoever drives the run does, and feeds the [`CallResult`]
//! back.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Names one attempt of one node in one iteration: `outer[2]/fetch#1` is the second attempt of
/// `fetch` in the third iteration of `outer`.
///
/// The same run computes the same ids again after a crash, so a recorded result finds its call.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(Arc<str>);

impl CallId {
    pub(crate) fn new(place: &str, attempt: u32) -> Self {
        Self(format!("{place}#{attempt}").into())
    }

    /// The id without its attempt: the node's path, and behind a `/` the call's name unless it is
    /// the node's first. Results are recorded under it: a retry sequence has one result.
    pub fn place(&self) -> &str {
        self.0.rsplit_once('#').map_or(&self.0, |(place, _)| place)
    }

    /// Counts from 0.
    pub fn attempt(&self) -> u32 {
        self.0.rsplit_once('#').and_then(|(_, attempt)| attempt.parse().ok()).unwrap_or(0)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One request to the outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub action: Action,
    /// SHA-256 (hex) of the action. A recorded result whose hash differs does not belong to this
    /// run: `nondeterministic`.
    pub input_hash: String,
    /// Time to let pass before the call goes out: the backoff of a retry.
    pub delay: Duration,
    pub timeout: Duration,
    /// Must not go out twice: a START row is written first, and a START without a result fails as
    /// `interrupted`.
    pub at_most_once: bool,
    /// Where the call takes its randomness from: derived from the run and the call's place.
    pub seed: u64,
}

/// The kinds of outside work. Serialized, secrets appear as `{{NAME}}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    Http(HttpCall),
    Model(ModelCall),
    Code(CodeCall),
    Webhook(WebhookCall),
}

/// Leaves `{data, status, headers}`; `data` is JSON where the answer's content type says so, else
/// text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HttpCall {
    pub method: String,
    pub url: Rendered,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<(String, Rendered)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, Rendered)>,
    /// A string goes out as it is, anything else as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Rendered>,
}

/// Leaves `{content, model, tokens: {input, output, total}, tool_calls, cost}` and, with a schema,
/// the fields of the answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelCall {
    /// `provider/model`, such as `openai/gpt-5-mini` or `offline/echo`.
    pub model: String,
    pub messages: Vec<ModelMessage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// JSON Schema the answer must be an object of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// Where the provider is reached and with what key, where the author says so; else the
    /// provider's default address and the secret `<PROVIDER>_API_KEY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<Rendered>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Rendered>,
    /// Pause between the words of `offline/echo`.
    #[serde(skip_serializing_if = "Duration::is_zero", serialize_with = "as_millis")]
    pub echo_delay: Duration,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelMessage {
    pub role: ModelRole,
    pub content: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelRole {
    System,
    User,
    Assistant,
}

/// Leaves `{result, stdout}`. References arrive as variables, never as spliced text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CodeCall {
    pub code: String,
    /// Names that are bound in the code, with their values.
    pub variables: serde_json::Map<String, Value>,
    /// What `Date.now()` says: the recorded start of the run, ms since the epoch.
    pub now_ms: i64,
}

/// Leaves `{delivery_id, data}`. Delivered beside the run; its failure never changes the run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WebhookCall {
    pub url: Rendered,
    pub method: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, Rendered)>,
    pub body: Value,
    /// Sent as `AI_FLOW_SIGNATURE`, beside our own signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Rendered>,
}

/// A rendered field in which secrets are still names. Only the way out fills them in.
#[derive(Debug, Clone, PartialEq)]
pub enum Rendered {
    /// No secret inside.
    Json(Value),
    /// Text with at least one secret.
    Text(Vec<Piece>),
    Array(Vec<Rendered>),
    Object(Vec<(String, Rendered)>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    Text(String),
    Secret(String),
}

impl Rendered {
    /// The value with its secrets filled in by `secret`, which fails where a secret is not known.
    pub fn fill<E>(&self, secret: &mut impl FnMut(&str) -> Result<String, E>) -> Result<Value, E> {
        Ok(match self {
            Self::Json(value) => value.clone(),
            Self::Text(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Text(part) => text.push_str(part),
                        Piece::Secret(name) => text.push_str(&secret(name)?),
                    }
                }
                Value::String(text)
            }
            Self::Array(items) => Value::Array(items.iter().map(|item| item.fill(secret)).collect::<Result<_, E>>()?),
            Self::Object(fields) => {
                let filled = fields.iter().map(|(name, field)| Ok((name.clone(), field.fill(secret)?)));
                Value::Object(filled.collect::<Result<_, E>>()?)
            }
        })
    }
}

/// As the author wrote it: a secret is its name in double braces.
impl Serialize for Rendered {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let named = self.fill(&mut |name| Ok::<_, std::convert::Infallible>(format!("{{{{{name}}}}}")));
        match named {
            Ok(value) => value.serialize(serializer),
        }
    }
}

fn as_millis<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// Something a call says before it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    Text(String),
}

/// How a call ended. `attempts` is 1 for a call that went out once; a recorded result carries how
/// many it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallResult {
    Succeeded(CallOutput),
    Failed(CallError),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallOutput {
    /// What the node leaves behind.
    pub value: Value,
    /// Tokens in and out, where a model was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// `None` where the price is not known: never 0 for an unknown model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_nano_usd: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallError {
    /// Stable, for programs: `timeout`, `http_status`, `refused_address`, `code_error` …
    pub code: String,
    /// For people. Never holds a secret.
    pub message: String,
    /// Whether the same call may succeed later. Where it is false, `retry` is not asked.
    pub retryable: bool,
    /// The other side cannot have acted on the call: it refused the connection, or answered 429.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nothing_happened: bool,
    /// How long the other side asks to be left alone, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// A call that may not go out twice was out when its process died. It ends its node.
pub const INTERRUPTED: &str = "interrupted";
