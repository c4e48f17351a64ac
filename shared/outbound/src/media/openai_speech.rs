//! OpenAI's `audio/speech` and `audio/transcriptions`, as other servers speak them, too.

use flowgate_engine::call::{CallError, MediaRequest};
use http::{HeaderValue, header};
use serde_json::{Map, Value, json};

use super::multipart::Multipart;
use super::wire::{
    Answer, Ask, Content, Encoded, Made, Reads, Source, Used, Wire, count_at, extension, list_at,
    text_at,
};
use super::{failed, invalid_answer};

const DEFAULT_VOICE: &str = "alloy";

pub(super) struct OpenAiSpeech;

impl Wire for OpenAiSpeech {
    fn encode(&self, ask: &Ask<'_>) -> Result<Encoded, CallError> {
        let MediaRequest::Speech(asked) = ask.request else {
            return Err(failed("internal", "the request is of another kind"));
        };
        let mut body = json!({
            "model": ask.model,
            "input": asked.text,
            "voice": asked.voice.as_deref().unwrap_or(DEFAULT_VOICE),
        });
        if let Some(format) = &asked.format {
            body["response_format"] = json!(format);
        }
        if let Some(instructions) = &asked.instructions {
            body["instructions"] = json!(instructions);
        }
        if let Some(speed) = asked.speed {
            body["speed"] = json!(speed);
        }
        Ok(Encoded { reads: Reads::Bytes, ..Encoded::json("audio/speech", &body, "") })
    }

    /// The answer does not say what it used.
    fn decode(&self, ask: &Ask<'_>, answer: Answer) -> Result<Made, CallError> {
        let said = answer.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        let said = said.map(|said| String::from_utf8_lossy(said).into_owned());
        let Content::Bytes(bytes) = answer.content else {
            return Err(invalid_answer("answered with JSON where sound should be"));
        };
        let usage = Used { has_no_tokens: ask.model.starts_with("tts-"), ..Used::default() };
        Ok(Made { source: Some(Source::Bytes { said, bytes }), fields: Map::new(), usage })
    }
}

pub(super) struct OpenAiHearing;

impl Wire for OpenAiHearing {
    fn encode(&self, ask: &Ask<'_>) -> Result<Encoded, CallError> {
        let (MediaRequest::Transcription(asked), [file]) = (ask.request, ask.files) else {
            return Err(failed("internal", "the request is of another kind"));
        };
        let mut form = Multipart::new();
        form.text("model", ask.model);
        form.text("response_format", if is_verbose(ask.model) { "verbose_json" } else { "json" });
        if let Some(language) = &asked.language {
            form.text("language", language);
        }
        if let Some(prompt) = &asked.prompt {
            form.text("prompt", prompt);
        }
        // Formats are known by the ends of names.
        let filename = format!("audio.{}", extension(file.media_type));
        form.file("file", &filename, file.media_type, &file.bytes);
        let (content_type, body) = form.encode();
        Ok(Encoded::of("audio/transcriptions", &content_type, body, ""))
    }

    fn decode(&self, _ask: &Ask<'_>, answer: Answer) -> Result<Made, CallError> {
        let (value, _) = answer.into_json()?;
        let Some(text) = value.get("text").and_then(Value::as_str) else {
            return Err(invalid_answer("answered without a text"));
        };
        let duration = value.get("duration").and_then(seconds);
        let segments: Vec<Value> =
            list_at(&value, "/segments").iter().filter_map(segment).collect();
        let segments = value.get("segments").is_some_and(Value::is_array).then_some(segments);
        let fields = Map::from_iter([
            ("text".to_owned(), json!(text.trim())),
            ("language".to_owned(), json!(text_at(&value, "/language"))),
            ("duration".to_owned(), json!(duration)),
            ("segments".to_owned(), json!(segments)),
        ]);
        let count = |place: &str| count_at(&value, &format!("/usage/{place}"));
        let audio_in = count("input_token_details/audio_tokens");
        let all_in = count("input_tokens");
        let usage = Used {
            text_in: count("input_token_details/text_tokens")
                .or(all_in.map(|all| all.saturating_sub(audio_in.unwrap_or(0)))),
            audio_in,
            text_out: count("output_tokens"),
            seconds: value.pointer("/usage/seconds").and_then(seconds).or(duration),
            has_no_tokens: all_in.is_none(),
            ..Used::default()
        };
        Ok(Made { source: None, fields, usage })
    }
}

/// Only Whisper says more than the text.
fn is_verbose(model: &str) -> bool {
    model.contains("whisper")
}

/// Some servers write them as text.
fn seconds(value: &Value) -> Option<f64> {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
    number.filter(|seconds| seconds.is_finite() && *seconds >= 0.0)
}

fn segment(segment: &Value) -> Option<Value> {
    let text = segment.get("text")?.as_str()?.trim();
    Some(json!({ "start": segment.get("start"), "end": segment.get("end"), "text": text }))
}
