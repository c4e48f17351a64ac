//! What a provider's protocol does: a request becomes HTTP, and an answer what was made. Pure.

use flowgate_engine::call::{CallError, MediaRequest};
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::{Map, Value};

use super::failed;

/// A request, with its files.
pub(super) struct Ask<'a> {
    pub(super) provider: &'a str,
    /// The model's name at its provider.
    pub(super) model: &'a str,
    pub(super) request: &'a MediaRequest,
    pub(super) files: &'a [Loaded],
}

/// A file that goes out.
pub(super) struct Loaded {
    /// As its bytes say.
    pub(super) media_type: &'static str,
    pub(super) bytes: Vec<u8>,
}

pub(super) trait Wire: Send + Sync {
    fn encode(&self, ask: &Ask<'_>) -> Result<Encoded, CallError>;

    /// Reads an answer whose status is no failure.
    fn decode(&self, ask: &Ask<'_>, answer: Answer) -> Result<Made, CallError>;

    /// Returns the header that carries the key.
    fn authorize(&self, key: &str) -> Result<HeaderMap, CallError> {
        let value = secret_header(&format!("Bearer {key}"))?;
        Ok(HeaderMap::from_iter([(header::AUTHORIZATION, value)]))
    }
}

pub(super) struct Encoded {
    pub(super) method: Method,
    /// Relative to the provider's address.
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) reads: Reads,
}

/// What an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    /// JSON; texts under this key are base64, and are not kept as text.
    Json {
        base64_key: &'static str,
    },
    Bytes,
}

impl Encoded {
    pub(super) fn json(path: impl Into<String>, body: &Value, base64_key: &'static str) -> Self {
        Self::of(path, "application/json", body.to_string().into_bytes(), base64_key)
    }

    /// A POST whose answer is JSON.
    pub(super) fn of(
        path: impl Into<String>,
        content_type: &str,
        body: Vec<u8>,
        base64_key: &'static str,
    ) -> Self {
        let content_type = HeaderValue::from_str(content_type);
        let content_type = content_type.unwrap_or(HeaderValue::from_static("text/plain"));
        Self {
            method: Method::POST,
            path: path.into(),
            headers: HeaderMap::from_iter([(header::CONTENT_TYPE, content_type)]),
            body,
            reads: Reads::Json { base64_key },
        }
    }
}

/// What a provider answered.
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) content: Content,
}

pub(super) enum Content {
    /// A text that was base64 stands in `value` as the index of its blob.
    Json {
        value: Value,
        blobs: Vec<Vec<u8>>,
    },
    Bytes(Vec<u8>),
}

impl Answer {
    pub(super) fn into_json(self) -> Result<(Value, Vec<Vec<u8>>), CallError> {
        match self.content {
            Content::Json { value, blobs } => Ok((value, blobs)),
            Content::Bytes(_) => Err(super::invalid_answer("answered what is not JSON")),
        }
    }
}

/// What came of a request.
#[derive(Default)]
pub(super) struct Made {
    pub(super) source: Option<Source>,
    pub(super) fields: Map<String, Value>,
    pub(super) usage: Used,
}

pub(super) enum Source {
    Bytes {
        /// What the provider says that it is.
        said: Option<String>,
        bytes: Vec<u8>,
    },
    /// The provider keeps it there for a while.
    Url(String),
}

/// What a provider says that a request used. `None`: it does not say.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Used {
    pub(super) text_in: Option<u64>,
    pub(super) image_in: Option<u64>,
    pub(super) audio_in: Option<u64>,
    /// Text that was generated, thoughts included.
    pub(super) text_out: Option<u64>,
    /// Pictures or sound that were generated.
    pub(super) media_out: Option<u64>,
    /// Of the audio.
    pub(super) seconds: Option<f64>,
    /// The provider counts no tokens.
    pub(super) has_no_tokens: bool,
}

impl Used {
    pub(super) fn tokens(&self) -> Option<u64> {
        if self.has_no_tokens {
            return Some(0);
        }
        let parts = [self.text_in, self.image_in, self.audio_in, self.text_out, self.media_out];
        let known: Vec<u64> = parts.into_iter().flatten().collect();
        (!known.is_empty())
            .then(|| known.iter().fold(0, |sum: u64, part| sum.saturating_add(*part)))
    }
}

pub(super) fn secret_header(text: &str) -> Result<HeaderValue, CallError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| failed("invalid_request", "the key is not fit for a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

pub(super) fn text_at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}

pub(super) fn count_at(value: &Value, pointer: &str) -> Option<u64> {
    value.pointer(pointer).and_then(Value::as_u64)
}

pub(super) fn list_at<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Takes a blob that an answer names.
pub(super) fn take_blob(named: Option<&Value>, blobs: &mut [Vec<u8>]) -> Option<Vec<u8>> {
    let index = usize::try_from(named?.as_u64()?).ok()?;
    blobs.get_mut(index).map(std::mem::take)
}

/// The name under which an answer's file is stored.
pub(super) fn file_name(request: &MediaRequest, media_type: &str) -> String {
    let stem = if matches!(request, MediaRequest::Image(_)) { "picture" } else { "speech" };
    format!("{stem}.{}", extension(media_type))
}

/// The field of the call's value that holds the file.
pub(super) fn field_of_file(request: &MediaRequest) -> &'static str {
    if matches!(request, MediaRequest::Image(_)) { "image" } else { "audio" }
}

/// Providers know formats by it.
pub(super) fn extension(media_type: &str) -> &'static str {
    match media_type {
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/webp" => "webp",
        "image/gif" => "gif",
        "image/avif" => "avif",
        "audio/mpeg" => "mp3",
        "audio/wav" => "wav",
        "audio/ogg" => "ogg",
        "audio/flac" => "flac",
        "audio/aac" => "aac",
        "audio/mp4" => "m4a",
        "audio/pcm" => "pcm",
        "video/mp4" => "mp4",
        "video/webm" => "webm",
        _ => "bin",
    }
}
