//! The protocols of the providers: what goes out for a call, and how an answer is read. Pure.

pub(super) mod openai_chat;
pub(super) mod openai_responses;
pub(super) mod gemini;
pub(super) mod ollama;
pub(super) mod cohere;
mod kept;
pub(super) mod anthropic;
pub(super) mod bedrock;
mod blocks;
mod claude;
mod structured;
mod strict;

use flowgate_core::time::Timestamp;
use flowgate_engine::call::CallError;
use http::{HeaderMap, HeaderValue, header};
use serde_json::Value;
use url::Url;

use super::ask::Ask;
use super::failed;
use super::framing::{Frame, Framing};
use super::reply::Draft;

pub(super) trait Wire: Send + Sync {
    /// How a model is held to a schema.
    fn enforcement(&self, model: &str, has_tools: bool) -> Enforcement;

    /// Whether the provider holds the model to [`Ask::schema`], and does not only read it.
    fn enforces(&self, ask: &Ask<'_>) -> bool {
        ask.schema.is_some()
    }

    /// Returns the request's path, relative to the provider's address, and its body.
    fn encode(&self, ask: &Ask<'_>) -> Result<Encoded, CallError>;

    /// Returns the headers that carry the key, and what the protocol demands beside it.
    fn authorize(&self, key: &str, request: &Unsigned<'_>) -> Result<HeaderMap, CallError> {
        let _ = request;
        bearer(key)
    }

    /// Returns the parts of the key that an answer must not repeat.
    fn secrets<'k>(&self, key: &'k str) -> Vec<&'k str> {
        vec![key]
    }

    fn framing(&self) -> Framing {
        Framing::Events
    }

    fn decoder(&self) -> Box<dyn Decoder>;
}

/// How a schema is enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enforcement {
    /// By the provider: [`Ask::schema`] is set.
    Provider,
    /// By a tool whose parameters are the schema, and which the model must call.
    Tool,
    /// By nobody: the schema stands in the prompt, and [`Ask::wants_json`] is set.
    Prompt,
}

pub(super) struct Encoded {
    pub(super) path: String,
    pub(super) body: Value,
}

/// A request that is about to go out.
pub(super) struct Unsigned<'a> {
    pub(super) url: &'a Url,
    pub(super) body: &'a [u8],
    pub(super) now: Timestamp,
}

/// Reads one answer.
pub(super) trait Decoder: Send {
    /// Reads one frame of a stream.
    fn frame(&mut self, frame: &Frame, draft: &mut Draft) -> Result<(), CallError>;

    /// Reads an answer that came whole although a stream was asked for.
    fn whole(&mut self, body: &Value, draft: &mut Draft) -> Result<(), CallError>;

    /// Returns the model's own message, as it goes back in the next turn.
    fn message(&mut self, draft: &Draft) -> Value;
}

fn bearer(key: &str) -> Result<HeaderMap, CallError> {
    let value = secret_header(&format!("Bearer {key}"))?;
    Ok(HeaderMap::from_iter([(header::AUTHORIZATION, value)]))
}

pub(super) fn secret_header(text: &str) -> Result<HeaderValue, CallError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| failed("invalid_request", "the key is not fit for a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The text at a path of object keys and list indexes; empty if there is none.
pub(super) fn text_at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn count_at(value: &Value, pointer: &str) -> Option<u64> {
    value.pointer(pointer).and_then(Value::as_u64)
}

pub(super) fn list_at<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn parse(data: &str) -> Result<Value, CallError> {
    flowgate_engine::json::parse(data.as_bytes()).map_err(|_| super::reading::unreadable())
}

#[cfg(test)]
mod tests;
