//! Cohere's chat, version 2.
//!
//! Checked against "Cohere: Chat with Streaming" (API v2), "Tool use" and "Structured outputs", and
//! the types of Cohere's SDKs.

use flowgate_engine::call::{CallError, ModelMessage, ToolResult, Turn, TurnCall};
use serde_json::{Map, Value, json};

use super::openai_chat::{encoded_call, encoded_content, encoded_tool};
use super::{Decoder, Encoded, Enforcement, Wire, count_at, list_at, parse, text_at};
use crate::model::ask::Ask;
use crate::model::failure::{error_in, stated};
use crate::model::framing::Frame;
use crate::model::reply::{Draft, Usage};

pub(in crate::model) struct Cohere;

impl Wire for Cohere {
    /// A format and tools exclude each other.
    fn enforcement(&self, _: &str, has_tools: bool) -> Enforcement {
        if has_tools { Enforcement::Tool } else { Enforcement::Provider }
    }

    fn encode(&self, ask: &Ask<'_>) -> Result<Encoded, CallError> {
        let mut body = Map::new();
        body.insert("model".into(), ask.model.into());
        let messages = ask.messages().flat_map(|message| encoded_messages(&message, ask.provider));
        body.insert("messages".into(), messages.collect());
        if ask.has_tools() {
            body.insert("tools".into(), ask.tools().map(encoded_tool).collect());
        }
        if ask.must_call() {
            body.insert("tool_choice".into(), "REQUIRED".into());
        }
        if let Some(schema) = ask.schema {
            let format = json!({ "type": "json_object", "json_schema": schema });
            body.insert("response_format".into(), format);
        }
        add_settings(&mut body, ask);
        body.insert("stream".into(), true.into());
        Ok(Encoded { path: "chat".to_owned(), body: Value::Object(body) })
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::<CohereDecoder>::default()
    }
}

fn add_settings(body: &mut Map<String, Value>, ask: &Ask<'_>) {
    let call = ask.call;
    body.extend(call.temperature.map(|value| ("temperature".into(), value.into())));
    body.extend(call.top_p.map(|value| ("p".into(), value.into())));
    body.extend(call.max_tokens.map(|value| ("max_tokens".into(), value.into())));
    body.extend(call.seed.map(|value| ("seed".into(), value.into())));
    if !call.stop.is_empty() {
        body.insert("stop_sequences".into(), call.stop.clone().into());
    }
}

/// Users, tools and calls have the form of OpenAI's.
fn encoded_messages(message: &ModelMessage, provider: &str) -> Vec<Value> {
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
        ModelMessage::Tools { results } => results.iter().map(encoded_result).collect(),
    }
}

/// What another provider said. Before calls, what is said is a plan.
fn foreign_turn(turn: &Turn) -> Value {
    let mut message = json!({ "role": "assistant" });
    let place = if turn.calls.is_empty() { "content" } else { "tool_plan" };
    if !turn.content.is_empty() {
        message[place] = turn.content.as_str().into();
    }
    let call = |call: &TurnCall| {
        let arguments = Value::Object(call.arguments.clone()).to_string();
        encoded_call(&call.id, &call.name, &arguments)
    };
    if !turn.calls.is_empty() {
        message["tool_calls"] = turn.calls.iter().map(call).collect();
    }
    message
}

fn encoded_result(result: &ToolResult) -> Value {
    json!({ "role": "tool", "tool_call_id": result.id, "content": result.content })
}

#[derive(Default)]
struct CohereDecoder {
    thinking: String,
    /// What the model says before it calls tools.
    plan: String,
}

impl Decoder for CohereDecoder {
    fn frame(&mut self, frame: &Frame, draft: &mut Draft) -> Result<(), CallError> {
        if frame.data.trim() == "[DONE]" {
            return Ok(());
        }
        let event = parse(&frame.data)?;
        if let Some(error) = error_of(&event) {
            return Err(error);
        }
        let delta = &event["delta"];
        let message = &delta["message"];
        match text_at(&event, "/type") {
            "content-start" | "content-delta" => self.read_content(&message["content"], draft),
            "tool-plan-delta" => self.read_plan(message, draft),
            "tool-call-start" | "tool-call-delta" => {
                let (call, index) = (&message["tool_calls"], count_at(&event, "/index"));
                let (name, arguments) =
                    (text_at(call, "/function/name"), text_at(call, "/function/arguments"));
                draft.call(index.unwrap_or(0), text_at(call, "/id"), name, arguments)
            }
            "message-end" => finish(delta, draft),
            _ => Ok(()),
        }
    }

    fn whole(&mut self, body: &Value, draft: &mut Draft) -> Result<(), CallError> {
        if let Some(error) = error_of(body) {
            return Err(error);
        }
        let message = &body["message"];
        for content in list_at(message, "/content") {
            self.read_content(content, draft)?;
        }
        self.read_plan(message, draft)?;
        for call in list_at(message, "/tool_calls") {
            let name = text_at(call, "/function/name");
            draft.whole_call(text_at(call, "/id"), name, &call["function"]["arguments"])?;
        }
        finish(body, draft)
    }

    fn message(&mut self, draft: &Draft) -> Value {
        let mut content = Vec::new();
        if !self.thinking.is_empty() {
            let thinking = std::mem::take(&mut self.thinking);
            content.push(json!({ "type": "thinking", "thinking": thinking }));
        }
        if !draft.content.is_empty() {
            content.push(json!({ "type": "text", "text": draft.content }));
        }
        let calls = draft.calls().map(|(id, name, arguments)| encoded_call(&id, name, arguments));
        let calls: Value = calls.collect();
        let mut message = json!({ "role": "assistant", "tool_calls": calls });
        if !content.is_empty() {
            message["content"] = content.into();
        }
        if !self.plan.is_empty() {
            message["tool_plan"] = std::mem::take(&mut self.plan).into();
        }
        message
    }
}

impl CohereDecoder {
    fn read_content(&mut self, content: &Value, draft: &mut Draft) -> Result<(), CallError> {
        let thinking = text_at(content, "/thinking");
        draft.hold(thinking.len())?;
        self.thinking.push_str(thinking);
        draft.say(text_at(content, "/text"))
    }

    fn read_plan(&mut self, message: &Value, draft: &mut Draft) -> Result<(), CallError> {
        let plan = text_at(message, "/tool_plan");
        draft.hold(plan.len())?;
        self.plan.push_str(plan);
        Ok(())
    }
}

/// Cohere's errors are a text where an answer has its message.
fn error_of(answer: &Value) -> Option<CallError> {
    let is_text = answer.get("message").is_some_and(Value::is_string);
    error_in(answer).or_else(|| is_text.then(|| stated(answer)))
}

fn finish(end: &Value, draft: &mut Draft) -> Result<(), CallError> {
    read_usage(&end["usage"], &mut draft.usage);
    if let Some(error) = error_in(end) {
        return Err(error);
    }
    draft.finish(text_at(end, "/finish_reason"));
    Ok(())
}

/// Cohere adds tokens of its own to a prompt; it bills only the others.
fn read_usage(reported: &Value, usage: &mut Usage) {
    let count = |name: &str| {
        let at = |group: &str| whole_number(reported.get(group)?.get(name)?);
        at("billed_units").or_else(|| at("tokens"))
    };
    usage.input = count("input_tokens");
    usage.output = count("output_tokens");
    usage.cached = reported.get("cached_tokens").and_then(whole_number).unwrap_or(0);
}

/// Its counts are numbers of any kind.
fn whole_number(value: &Value) -> Option<u64> {
    const MAX_COUNT: f64 = 1e15;
    let float = || value.as_f64().filter(|count| (0.0..=MAX_COUNT).contains(count));
    // In range, so the cast loses nothing but fractions.
    value.as_u64().or_else(|| float().map(|count| count.round() as u64))
}

#[cfg(test)]
mod tests;
