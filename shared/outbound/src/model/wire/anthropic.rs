//! Anthropic's Messages, which MiniMax speaks too.
//!
//! Checked against Anthropic's "Messages API reference", "Streaming messages" and "Structured
//! outputs", the types of its Python SDK, and MiniMax's "Compatible Anthropic API".

use std::collections::BTreeMap;
use std::ops::Range;

use flowgate_engine::call::{CallError, Image, ModelTool};
use flowgate_engine::json;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use super::blocks::{MIN_BLOCK_BYTES, Picture, Shapes, messages, picture, said, unfit_picture};
use super::structured::{structured, system_and_schema};
use super::{
    Decoder, Encoded, Enforcement, Unsigned, Wire, claude, count_at, list_at, parse, secret_header,
    text_at,
};
use crate::model::ask::Ask;
use crate::model::failure::{error_in, stated};
use crate::model::framing::Frame;
use crate::model::reading::unreadable;
use crate::model::reply::{Draft, Finish, read_arguments};

pub(in crate::model) struct Anthropic;

const VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// The protocol demands a limit, and refuses one above the model's own. An author who gives none
/// gets what every model of the generation can write.
const MAX_TOKENS: u32 = 32_000;
const MAX_TOKENS_OF_3_5: u32 = 8_192;
const MAX_TOKENS_OF_3: u32 = 4_096;

impl Wire for Anthropic {
    fn enforcement(&self, model: &str, _: bool) -> Enforcement {
        match claude::version(model) {
            Some(version) if claude::is_held_to_schemas(version) => Enforcement::Provider,
            Some(version) if version >= (3, 0) => Enforcement::Tool,
            // MiniMax thinks always, and a model that thinks may refuse to be forced.
            _ => Enforcement::Prompt,
        }
    }

    fn enforces(&self, ask: &Ask<'_>) -> bool {
        ask.schema.and_then(structured).is_some()
    }

    fn encode(&self, ask: &Ask<'_>) -> Result<Encoded, CallError> {
        let shapes = Shapes { image: image_of(ask.model), ..SHAPES };
        let messages = messages(ask, &shapes)?;
        let limit = ask.call.max_tokens.unwrap_or_else(|| max_tokens(ask.model));
        let mut body = Map::new();
        body.insert("model".into(), ask.model.into());
        body.insert("max_tokens".into(), limit.into());
        let (system, schema) = system_and_schema(ask);
        if !system.is_empty() {
            body.insert("system".into(), system.into());
        }
        body.insert("messages".into(), messages.into());
        if ask.has_tools() {
            body.insert("tools".into(), ask.tools().map(encoded_tool).collect());
        }
        if ask.must_call() {
            body.insert("tool_choice".into(), json!({ "type": "any" }));
        }
        if let Some(schema) = schema {
            let format = json!({ "type": "json_schema", "schema": schema });
            body.insert("output_config".into(), json!({ "format": format }));
        }
        add_settings(&mut body, ask);
        body.insert("stream".into(), true.into());
        Ok(Encoded { path: "messages".to_owned(), body: Value::Object(body) })
    }

    fn authorize(&self, key: &str, _: &Unsigned<'_>) -> Result<HeaderMap, CallError> {
        Ok(HeaderMap::from_iter([
            (HeaderName::from_static("x-api-key"), secret_header(key)?),
            (HeaderName::from_static("anthropic-version"), VERSION),
        ]))
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::<MessagesDecoder>::default()
    }
}

fn max_tokens(model: &str) -> u32 {
    match claude::version(model) {
        Some(version) if version < (3, 5) => MAX_TOKENS_OF_3,
        Some(version) if version < (4, 0) => MAX_TOKENS_OF_3_5,
        _ => MAX_TOKENS,
    }
}

/// It has no seed.
fn add_settings(body: &mut Map<String, Value>, ask: &Ask<'_>) {
    let call = ask.call;
    let (temperature, top_p) = claude::sampling(ask.model, call.temperature, call.top_p);
    body.extend(temperature.map(|value| ("temperature".into(), value.into())));
    body.extend(top_p.map(|value| ("top_p".into(), value.into())));
    if !call.stop.is_empty() {
        body.insert("stop_sequences".into(), call.stop.clone().into());
    }
}

fn encoded_tool(tool: &ModelTool) -> Value {
    let ModelTool { name, description, parameters } = tool;
    let mut encoded = json!({ "name": name, "input_schema": parameters });
    if !description.is_empty() {
        encoded["description"] = description.as_str().into();
    }
    encoded
}

const SHAPES: Shapes = Shapes {
    text: |text| json!({ "type": "text", "text": text }),
    image,
    pdf: |name, data| {
        let source = json!({ "type": "base64", "media_type": "application/pdf", "data": data });
        json!({ "type": "document", "source": source, "title": name })
    },
    call: |id, name, input| json!({ "type": "tool_use", "id": id, "name": name, "input": input }),
    result: |id, result| {
        let mut block =
            json!({ "type": "tool_result", "tool_use_id": id, "content": said(result) });
        if result.is_error {
            block["is_error"] = true.into();
        }
        block
    },
};

fn image_of(model: &str) -> fn(&Image) -> Result<Value, CallError> {
    let is_blind = model.starts_with("MiniMax-M2");
    if is_blind { |_| Err(unfit_picture("the model takes no pictures")) } else { image }
}

fn image(image: &Image) -> Result<Value, CallError> {
    let source = match picture(image)? {
        Picture::Url(url) if url.starts_with("https://") => json!({ "type": "url", "url": url }),
        Picture::Url(_) => return Err(unfit_picture("the URL of a picture must be https")),
        Picture::Data(format, data) => {
            json!({ "type": "base64", "media_type": format!("image/{format}"), "data": data })
        }
    };
    Ok(json!({ "type": "image", "source": source }))
}

#[derive(Default)]
struct MessagesDecoder {
    /// By the provider's index, which is their order.
    blocks: BTreeMap<u64, Block>,
    input: Option<u64>,
    cached: u64,
    cache_written: u64,
}

/// A block of the answer, as it goes back: thinking with its signature, too.
struct Block {
    /// Without its text or arguments: the draft has them.
    fields: Map<String, Value>,
    /// Where its text stands in the draft.
    said: Range<usize>,
    /// The arguments of a tool that the provider runs itself.
    input: String,
}

impl Decoder for MessagesDecoder {
    fn frame(&mut self, frame: &Frame, draft: &mut Draft) -> Result<(), CallError> {
        let event = parse(&frame.data)?;
        if let Some(error) = error_in(&event).or_else(|| minimax_error(&event)) {
            return Err(error);
        }
        let index = count_at(&event, "/index").unwrap_or(0);
        match text_at(&event, "/type") {
            // Its count of the output is only a beginning.
            "message_start" => self.read_input(&event["message"]["usage"], draft),
            "content_block_start" => self.start(index, &event["content_block"], draft)?,
            "content_block_delta" => self.add(index, &event["delta"], draft)?,
            "message_delta" => self.finish(&event["delta"], &event["usage"], draft)?,
            // Keep-alives, and events that later versions add.
            _ => {}
        }
        Ok(())
    }

    fn whole(&mut self, body: &Value, draft: &mut Draft) -> Result<(), CallError> {
        if let Some(error) = minimax_error(body) {
            return Err(error);
        }
        for (index, block) in (0..).zip(list_at(body, "/content")) {
            self.start(index, block, draft)?;
        }
        self.finish(body, &body["usage"], draft)
    }

    fn message(&mut self, draft: &Draft) -> Value {
        let mut calls = draft.calls();
        let blocks = std::mem::take(&mut self.blocks).into_values();
        let content: Value =
            blocks.filter_map(|block| block.sent_back(draft, &mut calls)).collect();
        json!({ "role": "assistant", "content": content })
    }
}

impl MessagesDecoder {
    fn start(&mut self, index: u64, block: &Value, draft: &mut Draft) -> Result<(), CallError> {
        let Value::Object(mut fields) = block.clone() else { return Err(unreadable()) };
        let begin = draft.content.len();
        match text_at(block, "/type") {
            "text" => {
                fields.remove("text");
                draft.say(text_at(block, "/text"))?;
            }
            "tool_use" => {
                let arguments = fields.remove("input").map(whole_arguments).unwrap_or_default();
                draft.call(index, text_at(block, "/id"), text_at(block, "/name"), &arguments)?;
            }
            _ => {}
        }
        let said = begin..draft.content.len();
        let block = Block { fields, said, input: String::new() };
        let fields = block.fields.iter().map(|(name, value)| name.len() + json::size(value));
        draft.hold(MIN_BLOCK_BYTES + fields.sum::<usize>())?;
        match self.blocks.insert(index, block) {
            Some(_) => Err(unreadable()),
            None => Ok(()),
        }
    }

    fn add(&mut self, index: u64, delta: &Value, draft: &mut Draft) -> Result<(), CallError> {
        let block = self.blocks.get_mut(&index).ok_or_else(unreadable)?;
        match text_at(delta, "/type") {
            "text_delta" => {
                // The blocks of a text follow each other.
                if block.said.end != draft.content.len() {
                    return Err(unreadable());
                }
                draft.say(text_at(delta, "/text"))?;
                block.said.end = draft.content.len();
            }
            "input_json_delta" => {
                let piece = text_at(delta, "/partial_json");
                if block.kind() == "tool_use" {
                    return draft.call(index, "", "", piece);
                }
                draft.hold(piece.len())?;
                block.input.push_str(piece);
            }
            "thinking_delta" => block.append("thinking", text_at(delta, "/thinking"), draft)?,
            "signature_delta" => {
                // It comes whole.
                block.fields.remove("signature");
                block.append("signature", text_at(delta, "/signature"), draft)?;
            }
            "citations_delta" => block.cite(&delta["citation"], draft)?,
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, end: &Value, usage: &Value, draft: &mut Draft) -> Result<(), CallError> {
        self.read_input(usage, draft);
        draft.usage.output = count_at(usage, "/output_tokens").or(draft.usage.output);
        draft.finish(text_at(end, "/stop_reason"));
        if draft.finish == Some(Finish::Refusal) {
            draft.refuse(text_at(end, "/stop_details/explanation"))?;
        }
        Ok(())
    }

    /// The last report counts. Anthropic counts what a cache gave, or took, apart.
    fn read_input(&mut self, usage: &Value, draft: &mut Draft) {
        let count = |pointer| count_at(usage, pointer);
        self.input = count("/input_tokens").or(self.input);
        self.cached = count("/cache_read_input_tokens").unwrap_or(self.cached);
        self.cache_written = count("/cache_creation_input_tokens").unwrap_or(self.cache_written);
        let apart = self.cached.saturating_add(self.cache_written);
        draft.usage.input = self.input.map(|input| input.saturating_add(apart));
        draft.usage.cached = self.cached;
        draft.usage.cache_written = self.cache_written;
    }
}

impl Block {
    fn kind(&self) -> &str {
        self.fields.get("type").and_then(Value::as_str).unwrap_or_default()
    }

    fn append(&mut self, field: &str, piece: &str, draft: &mut Draft) -> Result<(), CallError> {
        draft.hold(piece.len())?;
        match self.fields.get_mut(field) {
            Some(Value::String(text)) => text.push_str(piece),
            _ => {
                self.fields.insert(field.to_owned(), piece.into());
            }
        }
        Ok(())
    }

    fn cite(&mut self, citation: &Value, draft: &mut Draft) -> Result<(), CallError> {
        draft.hold(json::size(citation))?;
        match self.fields.get_mut("citations") {
            Some(Value::Array(citations)) => citations.push(citation.clone()),
            _ => {
                self.fields.insert("citations".to_owned(), json!([citation]));
            }
        }
        Ok(())
    }

    /// Returns the block with its text or arguments. An empty text would be refused.
    fn sent_back<'d>(
        mut self,
        draft: &Draft,
        calls: &mut impl Iterator<Item = (String, &'d str, &'d str)>,
    ) -> Option<Value> {
        match self.kind() {
            "text" => {
                let text = &draft.content[self.said.clone()];
                if text.trim().is_empty() {
                    return None;
                }
                self.fields.insert("text".to_owned(), text.into());
            }
            "tool_use" => {
                let (id, _, arguments) = calls.next()?;
                self.fields.insert("id".to_owned(), id.into());
                // What is no object cannot go back.
                let input = read_arguments(arguments).unwrap_or_default();
                self.fields.insert("input".to_owned(), Value::Object(input));
            }
            _ if !self.input.is_empty() => {
                let input = read_arguments(&self.input).unwrap_or_default();
                self.fields.insert("input".to_owned(), Value::Object(input));
            }
            _ => {}
        }
        Some(Value::Object(self.fields))
    }
}

/// In a stream the arguments begin as an empty object.
fn whole_arguments(input: Value) -> String {
    match input {
        Value::Null => String::new(),
        Value::Object(fields) if fields.is_empty() => String::new(),
        Value::String(text) => text,
        input => input.to_string(),
    }
}

/// MiniMax reports some failures beside an empty message.
fn minimax_error(answer: &Value) -> Option<CallError> {
    let code = answer.pointer("/base_resp/status_code")?.as_i64()?;
    let text = text_at(answer, "/base_resp/status_msg");
    (code != 0).then(|| stated(&json!({ "error": { "message": format!("{code}: {text}") } })))
}

#[cfg(test)]
mod tests;
