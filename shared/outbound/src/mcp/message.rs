//! The messages of JSON-RPC, and what a server's failure means.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flowgate_engine::call::CallError;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::{invalid_answer, mcp_error};
use crate::mask::Masks;

const METHOD_NOT_FOUND: i64 = -32601;
const INTERNAL_ERROR: i64 = -32603;
const MAX_MESSAGE_CHARS: usize = 500;
const ENCODED: (&str, &str) = ("=?base64?", "?=");

/// Why there is no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// An error of JSON-RPC.
    Stated {
        method: &'static str,
        code: i64,
        message: String,
        data: Value,
        status: StatusCode,
        is_before_the_call: bool,
    },
    /// An answer of failure that is none of JSON-RPC.
    Status {
        status: StatusCode,
        error: CallError,
    },
    Call(CallError),
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl Failure {
    pub(super) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Stated { status, .. } | Self::Status { status, .. } => Some(*status),
            Self::Call(_) => None,
        }
    }

    /// No tool was asked for yet: the call can be made again.
    pub(super) fn before_the_call(self) -> Self {
        let unmade = |error| CallError { nothing_happened: true, ..error };
        match self {
            Self::Stated { method, code, message, data, status, .. } => {
                Self::Stated { method, code, message, data, status, is_before_the_call: true }
            }
            Self::Status { status, error } => Self::Status { status, error: unmade(error) },
            Self::Call(error) => Self::Call(unmade(error)),
        }
    }

    pub(super) fn error(self, masks: &Masks) -> CallError {
        match self {
            Self::Stated { method, code, message, is_before_the_call, .. } => {
                // Masked before it is cut: half of a secret is no longer recognized.
                let message: String =
                    masks.text(&message).chars().take(MAX_MESSAGE_CHARS).collect();
                CallError {
                    retryable: code == INTERNAL_ERROR,
                    nothing_happened: is_before_the_call,
                    ..mcp_error(format!("{method} failed with {code}: {message}"))
                }
            }
            Self::Status { error, .. } | Self::Call(error) => error,
        }
    }
}

/// What a message of the server is.
pub(super) enum Message {
    Result(Value),
    Error {
        code: i64,
        message: String,
        data: Value,
    },
    /// The server asks us.
    Question {
        id: Value,
        method: String,
    },
    /// A notification, or the answer to another request.
    Other,
}

impl Message {
    pub(super) fn parse(text: &[u8], id: u64) -> Result<Self, CallError> {
        let message = flowgate_engine::json::parse(text)
            .map_err(|_| invalid_answer("the server sent what is not JSON"))?;
        let Value::Object(mut message) = message else {
            return Err(invalid_answer("the server sent what is no message of JSON-RPC"));
        };
        let answers = message.remove("id").unwrap_or_default();
        if let Some(method) = message.get("method") {
            let method = method.as_str().unwrap_or_default().to_owned();
            let is_question = !answers.is_null();
            return Ok(if is_question {
                Self::Question { id: answers, method }
            } else {
                Self::Other
            });
        }
        let is_ours = answers.as_u64() == Some(id);
        if let Some(error) = message.remove("error").filter(|_| is_ours || answers.is_null()) {
            return Ok(Self::error(error));
        }
        match message.remove("result") {
            Some(result @ Value::Object(_)) if is_ours => Ok(Self::Result(result)),
            _ if is_ours => Err(invalid_answer("the server's answer has neither result nor error")),
            _ => Ok(Self::Other),
        }
    }

    fn error(mut error: Value) -> Self {
        Self::Error {
            code: error["code"].as_i64().unwrap_or(INTERNAL_ERROR),
            message: error["message"].as_str().unwrap_or("no message").to_owned(),
            data: error["data"].take(),
        }
    }
}

/// The answer to a question of the server: we are there, and can do nothing for it.
pub(super) fn reply(id: &Value, method: &str) -> Value {
    if method == "ping" {
        return json!({ "jsonrpc": "2.0", "id": id, "result": {} });
    }
    let error = json!({ "code": METHOD_NOT_FOUND, "message": "Method not found" });
    json!({ "jsonrpc": "2.0", "id": id, "error": error })
}

/// Text as the value of a header: in base64 if it is not plain.
pub(super) fn header_text(text: &str) -> HeaderValue {
    let is_plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && text.trim() == text
        && !text.starts_with(ENCODED.0);
    let encoded = || format!("{}{}{}", ENCODED.0, STANDARD.encode(text), ENCODED.1);
    let shown = if is_plain { text.to_owned() } else { encoded() };
    HeaderValue::try_from(shown).unwrap_or(HeaderValue::from_static(""))
}
