//! `speech`: speaks a text, or writes down what is spoken.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::agent::{ADDRESS, Connection, KEY, LIMITS};
use super::media::{Sums, files, optional};
use super::setting::{self, Setting, number};
use super::{
    Done, Group, KindSpec, Node, NodeError, OutputField, OutputFields, OutputType, Plan, Planned,
    Price, Role, Touches,
};
use crate::call::{Action, MediaCall, MediaRequest, SpeechRequest, TranscriptionRequest};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::Text;
use crate::field::{FieldSpec, FieldType};
use crate::provider;

const TEXT_OR_AUDIO: &[&str] = &["text", "audio"];

const MODEL: FieldSpec = FieldSpec::new(
    "model",
    FieldType::Text,
    "`provider/model`, such as `openai/gpt-4o-mini-tts` or `openai/whisper-1`; `offline/tone` \
     needs no key and hums",
)
.required();
const TEXT: FieldSpec =
    FieldSpec::new("text", FieldType::Text, "what is spoken").one_of(TEXT_OR_AUDIO);
const VOICE: FieldSpec = FieldSpec::with_default(
    "voice",
    FieldType::Text,
    "`alloy`, or Gemini's `Kore`",
    "the voice, by the provider's name",
);
const FORMAT: FieldSpec = FieldSpec::with_default(
    "format",
    FieldType::OneOf(&["mp3", "opus", "aac", "flac", "wav", "pcm"]),
    "`mp3`, or Gemini's `wav`",
    "of the file",
);
const INSTRUCTIONS: FieldSpec =
    FieldSpec::new("instructions", FieldType::Text, "how the text is spoken, such as `cheerfully`");
const SPEED: FieldSpec = FieldSpec::with_default(
    "speed",
    FieldType::NumberRef(0.25, 4.0),
    "1",
    "how fast the text is spoken, for providers that have a field for it",
);
const AUDIO: FieldSpec =
    FieldSpec::new("audio", FieldType::Text, "a file, by a reference: what is written down")
        .one_of(TEXT_OR_AUDIO);
const LANGUAGE: FieldSpec = FieldSpec::with_default(
    "language",
    FieldType::Text,
    "as it is heard",
    "the language that is spoken, such as `en`",
);
const PROMPT: FieldSpec = FieldSpec::new(
    "prompt",
    FieldType::Text,
    "words that will be heard, such as names, in the language of the audio",
);
const FIELDS: &[FieldSpec] =
    &[MODEL, TEXT, VOICE, FORMAT, INSTRUCTIONS, SPEED, AUDIO, LANGUAGE, PROMPT, ADDRESS, KEY];
/// The fields that go with `text`, and those that go with `audio`.
const OF_TEXT: &[&FieldSpec] = &[&VOICE, &FORMAT, &INSTRUCTIONS, &SPEED];
const OF_AUDIO: &[&FieldSpec] = &[&LANGUAGE, &PROMPT];

const DETAILS: &str = "\
**With `text`** the node leaves `audio` (the file), its address `url`, `model` and `cost`.

**With `audio`** it leaves `text`, `language`, `duration` (in seconds), `segments` (a list of
`{start, end, text}`), `model` and `cost`. What the provider does not say is `null`: of OpenAI's
models only `whisper-1` says more than the text.

What a filter stopped fails as `filter`. Bytes that are no sound, going out or coming back, are a
failure, too: `invalid_file` and `invalid_answer`. A file has at most 50 MB, and providers have
limits of their own.

| provider | speaks | writes down | key |
|---|---|---|---|
| `openai` | `gpt-4o-mini-tts`, `tts-1` | `gpt-4o-transcribe`, `whisper-1` | `OPENAI_API_KEY` |
| `gemini`, `google` | `gemini-…-tts`, as `wav` or `pcm` | any model that hears | \
`GEMINI_API_KEY` |
| `groq` | those that speak | `whisper-large-v3` | `GROQ_API_KEY` |
| any other name | in OpenAI's protocol, with `base_url` | likewise | `<NAME>_API_KEY` |
| `offline/tone` | hums as long as the text is | says how large it is | needs none |";

const EXAMPLE: &str = r#"{ id: voice, type: speech, model: openai/gpt-4o-mini-tts, text: "<draft.content>", voice: coral }"#;

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "speech".into(),
        summary: "Speaks a text, or writes down what is spoken.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs,
        call: Some(LIMITS),
        role: Role::Step,
        operation: None,
        group: Group::Model,
        touches: Touches::Model,
        example: EXAMPLE.into(),
        read: Arc::new(|fields| Box::new(Speech::read(fields))),
    }
}

fn outputs(node: &Map<String, Value>) -> OutputFields {
    let is_given = |name: &str| node.get(name).is_some_and(|value| !value.is_null());
    let mut fields = match is_given(&AUDIO.name) {
        true => vec![
            OutputField::new("text", OutputType::Text),
            OutputField::new("language", OutputType::Text).nullable(),
            OutputField::new("duration", OutputType::Number).nullable(),
            OutputField::new("segments", OutputType::List).nullable(),
        ],
        false => vec![
            OutputField::new("audio", OutputType::Object),
            OutputField::new("url", OutputType::Text),
        ],
    };
    fields.push(OutputField::new("model", OutputType::Text));
    fields.push(OutputField::new("cost", OutputType::Number).nullable());
    OutputFields::Only(fields)
}

#[derive(Debug)]
struct Speech {
    connection: Connection,
    asked: Asked,
}

#[derive(Debug)]
enum Asked {
    Speak {
        text: Text,
        voice: Option<Text>,
        format: Option<String>,
        instructions: Option<Text>,
        speed: Option<Setting<f64>>,
    },
    WriteDown {
        audio: Text,
        language: Option<Text>,
        prompt: Option<Text>,
    },
}

impl Speech {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let connection = Connection::read(fields, &MODEL, &provider::OF_SPEECH);
        let is_written_down = fields.is_given(&AUDIO);
        let (of, without) = if is_written_down { (&TEXT, OF_TEXT) } else { (&AUDIO, OF_AUDIO) };
        for spec in without {
            if fields.is_given(spec) {
                let message = format!("`{}` goes with `{}`, which is missing", spec.name, of.name);
                fields.error(&spec.name, message);
            }
        }
        // All are read, so that whatever is wrong with them is found.
        let (text, voice) = (fields.text(&TEXT).unwrap_or_default(), fields.text(&VOICE));
        let format = fields.string(&FORMAT).map(str::to_owned);
        let (instructions, speed) = (fields.text(&INSTRUCTIONS), number(fields, &SPEED));
        let (language, prompt) = (fields.text(&LANGUAGE), fields.text(&PROMPT));
        let asked = match super::media::file_field(fields, &AUDIO) {
            Some(audio) => Asked::WriteDown { audio, language, prompt },
            None => Asked::Speak { text, voice, format, instructions, speed },
        };
        Self { connection, asked }
    }

    fn request(&self, scope: &Scope<'_>) -> Result<MediaRequest, NodeError> {
        Ok(match &self.asked {
            Asked::Speak { text, voice, format, instructions, speed } => {
                let text = text.render_string(scope)?;
                if text.trim().is_empty() {
                    return Err(NodeError::new("invalid_field", "`text` is empty"));
                }
                MediaRequest::Speech(SpeechRequest {
                    text,
                    voice: optional(voice.as_ref(), scope)?,
                    format: format.clone(),
                    instructions: optional(instructions.as_ref(), scope)?,
                    speed: setting::read(speed.as_ref(), &SPEED, scope)?,
                })
            }
            Asked::WriteDown { audio, language, prompt } => {
                let mut files = files(Some(audio), &AUDIO.name, 1, scope)?;
                let Some(audio) = files.pop() else {
                    return Err(NodeError::new("invalid_field", "`audio` is no file: it is empty"));
                };
                MediaRequest::Transcription(TranscriptionRequest {
                    audio,
                    language: optional(language.as_ref(), scope)?,
                    prompt: optional(prompt.as_ref(), scope)?,
                })
            }
        })
    }
}

impl Node for Speech {
    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        let Some(value) = done.value("speech")? else {
            let call = MediaCall {
                model: self.connection.model(scope)?,
                has_given_provider: self.connection.provider().is_none(),
                request: self.request(scope)?,
                base_url: self.connection.base_url(scope)?,
                api_key: self.connection.api_key(scope)?,
            };
            let call = Planned::call("speech", Action::Media(call), Price::Priced);
            return Ok(Plan::Perform(vec![call]));
        };
        let mut sums = Sums::default();
        sums.add(done.get("speech"));
        let fields: &[&str] = match &self.asked {
            Asked::Speak { .. } => &["audio", "url", "model"],
            Asked::WriteDown { .. } => &["text", "language", "duration", "segments", "model"],
        };
        let field =
            |name: &&str| ((*name).to_owned(), value.get(name).cloned().unwrap_or_default());
        let mut output: Map<String, Value> = fields.iter().map(field).collect();
        output.insert("cost".to_owned(), json!(sums.dollars()));
        Ok(Plan::done(Value::Object(output)))
    }
}

#[cfg(test)]
mod tests;
