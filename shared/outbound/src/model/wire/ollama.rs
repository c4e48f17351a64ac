//! Ollama's own protocol.
//!
//! Checked against "Ollama: API reference, Generate a chat message", "Tool calling" and "Structured
//! outputs", and the types of Ollama's SDKs.

use flowgate_engine::call::{
    CallError, Content, ContentPart, Image, ModelMessage, ToolResult, Turn, TurnCall,
};
use serde_json::{Map, Value, json};

use super::kept::Kept;
use super::openai_chat::encoded_tool;
use super::{Decoder, Encoded, Enforcement, Wire, count_at, list_at, parse, text_at};
use crate::failed;
use crate::model::ask::Ask;
use crate::model::failure::error_in;
use crate::model::framing::{Frame, Framing};
use crate::model::reply::Draft;

pub(in crate::model) struct Ollama;

impl Wire for Ollama {
    /// A format holds every word of the answer to it: the model could call no tool. Nor can it be
    /// made to call one.
    fn enforcement(&self, _: &str, has_tools: bool) -> Enforcement {
        if has_tools { Enforcement::Prompt } else { Enforcement::Provider }
    }

    fn encode(&self, ask: &Ask<'_>) -> Result<Encoded, CallError> {
        let mut body = Map::new();
        body.insert("model".into(), ask.model.into());
        let mut messages = Vec::new();
        for message in ask.messages() {
            messages.extend(encoded_messages(&message, ask.provider)?);
        }
        body.insert("messages".into(), messages.into());
        if ask.has_tools() {
            body.insert("tools".into(), ask.tools().map(encoded_tool).collect());
        }
        if let Some(schema) = ask.schema {
            body.insert("format".into(), schema.clone());
        }
        let options = options(ask);
        if !options.is_empty() {
            body.insert("options".into(), options.into());
        }
        body.insert("stream".into(), true.into());
        // Else what is too long for the model is cut off at its start, in silence: when the answer
        // begins, and while it grows.
        body.insert("truncate".into(), false.into());
        body.insert("shift".into(), false.into());
        Ok(Encoded { path: "api/chat".to_owned(), body: Value::Object(body) })
    }

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::<OllamaDecoder>::default()
    }
}

fn options(ask: &Ask<'_>) -> Map<String, Value> {
    let call = ask.call;
    let mut options = Map::new();
    options.extend(call.temperature.map(|value| ("temperature".into(), value.into())));
    options.extend(call.top_p.map(|value| ("top_p".into(), value.into())));
    options.extend(call.max_tokens.map(|value| ("num_predict".into(), value.into())));
    options.extend(call.seed.map(|value| ("seed".into(), value.into())));
    if !call.stop.is_empty() {
        options.insert("stop".into(), call.stop.clone().into());
    }
    options
}

fn encoded_messages(message: &ModelMessage, provider: &str) -> Result<Vec<Value>, CallError> {
    Ok(match message {
        ModelMessage::System { content } => vec![json!({ "role": "system", "content": content })],
        ModelMessage::User { content } => vec![encoded_user(content, provider)?],
        ModelMessage::Assistant { content } => {
            vec![json!({ "role": "assistant", "content": content })]
        }
        ModelMessage::Turn { turn } if turn.provider == provider && turn.message.is_object() => {
            vec![turn.message.clone()]
        }
        ModelMessage::Turn { turn } => vec![foreign_turn(turn)],
        ModelMessage::Tools { results } => results.iter().map(encoded_result).collect(),
    })
}

/// The protocol has one text per message, and its pictures beside it.
fn encoded_user(content: &Content, provider: &str) -> Result<Value, CallError> {
    let parts = match content {
        Content::Text(text) => return Ok(json!({ "role": "user", "content": text })),
        Content::Parts(parts) => parts,
    };
    let (mut texts, mut images) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            ContentPart::Text { text } => texts.push(text.as_str()),
            ContentPart::Image { image: Image::Base64 { data, .. } } => images.push(data.as_str()),
            ContentPart::Image { image: Image::Url(_) } => {
                let message = format!("{provider} takes pictures as base64 data, not as URLs");
                return Err(failed("invalid_request", message));
            }
            ContentPart::Document { .. } | ContentPart::File { .. } => {
                let message = format!("{provider} takes no files but pictures");
                return Err(failed("invalid_request", message));
            }
        }
    }
    let mut user = json!({ "role": "user", "content": texts.join("\n") });
    if !images.is_empty() {
        user["images"] = json!(images);
    }
    Ok(user)
}

/// What another provider said.
fn foreign_turn(turn: &Turn) -> Value {
    let call =
        |call: &TurnCall| json!({ "function": { "name": call.name, "arguments": call.arguments } });
    said(&turn.content, turn.calls.iter().map(call).collect())
}

fn said(content: &str, calls: Value) -> Value {
    json!({ "role": "assistant", "content": content, "tool_calls": calls })
}

fn encoded_result(result: &ToolResult) -> Value {
    json!({ "role": "tool", "tool_name": result.name, "content": result.content })
}

#[derive(Default)]
struct OllamaDecoder {
    thinking: String,
    calls: Kept,
}

impl Decoder for OllamaDecoder {
    fn frame(&mut self, frame: &Frame, draft: &mut Draft) -> Result<(), CallError> {
        self.whole(&parse(&frame.data)?, draft)
    }

    /// A whole answer has the fields of a line.
    fn whole(&mut self, line: &Value, draft: &mut Draft) -> Result<(), CallError> {
        if let Some(error) = error_in(line) {
            return Err(error);
        }
        draft.say(text_at(line, "/message/content"))?;
        let thinking = text_at(line, "/message/thinking");
        draft.hold(thinking.len())?;
        self.thinking.push_str(thinking);
        for call in list_at(line, "/message/tool_calls") {
            let name = text_at(call, "/function/name");
            draft.whole_call(text_at(call, "/id"), name, &call["function"]["arguments"])?;
            self.calls.push(call, draft)?;
        }
        if line["done"] == true {
            draft.usage.input = count_at(line, "/prompt_eval_count");
            draft.usage.output = count_at(line, "/eval_count");
            let reason = text_at(line, "/done_reason");
            // Older servers give none.
            draft.finish(if reason.is_empty() { "stop" } else { reason });
        }
        Ok(())
    }

    fn message(&mut self, draft: &Draft) -> Value {
        let Some(calls) = self.calls.take() else { return Value::Null };
        let mut message = said(&draft.content, calls);
        if !self.thinking.is_empty() {
            message["thinking"] = std::mem::take(&mut self.thinking).into();
        }
        message
    }
}

#[cfg(test)]
mod tests;
