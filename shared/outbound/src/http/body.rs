//! The bytes of a request's body.

use std::collections::HashMap;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flowgate_engine::call::{Body, FormPart, PartContent, Rendered, SentPiece};
use flowgate_engine::file::{FileId, FileRef};
use futures_util::stream;
use http::HeaderValue;
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::form_urlencoded;

use super::super::secret::Cleared;
use super::super::{RunFiles, failed};
use super::CallError;

const FORM_TYPE: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const JSON_TYPE: HeaderValue = HeaderValue::from_static("application/json");

/// With or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes of a body. Those of files are read only as they are sent.
#[derive(Debug, Clone)]
pub(super) enum Bytes {
    Here(bytes::Bytes),
    File(FileRef),
    /// In base64, in lines.
    FileBase64(FileRef),
}

/// The files that a body sends.
pub(super) type Found = HashMap<FileId, FileRef>;

pub(super) struct Encoded {
    pub(super) bytes: Vec<Bytes>,
    pub(super) content_type: Option<HeaderValue>,
    /// The author's own content type would make the body unreadable.
    pub(super) is_fixed_type: bool,
}

impl Encoded {
    fn of(bytes: Vec<u8>, content_type: Option<HeaderValue>) -> Self {
        Self { bytes: vec![Bytes::Here(bytes.into())], content_type, is_fixed_type: false }
    }
}

pub(super) fn encode(
    body: &Body,
    cleared: &Cleared<'_>,
    found: &Found,
) -> Result<Encoded, CallError> {
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
        Body::Multipart(parts) => multipart(parts, cleared, found),
        Body::Binary { base64, media_type } => {
            let bytes = decode(base64, "binary", cleared)?;
            Ok(Encoded::of(bytes, Some(header_value(media_type)?)))
        }
        Body::File { file, media_type } => {
            let file = stored(file, found)?;
            let media_type = header_value(media_type.as_ref().unwrap_or(&file.media_type))?;
            let bytes = vec![Bytes::File(file.clone())];
            Ok(Encoded { bytes, content_type: Some(media_type), is_fixed_type: false })
        }
        Body::Pieces { pieces, media_type } => {
            let piece = |piece: &SentPiece| -> Result<Bytes, CallError> {
                Ok(match piece {
                    SentPiece::Text(text) => Bytes::Here(text.clone().into()),
                    SentPiece::File(file) => Bytes::File(stored(file, found)?.clone()),
                    SentPiece::FileBase64(file) => Bytes::FileBase64(stored(file, found)?.clone()),
                })
            };
            let bytes = pieces.iter().map(piece).collect::<Result<_, _>>()?;
            let content_type = Some(header_value(media_type)?);
            Ok(Encoded { bytes, content_type, is_fixed_type: true })
        }
    }
}

fn stored<'f>(id: &FileId, found: &'f Found) -> Result<&'f FileRef, CallError> {
    found.get(id).ok_or_else(|| failed("unknown_file", format!("the run has no file {id}")))
}

fn multipart(
    parts: &[FormPart],
    cleared: &Cleared<'_>,
    found: &Found,
) -> Result<Encoded, CallError> {
    let mut encoded = Vec::new();
    let mut hash = Sha256::new();
    let is_left_out = |part: &&FormPart| part.content.field().is_some_and(Rendered::is_null);
    for part in parts.iter().filter(|part| !is_left_out(part)) {
        let content = match &part.content {
            PartContent::Value(value) => Bytes::Here(cleared.fill_text(value)?.into()),
            PartContent::Base64(base64) => Bytes::Here(decode(base64, &part.name, cleared)?.into()),
            PartContent::File(file) => Bytes::File(stored(file, found)?.clone()),
        };
        let head = match &content {
            Bytes::Here(bytes) => {
                hash.update(bytes);
                part_head(part)?
            }
            // Parts of a form are sent as they are.
            Bytes::FileBase64(_) => part_head(part)?,
            // Whoever made the file knows its hash, but not those of all that is sent with it.
            Bytes::File(file) => {
                hash.update(&file.sha256);
                part_head(&FormPart {
                    filename: part.filename.clone().or_else(|| Some(file.name.clone())),
                    content_type: part
                        .content_type
                        .clone()
                        .or_else(|| Some(file.media_type.clone())),
                    ..part.clone()
                })?
            }
        };
        hash.update(&head);
        encoded.push((head, content));
    }
    let boundary = boundary(&hash.finalize());
    let mut bytes = Vec::new();
    let mut line_end = "";
    for (head, content) in encoded {
        let head = format!("{line_end}--{boundary}\r\n{head}\r\n");
        bytes.extend([Bytes::Here(head.into()), content]);
        line_end = "\r\n";
    }
    bytes.push(Bytes::Here(format!("{line_end}--{boundary}--\r\n").into()));
    let content_type = header_value(&format!("multipart/form-data; boundary={boundary}"))?;
    Ok(Encoded { bytes, content_type: Some(content_type), is_fixed_type: true })
}

/// Returns the length of a body that is sent as a stream; `None`: it is all there.
pub(super) fn streamed_length(body: &[Bytes]) -> Option<u64> {
    let has_file = body.iter().any(|bytes| bytes.here().is_none());
    has_file.then(|| body.iter().map(Bytes::len).sum())
}

/// The body as it is sent. Of a file, one piece is held at a time.
pub(super) fn sent(body: &[Bytes], files: &RunFiles) -> reqwest::Body {
    if streamed_length(body).is_none() {
        let here = body.iter().filter_map(Bytes::here);
        return match body {
            [Bytes::Here(bytes)] => bytes.clone().into(),
            _ => here.flat_map(|bytes| bytes.to_vec()).collect::<Vec<u8>>().into(),
        };
    }
    let rest = (body.to_vec(), 0, 0, files.clone());
    reqwest::Body::wrap_stream(stream::unfold(rest, |(body, index, at, files)| async move {
        let (piece, next) = match body.get(index)? {
            Bytes::Here(bytes) => (Ok(bytes.clone()), (index + 1, 0)),
            Bytes::File(file) | Bytes::FileBase64(file) if file.size == 0 => {
                (Ok(bytes::Bytes::new()), (index + 1, 0))
            }
            part @ (Bytes::File(file) | Bytes::FileBase64(file)) => {
                match files.piece(&file.id, at, file.size).await {
                    Ok(mut piece) => {
                        // Of a file in base64, whole lines.
                        if matches!(part, Bytes::FileBase64(_))
                            && at + (piece.len() as u64) < file.size
                        {
                            piece.truncate(piece.len() - piece.len() % LINE_BYTES);
                        }
                        let end = at + piece.len() as u64;
                        let next = if end < file.size { (index, end) } else { (index + 1, 0) };
                        let is_base64 = matches!(part, Bytes::FileBase64(_));
                        let piece = if is_base64 { in_lines(&piece) } else { piece };
                        (Ok(piece.into()), next)
                    }
                    Err(error) => (Err(std::io::Error::other(error.message)), (body.len(), 0)),
                }
            }
        };
        Some((piece, (body, next.0, next.1, files)))
    }))
}

impl Bytes {
    fn len(&self) -> u64 {
        match self {
            Self::Here(bytes) => bytes.len() as u64,
            Self::File(file) => file.size,
            Self::FileBase64(file) => {
                let lines = file.size.div_ceil(LINE_BYTES as u64);
                file.size.div_ceil(3) * 4 + 2 * lines
            }
        }
    }

    fn here(&self) -> Option<&bytes::Bytes> {
        match self {
            Self::Here(bytes) => Some(bytes),
            Self::File(_) | Self::FileBase64(_) => None,
        }
    }

    pub(super) fn holds(&self, needle: &[u8]) -> bool {
        self.here().is_some_and(|bytes| memchr::memmem::find(bytes, needle).is_some())
    }
}

/// The bytes of a line of base64 in an e-mail.
const LINE_BYTES: usize = 57;

fn in_lines(bytes: &[u8]) -> Vec<u8> {
    let lines = bytes.chunks(LINE_BYTES).map(|line| format!("{}\r\n", BASE64.encode(line)));
    lines.collect::<String>().into_bytes()
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
