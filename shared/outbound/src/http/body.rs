//! The bytes of a request's body.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flowgate_engine::call::{Body, FormPart, PartContent, Rendered};
use http::HeaderValue;
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::form_urlencoded;

use super::super::failed;
use super::super::secret::Cleared;
use super::CallError;

const FORM_TYPE: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const JSON_TYPE: HeaderValue = HeaderValue::from_static("application/json");

/// With or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    pub(super) content_type: Option<HeaderValue>,
    /// The author's own content type would make the body unreadable.
    pub(super) is_fixed_type: bool,
}

impl Encoded {
    fn of(bytes: Vec<u8>, content_type: Option<HeaderValue>) -> Self {
        Self { bytes, content_type, is_fixed_type: false }
    }
}

pub(super) fn encode(body: &Body, cleared: &Cleared<'_>) -> Result<Encoded, CallError> {
    match body {
        Body::Plain(body) => Ok(match cleared.fill(body)? {
            Value::String(text) => Encoded::of(text.into_bytes(), None),
            other => Encoded::of(other.to_string().into_bytes(), Some(JSON_TYPE)),
        }),
        Body::Form(fields) => {
            let mut form = form_urlencoded::Serializer::new(String::new());
            for (name, field) in fields.iter().filter(|(_, field)| !field.is_null()) {
                form.append_pair(name, &cleared.fill_text(field)?);
            }
            Ok(Encoded::of(form.finish().into_bytes(), Some(FORM_TYPE)))
        }
        Body::Multipart(parts) => multipart(parts, cleared),
        Body::Binary { base64, media_type } => {
            let bytes = decode(base64, "binary", cleared)?;
            Ok(Encoded::of(bytes, Some(header_value(media_type)?)))
        }
    }
}

fn multipart(parts: &[FormPart], cleared: &Cleared<'_>) -> Result<Encoded, CallError> {
    let mut encoded = Vec::new();
    let mut hash = Sha256::new();
    for part in parts.iter().filter(|part| !part.content.field().is_null()) {
        let content = match &part.content {
            PartContent::Value(value) => cleared.fill_text(value)?.into_bytes(),
            PartContent::Base64(base64) => decode(base64, &part.name, cleared)?,
        };
        let head = part_head(part)?;
        hash.update(&head);
        hash.update(&content);
        encoded.push((head, content));
    }
    let boundary = boundary(&hash.finalize());
    let mut bytes = Vec::new();
    for (head, content) in encoded {
        for piece in ["--", &boundary, "\r\n", &head, "\r\n"] {
            bytes.extend_from_slice(piece.as_bytes());
        }
        bytes.extend_from_slice(&content);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let content_type = header_value(&format!("multipart/form-data; boundary={boundary}"))?;
    Ok(Encoded { bytes, content_type: Some(content_type), is_fixed_type: true })
}

/// A hash of all that it separates: no part can be made to contain it.
fn boundary(digest: &[u8]) -> String {
    digest[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn part_head(part: &FormPart) -> Result<String, CallError> {
    let mut head = format!("content-disposition: form-data; name=\"{}\"", quoted(&part.name));
    if let Some(filename) = &part.filename {
        head.push_str(&format!("; filename=\"{}\"", quoted(filename)));
    }
    head.push_str("\r\n");
    if let Some(content_type) = &part.content_type {
        header_value(content_type)?;
        head.push_str(&format!("content-type: {content_type}\r\n"));
    }
    Ok(head)
}

/// As browsers write names of parts and files.
fn quoted(name: &str) -> String {
    name.replace('\r', "%0D").replace('\n', "%0A").replace('"', "%22")
}

fn header_value(text: &str) -> Result<HeaderValue, CallError> {
    HeaderValue::from_str(text)
        .map_err(|_| failed("invalid_request", "the body's content type cannot be a header"))
}

/// Decodes base64, with line ends as in e-mails. The error shows none of it: it may be secret.
fn decode(field: &Rendered, name: &str, cleared: &Cleared<'_>) -> Result<Vec<u8>, CallError> {
    let invalid = |what: &str| failed("invalid_base64", format!("the base64 of `{name}` {what}"));
    if field.is_null() {
        return Err(invalid("is null"));
    }
    let mut text = cleared.fill_text(field)?;
    text.retain(|character| !character.is_ascii_whitespace());
    BASE64.decode(text).map_err(|_| invalid("is not base64"))
}
