//! Messages that are lists of blocks, as Anthropic's Messages and Bedrock's Converse have them.

use flowgate_engine::call::{
    CallError, Content, ContentPart, Image, ModelMessage, ToolResult, Turn, TurnCall,
};
use serde_json::{Map, Value, json};

use super::list_at;
use crate::model::ask::Ask;
use crate::model::failed;

/// How a protocol writes each block.
pub(super) struct Shapes {
    pub(super) text: fn(&str) -> Value,
    pub(super) image: fn(&Image) -> Result<Value, CallError>,
    /// Name and base64 of a PDF.
    pub(super) pdf: fn(&str, &str) -> Value,
    /// Id, name and arguments.
    pub(super) call: fn(&str, &str, &Map<String, Value>) -> Value,
    /// Id and result.
    pub(super) result: fn(&str, &ToolResult) -> Value,
}

/// Returns the conversation with users and assistants in turns: neighbours of one role are one
/// message, so that all results of a turn stand together.
pub(super) fn messages(ask: &Ask<'_>, shapes: &Shapes) -> Result<Vec<Value>, CallError> {
    let mut messages = Vec::new();
    let mut is_own = false;
    let mut turns = 0;
    for message in ask.conversation() {
        match message {
            ModelMessage::System { .. } => {}
            ModelMessage::User { content } => {
                add(&mut messages, "user", user_blocks(content, shapes)?);
            }
            ModelMessage::Assistant { content } => {
                add(&mut messages, "assistant", text_block(content, shapes).collect());
            }
            ModelMessage::Turn { turn } => {
                let own = list_at(&turn.message, "/content");
                is_own = turn.provider == ask.provider && !own.is_empty();
                turns += 1;
                let blocks = if is_own { own.to_vec() } else { foreign_turn(turns, turn, shapes) };
                add(&mut messages, "assistant", blocks);
            }
            ModelMessage::Tools { results } => {
                let block = |(index, result): (usize, &ToolResult)| {
                    let foreign = foreign_id(turns, index);
                    (shapes.result)(if is_own { &result.id } else { &foreign }, result)
                };
                add(&mut messages, "user", results.iter().enumerate().map(block).collect());
            }
        }
    }
    Ok(messages)
}

/// What a tool answered. Both protocols refuse a failure without words.
pub(super) fn said(result: &ToolResult) -> &str {
    let is_silent = result.is_error && result.content.trim().is_empty();
    if is_silent { "failed" } else { &result.content }
}

fn add(messages: &mut Vec<Value>, role: &str, blocks: Vec<Value>) {
    if blocks.is_empty() {
        return;
    }
    let last = messages.last_mut().filter(|last| last["role"] == role);
    match last.and_then(|last| last["content"].as_array_mut()) {
        Some(content) => content.extend(blocks),
        None => messages.push(json!({ "role": role, "content": blocks })),
    }
}

fn user_blocks(content: &Content, shapes: &Shapes) -> Result<Vec<Value>, CallError> {
    match content {
        Content::Text(text) => Ok(vec![(shapes.text)(text)]),
        Content::Parts(parts) => parts
            .iter()
            .map(|part| match part {
                ContentPart::Text { text } => Ok((shapes.text)(text)),
                ContentPart::Image { image } => (shapes.image)(image),
                ContentPart::Document { name, data, .. } => Ok((shapes.pdf)(name, data)),
                ContentPart::File { file } => Ok((shapes.text)(file.as_str())),
            })
            .collect(),
    }
}

/// Both protocols refuse a text without words.
fn text_block(text: &str, shapes: &Shapes) -> impl Iterator<Item = Value> {
    let block = (!text.trim().is_empty()).then(|| (shapes.text)(text));
    block.into_iter()
}

/// What another provider said.
fn foreign_turn(number: usize, turn: &Turn, shapes: &Shapes) -> Vec<Value> {
    let call = |(index, call): (usize, &TurnCall)| {
        (shapes.call)(&foreign_id(number, index), &call.name, &call.arguments)
    };
    text_block(&turn.content, shapes).chain(turn.calls.iter().enumerate().map(call)).collect()
}

/// Other providers' ids may have characters that these protocols refuse, and some are unique only in
/// their turn. Results stand in the order of their calls.
fn foreign_id(turn: usize, index: usize) -> String {
    format!("turn{turn}_{index}")
}

/// What a decoder counts for a block, however little it contains: an answer may have endlessly
/// many.
pub(super) const MIN_BLOCK_BYTES: usize = 256;

/// The formats of pictures that both protocols take, without `image/`.
const FORMATS: [&str; 4] = ["png", "jpeg", "gif", "webp"];

/// A picture, checked.
pub(super) enum Picture<'a> {
    Url(&'a str),
    /// Format and base64.
    Data(&'static str, &'a str),
}

/// Reads a picture. A `data:` URL is one that nobody has to fetch.
pub(super) fn picture(image: &Image) -> Result<Picture<'_>, CallError> {
    let (media_type, data) = match image {
        Image::Base64 { media_type, data } => (media_type.as_str(), data.as_str()),
        Image::Url(url) => match url.strip_prefix("data:") {
            None => return Ok(Picture::Url(url)),
            Some(rest) => rest
                .split_once(";base64,")
                .ok_or_else(|| unfit_picture("a data URL of a picture must be base64"))?,
        },
    };
    let media_type = media_type.to_ascii_lowercase();
    Ok(Picture::Data(format(media_type.strip_prefix("image/").unwrap_or_default())?, data))
}

/// Finds a format by its name, in lower case.
pub(super) fn format(name: &str) -> Result<&'static str, CallError> {
    let name = if name == "jpg" { "jpeg" } else { name };
    let known = FORMATS.into_iter().find(|format| *format == name);
    known.ok_or_else(|| unfit_picture("the model takes pictures in PNG, JPEG, GIF and WebP"))
}

pub(super) fn unfit_picture(why: &str) -> CallError {
    failed("invalid_request", why)
}

#[cfg(test)]
mod tests;
