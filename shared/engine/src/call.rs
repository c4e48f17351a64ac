//! Outside calls and their results, as plain data.
//!
//! The engine never performs a [`Call`]: the driver does, and feeds the [`CallResult`] back.

mod http;
mod rules;
mod knowledge;
mod model;
mod media;
mod mcp;
mod pause;
mod read;
mod session;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::run::Usage;

pub use self::http::{
    Body, FormPart, HttpCall, IdempotencyKey, PartContent, ReadAs, SentPiece, Status,
};
pub(crate) use self::rules::{AnswerRule, NAMES as RULE_NAMES, Said};
pub use self::rules::{AnswerRules, Expired};
pub use crate::expr::code::Sources;
pub use crate::url::RenderedUrl;
pub use knowledge::{Chunked, EmbedCall, EmbeddedChunk, KnowledgeCall, KnowledgeRequest};
pub use mcp::{McpCall, McpRequest};
pub use media::{
    ImageRequest, ImageSize, MediaCall, MediaRequest, PredictionRequest, Predictor, SpeechRequest,
    TranscriptionRequest,
};
pub use model::{
    Content, ContentPart, Image, ModelCall, ModelMessage, ModelTool, ToolResult, Turn, TurnCall,
};
pub use pause::{AskCall, AskedField, MAX_PAUSE, Question, WaitCall};
pub use read::{Layout, ReadCall, Reading, Selector, Source};
pub(crate) use session::session_name;
pub use session::{
    Change, How, KeptTool, KeptTurn, MAX_SESSION_NAME, SessionCall, SessionRequest, values_output,
};

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

    /// The id without its attempt: the node's path, and after a `/` the call's name, unless it is
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
    /// SHA-256 (hex) of the action. A recorded result with another hash fails the run as
    /// `nondeterministic`.
    pub input_hash: String,
    /// Delay before the call goes out, such as the backoff of a retry.
    pub delay: Duration,
    pub timeout: Duration,
    /// Must not go out twice: a START row is written first, and a START without a result fails as
    /// `interrupted`.
    pub at_most_once: bool,
    /// Seed of the call's randomness, derived from the run and the call's place.
    pub seed: u64,
    /// The latest end of a call that the run had seen, or its start, in ms since the epoch. Waits
    /// count from here.
    pub asked_at_ms: i64,
    /// A call whose price is not known must not go out.
    pub needs_price: bool,
    /// Keys that the author wrote into the document. They are masked in what comes back.
    pub literal_keys: Arc<[String]>,
    /// The workflow whose node makes the call: 0 is the run's own, others are its children in the
    /// order in which it pinned them.
    pub workflow: usize,
}

/// The kinds of outside work. Serialized, secrets appear as `{{NAME}}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    Http(HttpCall),
    Model(ModelCall),
    Media(MediaCall),
    Mcp(McpCall),
    Code(CodeCall),
    Read(ReadCall),
    Webhook(WebhookCall),
    Wait(WaitCall),
    Ask(AskCall),
    /// Stays inside: the platform keeps sessions.
    Session(SessionCall),
    Embed(EmbedCall),
    /// Stays inside: the platform keeps stores.
    Knowledge(KnowledgeCall),
}

impl Action {
    /// Nothing goes out: the driver waits for a time or a person.
    pub fn is_pause(&self) -> bool {
        matches!(self, Self::Wait(_) | Self::Ask(_))
    }
}

/// Output: `{result, stdout}`. References arrive as variables, never as spliced text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CodeCall {
    #[serde(skip_serializing_if = "Language::is_javascript")]
    pub language: Language,
    pub code: String,
    /// Names that are bound in the code, with their values.
    pub variables: serde_json::Map<String, Value>,
    /// What the function `main` of Python gets by name; variables, if there is none.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub arguments: serde_json::Map<String, Value>,
    /// What the author wrote for them, to be restored in what comes back.
    #[serde(skip)]
    pub sources: Sources,
    /// The result of `Date.now()` and `datetime.now()`: the recorded start of the run, in ms since
    /// the epoch.
    pub now_ms: i64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Not hashed: the only language that runs in flight may have started with.
    #[default]
    Javascript,
    Python,
}

impl Language {
    fn is_javascript(&self) -> bool {
        *self == Self::Javascript
    }
}

/// Output: `{delivery_id, data}`. Delivered independently: a failed delivery never changes the run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WebhookCall {
    pub url: RenderedUrl,
    pub method: String,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "http::null_as_text")]
    pub headers: Vec<(String, Rendered)>,
    pub body: Value,
    /// Sent as `AI_FLOW_SIGNATURE`, in addition to our own signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Rendered>,
}

/// A rendered field with secrets still as names. Only `outbound` fills them in.
#[derive(Debug, Clone, PartialEq)]
pub enum Rendered {
    /// Contains no secret.
    Json(Value),
    /// Text with at least one secret.
    Text(Vec<Piece>),
    Array(Vec<Rendered>),
    Object(Vec<(String, Rendered)>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// The author's text.
    Text(String),
    Secret(String),
    /// What a reference or a caller gave. Set apart only in URLs.
    Value(String),
}

impl Rendered {
    /// A query value or header that is null is left out of its request.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Json(Value::Null))
    }

    /// Fills in the secrets with `secret`, which fails for an unknown one.
    pub fn fill<E>(&self, secret: &mut impl FnMut(&str) -> Result<String, E>) -> Result<Value, E> {
        Ok(match self {
            Self::Json(value) => value.clone(),
            Self::Text(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Text(part) | Piece::Value(part) => text.push_str(part),
                        Piece::Secret(name) => text.push_str(&secret(name)?),
                    }
                }
                Value::String(text)
            }
            Self::Array(items) => {
                Value::Array(items.iter().map(|item| item.fill(secret)).collect::<Result<_, E>>()?)
            }
            Self::Object(fields) => {
                let filled =
                    fields.iter().map(|(name, field)| Ok((name.clone(), field.fill(secret)?)));
                Value::Object(filled.collect::<Result<_, E>>()?)
            }
        })
    }
}

/// As the author wrote it: secrets appear as `{{NAME}}`.
impl Serialize for Rendered {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let named =
            self.fill(&mut |name| Ok::<_, std::convert::Infallible>(format!("{{{{{name}}}}}")));
        match named {
            Ok(value) => value.serialize(serializer),
        }
    }
}

fn as_millis<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// What an open call reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    /// It went out at this time (ms since the epoch): it had waited until then.
    Started(i64),
    /// Partial output.
    Text(String),
}

/// How a call ended. `attempts` is 1 for a call that went out once; a recorded result carries the
/// number it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallResult {
    Succeeded(CallOutput),
    Failed(CallError),
}

/// What the end of one attempt tells, for the trace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFigures {
    /// The code of its error; `None` if it succeeded.
    pub code: Option<String>,
    /// The HTTP status of the answer, where the call has one.
    pub http_status: Option<u64>,
    /// Why a model stopped.
    pub finish_reason: Option<String>,
    pub tokens: Option<u64>,
    pub cost_nano_usd: Option<u64>,
}

impl CallFigures {
    pub fn of(result: &CallResult) -> Self {
        let (code, left, tokens, cost_nano_usd) = match result {
            CallResult::Succeeded(output) => {
                (None, Some(&output.value), output.tokens, output.cost_nano_usd)
            }
            CallResult::Failed(error) => {
                let Usage { tokens, cost_nano_usd, .. } = error.used();
                (Some(error.code.clone()), error.output.as_deref(), tokens, cost_nano_usd)
            }
        };
        let field = |name: &str| left.and_then(|left| left.get(name));
        let is_http = field("headers").is_some() || code.is_some();
        let finish_reason = field("finish_reason").and_then(Value::as_str).map(str::to_owned);
        Self {
            http_status: field("status").and_then(Value::as_u64).filter(|_| is_http),
            finish_reason,
            code,
            tokens,
            cost_nano_usd,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallOutput {
    /// The node's output.
    pub value: Value,
    /// Tokens in and out, for calls of models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// `None` if the price is unknown, never 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_nano_usd: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallError {
    /// Stable, for programs: `timeout`, `http_status`, `refused_address`, `code_error` …
    pub code: String,
    /// For people. Never holds a secret.
    pub message: String,
    /// Whether the same call may succeed later. If false, it is never retried.
    pub retryable: bool,
    /// The server cannot have acted on the call: it refused the connection, or answered 429.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nothing_happened: bool,
    /// The delay that the server asked for before a retry, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Tokens that the call used before it failed; `None` if nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// What that cost; `None` if nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_nano_usd: Option<u64>,
    /// What the call left although it failed, as the fields that an output has: `status` and
    /// `data` of a refusal, the text of an answer that does not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Box<Value>>,
}

impl CallError {
    /// The call used this before it failed.
    #[must_use]
    pub fn having_used(self, tokens: Option<u64>, cost_nano_usd: Option<u64>) -> Self {
        Self { tokens, cost_nano_usd, ..self }
    }

    /// A call on which the server cannot have acted used nothing.
    pub(crate) fn used(&self) -> Usage {
        let none = self.nothing_happened.then_some(0);
        let (tokens, cost) = (self.tokens.or(none), self.cost_nano_usd.or(none));
        Usage::of_call(tokens, cost, self.output.as_deref())
    }
}

/// Error code of an `at_most_once` call that was open when its process died. Ends its node.
pub const INTERRUPTED: &str = "interrupted";
