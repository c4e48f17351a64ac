//! Files among the inputs: `{type: "file", data: "data:<mime>;base64,…", name, mime?}` and
//! `{type: "url", data: "https://…", name, mime?}`.
//!
//! What an upload answered stands for its file, too.
//!
//! The workflow sees `{name, mime, size, base64}` or, where a node fetches the file only when it
//! needs it, `{name, mime, size: null, url}`.

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD as BASE64};
use flowgate_app::error::FieldProblem;
use flowgate_app::file::FileId;
use flowgate_app::{Error, Result};
use flowgate_engine::Workflow;
use flowgate_engine::file::MARK;
use flowgate_engine::input::InputType;
use flowgate_runner::outbound::Outbound;
use serde_json::{Map, Value, json};

use crate::http::fields::Fields;

/// JavaScript's `Buffer.from` asks for no padding, and minds no bits after the last byte.
const BASE64_LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
const MAX_FILE: usize = 20 * 1024 * 1024;
const MAX_NAME: usize = 255;
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// Reads what stands in the workflow's file inputs, one file or a list of them. Text, and objects
/// that say no `type`, stay as they are.
pub(in crate::compat::sim) fn read(
    outbound: &Outbound,
    workflow: &Workflow,
    input: &mut Map<String, Value>,
) -> Result<()> {
    let mut problems = Vec::new();
    for field in workflow.input_fields().iter().filter(|field| field.kind == InputType::File) {
        let pointer = format!("/{}", field.name.replace('~', "~0").replace('/', "~1"));
        match input.get_mut(&field.name) {
            Some(Value::Array(files)) => {
                for (index, file) in files.iter_mut().enumerate() {
                    read_file(outbound, file, &format!("{pointer}/{index}"), &mut problems);
                }
            }
            Some(file) => read_file(outbound, file, &pointer, &mut problems),
            None => {}
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::BadInput(problems)) }
}

fn read_file(
    outbound: &Outbound,
    value: &mut Value,
    pointer: &str,
    problems: &mut Vec<FieldProblem>,
) {
    if value.get("type").is_none_or(Value::is_null) {
        return;
    }
    // What an upload answered: the rest of it is read from the store.
    if let Some(id) = uploaded(value) {
        *value = json!({ MARK: id });
        return;
    }
    let read = Fields::of_body(std::mem::take(value)).and_then(|mut fields| {
        let file = file(outbound, &mut fields);
        fields.finish_with_rest().map(|_| file)
    });
    match read {
        Ok(file) => *value = file,
        Err(Error::BadInput(found)) => {
            problems.extend(found.into_iter().map(|problem| FieldProblem {
                pointer: format!("{pointer}{}", problem.pointer),
                ..problem
            }));
        }
        Err(other) => {
            problems.push(FieldProblem { pointer: pointer.to_owned(), message: other.to_string() })
        }
    }
}

fn uploaded(value: &Value) -> Option<String> {
    let id = value.get("id")?.as_str().filter(|_| value.get("data").is_none())?;
    FileId::parse(id).map(|id| id.to_string())
}

fn file(outbound: &Outbound, fields: &mut Fields) -> Value {
    let kind = fields.require("type", Fields::take_string).unwrap_or_default();
    let name = fields.require("name", Fields::take_string).unwrap_or_default();
    if name.len() > MAX_NAME || name.chars().any(char::is_control) {
        fields.problem(
            "name",
            format!("must have at most {MAX_NAME} bytes, and no control characters"),
        );
    }
    let mime = fields.take_string("mime");
    if mime.as_deref().is_some_and(|mime| !is_media_type(mime)) {
        fields.problem("mime", "must be a media type such as image/png");
    }
    let Some(data) = fields.require("data", Fields::take_string) else { return Value::Null };
    let read = match kind.as_str() {
        "file" => {
            inline(&data).map(|(of_data, base64, size)| (of_data, Some(size), "base64", base64))
        }
        "url" => match outbound.check_url(&data) {
            Ok(_) => Ok((None, None, "url", data)),
            Err(error) => Err(error.to_string()),
        },
        _ => {
            fields.problem("type", "must be \"file\" or \"url\"");
            return Value::Null;
        }
    };
    match read {
        Ok((of_data, size, field, data)) => {
            let mime = mime.or(of_data).unwrap_or_else(|| UNKNOWN_TYPE.to_owned());
            let mut file = json!({ "name": name, "mime": mime, "size": size });
            file[field] = data.into();
            file
        }
        Err(message) => {
            fields.problem("data", message);
            Value::Null
        }
    }
}

/// Of `data:<mime>;base64,…`: the type it says, the text in base64, and how many bytes that is. As
/// at Sim, the text may be wrapped, unpadded, or of the alphabet for URLs; workflows see plain
/// base64.
fn inline(data: &str) -> std::result::Result<(Option<String>, String, usize), String> {
    let parts = data.strip_prefix("data:").and_then(|rest| rest.split_once(','));
    let head_and_text = parts.and_then(|(head, text)| Some((head.strip_suffix(";base64")?, text)));
    let Some((media_type, text)) = head_and_text else {
        return Err("must be a data URL: data:<mime>;base64,…".to_owned());
    };
    let mime = media_type.split(';').next().unwrap_or_default();
    if !(mime.is_empty() || is_media_type(mime)) {
        return Err("does not say a media type such as image/png".to_owned());
    }
    let plain: String = text
        .chars()
        .filter(|character| !character.is_ascii_whitespace())
        .map(|character| match character {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    let bytes = BASE64_LENIENT.decode(&plain).map_err(|error| format!("is not base64: {error}"))?;
    if bytes.len() > MAX_FILE {
        return Err("is larger than 20 MB".to_owned());
    }
    Ok(((!mime.is_empty()).then(|| mime.to_owned()), BASE64.encode(&bytes), bytes.len()))
}

fn is_media_type(text: &str) -> bool {
    let is_token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    text.len() <= 127
        && text.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_urls_are_checked() {
        let read =
            |data| inline(data).map(|(mime, text, size)| (mime.unwrap_or_default(), text, size));
        assert_eq!(
            read("data:text/plain;base64,aGk=").unwrap(),
            ("text/plain".to_owned(), "aGk=".to_owned(), 2)
        );
        assert_eq!(
            read("data:text/plain;charset=utf-8;base64,").unwrap(),
            ("text/plain".to_owned(), String::new(), 0)
        );
        assert_eq!(read("data:;base64,aGk=").unwrap().0, "");
        for (data, why) in [
            ("aGk=", "must be a data URL"),
            ("data:text/plain,hi", "must be a data URL"),
            ("data:text;base64,aGk=", "does not say a media type"),
            ("data:text/plain;base64,aGk!", "is not base64"),
            ("data:text/plain;base64,aGkaa", "is not base64"),
        ] {
            assert!(read(data).unwrap_err().starts_with(why), "{data}");
        }
    }

    #[test]
    fn base64_may_be_wrapped_unpadded_or_for_urls() {
        for text in ["aGk/+w==", "aGk/+w", "aGk_-w", "aG\r\nk/\n+w==\n", " aGk/ +w", "aGk/+x"] {
            let (_, plain, size) = inline(&format!("data:text/plain;base64,{text}")).unwrap();
            assert_eq!((plain.as_str(), size), ("aGk/+w==", 4), "{text:?}");
        }
    }

    #[test]
    fn media_types_are_plain() {
        assert!(is_media_type("image/svg+xml") && is_media_type("application/vnd.ms-excel"));
        assert!(
            !is_media_type("text")
                && !is_media_type("text/")
                && !is_media_type("text/html; a=b")
                && !is_media_type("a/b/c")
        );
    }
}
