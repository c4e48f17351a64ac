//! Amazon Bedrock's Converse.
//!
//! Checked against "ConverseStream" and "Get validated JSON results from models" of Amazon
//! Bedrock's reference, and the types of AWS's SDKs.

mod signature;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;

use flowgate_engine::call::{CallError, Image, ModelTool, ToolResult};
use http::HeaderMap;
use serde_json::{Map, Value, json};

use self::signature::Credentials;
use super::blocks::{
    MIN_BLOCK_BYTES, Picture, Shapes, format, messages, picture, said, unfit_picture,
};
use super::structured::{structured, system_and_schema};
use super::{
    Decoder, Encoded, Enforcement, Unsigned, Wire, bearer, claude, count_at, list_at, parse,
    text_at,
};
use crate::model::ask::Ask;
use crate::model::failure::{error_in, stated};
use crate::model::framing::{Frame, Framing};
use crate::model::reading::unreadable;
use crate::model::reply::{Draft, read_arguments};

pub(in crate::model) struct Bedrock;

impl Wire for Bedrock {
    fn enforcement(&self, model: &str, _: bool) -> Enforcement {
        match claude::version(model) {
            Some(version) if claude::is_held_to_schemas(version) => Enforcement::Provider,
            Some(version) if version >= (3, 0) => Enforcement::Tool,
            None if ["amazon.nova", "mistral-large"].iter().any(|name| model.contains(name)) => {
                Enforcement::Tool
            }
            // Others cannot be made to call a tool.
            _ => Enforcement::Prompt,
        }
    }

    fn enforces(&self, ask: &Ask<'_>) -> bool {
        ask.schema.and_then(structured).is_some()
    }

    fn encode(&self, ask: &Ask<'_>) -> Result<Encoded, CallError> {
        let shapes = Shapes { result: result_of(ask.model), ..SHAPES };
        let mut body = Map::new();
        body.insert("messages".into(), messages(ask, &shapes)?.into());
        let (system, schema) = system_and_schema(ask);
        if !system.is_empty() {
            body.insert("system".into(), json!([{ "text": system }]));
        }
        let settings = settings(ask);
        if !settings.is_empty() {
            body.insert("inferenceConfig".into(), Value::Object(settings));
        }
        if ask.has_tools() {
            let tools: Vec<_> = ask.tools().map(encoded_tool).collect();
            let mut config = json!({ "tools": tools });
            if ask.must_call() {
                config["toolChoice"] = json!({ "any": {} });
            }
            body.insert("toolConfig".into(), config);
        }
        if let Some(schema) = schema {
            let schema = json!({ "name": "answer", "schema": schema.to_string() });
            let structure = json!({ "jsonSchema": schema });
            let format = json!({ "type": "json_schema", "structure": structure });
            body.insert("outputConfig".into(), json!({ "textFormat": format }));
        }
        let path = format!("model/{}/converse-stream", signature::escape(ask.model));
        Ok(Encoded { path, body: Value::Object(body) })
    }

    fn authorize(&self, key: &str, request: &Unsigned<'_>) -> Result<HeaderMap, CallError> {
        match Credentials::of(key)? {
            Some(credentials) => credentials.sign(request),
            None => bearer(key),
        }
    }

    fn secrets<'k>(&self, key: &'k str) -> Vec<&'k str> {
        // The token goes out by itself, without the rest.
        std::iter::once(key).chain(key.split(':').skip(1)).collect()
    }

    fn framing(&self) -> Framing {
        Framing::AwsMessages
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::<ConverseDecoder>::default()
    }
}

/// It has no seed. Without a limit the model's own applies.
fn settings(ask: &Ask<'_>) -> Map<String, Value> {
    let call = ask.call;
    let (temperature, top_p) = claude::sampling(ask.model, call.temperature, call.top_p);
    let mut settings = Map::new();
    settings.extend(call.max_tokens.map(|value| ("maxTokens".into(), value.into())));
    settings.extend(temperature.map(|value| ("temperature".into(), value.into())));
    settings.extend(top_p.map(|value| ("topP".into(), value.into())));
    if !call.stop.is_empty() {
        settings.insert("stopSequences".into(), call.stop.clone().into());
    }
    settings
}

fn encoded_tool(tool: &ModelTool) -> Value {
    let ModelTool { name, description, parameters } = tool;
    let mut spec = json!({ "name": name, "inputSchema": { "json": parameters } });
    if !description.is_empty() {
        spec["description"] = description.as_str().into();
    }
    json!({ "toolSpec": spec })
}

const SHAPES: Shapes = Shapes {
    text: |text| json!({ "text": text }),
    image,
    pdf,
    call: |id, name, input| json!({ "toolUse": { "toolUseId": id, "name": name, "input": input } }),
    result,
};

fn image(image: &Image) -> Result<Value, CallError> {
    let (format, source) = match picture(image)? {
        Picture::Data(format, data) => (format, json!({ "bytes": data })),
        Picture::Url(url) if url.starts_with("s3://") => {
            let ending = url.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
            (format(&ending)?, json!({ "s3Location": { "uri": url } }))
        }
        Picture::Url(_) => {
            let why = "Bedrock fetches pictures only from S3; send this one as base64";
            return Err(unfit_picture(why));
        }
    };
    Ok(json!({ "image": { "format": format, "source": source } }))
}

/// Bedrock takes few characters in a name.
fn pdf(name: &str, data: &str) -> Value {
    let fits = |character: char| character.is_ascii_alphanumeric() || "-()[]".contains(character);
    let name: String =
        name.chars().map(|character| if fits(character) { character } else { '-' }).collect();
    json!({ "document": { "format": "pdf", "name": name, "source": { "bytes": data } } })
}

/// Claude and Nova take the status of a result. Others refuse it.
fn result_of(model: &str) -> fn(&str, &ToolResult) -> Value {
    let takes_status = claude::version(model).is_some() || model.contains("amazon.nova");
    if takes_status {
        |id, said| {
            let mut block = result(id, said);
            if said.is_error {
                block["toolResult"]["status"] = "error".into();
            }
            block
        }
    } else {
        result
    }
}

fn result(id: &str, result: &ToolResult) -> Value {
    json!({ "toolResult": { "toolUseId": id, "content": [{ "text": said(result) }] } })
}

#[derive(Default)]
struct ConverseDecoder {
    /// By the provider's index, which is their order.
    blocks: BTreeMap<u64, Block>,
}

/// A block of the answer, as it goes back.
enum Block {
    /// Where its text stands in the draft.
    Text(Range<usize>),
    Call,
    Reasoning {
        text: String,
        signature: String,
    },
    Redacted(String),
}

impl Decoder for ConverseDecoder {
    fn frame(&mut self, frame: &Frame, draft: &mut Draft) -> Result<(), CallError> {
        // Some events have no payload.
        if frame.data.is_empty() {
            return Ok(());
        }
        let event = parse(&frame.data)?;
        if let Some(error) = error_in(&event) {
            return Err(error);
        }
        let index = count_at(&event, "/contentBlockIndex").unwrap_or(0);
        match frame.name.as_str() {
            "contentBlockStart" => self.add(index, &event["start"], draft)?,
            "contentBlockDelta" => self.add(index, &event["delta"], draft)?,
            "messageStop" => draft.finish(text_at(&event, "/stopReason")),
            "metadata" => read_usage(&event["usage"], draft),
            // Other events say nothing that is needed, or come with later versions.
            _ => {}
        }
        Ok(())
    }

    fn whole(&mut self, body: &Value, draft: &mut Draft) -> Result<(), CallError> {
        if body.pointer("/output/message").is_none() {
            return Err(stated(body));
        }
        for (index, block) in (0..).zip(list_at(body, "/output/message/content")) {
            self.add(index, block, draft)?;
            if let Some(reasoning) = block.pointer("/reasoningContent/reasoningText") {
                self.reason(index, reasoning, draft)?;
            }
        }
        draft.finish(text_at(body, "/stopReason"));
        read_usage(&body["usage"], draft);
        Ok(())
    }

    fn message(&mut self, draft: &Draft) -> Value {
        let mut calls = draft.calls();
        let blocks = std::mem::take(&mut self.blocks).into_values();
        let content: Value =
            blocks.filter_map(|block| block.sent_back(draft, &mut calls)).collect();
        json!({ "role": "assistant", "content": content })
    }
}

impl ConverseDecoder {
    /// Reads the start of a block, a piece of it, or a whole one: they have the same fields.
    fn add(&mut self, index: u64, piece: &Value, draft: &mut Draft) -> Result<(), CallError> {
        if let Some(text) = piece.get("text").and_then(Value::as_str) {
            self.say(index, text, draft)?;
        }
        if let Some(call) = piece.get("toolUse") {
            self.call(index, call, draft)?;
        }
        if let Some(reasoning) = piece.get("reasoningContent") {
            self.reason(index, reasoning, draft)?;
        }
        Ok(())
    }

    /// Returns the block at an index. A new one is counted.
    fn block(
        &mut self,
        index: u64,
        new: impl FnOnce() -> Block,
        draft: &mut Draft,
    ) -> Result<&mut Block, CallError> {
        match self.blocks.entry(index) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                draft.hold(MIN_BLOCK_BYTES)?;
                Ok(entry.insert(new()))
            }
        }
    }

    fn say(&mut self, index: u64, text: &str, draft: &mut Draft) -> Result<(), CallError> {
        let begin = draft.content.len();
        match self.block(index, || Block::Text(begin..begin), draft)? {
            // The blocks of a text follow each other.
            Block::Text(said) if said.end == begin => {
                draft.say(text)?;
                said.end = draft.content.len();
                Ok(())
            }
            _ => Err(unreadable()),
        }
    }

    fn call(&mut self, index: u64, call: &Value, draft: &mut Draft) -> Result<(), CallError> {
        if !matches!(self.block(index, || Block::Call, draft)?, Block::Call) {
            return Err(unreadable());
        }
        let input = match &call["input"] {
            Value::Null => String::new(),
            Value::String(piece) => piece.clone(),
            input => input.to_string(),
        };
        draft.call(index, text_at(call, "/toolUseId"), text_at(call, "/name"), &input)
    }

    fn reason(&mut self, index: u64, piece: &Value, draft: &mut Draft) -> Result<(), CallError> {
        if let Some(data) = piece.get("redactedContent").and_then(Value::as_str) {
            draft.hold(data.len())?;
            return match self.block(index, || Block::Redacted(String::new()), draft)? {
                // Pieces of base64 fit together if none but the last is padded.
                Block::Redacted(held) if held.len() % 4 == 0 && !held.ends_with('=') => {
                    held.push_str(data);
                    Ok(())
                }
                _ => Err(unreadable()),
            };
        }
        let (more, signed) = (text_at(piece, "/text"), text_at(piece, "/signature"));
        if more.is_empty() && signed.is_empty() {
            return Ok(());
        }
        draft.hold(more.len() + signed.len())?;
        let empty = || Block::Reasoning { text: String::new(), signature: String::new() };
        match self.block(index, empty, draft)? {
            Block::Reasoning { text, signature } => {
                text.push_str(more);
                signature.push_str(signed);
                Ok(())
            }
            _ => Err(unreadable()),
        }
    }
}

impl Block {
    /// Returns the block with its text or arguments. An empty text would be refused, and so would
    /// reasoning that nobody signed.
    fn sent_back<'d>(
        self,
        draft: &Draft,
        calls: &mut impl Iterator<Item = (String, &'d str, &'d str)>,
    ) -> Option<Value> {
        match self {
            Self::Text(said) => {
                let text = &draft.content[said];
                (!text.trim().is_empty()).then(|| (SHAPES.text)(text))
            }
            Self::Call => {
                let (id, name, arguments) = calls.next()?;
                // What is no object cannot go back.
                let input = read_arguments(arguments).unwrap_or_default();
                Some((SHAPES.call)(&id, name, &input))
            }
            Self::Reasoning { signature, .. } if signature.is_empty() => None,
            Self::Reasoning { text, signature } => {
                let reasoning = json!({ "text": text, "signature": signature });
                Some(json!({ "reasoningContent": { "reasoningText": reasoning } }))
            }
            Self::Redacted(data) => {
                Some(json!({ "reasoningContent": { "redactedContent": data } }))
            }
        }
    }
}

/// What a cache gave, or took, is counted apart.
fn read_usage(usage: &Value, draft: &mut Draft) {
    let count = |pointer| count_at(usage, pointer);
    draft.usage.cached = count("/cacheReadInputTokens").unwrap_or(0);
    draft.usage.cache_written = count("/cacheWriteInputTokens").unwrap_or(0);
    let apart = draft.usage.cached.saturating_add(draft.usage.cache_written);
    draft.usage.input = count("/inputTokens").map(|input| input.saturating_add(apart));
    draft.usage.output = count("/outputTokens");
}

#[cfg(test)]
mod tests;
