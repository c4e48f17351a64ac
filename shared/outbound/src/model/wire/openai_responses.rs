//! OpenAI's Responses, for the models that have no chat completions, and for servers whose address
//! names it.
//!
//! Checked against "OpenAI: Responses API reference" and "Streaming events", and the types of
//! OpenAI's SDKs.

use flowgate_engine::call::{
    CallError, Content, ContentPart, ModelCall, ModelMessage, ModelTool, ToolResult, Turn,
};
use serde_json::{Map, Value, json};

use super::kept::Kept;
use super::openai_chat::{data_url, image_url, reasons};
use super::strict::strict;
use super::{Decoder, Encoded, Enforcement, Wire, count_at, list_at, parse, text_at};
use crate::model::ask::Ask;
use crate::model::failure::{error_in, stated};
use crate::model::framing::Frame;
use crate::model::reply::{Draft, Usage};

pub(in crate::model) struct OpenAiResponses;

/// Whether OpenAI serves the model by this protocol only.
pub(in crate::model) fn is_only_way_to(model: &str) -> bool {
    let words: Vec<&str> = model.split('-').collect();
    match &words[..] {
        ["gpt", words @ ..] => words.iter().any(|word| matches!(*word, "codex" | "pro")),
        ["o1" | "o3", "pro", ..] | ["codex", _, ..] | ["computer", "use", ..] => true,
        _ => false,
    }
}

/// The models that think longest answer in one piece.
fn streams(model: &str) -> bool {
    model.split('-').all(|word| word != "pro")
}

impl Wire for OpenAiResponses {
    fn enforcement(&self, _: &str, _: bool) -> Enforcement {
        Enforcement::Provider
    }

    fn enforces(&self, ask: &Ask<'_>) -> bool {
        ask.schema.and_then(strict).is_some()
    }

    /// The protocol has neither stop words nor a seed.
    fn encode(&self, ask: &Ask<'_>) -> Result<Encoded, CallError> {
        let mut body = Map::new();
        body.insert("model".into(), ask.model.into());
        let system = ask.system();
        if !system.is_empty() {
            body.insert("instructions".into(), system.into());
        }
        let input = ask.conversation().flat_map(|message| items(message, ask.provider));
        body.insert("input".into(), input.collect());
        if ask.has_tools() {
            body.insert("tools".into(), ask.tools().map(encoded_tool).collect());
        }
        if ask.must_call() {
            body.insert("tool_choice".into(), "required".into());
        }
        // Models that reason refuse them.
        if !reasons(ask.model) && !is_only_way_to(ask.model) {
            let ModelCall { temperature, top_p, .. } = ask.call;
            body.extend(temperature.map(|value| ("temperature".into(), value.into())));
            body.extend(top_p.map(|value| ("top_p".into(), value.into())));
        }
        let max_tokens = ask.call.max_tokens;
        body.extend(max_tokens.map(|value| ("max_output_tokens".into(), value.into())));
        if let Some(schema) = ask.schema {
            body.insert("text".into(), json!({ "format": format(schema) }));
        }
        // OpenAI keeps nothing: what the model thought comes with the answer, encrypted.
        body.insert("store".into(), false.into());
        body.insert("include".into(), json!(["reasoning.encrypted_content"]));
        body.insert("stream".into(), streams(ask.model).into());
        Ok(Encoded { path: "responses".to_owned(), body: Value::Object(body) })
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::<ResponsesDecoder>::default()
    }
}

fn format(schema: &Value) -> Value {
    let (schema, is_strict) = match strict(schema) {
        Some(strict) => (strict, true),
        None => (schema.clone(), false),
    };
    json!({ "type": "json_schema", "name": "answer", "schema": schema, "strict": is_strict })
}

/// Strict is the default here, and refuses most schemas.
fn encoded_tool(tool: &ModelTool) -> Value {
    let ModelTool { name, description, parameters } = tool;
    let mut tool =
        json!({ "type": "function", "name": name, "parameters": parameters, "strict": false });
    if !description.is_empty() {
        tool["description"] = description.as_str().into();
    }
    tool
}

fn items(message: &ModelMessage, provider: &str) -> Vec<Value> {
    match message {
        ModelMessage::System { .. } => Vec::new(),
        ModelMessage::User { content } => {
            vec![json!({ "role": "user", "content": encoded_content(content) })]
        }
        ModelMessage::Assistant { content } => vec![said(content)],
        ModelMessage::Turn { turn } => match &turn.message {
            Value::Array(items) if turn.provider == provider => items.clone(),
            _ => foreign_turn(turn),
        },
        ModelMessage::Tools { results } => results.iter().map(encoded_result).collect(),
    }
}

fn encoded_content(content: &Content) -> Value {
    let part = |part: &ContentPart| match part {
        ContentPart::Text { text } => json!({ "type": "input_text", "text": text }),
        ContentPart::Image { image } => {
            json!({ "type": "input_image", "image_url": image_url(image), "detail": "auto" })
        }
        ContentPart::Document { name, media_type, data } => {
            let data = data_url(media_type, data);
            json!({ "type": "input_file", "filename": name, "file_data": data })
        }
        ContentPart::File { file } => json!({ "type": "input_text", "text": format!("[{file}]") }),
    };
    match content {
        Content::Text(text) => text.as_str().into(),
        Content::Parts(parts) => parts.iter().map(part).collect(),
    }
}

fn said(content: &str) -> Value {
    json!({ "role": "assistant", "content": content })
}

/// What another provider said.
fn foreign_turn(turn: &Turn) -> Vec<Value> {
    let text = (!turn.content.is_empty()).then(|| said(&turn.content));
    let calls = turn.calls.iter().map(|call| {
        let arguments = Value::Object(call.arguments.clone()).to_string();
        json!({
            "type": "function_call", "call_id": call.id, "name": call.name, "arguments": arguments
        })
    });
    text.into_iter().chain(calls).collect()
}

fn encoded_result(result: &ToolResult) -> Value {
    json!({ "type": "function_call_output", "call_id": result.id, "output": result.content })
}

#[derive(Default)]
struct ResponsesDecoder {
    /// All items: those of reasoning go back before the calls that follow from them.
    items: Kept,
}

impl Decoder for ResponsesDecoder {
    fn frame(&mut self, frame: &Frame, draft: &mut Draft) -> Result<(), CallError> {
        if frame.data.trim() == "[DONE]" {
            return Ok(());
        }
        let event = parse(&frame.data)?;
        if let Some(error) = error_in(&event) {
            return Err(error);
        }
        let kind = text_at(&event, "/type");
        match kind {
            "response.output_text.delta" => draft.say(text_at(&event, "/delta")),
            "response.refusal.delta" => draft.refuse(text_at(&event, "/delta")),
            "response.output_item.done" => self.take_item(&event["item"], draft),
            "response.completed" | "response.incomplete" | "response.failed" => {
                finish(&event["response"], kind.trim_start_matches("response."), draft)
            }
            "error" => Err(stated(&event)),
            _ => Ok(()),
        }
    }

    fn whole(&mut self, body: &Value, draft: &mut Draft) -> Result<(), CallError> {
        for item in list_at(body, "/output") {
            for part in list_at(item, "/content") {
                match text_at(part, "/type") {
                    "output_text" => draft.say(text_at(part, "/text"))?,
                    "refusal" => draft.refuse(text_at(part, "/refusal"))?,
                    _ => {}
                }
            }
            self.take_item(item, draft)?;
        }
        finish(body, "", draft)
    }

    fn message(&mut self, _: &Draft) -> Value {
        self.items.take().unwrap_or_default()
    }
}

impl ResponsesDecoder {
    /// Takes an item that is complete: its pieces need no reading.
    fn take_item(&mut self, item: &Value, draft: &mut Draft) -> Result<(), CallError> {
        let is_call = text_at(item, "/type") == "function_call";
        if is_call && text_at(item, "/status") != "incomplete" {
            draft.whole_call(
                text_at(item, "/call_id"),
                text_at(item, "/name"),
                &item["arguments"],
            )?;
        }
        // Without its content OpenAI would look it up, and keeps none.
        let is_lost =
            text_at(item, "/type") == "reasoning" && text_at(item, "/encrypted_content").is_empty();
        if is_lost { Ok(()) } else { self.items.push(item, draft) }
    }
}

/// Reads how a response ended. Its own status counts before that of its event.
fn finish(response: &Value, status: &str, draft: &mut Draft) -> Result<(), CallError> {
    read_usage(response, &mut draft.usage);
    if let Some(error) = error_in(response) {
        return Err(error);
    }
    let stated = text_at(response, "/status");
    let reason = text_at(response, "/incomplete_details/reason");
    draft.finish(match if stated.is_empty() { status } else { stated } {
        "incomplete" if !reason.is_empty() => reason,
        // No more of it will come.
        "queued" | "in_progress" | "cancelled" => "",
        status => status,
    });
    Ok(())
}

fn read_usage(response: &Value, usage: &mut Usage) {
    let count = |pointer| count_at(response, pointer);
    usage.input = count("/usage/input_tokens").or(usage.input);
    usage.output = count("/usage/output_tokens").or(usage.output);
    usage.cached = count("/usage/input_tokens_details/cached_tokens").unwrap_or(0);
    usage.cache_written = count("/usage/input_tokens_details/cache_write_tokens").unwrap_or(0);
}

#[cfg(test)]
mod tests;
