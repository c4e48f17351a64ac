//! What the fixtures of all wires share.

use flowgate_engine::call::{CallError, ModelCall, ModelMessage, ModelTool, ToolResult, Turn};
use serde_json::{Value, json};

use super::Wire;
use crate::model::ask::Ask;
use crate::model::reading::Reading;
use crate::model::reply::{Finish, Reply};

const MAX_BYTES: usize = 1 << 20;

/// Reads an answer whole, byte by byte, and split in two at every byte. All must mean the same.
pub(super) fn read(wire: &dyn Wire, answer: &[u8]) -> Result<Reply, CallError> {
    let read = |parts: &[&[u8]]| {
        let mut reading = Reading::new(wire, MAX_BYTES);
        parts.iter().try_for_each(|part| reading.push(part))?;
        reading.end()?;
        Ok(reading.reply())
    };
    let whole = read(&[answer]);
    assert_eq!(read(&answer.chunks(1).collect::<Vec<_>>()), whole);
    for at in 0..answer.len() {
        assert_eq!(read(&[&answer[..at], &answer[at..]]), whole, "split at byte {at}");
    }
    whole
}

/// Server-sent events without names.
pub(super) fn events(frames: &[Value], end: &str) -> Vec<u8> {
    let mut text: String = frames.iter().map(|frame| format!("data: {frame}\n\n")).collect();
    text.push_str(end);
    text.into_bytes()
}

/// Content and finish reason, or code and message.
pub(super) fn summary(read: Result<Reply, CallError>) -> (String, String) {
    match read {
        Ok(reply) => {
            let finish = reply.finish.as_ref().map_or("cut".to_owned(), Finish::word);
            let text = if reply.refusal.is_empty() { reply.content } else { reply.refusal };
            (text, finish)
        }
        Err(error) => (error.message, error.code),
    }
}

/// The calls as `id name arguments`.
pub(super) fn calls(reply: &Reply) -> Vec<String> {
    let call = |call: &flowgate_engine::call::TurnCall| {
        let arguments = call.invalid.clone();
        let arguments =
            arguments.unwrap_or_else(|| Value::Object(call.arguments.clone()).to_string());
        format!("{} {} {arguments}", call.id, call.name)
    };
    reply.calls.iter().map(call).collect()
}

/// The body that goes out for a call, and its path.
pub(super) fn encoded(wire: &dyn Wire, model: &str, call: &ModelCall) -> (String, Value) {
    let enforcement = wire.enforcement(model, !call.tools.is_empty());
    let encoded = wire.encode(&Ask::new("p", model, call, enforcement)).unwrap();
    (encoded.path, encoded.body)
}

pub(super) fn tool(name: &str) -> ModelTool {
    let parameters = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    ModelTool { name: name.to_owned(), description: format!("The {name}."), parameters }
}

/// A call with a setting of every sort, in the middle of its tool loop: the model called two tools,
/// the second of which failed.
pub(super) fn second_turn(turn: Turn) -> ModelCall {
    let result = |at: usize, content: &str, is_error| ToolResult {
        id: turn.calls[at].id.clone(),
        name: turn.calls[at].name.clone(),
        content: content.to_owned(),
        is_error,
    };
    let results = vec![result(0, "{\"celsius\":21}", false), result(1, "no such city", true)];
    ModelCall {
        messages: vec![
            ModelMessage::system("Be brief."),
            ModelMessage::user("Weather?"),
            ModelMessage::Turn { turn: turn.into() },
            ModelMessage::Tools { results },
        ],
        tools: vec![tool("weather"), tool("time")],
        temperature: Some(0.5),
        top_p: Some(0.9),
        stop: vec!["END".to_owned()],
        seed: Some(7),
        max_tokens: Some(100),
        ..ModelCall::default()
    }
}

pub(super) fn turn_of(reply: Reply) -> Turn {
    let Reply { content, calls, message, .. } = reply;
    Turn { provider: "p".to_owned(), content, calls, message }
}
