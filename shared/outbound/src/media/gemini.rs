//! What Gemini's pictures and speech share: one `generateContent`, and why it stopped.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flowgate_engine::call::CallError;
use http::{HeaderMap, HeaderName};
use serde_json::{Value, json};

use super::wire::{Encoded, Loaded, Used, count_at, list_at, secret_header, take_blob, text_at};
use super::{failed, invalid_answer};

const BASE64_KEY: &str = "data";
const MAX_SAID: usize = 300;

pub(super) fn authorize(key: &str) -> Result<HeaderMap, CallError> {
    let name = HeaderName::from_static("x-goog-api-key");
    Ok(HeaderMap::from_iter([(name, secret_header(key)?)]))
}

/// Written piece by piece: what goes out is in memory once.
pub(super) fn generate(model: &str, parts: &[Value], files: &[Loaded], config: &Value) -> Encoded {
    let length: usize = files.iter().map(|file| file.bytes.len() * 4 / 3 + 100).sum();
    let mut body = String::with_capacity(length + 1024);
    body.push_str("{\"contents\":[{\"role\":\"user\",\"parts\":[");
    for (index, part) in parts.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        body.push_str(&format!("{comma}{part}"));
    }
    for file in files {
        let head = format!(",{{\"inlineData\":{{\"mimeType\":\"{}\",\"data\":\"", file.media_type);
        body.push_str(&head);
        STANDARD.encode_string(&file.bytes, &mut body);
        body.push_str("\"}}");
    }
    body.push_str("]}]");
    if !config.is_null() {
        body.push_str(&format!(",\"generationConfig\":{config}"));
    }
    body.push('}');
    let path = format!("models/{model}:generateContent");
    Encoded::of(path, "application/json", body.into_bytes(), BASE64_KEY)
}

/// What was generated: the last file that is no thought, and the text.
pub(super) struct Generated {
    pub(super) file: Option<(Option<String>, Vec<u8>)>,
    pub(super) text: String,
}

/// Reads an answer. One that a filter stopped is a failure.
pub(super) fn read(value: &Value, blobs: &mut [Vec<u8>]) -> Result<Generated, CallError> {
    if let Some(reason) = text_at(value, "/promptFeedback/blockReason") {
        return Err(failed("filter", format!("the prompt was blocked: {reason}")));
    }
    let parts = list_at(value, "/candidates/0/content/parts");
    let is_answer = |part: &&Value| part.get("thought") != Some(&json!(true));
    let mut generated = Generated { file: None, text: String::new() };
    for part in parts.iter().filter(is_answer) {
        generated.text.push_str(text_at(part, "/text").unwrap_or_default());
        if let Some(bytes) = take_blob(part.pointer("/inlineData/data"), blobs) {
            let said = text_at(part, "/inlineData/mimeType").map(str::to_owned);
            generated.file = Some((said, bytes));
        }
    }
    match text_at(value, "/candidates/0/finishReason") {
        Some("STOP" | "MAX_TOKENS") => Ok(generated),
        Some(reason) if is_filter(reason) => {
            let said = text_at(value, "/candidates/0/finishMessage");
            let said = said.or(Some(generated.text.as_str())).filter(|said| !said.is_empty());
            Err(failed("filter", with_words(format!("a filter stopped it: {reason}"), said)))
        }
        Some(reason) => {
            let said = Some(generated.text.as_str()).filter(|said| !said.is_empty());
            Err(invalid_answer(with_words(format!("it stopped: {reason}"), said)))
        }
        None => Err(invalid_answer("answered without a reason for its end: it is not whole")),
    }
}

/// A failure of an answer that holds no file.
pub(super) fn nothing(what: &str, generated: &Generated) -> CallError {
    let said = Some(generated.text.as_str()).filter(|said| !said.is_empty());
    invalid_answer(with_words(format!("answered without {what}"), said))
}

fn with_words(message: String, said: Option<&str>) -> String {
    let said = said.map(|said| said.trim().chars().take(MAX_SAID).collect::<String>());
    said.map_or(message.clone(), |said| format!("{message}: {said}"))
}

fn is_filter(reason: &str) -> bool {
    let reason = reason.strip_prefix("IMAGE_").unwrap_or(reason);
    matches!(
        reason,
        "SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII"
    )
}

/// `modality`: that of what is generated beside text.
pub(super) fn usage(value: &Value, modality: &str) -> Used {
    let of = |list: &str, wanted: &str| {
        let details = list_at(value, &format!("/usageMetadata/{list}"));
        let is_wanted = |detail: &&Value| text_at(detail, "/modality") == Some(wanted);
        details.iter().find(is_wanted).and_then(|detail| count_at(detail, "/tokenCount"))
    };
    let image_in = of("promptTokensDetails", "IMAGE");
    let audio_in = of("promptTokensDetails", "AUDIO");
    let beside = image_in.unwrap_or(0) + audio_in.unwrap_or(0);
    let prompt = count_at(value, "/usageMetadata/promptTokenCount");
    let media_out = of("candidatesTokensDetails", modality);
    let out = count_at(value, "/usageMetadata/candidatesTokenCount");
    let thoughts = count_at(value, "/usageMetadata/thoughtsTokenCount");
    let text_out = out.map(|out| out.saturating_sub(media_out.unwrap_or(0)));
    Used {
        text_in: prompt.map(|prompt| prompt.saturating_sub(beside)),
        image_in,
        audio_in,
        text_out: text_out.or(thoughts).map(|out| match text_out {
            Some(_) => out + thoughts.unwrap_or(0),
            None => out,
        }),
        media_out,
        ..Used::default()
    }
}
