//! What a model answered, in one vocabulary for all providers.

use std::collections::BTreeMap;

use flowgate_engine::call::{CallError, TurnCall};
use serde_json::{Map, Value};

use super::too_large;

/// Calls that a model may ask for in one turn.
const MAX_CALLS: usize = 128;

/// A whole answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Reply {
    pub(super) content: String,
    /// Why the model would not answer, where it says so apart from the content.
    pub(super) refusal: String,
    pub(super) calls: Vec<TurnCall>,
    /// `None`: the answer was cut.
    pub(super) finish: Option<Finish>,
    pub(super) usage: Usage,
    /// The provider's own message.
    pub(super) message: Value,
}

/// Why a model stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finish {
    Stop,
    /// It waits for the results of its tool calls.
    Tools,
    /// The answer reached its limit.
    Length,
    /// The provider's filter stopped it.
    Filter,
    Refusal,
    /// The turn goes back as it is, and the model goes on.
    Pause,
    /// The provider failed.
    Error(String),
    Other(String),
}

/// The words of the providers. What is in none of these lists is [`Finish::Other`].
const STOP: &[&str] =
    &["stop", "end_turn", "stop_sequence", "complete", "completed", "eos", "eos_token"];
const TOOLS: &[&str] = &["tool_calls", "tool_use", "tool_call", "function_call"];
const LENGTH: &[&str] = &[
    "length",
    "max_tokens",
    "max_output_tokens",
    "model_length",
    "model_context_window_exceeded",
    "error_limit",
];
const FILTER: &[&str] = &[
    "content_filter",
    "content_filtered",
    "guardrail_intervened",
    "safety",
    "recitation",
    "language",
    "blocklist",
    "prohibited_content",
    "spii",
    "error_toxic",
    "sensitive",
];
/// Gemini has one for each way in which a picture can offend.
const FILTERED_IMAGE: &str = "image_";
const REFUSAL: &[&str] = &["refusal"];
const PAUSE: &[&str] = &["pause_turn", "pause"];
const ERROR: &[&str] = &[
    "error",
    "timeout",
    "failed",
    "insufficient_system_resource",
    "malformed_function_call",
    "unexpected_tool_call",
    "too_many_tool_calls",
    "malformed_tool_use",
    "malformed_model_output",
    "malformed_response",
    "missing_thought_signature",
    "network_error",
];

impl Finish {
    /// Reads a provider's word.
    pub(super) fn named(raw: &str) -> Self {
        let word = raw.to_ascii_lowercase();
        let is_in = |words: &[&str]| words.contains(&word.as_str());
        match () {
            () if is_in(STOP) => Self::Stop,
            () if is_in(TOOLS) => Self::Tools,
            () if is_in(LENGTH) => Self::Length,
            () if is_in(FILTER) || word.starts_with(FILTERED_IMAGE) => Self::Filter,
            () if is_in(REFUSAL) => Self::Refusal,
            () if is_in(PAUSE) => Self::Pause,
            () if is_in(ERROR) => Self::Error(shown(raw)),
            () => Self::Other(shown(raw)),
        }
    }

    /// The word for authors.
    pub(super) fn word(&self) -> String {
        match self {
            Self::Stop => "stop".to_owned(),
            Self::Tools => "tools".to_owned(),
            Self::Length => "length".to_owned(),
            Self::Filter => "filter".to_owned(),
            Self::Refusal => "refusal".to_owned(),
            Self::Pause => "pause".to_owned(),
            Self::Error(_) => "error".to_owned(),
            Self::Other(raw) => format!("other:{raw}"),
        }
    }
}

/// A word from outside, short enough for a message.
fn shown(raw: &str) -> String {
    raw.chars().filter(|character| !character.is_control()).take(64).collect()
}

/// Tokens, in one meaning: `input` with what was cached, `output` with reasoning. `None` is
/// unknown, never 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) input: Option<u64>,
    pub(super) output: Option<u64>,
    /// Of `input`: read from a cache.
    pub(super) cached: u64,
    /// Of `input`: written to a cache.
    pub(super) cache_written: u64,
    /// What the provider says that it costs.
    pub(super) reported_nano_usd: Option<u64>,
}

impl Usage {
    pub(super) fn total(&self) -> Option<u64> {
        Some(self.input?.saturating_add(self.output?))
    }
}

/// An answer as it comes. Decoders write into it; its text is sent on as it grows.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) content: String,
    pub(super) refusal: String,
    pub(super) finish: Option<Finish>,
    pub(super) usage: Usage,
    calls: BTreeMap<u64, CallDraft>,
    /// What the draft, and its decoder, hold.
    bytes: usize,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct CallDraft {
    id: String,
    name: String,
    arguments: String,
}

impl Draft {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            content: String::new(),
            refusal: String::new(),
            finish: None,
            usage: Usage::default(),
            calls: BTreeMap::new(),
            bytes: 0,
            max_bytes,
        }
    }

    pub(super) fn say(&mut self, text: &str) -> Result<(), CallError> {
        self.hold(text.len())?;
        self.content.push_str(text);
        Ok(())
    }

    pub(super) fn refuse(&mut self, text: &str) -> Result<(), CallError> {
        self.hold(text.len())?;
        self.refusal.push_str(text);
        Ok(())
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Counts bytes that the decoder keeps itself.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<(), CallError> {
        self.bytes += bytes;
        let is_over = self.bytes > self.max_bytes;
        if is_over { Err(too_large("the answer", self.max_bytes)) } else { Ok(()) }
    }

    /// Adds to the tool call at `index`. Its id and name come once, its arguments in pieces.
    pub(super) fn call(
        &mut self,
        index: u64,
        id: &str,
        name: &str,
        arguments: &str,
    ) -> Result<(), CallError> {
        self.hold(id.len() + name.len() + arguments.len())?;
        if !self.calls.contains_key(&index) && self.calls.len() == MAX_CALLS {
            let message = format!("asked for more than {MAX_CALLS} tool calls in one turn");
            return Err(super::failed("too_many_tool_calls", message));
        }
        let call = self.calls.entry(index).or_default();
        if call.id.is_empty() {
            id.clone_into(&mut call.id);
        }
        if call.name.is_empty() {
            name.clone_into(&mut call.name);
        }
        call.arguments.push_str(arguments);
        Ok(())
    }

    /// Adds a tool call that comes whole.
    pub(super) fn whole_call(
        &mut self,
        id: &str,
        name: &str,
        arguments: &Value,
    ) -> Result<(), CallError> {
        let index = self.calls.keys().next_back().map_or(0, |last| last.saturating_add(1));
        let arguments = match arguments {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        self.call(index, id, name, &arguments)
    }

    /// Id, name and arguments of the calls so far, as they go back. An id that is missing is made
    /// up, unique in its turn; arguments that are no object are left out, as servers parse them.
    pub(super) fn calls(&self) -> impl Iterator<Item = (String, &str, &str)> {
        self.calls.values().enumerate().map(|(index, call)| {
            let arguments = if call.is_whole() { call.arguments.trim() } else { "{}" };
            (call.id(index), call.name.as_str(), arguments)
        })
    }

    /// Sets the finish reason by a provider's word. Empty words are none.
    pub(super) fn finish(&mut self, raw: &str) {
        if !raw.is_empty() {
            self.finish = Some(Finish::named(raw));
        }
    }

    /// Ends the answer: reads the arguments, and mends what providers say of the finish.
    pub(super) fn end(self, message: Value) -> Reply {
        let Self { content, refusal, calls, finish, usage, .. } = self;
        let has_ended = finish.is_some();
        let are_whole = calls.values().all(CallDraft::is_whole);
        let calls: Vec<TurnCall> = calls.into_values().enumerate().map(read_call).collect();
        let finish = match finish {
            Some(_) if !refusal.is_empty() => Some(Finish::Refusal),
            // Gemini, Ollama and OpenAI's Responses say "stop" where they call tools.
            Some(Finish::Stop) if !calls.is_empty() => Some(Finish::Tools),
            // An unknown word may mean that the calls were cut.
            Some(Finish::Other(_)) if !calls.is_empty() && are_whole => Some(Finish::Tools),
            Some(Finish::Tools) if calls.is_empty() => {
                Some(Finish::Error("the tool calls are missing".to_owned()))
            }
            finish => finish,
        };
        // The calls of an answer that was cut may be cut themselves: none is made.
        let is_asking = has_ended && matches!(finish, Some(Finish::Tools | Finish::Pause));
        let calls = if is_asking { calls } else { Vec::new() };
        Reply { content, refusal, calls, finish, usage, message }
    }
}

impl CallDraft {
    fn is_whole(&self) -> bool {
        !self.arguments.trim().is_empty() && read_arguments(&self.arguments).is_some()
    }

    fn id(&self, index: usize) -> String {
        let is_missing = self.id.is_empty() || self.id == "null";
        if is_missing { format!("call_{index}") } else { self.id.clone() }
    }
}

fn read_call((index, call): (usize, CallDraft)) -> TurnCall {
    let (id, name) = (call.id(index), call.name);
    match read_arguments(&call.arguments) {
        Some(arguments) => TurnCall { id, name, arguments, invalid: None },
        None => TurnCall { id, name, arguments: Map::new(), invalid: Some(call.arguments) },
    }
}

/// No arguments are an empty object. Some models encode the object twice.
pub(super) fn read_arguments(text: &str) -> Option<Map<String, Value>> {
    if text.trim().is_empty() {
        return Some(Map::new());
    }
    match flowgate_engine::json::parse(text.trim().as_bytes()).ok()? {
        Value::Object(arguments) => Some(arguments),
        Value::String(inner) if inner.trim_start().starts_with('{') => {
            let inner = flowgate_engine::json::parse(inner.as_bytes()).ok()?;
            if let Value::Object(arguments) = inner { Some(arguments) } else { None }
        }
        _ => None,
    }
}
