//! Gemini's models that speak, and those that hear.

use flowgate_engine::call::{CallError, MediaRequest, SpeechRequest};
use http::HeaderMap;
use serde_json::{Map, Value, json};

use super::gemini_images::refuse;
use super::wav::{bare, wav};
use super::wire::{Answer, Ask, Encoded, Made, Source, Wire};
use super::{failed, gemini, invalid_field};

const DEFAULT_VOICE: &str = "Kore";
const DEFAULT_RATE: u32 = 24_000;
/// How a transcription is asked for: there is no field for it.
const WRITE_DOWN: &str =
    "Write down what is said in this recording, word by word, and nothing else.";

pub(super) struct GeminiSpeech;

impl Wire for GeminiSpeech {
    fn encode(&self, ask: &Ask<'_>) -> Result<Encoded, CallError> {
        let MediaRequest::Speech(asked) = ask.request else {
            return Err(failed("internal", "the request is of another kind"));
        };
        refuse(ask, &[("speed", asked.speed.is_some())])?;
        if let Some(format) = asked.format.as_deref().filter(|name| !matches!(*name, "wav" | "pcm"))
        {
            return Err(invalid_field(format!("{} speaks wav and pcm, not {format}", ask.model)));
        }
        let voice = asked.voice.as_deref().unwrap_or(DEFAULT_VOICE);
        let config = json!({
            "responseModalities": ["AUDIO"],
            "speechConfig": { "voiceConfig": { "prebuiltVoiceConfig": { "voiceName": voice } } },
        });
        Ok(gemini::generate(ask.model, &[part(ask.model, asked)], &[], &config))
    }

    fn decode(&self, ask: &Ask<'_>, answer: Answer) -> Result<Made, CallError> {
        let MediaRequest::Speech(asked) = ask.request else {
            return Err(failed("internal", "the request is of another kind"));
        };
        let (value, mut blobs) = answer.into_json()?;
        let generated = gemini::read(&value, &mut blobs)?;
        let usage = gemini::usage(&value, "AUDIO");
        let Some((said, bytes)) = generated.file else {
            return Err(gemini::nothing("sound", &generated));
        };
        let wants_pcm = asked.format.as_deref() == Some("pcm");
        let (said, bytes) = match raw_rate(said.as_deref()) {
            Some(_) if wants_pcm => (said, bytes),
            Some(rate) => (Some("audio/wav".to_owned()), wav(rate, bytes)),
            None if wants_pcm => (said, bare(bytes)),
            None => (said, bytes),
        };
        Ok(Made { source: Some(Source::Bytes { said, bytes }), fields: Map::new(), usage })
    }

    fn authorize(&self, key: &str) -> Result<HeaderMap, CallError> {
        gemini::authorize(key)
    }
}

/// Models before 3.8 take instructions in the text; later ones would read them aloud.
fn part(model: &str, asked: &SpeechRequest) -> Value {
    let takes_prefix = ["gemini-2", "gemini-3-", "gemini-3.1"];
    match &asked.instructions {
        None => json!({ "text": asked.text }),
        Some(how) if takes_prefix.iter().any(|start| model.starts_with(start)) => {
            json!({ "text": format!("{how}: {}", asked.text) })
        }
        Some(how) => json!({ "text": asked.text, "speechMetadata": { "style": how } }),
    }
}

/// Returns the rate of `audio/L16;codec=pcm;rate=24000`. `None`: it is another type.
fn raw_rate(said: Option<&str>) -> Option<u32> {
    let said = said?.to_ascii_lowercase();
    let (media_type, parameters) = said.split_once(';').unwrap_or((&said, ""));
    let rate =
        parameters.split(';').find_map(|part| part.trim().strip_prefix("rate=")?.parse().ok());
    let is_raw = matches!(media_type.trim(), "audio/l16" | "audio/pcm");
    is_raw.then_some(rate.unwrap_or(DEFAULT_RATE))
}

pub(super) struct GeminiHearing;

impl Wire for GeminiHearing {
    fn encode(&self, ask: &Ask<'_>) -> Result<Encoded, CallError> {
        let MediaRequest::Transcription(asked) = ask.request else {
            return Err(failed("internal", "the request is of another kind"));
        };
        let mut wanted = WRITE_DOWN.to_owned();
        if let Some(language) = &asked.language {
            wanted.push_str(&format!(" The language is {language}."));
        }
        if let Some(prompt) = &asked.prompt {
            wanted.push_str(&format!(" You may hear: {prompt}"));
        }
        let part = json!({ "text": wanted });
        Ok(gemini::generate(ask.model, &[part], ask.files, &Value::Null))
    }

    fn decode(&self, _ask: &Ask<'_>, answer: Answer) -> Result<Made, CallError> {
        let (value, mut blobs) = answer.into_json()?;
        let generated = gemini::read(&value, &mut blobs)?;
        let usage = gemini::usage(&value, "AUDIO");
        let fields = Map::from_iter([
            ("text".to_owned(), json!(generated.text.trim())),
            ("language".to_owned(), Value::Null),
            ("duration".to_owned(), Value::Null),
            ("segments".to_owned(), Value::Null),
        ]);
        Ok(Made { source: None, fields, usage })
    }

    fn authorize(&self, key: &str) -> Result<HeaderMap, CallError> {
        gemini::authorize(key)
    }
}
