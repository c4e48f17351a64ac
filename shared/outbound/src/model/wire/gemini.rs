//! Google's Gemini API.
//!
//! Checked against "Gemini API: Generating content", "Function calling", "Thought signatures" and
//! "File input methods", and the types of Google's SDKs.

use flowgate_engine::call::{
    CallError, Content, ContentPart, Image, ModelMessage, ModelTool, ToolResult, Turn,
};
use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value, json};
use url::Url;

use super::kept::Kept;
use super::{
    Decoder, Encoded, Enforcement, Unsigned, Wire, count_at, list_at, parse, secret_header, text_at,
};
use crate::model::ask::Ask;
use crate::model::failure::error_in;
use crate::model::framing::Frame;
use crate::model::reply::{Draft, Finish, Usage};

pub(in crate::model) struct Gemini;

/// Gemini 3 signs its calls, and refuses them without a signature. Google names this one for calls
/// that another model made.
const FOREIGN_SIGNATURE: &str = "skip_thought_signature_validator";

const MEDIA_TYPES: [(&str, &str); 7] = [
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("webp", "image/webp"),
    ("gif", "image/gif"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
];

impl Wire for Gemini {
    /// Up to Gemini 2.5, a model takes either a schema or tools.
    fn enforcement(&self, model: &str, has_tools: bool) -> Enforcement {
        let is_either = has_tools && !is_third_or_later(model);
        if is_either { Enforcement::Tool } else { Enforcement::Provider }
    }

    fn encode(&self, ask: &Ask<'_>) -> Result<Encoded, CallError> {
        let mut body = Map::new();
        let system = ask.system();
        if !system.is_empty() {
            body.insert("systemInstruction".into(), json!({ "parts": [{ "text": system }] }));
        }
        body.insert("contents".into(), contents(ask));
        if ask.has_tools() {
            let functions: Value = ask.tools().map(function).collect();
            body.insert("tools".into(), json!([{ "functionDeclarations": functions }]));
        }
        if ask.must_call() {
            let config = json!({ "functionCallingConfig": { "mode": "ANY" } });
            body.insert("toolConfig".into(), config);
        }
        let settings = settings(ask);
        if !settings.is_empty() {
            body.insert("generationConfig".into(), settings.into());
        }
        let path = format!("models/{}:streamGenerateContent?alt=sse", ask.model);
        Ok(Encoded { path, body: Value::Object(body) })
    }

    fn authorize(&self, key: &str, _: &Unsigned<'_>) -> Result<HeaderMap, CallError> {
        let name = HeaderName::from_static("x-goog-api-key");
        Ok(HeaderMap::from_iter([(name, secret_header(key)?)]))
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::<GeminiDecoder>::default()
    }
}

/// `gemini-3.1-pro`, and names that follow the newest model, such as `gemini-flash-latest`.
fn is_third_or_later(model: &str) -> bool {
    let Some(name) = model.strip_prefix("gemini-") else { return false };
    let major: String = name.chars().take_while(char::is_ascii_digit).collect();
    match major.parse::<u32>() {
        Ok(major) => major >= 3,
        Err(_) => name.ends_with("-latest"),
    }
}

fn function(tool: &ModelTool) -> Value {
    let ModelTool { name, description, parameters } = tool;
    let mut function = json!({ "name": name, "parametersJsonSchema": parameters });
    if !description.is_empty() {
        function["description"] = description.as_str().into();
    }
    function
}

fn settings(ask: &Ask<'_>) -> Map<String, Value> {
    let call = ask.call;
    let mut settings = Map::new();
    settings.extend(call.temperature.map(|value| ("temperature".into(), value.into())));
    settings.extend(call.top_p.map(|value| ("topP".into(), value.into())));
    settings.extend(call.max_tokens.map(|value| ("maxOutputTokens".into(), value.into())));
    settings.extend(call.seed.map(|value| ("seed".into(), value.into())));
    if !call.stop.is_empty() {
        settings.insert("stopSequences".into(), call.stop.clone().into());
    }
    if let Some(schema) = ask.schema {
        settings.insert("responseMimeType".into(), "application/json".into());
        settings.insert("responseJsonSchema".into(), schema.clone());
    }
    settings
}

fn contents(ask: &Ask<'_>) -> Value {
    let mut contents = Vec::new();
    // The message whose calls the next results answer.
    let mut asking = &Value::Null;
    for message in ask.conversation() {
        contents.push(match message {
            ModelMessage::System { .. } => continue,
            ModelMessage::User { content } => content_of("user", parts(content)),
            ModelMessage::Assistant { content } => {
                content_of("model", vec![json!({ "text": content })])
            }
            ModelMessage::Turn { turn } if is_own(turn, ask.provider) => {
                asking = &turn.message;
                turn.message.clone()
            }
            ModelMessage::Turn { turn } => {
                asking = &Value::Null;
                content_of("model", foreign_parts(turn, ask.model))
            }
            ModelMessage::Tools { results } => {
                let parts = results.iter().map(|result| encoded_result(result, asking));
                content_of("user", parts.collect())
            }
        });
    }
    contents.into()
}

fn is_own(turn: &Turn, provider: &str) -> bool {
    turn.provider == provider && turn.message.is_object()
}

fn content_of(role: &str, parts: Vec<Value>) -> Value {
    json!({ "role": role, "parts": parts })
}

fn parts(content: &Content) -> Vec<Value> {
    let part = |part: &ContentPart| match part {
        ContentPart::Text { text } => json!({ "text": text }),
        ContentPart::Image { image: Image::Base64 { media_type, data } } => {
            json!({ "inlineData": { "mimeType": media_type, "data": data } })
        }
        ContentPart::Document { media_type, data, .. } => {
            json!({ "inlineData": { "mimeType": media_type, "data": data } })
        }
        ContentPart::File { file } => json!({ "text": file.as_str() }),
        ContentPart::Image { image: Image::Url(url) } => match media_type(url) {
            Some(media_type) => json!({ "fileData": { "fileUri": url, "mimeType": media_type } }),
            None => json!({ "fileData": { "fileUri": url } }),
        },
    };
    match content {
        Content::Text(text) => vec![json!({ "text": text })],
        Content::Parts(parts) => parts.iter().map(part).collect(),
    }
}

fn media_type(url: &str) -> Option<&'static str> {
    let url = Url::parse(url).ok()?;
    let (_, extension) = url.path().rsplit_once('.')?;
    let known = MEDIA_TYPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(extension));
    known.map(|(_, media_type)| *media_type)
}

/// What another provider said.
fn foreign_parts(turn: &Turn, model: &str) -> Vec<Value> {
    let mut parts = Vec::new();
    if !turn.content.is_empty() {
        parts.push(json!({ "text": turn.content }));
    }
    for (index, call) in turn.calls.iter().enumerate() {
        let mut part = json!({ "functionCall": { "name": call.name, "args": call.arguments } });
        if index == 0 && is_third_or_later(model) {
            part["thoughtSignature"] = FOREIGN_SIGNATURE.into();
        }
        parts.push(part);
    }
    parts
}

/// Names the call by its id only if the model did. Else its name and place identify it.
fn encoded_result(result: &ToolResult, asking: &Value) -> Value {
    let ToolResult { id, name, content, is_error } = result;
    let key = if *is_error { "error" } else { "output" };
    let mut response = json!({ "name": name, "response": { key: content } });
    let has_id =
        |part: &Value| part.pointer("/functionCall/id").is_some_and(|given| given == id.as_str());
    if list_at(asking, "/parts").iter().any(has_id) {
        response["id"] = id.as_str().into();
    }
    json!({ "functionResponse": response })
}

#[derive(Default)]
struct GeminiDecoder {
    /// All parts: any of them may carry a signature.
    parts: Kept,
}

impl Decoder for GeminiDecoder {
    fn frame(&mut self, frame: &Frame, draft: &mut Draft) -> Result<(), CallError> {
        self.read(&parse(&frame.data)?, draft)
    }

    /// Without server-sent events, a stream is a list.
    fn whole(&mut self, body: &Value, draft: &mut Draft) -> Result<(), CallError> {
        match body {
            Value::Array(chunks) => chunks.iter().try_for_each(|chunk| self.read(chunk, draft)),
            chunk => self.read(chunk, draft),
        }
    }

    fn message(&mut self, _: &Draft) -> Value {
        match self.parts.take() {
            Some(parts) => json!({ "role": "model", "parts": parts }),
            None => Value::Null,
        }
    }
}

impl GeminiDecoder {
    fn read(&mut self, chunk: &Value, draft: &mut Draft) -> Result<(), CallError> {
        if let Some(error) = error_in(chunk) {
            return Err(error);
        }
        read_usage(chunk, &mut draft.usage);
        let is_first = |candidate: &&Value| count_at(candidate, "/index").unwrap_or(0) == 0;
        let Some(candidate) = list_at(chunk, "/candidates").iter().find(is_first) else {
            // The reasons are those of a filter, whatever their words.
            if !text_at(chunk, "/promptFeedback/blockReason").is_empty() {
                draft.finish = Some(Finish::Filter);
            }
            return Ok(());
        };
        for part in list_at(candidate, "/content/parts") {
            self.read_part(part, draft)?;
        }
        draft.finish(text_at(candidate, "/finishReason"));
        Ok(())
    }

    fn read_part(&mut self, part: &Value, draft: &mut Draft) -> Result<(), CallError> {
        if let Some(call) = part.get("functionCall") {
            draft.whole_call(text_at(call, "/id"), text_at(call, "/name"), &call["args"])?;
        } else if part["thought"] != true {
            draft.say(text_at(part, "/text"))?;
        }
        self.parts.push(part, draft)
    }
}

/// The last report counts: each chunk has one.
fn read_usage(chunk: &Value, usage: &mut Usage) {
    let Some(reported) = chunk.get("usageMetadata").filter(|reported| reported.is_object()) else {
        return;
    };
    let count = |pointer| count_at(reported, pointer);
    let sum = |first: Option<u64>, second: Option<u64>| match (first, second) {
        (None, None) => None,
        _ => Some(first.unwrap_or(0).saturating_add(second.unwrap_or(0))),
    };
    let input = sum(count("/promptTokenCount"), count("/toolUsePromptTokenCount"));
    let output = sum(count("/candidatesTokenCount"), count("/thoughtsTokenCount"));
    // Of an answer without tokens, only the total says so.
    let rest = || count("/totalTokenCount")?.checked_sub(input?);
    usage.input = input.or(usage.input);
    usage.output = output.or_else(rest).or(usage.output);
    usage.cached = count("/cachedContentTokenCount").unwrap_or(usage.cached);
}

#[cfg(test)]
mod tests;
