//! A conversation as the input of a workflow: which of its fields takes what.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flowgate_app::access::Caller;
use flowgate_app::error::FieldProblem;
use flowgate_app::{App, Error, Result};
use flowgate_engine::Workflow;
use flowgate_engine::file::{MARK, clean_name, read_media_type};
use flowgate_engine::input::{InputField, InputType};
use serde_json::{Map, Value, json};

use super::{Attached, Conversation, FileSource};

const MESSAGES: &str = "messages";
/// The field that takes the text of the user: the first that there is.
const TEXT_FIELDS: [&str; 5] = ["prompt", "question", "query", "message", "text"];
const SYSTEM_FIELDS: [&str; 2] = ["system", "instructions"];
/// The name of a file that has none.
const UNNAMED: &str = "file";

/// Where the parts of a conversation go.
#[derive(Debug, Default, PartialEq, Eq)]
struct Places<'a> {
    messages: Option<&'a str>,
    text: Option<&'a str>,
    system: Option<&'a str>,
    files: Vec<&'a str>,
}

impl<'a> Places<'a> {
    fn of(workflow: &'a Workflow) -> Self {
        let fields = workflow.input_fields();
        if !workflow.declares_input() {
            return Self { messages: Some(MESSAGES), ..Self::default() };
        }
        let named = |name: &str, kind| {
            let field = fields.iter().find(|field| field.name == name && field.kind == kind)?;
            Some(field.name.as_str())
        };
        let first = |names: &[&str]| names.iter().find_map(|name| named(name, InputType::String));
        let messages = named(MESSAGES, InputType::Array);
        let text = || first(&TEXT_FIELDS).or_else(|| only_required(fields));
        let files = fields.iter().filter(|field| field.kind == InputType::File);
        Self {
            messages,
            text: if messages.is_some() { None } else { text() },
            system: first(&SYSTEM_FIELDS),
            files: files.map(|field| field.name.as_str()).collect(),
        }
    }
}

/// The one string that has no default.
fn only_required(fields: &[InputField]) -> Option<&str> {
    let required = |field: &&InputField| {
        let is_system = SYSTEM_FIELDS.contains(&field.name.as_str());
        field.kind == InputType::String && field.default.is_none() && !is_system
    };
    let mut required = fields.iter().filter(required);
    let only = required.next()?;
    required.next().is_none().then_some(only.name.as_str())
}

/// Whether the workflow takes all messages, so that it can go on with a conversation.
pub(crate) fn takes_messages(workflow: &Workflow) -> bool {
    Places::of(workflow).messages.is_some()
}

/// Whether what the system says has a field of its own.
pub(crate) fn takes_system(workflow: &Workflow) -> bool {
    Places::of(workflow).system.is_some()
}

/// The input of a run. What the caller names itself, in `given`, wins. Files that stand in the
/// request are stored.
pub(crate) async fn read(
    app: &Arc<App>,
    caller: &Caller,
    workflow: &Workflow,
    conversation: Conversation,
    mut given: Map<String, Value>,
) -> Result<Map<String, Value>> {
    let Conversation { messages, system, user_text, files, .. } = conversation;
    let places = Places::of(workflow);
    let open: Vec<&str> =
        places.files.iter().copied().filter(|name| !given.contains_key(*name)).collect();
    let mut place = |name: Option<&str>, value: Option<Value>| {
        if let (Some(name), Some(value)) = (name, value)
            && !given.contains_key(name)
        {
            given.insert(name.to_owned(), value);
        }
    };
    place(places.messages, (!messages.is_empty()).then(|| Value::Array(messages)));
    place(places.text, user_text.map(Value::String));
    place(places.system, (!system.is_empty()).then(|| system.join("\n\n").into()));
    if places.files.is_empty() && places.messages.is_some() {
        return Ok(given);
    }
    given.extend(stored(app, caller, &open, &files).await?);
    Ok(given)
}

/// Each field takes one file; the last one takes the rest.
async fn stored(
    app: &Arc<App>,
    caller: &Caller,
    fields: &[&str],
    files: &[Attached],
) -> Result<Map<String, Value>> {
    let decoded: Vec<_> = files.iter().map(|file| (file, decode(file))).collect();
    let mut problems: Vec<FieldProblem> = Vec::new();
    for (file, decoded) in &decoded {
        let wrong = match decoded {
            _ if fields.is_empty() => Some("the workflow has no field for a file".to_owned()),
            Ok(_) => None,
            Err(message) => Some((*message).to_owned()),
        };
        let problem = |message| FieldProblem { pointer: file.pointer.clone(), message };
        problems.extend(wrong.map(problem));
    }
    if !problems.is_empty() {
        return Err(Error::BadInput(problems));
    }
    let mut taken: Vec<Vec<Value>> = vec![Vec::new(); fields.len()];
    for (index, (file, decoded)) in decoded.into_iter().enumerate() {
        let Ok(decoded) = decoded else { continue };
        let value = keep(app, caller, file, decoded).await?;
        let last = fields.len().saturating_sub(1);
        taken[index.min(last)].push(value);
    }
    let field = |(name, mut files): (&&str, Vec<Value>)| match files.len() {
        0 => None,
        1 => Some(((*name).to_owned(), files.remove(0))),
        _ => Some(((*name).to_owned(), Value::Array(files))),
    };
    Ok(fields.iter().zip(taken).filter_map(field).collect())
}

enum Decoded {
    Bytes {
        media_type: Option<String>,
        bytes: Vec<u8>,
    },
    /// As it is given to the workflow.
    Value(Value),
}

fn decode(file: &Attached) -> std::result::Result<Decoded, &'static str> {
    let url = match &file.source {
        FileSource::Upload(id) => return Ok(Decoded::Value(json!({ MARK: id }))),
        FileSource::Bytes { media_type, bytes } => {
            let media_type = media_type.as_deref().and_then(read_media_type);
            return Ok(Decoded::Bytes { media_type, bytes: bytes.clone() });
        }
        FileSource::Url(url) => url,
    };
    let Some(rest) = strip_scheme(url) else {
        return Ok(Decoded::Value(Value::String(url.clone())));
    };
    let (head, data) = rest.split_once(',').ok_or("must be a `data:` URL with data")?;
    let media_type = head.strip_suffix(";base64").ok_or("must be a `data:` URL in base64")?;
    let media_type = media_type.split(';').next().unwrap_or_default();
    let bytes = BASE64.decode(data).map_err(|_| "is not valid base64")?;
    Ok(Decoded::Bytes { media_type: read_media_type(media_type), bytes })
}

/// What follows `data:`.
fn strip_scheme(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_at_checked("data:".len())?;
    scheme.eq_ignore_ascii_case("data:").then_some(rest)
}

async fn keep(app: &Arc<App>, caller: &Caller, file: &Attached, decoded: Decoded) -> Result<Value> {
    let (media_type, bytes) = match decoded {
        Decoded::Value(value) => return Ok(value),
        Decoded::Bytes { media_type, bytes } => (media_type, bytes),
    };
    let name = clean_name(file.name.as_deref().unwrap_or(UNNAMED));
    let kept = app.keep_input_file(caller, (&name, media_type.as_deref()), &bytes).await?;
    Ok(kept.to_value())
}

#[cfg(test)]
mod tests {
    use flowgate_engine::document::Document;

    use super::*;

    fn places(input: &str) -> (Option<String>, Option<String>, Option<String>, Vec<String>) {
        let document = format!("{input}\nnodes: [{{ id: a, type: template, template: x }}]");
        let document = Document::parse(&document).unwrap();
        let workflow = Workflow::compile(&document).0.unwrap();
        let Places { messages, text, system, files } = Places::of(&workflow);
        let owned = |name: Option<&str>| name.map(str::to_owned);
        let files = files.into_iter().map(str::to_owned).collect();
        (owned(messages), owned(text), owned(system), files)
    }

    #[test]
    fn the_first_field_that_fits_takes_the_text() {
        let some = |name: &str| Some(name.to_owned());
        let text = |fields: &str| places(&format!("input: [{fields}]")).1;
        let message = "{ name: message, type: string }";
        let query = "{ name: query, type: string, default: x }";
        let other = "{ name: other, type: string }";
        assert_eq!(text(&format!("{message}, {query}")), some("query"));
        assert_eq!(text(&format!("{message}, {other}")), some("message"));
        assert_eq!(text(other), some("other"));
        assert_eq!(text("{ name: prompt, type: object }, { name: b, type: string }"), some("b"));
        assert_eq!(text(&format!("{other}, {{ name: b, type: string }}")), None);
        assert_eq!(text("{ name: n, type: number }"), None);
        let system = "{ name: system, type: string }";
        assert_eq!(text(&format!("{system}, {other}")), some("other"));
        assert_eq!(places(&format!("input: [{system}]")).2, some("system"));
    }

    #[test]
    fn a_field_of_messages_takes_all() {
        let some = |name: &str| Some(name.to_owned());
        let messages = "{ name: messages, type: array }";
        let found = places(&format!("input: [{messages}, {{ name: prompt, type: string }}]"));
        assert_eq!((found.0, found.1), (some("messages"), None));
        assert_eq!(places("").0, some("messages"), "any input is taken");
        let text = places("input: [{ name: messages, type: string }]");
        assert_eq!((text.0, text.1), (None, some("messages")));
    }

    #[test]
    fn data_urls_are_decoded() {
        let decoded = |url: &str| {
            let source = FileSource::Url(url.to_owned());
            let file = Attached { pointer: String::new(), name: None, source };
            match decode(&file) {
                Ok(Decoded::Bytes { media_type, bytes }) => {
                    Ok((media_type, String::from_utf8(bytes).unwrap()))
                }
                Ok(Decoded::Value(value)) => Ok((None, value.as_str().unwrap().to_owned())),
                Err(message) => Err(message),
            }
        };
        let png = Some("image/png".to_owned());
        assert_eq!(decoded("data:image/png;base64,aGk="), Ok((png, "hi".to_owned())));
        assert_eq!(decoded("DATA:;base64,aGk="), Ok((None, "hi".to_owned())));
        let url = "https://example.com/a";
        assert_eq!(decoded(url), Ok((None, url.to_owned())));
        for wrong in ["data:image/png;base64", "data:text/plain,hi", "data:;base64,a b"] {
            assert!(decoded(wrong).is_err(), "{wrong}");
        }
    }
}
