//! Reads an answer into `{data, status, headers}`.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flowgate_core::clock::timeout;
use flowgate_engine::call::{CallOutput, HttpCall, ReadAs};
use http::{HeaderMap, HeaderName, StatusCode};
use reqwest::Response;
use serde_json::{Map, Value, json};

use super::super::client::describe;
use super::super::mask::Masks;
use super::super::status::status_error;
use super::super::{Metered, Outbound, too_large};
use super::inflate::{COPIES_OF_ANSWER, Encoding, Inflate, Kept, Stop};
use super::media::ContentType;
use super::{CallError, about, invalid_answer};

/// A failure keeps this much of its body.
const MAX_FAILURE_BYTES: usize = 64 * 1024;
/// The body of a failure is worth no longer wait: its status is known.
const FAILURE_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_REASON_CHARS: usize = 200;

impl Outbound {
    pub(super) async fn read_answer(
        &self,
        call: &HttpCall,
        response: Response,
        asked: &str,
        (masks, memory): (&Masks, &Metered),
    ) -> Result<CallOutput, CallError> {
        let (status, headers) = (response.status(), response.headers().clone());
        if !call.accepts(status.as_u16()) {
            return Err(self.refused(call, response, asked, (masks, memory)).await);
        }
        let limit = self.settings.max_answer_bytes;
        let body =
            read_whole(response, limit, memory).await.map_err(|error| about(asked, error))?;
        let value = match read_data(call.read_as, status, &headers, &body, limit, memory) {
            Ok(data) => data.output(status, &headers),
            Err(error) => {
                let start = start_of(&body, masks);
                let left = Data::of_failure(call, status, &headers, &start, memory);
                return Err(with_output(about(asked, error), left.output(status, &headers)));
            }
        };
        Ok(CallOutput { value, tokens: None, cost_nano_usd: None })
    }

    /// Returns the error of a status that is not accepted, with what the answer said.
    async fn refused(
        &self,
        call: &HttpCall,
        response: Response,
        asked: &str,
        (masks, memory): (&Masks, &Metered),
    ) -> CallError {
        let (status, headers) = (response.status(), response.headers().clone());
        let retryable = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
        let message = format!("{asked} answered {}", status.as_u16());
        let answer = (status, &headers);
        let error = status_error("http_status", message, retryable, answer, self.clock.now());
        let mut start = Vec::new();
        let read = read_start(response, memory, &mut start);
        // What came in time is kept.
        let _ = timeout(&*self.clock, FAILURE_TIMEOUT, read).await;
        let start = start_of(&start, masks);
        let left = Data::of_failure(call, status, &headers, &start, memory);
        with_output(error, left.output(status, &headers))
    }
}

fn with_output(error: CallError, output: Value) -> CallError {
    CallError { output: Some(Box::new(output)), ..error }
}

/// Reads a body that becomes a value.
async fn read_whole(
    mut response: Response,
    limit: usize,
    memory: &Metered,
) -> Result<Vec<u8>, CallError> {
    let length = response.content_length().and_then(|length| length.try_into().ok()).unwrap_or(0);
    if length > limit {
        return Err(too_large("the answer", limit));
    }
    let encoding = match length {
        0 if response.content_length() == Some(0) => Encoding::Identity,
        _ => Encoding::of(response.headers())?,
    };
    let mut kept = Kept::new(limit, memory);
    kept.expect(length)?;
    let mut inflate = Inflate::new(encoding, kept);
    let stopped = |stop| match stop {
        Stop::Full => too_large("the answer", limit),
        Stop::Corrupt => invalid_answer("it is not compressed as its content encoding says"),
        Stop::Overloaded(error) => error,
    };
    let mut read = 0;
    while let Some(part) = response.chunk().await.map_err(|error| describe(&error))? {
        read += part.len();
        // Compressed bytes that stand for nothing would never fill the room.
        if read > limit {
            return Err(too_large("the answer", limit));
        }
        inflate.push(&part).map_err(stopped)?;
    }
    if read > 0 {
        inflate.finish().map_err(stopped)?;
    }
    Ok(inflate.take())
}

/// The part of a failure's body that is kept. Nobody recognizes half a secret: none is left where
/// the body was cut.
fn start_of<'b>(body: &'b [u8], masks: &Masks) -> Cow<'b, [u8]> {
    if body.len() < MAX_FAILURE_BYTES || masks.is_empty() {
        return Cow::Borrowed(&body[..body.len().min(MAX_FAILURE_BYTES)]);
    }
    let start = String::from_utf8_lossy(&body[..MAX_FAILURE_BYTES]);
    Cow::Owned(masks.start_of(&start).into_bytes())
}

/// Reads the start of a body, as far as it can be read.
async fn read_start(mut response: Response, memory: &Metered, start: &mut Vec<u8>) {
    let Ok(encoding) = Encoding::of(response.headers()) else { return };
    let mut inflate = Inflate::new(encoding, Kept::new(MAX_FAILURE_BYTES, memory));
    let mut read = 0;
    while read < MAX_FAILURE_BYTES
        && let Ok(Some(part)) = response.chunk().await
    {
        read += part.len();
        if inflate.push(&part).is_err() {
            break;
        }
    }
    let _ = inflate.finish();
    *start = inflate.take();
}

struct Data {
    value: Value,
    /// Of base64.
    content_type: Option<String>,
}

impl Data {
    fn output(self, status: StatusCode, headers: &HeaderMap) -> Value {
        let mut output = json!({
            "data": self.value,
            "status": status.as_u16(),
            "headers": header_fields(headers)
        });
        if let Some(content_type) = self.content_type {
            output["content_type"] = content_type.into();
        }
        output
    }

    /// Reads what a failed answer said. Its start may be no JSON, but is always text.
    fn of_failure(
        call: &HttpCall,
        status: StatusCode,
        headers: &HeaderMap,
        start: &[u8],
        memory: &Metered,
    ) -> Self {
        let limit = 2 * MAX_FAILURE_BYTES;
        read_data(call.read_as, status, headers, start, limit, memory).unwrap_or_else(|_| {
            let text = String::from_utf8_lossy(start).into_owned();
            Self { value: text.into(), content_type: None }
        })
    }
}

fn read_data(
    read_as: Option<ReadAs>,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    limit: usize,
    memory: &Metered,
) -> Result<Data, CallError> {
    if body.is_empty() || matches!(status.as_u16(), 204 | 205 | 304) {
        return Ok(Data { value: Value::Null, content_type: None });
    }
    let content_type = ContentType::of(headers);
    // A failure's body is no file.
    let read_as = read_as.filter(|read_as| *read_as != ReadAs::File);
    let value = match read_as.unwrap_or_else(|| content_type.read_as()) {
        ReadAs::Base64 | ReadAs::File => {
            grown(body.len(), body.len().div_ceil(3) * 4, limit, memory)?;
            let value = STANDARD.encode(body).into();
            return Ok(Data { value, content_type: Some(content_type.media_type) });
        }
        ReadAs::Text => {
            let text = content_type.decode(body)?.text;
            grown(body.len(), text.len(), limit, memory)?;
            text.into_owned().into()
        }
        ReadAs::Json => {
            let decoded = content_type.decode(body)?;
            let claim =
                if read_as.is_some() { "it is not JSON" } else { "it says it is JSON and is not" };
            if decoded.has_errors {
                return Err(invalid_answer(format!("{claim}: it is not text in its charset")));
            }
            flowgate_engine::json::parse(decoded.text.as_bytes()).map_err(|error| {
                let reason: String = error.to_string().chars().take(MAX_REASON_CHARS).collect();
                invalid_answer(format!("{claim}: {reason}"))
            })?
        }
    };
    Ok(Data { value, content_type: None })
}

/// Counts what text takes more than the bytes that it was read from.
fn grown(before: usize, after: usize, limit: usize, memory: &Metered) -> Result<(), CallError> {
    if after > limit {
        return Err(too_large("the answer as text", limit));
    }
    memory.add(COPIES_OF_ANSWER * after.saturating_sub(before))
}

/// Returns headers with lower-case names. Repeated headers are joined with commas.
pub(super) fn header_fields(headers: &HeaderMap) -> Map<String, Value> {
    let joined = |name: &HeaderName| {
        let values: Vec<_> = headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        values.join(", ")
    };
    headers.keys().map(|name| (name.as_str().to_owned(), Value::String(joined(name)))).collect()
}
