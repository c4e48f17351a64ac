//! OpenAI's chat completions, and the providers that speak a dialect of them.
//!
//! Checked against the types of `openai` (Python and Node SDKs) and the vendors' reference pages.

use flowgate_engine::call::{
    CallError, Content, ContentPart, Image, ModelMessage, ModelTool, Turn,
};
use flowgate_engine::file::FileId;
use serde_json::{Map, Value, json};

use super::strict::strict;
use super::{Decoder, Encoded, Enforcement, Wire, count_at, list_at, parse, text_at};
use crate::model::ask::Ask;
use crate::model::failure::error_in;
use crate::model::framing::Frame;
use crate::model::reply::{Draft, Usage};

pub(in crate::model) struct OpenAiChat(pub(in crate::model) &'static Dialect);

/// In what a provider differs from the others. What it does not know, it may refuse.
pub(in crate::model) struct Dialect {
    max_tokens: &'static str,
    seed: &'static str,
    /// The choice that makes the model call a tool.
    required: &'static str,
    /// Counts tokens in a stream only if asked to.
    has_usage_option: bool,
    enforcement: Enforcement,
    /// With tools too.
    enforcement_with_tools: Enforcement,
    /// Streams an answer whose format is given.
    streams_json: bool,
    /// Goes only to hosts that obey the whole request.
    requires_parameters: bool,
}

const PLAIN: Dialect = Dialect {
    max_tokens: "max_tokens",
    seed: "seed",
    required: "required",
    has_usage_option: true,
    enforcement: Enforcement::Provider,
    enforcement_with_tools: Enforcement::Provider,
    streams_json: true,
    requires_parameters: false,
};
/// JSON, but no schema.
const JSON_ONLY: Dialect = Dialect {
    enforcement: Enforcement::Prompt,
    enforcement_with_tools: Enforcement::Prompt,
    ..PLAIN
};

/// Any server that speaks the protocol.
pub(in crate::model) static COMPATIBLE: Dialect = PLAIN;
pub(in crate::model) static OPENAI: Dialect =
    Dialect { max_tokens: "max_completion_tokens", ..PLAIN };
pub(in crate::model) static MISTRAL: Dialect =
    Dialect { seed: "random_seed", required: "any", has_usage_option: false, ..PLAIN };
pub(in crate::model) static GROQ: Dialect =
    Dialect { enforcement_with_tools: Enforcement::Tool, streams_json: false, ..JSON_ONLY };
pub(in crate::model) static DEEPSEEK: Dialect = JSON_ONLY;
pub(in crate::model) static XAI: Dialect = PLAIN;
pub(in crate::model) static OPENROUTER: Dialect = Dialect { requires_parameters: true, ..PLAIN };
pub(in crate::model) static TOGETHER: Dialect = PLAIN;
pub(in crate::model) static FIREWORKS: Dialect = PLAIN;
pub(in crate::model) static MOONSHOT: Dialect = JSON_ONLY;
pub(in crate::model) static NEBIUS: Dialect = PLAIN;
pub(in crate::model) static QWEN: Dialect = JSON_ONLY;
pub(in crate::model) static ZAI: Dialect = JSON_ONLY;

impl Wire for OpenAiChat {
    fn enforcement(&self, _: &str, has_tools: bool) -> Enforcement {
        if has_tools { self.0.enforcement_with_tools } else { self.0.enforcement }
    }

    fn enforces(&self, ask: &Ask<'_>) -> bool {
        ask.schema.and_then(strict).is_some()
    }

    fn encode(&self, ask: &Ask<'_>) -> Result<Encoded, CallError> {
        let mut body = Map::new();
        body.insert("model".into(), ask.model.into());
        let messages = ask.messages().flat_map(|message| encoded_message(&message, ask.provider));
        body.insert("messages".into(), messages.collect());
        self.add_tools(&mut body, ask);
        self.add_settings(&mut body, ask);
        let format = format(ask);
        let streams = format.is_none() || self.0.streams_json;
        body.insert("stream".into(), streams.into());
        if streams && self.0.has_usage_option {
            body.insert("stream_options".into(), json!({ "include_usage": true }));
        }
        if let Some(format) = format {
            body.insert("response_format".into(), format);
        }
        if self.0.requires_parameters && (ask.schema.is_some() || ask.has_tools()) {
            body.insert("provider".into(), json!({ "require_parameters": true }));
        }
        Ok(Encoded { path: "chat/completions".to_owned(), body: Value::Object(body) })
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::<ChatDecoder>::default()
    }
}

impl OpenAiChat {
    fn add_tools(&self, body: &mut Map<String, Value>, ask: &Ask<'_>) {
        if !ask.has_tools() {
            return;
        }
        body.insert("tools".into(), ask.tools().map(encoded_tool).collect());
        if ask.must_call() {
            body.insert("tool_choice".into(), self.0.required.into());
        }
    }

    fn add_settings(&self, body: &mut Map<String, Value>, ask: &Ask<'_>) {
        let call = ask.call;
        // Models that reason refuse them.
        if !reasons(ask.model) {
            body.extend(call.temperature.map(|value| ("temperature".into(), value.into())));
            body.extend(call.top_p.map(|value| ("top_p".into(), value.into())));
        }
        body.extend(call.max_tokens.map(|value| (self.0.max_tokens.into(), value.into())));
        body.extend(call.seed.map(|value| (self.0.seed.into(), value.into())));
        if !call.stop.is_empty() {
            body.insert("stop".into(), call.stop.clone().into());
        }
    }
}

/// OpenAI's models that reason, wherever they run.
pub(super) fn reasons(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let is_version = |prefix: &str| {
        let rest = name.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
    };
    ["o1", "o3", "o4"].into_iter().any(is_version) || is_version("gpt-5") && !name.contains("-chat")
}

fn format(ask: &Ask<'_>) -> Option<Value> {
    if ask.wants_json {
        return Some(json!({ "type": "json_object" }));
    }
    let schema = ask.schema?;
    let (schema, is_strict) = match strict(schema) {
        Some(strict) => (strict, true),
        None => (schema.clone(), false),
    };
    Some(json!({
        "type": "json_schema",
        "json_schema": { "name": "answer", "schema": schema, "strict": is_strict },
    }))
}

pub(super) fn encoded_tool(tool: &ModelTool) -> Value {
    let ModelTool { name, description, parameters } = tool;
    let mut function = json!({ "name": name, "parameters": parameters });
    if !description.is_empty() {
        function["description"] = description.as_str().into();
    }
    json!({ "type": "function", "function": function })
}

fn encoded_message(message: &ModelMessage, provider: &str) -> Vec<Value> {
    match message {
        ModelMessage::System { content } => vec![json!({ "role": "system", "content": content })],
        ModelMessage::User { content } => {
            vec![json!({ "role": "user", "content": encoded_content(content) })]
        }
        ModelMessage::Assistant { content } => {
            vec![json!({ "role": "assistant", "content": content })]
        }
        ModelMessage::Turn { turn } if turn.provider == provider && turn.message.is_object() => {
            vec![turn.message.clone()]
        }
        ModelMessage::Turn { turn } => vec![foreign_turn(turn)],
        ModelMessage::Tools { results } => results
            .iter()
            .map(|result| {
                json!({ "role": "tool", "tool_call_id": result.id, "content": result.content })
            })
            .collect(),
    }
}

pub(super) fn encoded_content(content: &Content) -> Value {
    let part = |part: &ContentPart| match part {
        ContentPart::Text { text } => json!({ "type": "text", "text": text }),
        ContentPart::Image { image } => {
            json!({ "type": "image_url", "image_url": { "url": image_url(image) } })
        }
        ContentPart::Document { name, media_type, data } => {
            let file = json!({ "filename": name, "file_data": data_url(media_type, data) });
            json!({ "type": "file", "file": file })
        }
        ContentPart::File { file } => unfilled(file),
    };
    match content {
        Content::Text(text) => text.as_str().into(),
        Content::Parts(parts) => parts.iter().map(part).collect(),
    }
}

pub(super) fn image_url(image: &Image) -> String {
    match image {
        Image::Url(url) => url.clone(),
        Image::Base64 { media_type, data } => data_url(media_type, data),
    }
}

pub(super) fn data_url(media_type: &str, data: &str) -> String {
    format!("data:{media_type};base64,{data}")
}

/// What stands for a file whose bytes are not there: files are filled in before.
pub(super) fn unfilled(file: &FileId) -> Value {
    json!({ "type": "text", "text": format!("[{file}]") })
}

/// What another provider said.
fn foreign_turn(turn: &Turn) -> Value {
    let calls = turn.calls.iter().map(|call| {
        let arguments = Value::Object(call.arguments.clone()).to_string();
        encoded_call(&call.id, &call.name, &arguments)
    });
    said(&turn.content, calls.collect())
}

pub(super) fn encoded_call(id: &str, name: &str, arguments: &str) -> Value {
    json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } })
}

fn said(content: &str, calls: Vec<Value>) -> Value {
    let content = if content.is_empty() { Value::Null } else { content.into() };
    let mut message = json!({ "role": "assistant", "content": content });
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    message
}

#[derive(Default)]
struct ChatDecoder {
    /// The calls in the order of the draft.
    calls: Vec<Slot>,
    /// DeepSeek wants its reasoning back while it calls tools.
    reasoning: String,
    /// So does OpenRouter, piece by piece.
    reasoning_details: Vec<Value>,
}

impl Decoder for ChatDecoder {
    fn frame(&mut self, frame: &Frame, draft: &mut Draft) -> Result<(), CallError> {
        if frame.data.trim() == "[DONE]" {
            return Ok(());
        }
        self.read(&parse(&frame.data)?, draft)
    }

    fn whole(&mut self, body: &Value, draft: &mut Draft) -> Result<(), CallError> {
        self.read(body, draft)
    }

    fn message(&mut self, draft: &Draft) -> Value {
        let calls = draft.calls().map(|(id, name, arguments)| encoded_call(&id, name, arguments));
        let mut message = said(&draft.content, calls.collect());
        if !self.reasoning.is_empty() {
            message["reasoning_content"] = std::mem::take(&mut self.reasoning).into();
        }
        if !self.reasoning_details.is_empty() {
            message["reasoning_details"] = std::mem::take(&mut self.reasoning_details).into();
        }
        message
    }
}

impl ChatDecoder {
    /// Reads a chunk of a stream, or a whole answer: they differ in the name of `delta`.
    fn read(&mut self, chunk: &Value, draft: &mut Draft) -> Result<(), CallError> {
        if let Some(error) = error_in(chunk) {
            return Err(error);
        }
        read_usage(chunk, &mut draft.usage);
        let is_first = |choice: &&Value| count_at(choice, "/index").unwrap_or(0) == 0;
        let Some(choice) = list_at(chunk, "/choices").iter().find(is_first) else {
            return Ok(());
        };
        if let Some(error) = error_in(choice) {
            return Err(error);
        }
        if let Some(delta) = choice.get("delta").or_else(|| choice.get("message")) {
            self.read_delta(delta, draft)?;
        }
        draft.finish(text_at(choice, "/finish_reason"));
        Ok(())
    }

    fn read_delta(&mut self, delta: &Value, draft: &mut Draft) -> Result<(), CallError> {
        match &delta["content"] {
            Value::String(text) => draft.say(text)?,
            // Mistral's chunks: what it thinks is none of the answer.
            Value::Array(parts) => {
                for part in parts.iter().filter(|part| text_at(part, "/type") == "text") {
                    draft.say(text_at(part, "/text"))?;
                }
            }
            _ => {}
        }
        draft.refuse(text_at(delta, "/refusal"))?;
        let reasoning = text_at(delta, "/reasoning_content");
        draft.hold(reasoning.len())?;
        self.reasoning.push_str(reasoning);
        for detail in list_at(delta, "/reasoning_details") {
            draft.hold(flowgate_engine::json::size(detail))?;
            self.reasoning_details.push(detail.clone());
        }
        list_at(delta, "/tool_calls").iter().try_for_each(|call| self.read_call(call, draft))
    }

    fn read_call(&mut self, call: &Value, draft: &mut Draft) -> Result<(), CallError> {
        let id = text_at(call, "/id");
        let name = text_at(call, "/function/name");
        let id = if id == "null" { "" } else { id };
        let slot = self.slot(count_at(call, "/index"), id, !name.is_empty());
        let arguments = match &call["function"]["arguments"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            // Mistral may send the object itself.
            object => object.to_string(),
        };
        draft.call(slot, id, name, &arguments)
    }

    /// Returns the place of a call in the draft. Some servers leave the index out, and some give
    /// all calls the same.
    fn slot(&mut self, index: Option<u64>, id: &str, is_named: bool) -> u64 {
        let is_same = |slot: &Slot| {
            let has_same_id = id.is_empty() || slot.id.is_empty() || slot.id == id;
            // Without an index, only a name begins another call.
            let begins = index.is_none() && id.is_empty() && is_named && slot.is_named;
            has_same_id && !begins && (index.is_none() || slot.index == index)
        };
        let at = self.calls.iter().rposition(is_same).unwrap_or_else(|| {
            self.calls.push(Slot { index, id: id.to_owned(), is_named });
            self.calls.len() - 1
        });
        self.calls[at].is_named |= is_named;
        at as u64
    }
}

/// What a provider said of a call.
struct Slot {
    index: Option<u64>,
    id: String,
    is_named: bool,
}

/// The last report counts.
fn read_usage(chunk: &Value, usage: &mut Usage) {
    let reported = [chunk.get("usage"), chunk.pointer("/x_groq/usage")];
    let Some(reported) = reported.into_iter().flatten().find(|usage| usage.is_object()) else {
        return;
    };
    let count = |pointer| count_at(reported, pointer);
    usage.input = count("/prompt_tokens").or(usage.input);
    let reasoning = count("/completion_tokens_details/reasoning_tokens").unwrap_or(0);
    if let Some(output) = count("/completion_tokens") {
        // xAI counts reasoning apart.
        let is_apart = count("/total_tokens").is_some_and(|total| {
            reasoning > 0
                && total.checked_sub(reasoning) == usage.input.unwrap_or(0).checked_add(output)
        });
        usage.output = Some(if is_apart { output.saturating_add(reasoning) } else { output });
    }
    let cached = count("/prompt_tokens_details/cached_tokens");
    usage.cached = cached.or_else(|| count("/prompt_cache_hit_tokens")).unwrap_or(0);
    usage.cache_written = count("/prompt_tokens_details/cache_write_tokens").unwrap_or(0);
    let cost = reported.get("cost").and_then(Value::as_f64);
    usage.reported_nano_usd = cost.and_then(nano_usd).or(usage.reported_nano_usd);
}

fn nano_usd(dollars: f64) -> Option<u64> {
    const MAX_DOLLARS: f64 = 1e9;
    // In range, so the cast loses nothing but fractions of a nano-dollar.
    (0.0..=MAX_DOLLARS).contains(&dollars).then(|| (dollars * 1e9).round() as u64)
}

#[cfg(test)]
mod tests;
