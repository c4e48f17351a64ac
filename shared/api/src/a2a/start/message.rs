//! Reads the message of a client: what a new task gets, or what a task that asks is answered.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flowgate_app::hash::sha256_hex;
use serde_json::{Map, Value, json};

use super::push::Config;
use crate::a2a::params::Params;
use crate::a2a::refusal::Refusal;
use crate::conversation::{Attached, Conversation, FileSource};
use crate::http::fields::kind_of;

/// Bytes of an id that a client chooses.
const MAX_ID: usize = 255;
const USER: &str = "ROLE_USER";
/// With padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `SendMessageRequest`.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) message_id: String,
    pub(super) context: Option<String>,
    /// The task that the message answers.
    pub(super) task: Option<String>,
    /// The data part.
    pub(super) data: Option<Map<String, Value>>,
    pub(super) said: Conversation,
    pub(super) returns_immediately: bool,
    pub(super) push: Option<Config>,
    /// SHA-256 (hex) of the message.
    pub(super) hash: String,
}

impl Sent {
    pub(super) fn read(mut params: Params) -> Result<Self, Refusal> {
        let missing = || Refusal::invalid_params("`message` is required");
        let message = params.object("message")?.ok_or_else(missing)?;
        let hash = sha256_hex(&serde_json::to_vec(&message.0).unwrap_or_default());
        let configuration = params.object("configuration")?;
        let mut configuration = configuration.unwrap_or_else(|| Params(Map::new()));
        let returns_immediately = configuration.flag("returnImmediately")?;
        let push = configuration.object("taskPushNotificationConfig")?;
        let push = push.map(|push| Config::read(push, "/configuration/taskPushNotificationConfig"));
        let read =
            Self { hash, returns_immediately, push: push.transpose()?, ..Self::of(message)? };
        let problems = &read.said.problems;
        if problems.is_empty() {
            return Ok(read);
        }
        Err(flowgate_app::Error::BadInput(read.said.problems).into())
    }

    fn of(mut message: Params) -> Result<Self, Refusal> {
        match message.word("role")?.as_deref() {
            Some(USER | "1") => {}
            _ => return Err(Refusal::invalid_params(format!("`message.role` must be {USER}"))),
        }
        let Some(Value::Array(parts)) = message.take("parts").filter(|parts| *parts != json!([]))
        else {
            return Err(Refusal::invalid_params("`message.parts` must be an array of parts"));
        };
        let mut said = Said::default();
        for (index, part) in parts.into_iter().enumerate() {
            said.part(&format!("/message/parts/{index}"), part);
        }
        let (data, said) = said.finish();
        Ok(Self {
            message_id: id(&mut message, "messageId")?
                .ok_or_else(|| Refusal::invalid_params("`messageId` is required"))?,
            context: id(&mut message, "contextId")?,
            task: id(&mut message, "taskId")?,
            data,
            said,
            returns_immediately: false,
            push: None,
            hash: String::new(),
        })
    }
}

fn id(message: &mut Params, name: &str) -> Result<Option<String>, Refusal> {
    let id = message.text(name)?;
    if id.as_ref().is_some_and(|id| id.len() > MAX_ID) {
        return Err(Refusal::invalid_params(format!("`{name}` must have at most {MAX_ID} bytes")));
    }
    Ok(id)
}

/// The parts of a message.
#[derive(Default)]
struct Said {
    data: Option<Map<String, Value>>,
    texts: Vec<String>,
    /// As messages of a chat have them.
    parts: Vec<Value>,
    all: Conversation,
}

impl Said {
    fn part(&mut self, pointer: &str, part: Value) {
        let Value::Object(mut part) = part else {
            let kind = kind_of(&part);
            return self.all.problem(pointer, format!("must be an object, not {kind}"));
        };
        let content = ["text", "data", "url", "raw"].map(|name| {
            let value = part.get_mut(name).map(Value::take);
            value.filter(|value| name == "data" || !value.is_null())
        });
        let mut about = Params(part);
        let (Ok(name), Ok(media_type)) = (about.text("filename"), about.text("mediaType")) else {
            return self.all.problem(pointer, "`filename` and `mediaType` must be strings");
        };
        match content {
            [Some(Value::String(text)), None, None, None] => {
                self.parts.push(json!({ "type": "text", "text": text }));
                self.texts.push(text);
            }
            [None, Some(data), None, None] => self.data(pointer, data),
            [None, None, Some(Value::String(url)), None] => {
                self.file(pointer, name, media_type, FileSource::Url(url));
            }
            [None, None, None, Some(Value::String(raw))] => match decoded(&raw) {
                Some(bytes) => {
                    let source = FileSource::Bytes { media_type: media_type.clone(), bytes };
                    self.file(pointer, name, media_type, source);
                }
                None => self.all.problem(&format!("{pointer}/raw"), "is not valid base64"),
            },
            _ => self.all.problem(pointer, "must have one of `text`, `data`, `url` and `raw`"),
        }
    }

    fn data(&mut self, pointer: &str, data: Value) {
        let pointer = format!("{pointer}/data");
        match data {
            Value::Object(_) if self.data.is_some() => {
                self.all.problem(&pointer, "is the second one: one part holds the input fields");
            }
            Value::Object(mut data) => {
                data.values_mut().for_each(make_whole);
                self.data = Some(data);
            }
            other => {
                let kind = kind_of(&other);
                let wanted = "must be an object of input fields";
                self.all.problem(&pointer, format!("{wanted}, not {kind}"));
            }
        }
    }

    fn file(
        &mut self,
        pointer: &str,
        name: Option<String>,
        media_type: Option<String>,
        source: FileSource,
    ) {
        let is_picture = media_type.is_some_and(|media_type| media_type.starts_with("image/"));
        let shown = source.shown();
        self.parts.push(match is_picture {
            true => json!({ "type": "image_url", "image_url": { "url": shown } }),
            false => json!({ "type": "file", "file": { "file_data": shown, "filename": name } }),
        });
        self.all.files.push(Attached { pointer: pointer.to_owned(), name, source });
    }

    fn finish(self) -> (Option<Map<String, Value>>, Conversation) {
        let Self { data, texts, parts, mut all } = self;
        let text = texts.join("\n");
        if !parts.is_empty() {
            let content = if all.files.is_empty() { json!(text) } else { Value::Array(parts) };
            all.messages.push(json!({ "role": "user", "content": content }));
        }
        all.user_text = (!texts.is_empty()).then_some(text);
        (data, all)
    }
}

/// The numbers of ProtoJSON are doubles, and some clients write 2 as 2.0.
fn make_whole(value: &mut Value) {
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Array(items) => items.iter_mut().for_each(make_whole),
        Value::Object(fields) => fields.values_mut().for_each(make_whole),
        Value::Number(number) if number.is_f64() => {
            let whole = number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() <= MAX_EXACT);
            #[expect(clippy::cast_possible_truncation, reason = "it is whole, and small enough")]
            if let Some(whole) = whole {
                *value = (whole as i64).into();
            }
        }
        _ => {}
    }
}

/// ProtoJSON takes both alphabets.
fn decoded(raw: &str) -> Option<Vec<u8>> {
    BASE64.decode(raw.replace('-', "+").replace('_', "/")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: Value) -> Result<Sent, String> {
        let Value::Object(params) = json!({ "message": message, "unknown": 1 }) else { panic!() };
        Sent::read(Params(params)).map_err(|refusal| {
            let body = serde_json::to_value(refusal.rest_body()).unwrap();
            body["error"]["message"].as_str().unwrap().to_owned()
        })
    }

    fn parts(parts: Value) -> Result<Sent, String> {
        read(json!({ "messageId": "m", "role": "ROLE_USER", "parts": parts }))
    }

    #[test]
    fn parts_are_input_text_and_files() {
        let sent = parts(json!([
            { "text": "what is" },
            { "data": { "n": 2 }, "mediaType": "application/json" },
            { "raw": "_-8", "filename": "a.png", "mediaType": "image/png" },
            { "url": "https://example.com/a.pdf" },
            { "text": "this?", "metadata": { "x": 1 } },
        ]))
        .unwrap();
        assert_eq!(sent.data, json!({ "n": 2 }).as_object().cloned());
        assert_eq!(sent.said.user_text.as_deref(), Some("what is\nthis?"));
        let media_type = Some("image/png".to_owned());
        let bytes = FileSource::Bytes { media_type, bytes: vec![0xff, 0xef] };
        assert_eq!(sent.said.files[0].source, bytes);
        assert_eq!(sent.said.files[0].name.as_deref(), Some("a.png"));
        let shown = &sent.said.messages[0]["content"];
        assert_eq!(shown[1]["image_url"]["url"], "data:image/png;base64,/+8=");
        assert_eq!(shown[2]["file"]["file_data"], "https://example.com/a.pdf");
        let plain = parts(json!([{ "text": "hi" }])).unwrap();
        assert_eq!(plain.said.messages, [json!({ "role": "user", "content": "hi" })]);
        assert_ne!(plain.hash, sent.hash);
    }

    #[test]
    fn whole_numbers_are_whole() {
        let sent = parts(json!([{ "data": { "a": 2.0, "b": [-3.0, 2.5, 1e300], "c": 7 } }]));
        let data = serde_json::to_string(&sent.unwrap().data).unwrap();
        assert_eq!(data, r#"{"a":2,"b":[-3,2.5,1e+300],"c":7}"#);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (message, wrong) in [
            (json!([{ "data": [1] }]), "message.parts[0].data must be an object of input fields"),
            (json!([{ "data": null }]), "message.parts[0].data must be an object"),
            (json!([{ "data": {} }, { "data": {} }]), "message.parts[1].data is the second"),
            (json!([{ "raw": "a b" }]), "message.parts[0].raw is not valid base64"),
            (json!([{ "text": "a", "url": "b" }]), "must have one of"),
            (json!([{ "kind": "text" }]), "must have one of"),
            (json!([{ "text": 1 }]), "must have one of"),
            (json!([{ "text": "a", "filename": 1 }]), "must be strings"),
            (json!([7]), "message.parts[0] must be an object"),
            (json!([]), "`message.parts` must be an array"),
            (json!({}), "`message.parts` must be an array"),
        ] {
            let said = parts(message.clone()).unwrap_err();
            assert!(said.contains(wrong), "{message}: {said}");
        }
        let hi = json!([{ "text": "hi" }]);
        for (message, wrong) in [
            (json!({ "messageId": "m", "parts": hi }), "`message.role`"),
            (json!({ "messageId": "m", "role": "ROLE_AGENT", "parts": hi }), "`message.role`"),
            (json!({ "role": USER, "parts": hi }), "`messageId` is required"),
            (json!({ "messageId": "x".repeat(256), "role": USER, "parts": hi }), "at most 255"),
            (json!({ "messageId": 1, "role": USER, "parts": hi }), "must be a string"),
            (json!([]), "must be an object"),
            (Value::Null, "`message` is required"),
        ] {
            let said = read(message.clone()).unwrap_err();
            assert!(said.contains(wrong), "{message}: {said}");
        }
    }
}
