//! Server-sent events: frames, and a body that is never silent for long.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Serialize;
use utoipa::ToSchema;

/// Gateways close what is silent for longer than a minute or so.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// One frame of an event stream.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Frame {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    event: Option<&'static str>,
    /// A stream that was cut goes on after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    id: Option<String>,
    /// One line of JSON.
    #[schema(content_media_type = "application/json")]
    data: String,
}

impl Frame {
    pub(crate) fn new(event: &'static str, id: Option<String>, data: &impl Serialize) -> Self {
        Self { event: Some(event), id, ..Self::data(data) }
    }

    /// A frame that is data alone.
    pub(crate) fn data(data: &impl Serialize) -> Self {
        Self { event: None, id: None, data: json_line(data) }
    }

    pub(crate) fn encode(&self) -> Bytes {
        let mut text = String::new();
        for (field, value) in [("event", self.event), ("id", self.id.as_deref())] {
            if let Some(value) = value {
                text.push_str(&format!("{field}: {value}\n"));
            }
        }
        text.push_str(&format!("data: {}\n\n", self.data));
        text.into()
    }
}

/// JSON on one line, for every client: many take more than CR and LF for the end of a line
/// (Python's `splitlines` does), and would cut the data there.
pub(crate) fn json_line(data: &impl Serialize) -> String {
    let json = serde_json::to_string(data).unwrap_or_default();
    if !json.contains(ENDS_A_LINE) {
        return json;
    }
    let mut line = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if ENDS_A_LINE.contains(&character) {
            line.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            line.push(character);
        }
    }
    line
}

/// JSON itself escapes everything below U+0020.
const ENDS_A_LINE: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

/// Sends the frames as they come, and a comment after 15 s of silence.
pub(crate) fn response(frames: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let body = Body::from_stream(with_keepalive(frames, KEEPALIVE).map(Ok::<_, Infallible>));
    // Tells proxies that collect responses (nginx) not to.
    (
        [
            (CONTENT_TYPE.as_str(), "text/event-stream; charset=utf-8"),
            (CACHE_CONTROL.as_str(), "no-cache"),
            ("x-accel-buffering", "no"),
        ],
        body,
    )
        .into_response()
}

#[expect(clippy::disallowed_methods, reason = "a gateway's patience is real time")]
fn with_keepalive(
    frames: impl Stream<Item = Bytes> + Send + 'static,
    every: Duration,
) -> impl Stream<Item = Bytes> + Send + 'static {
    stream::unfold(Box::pin(frames), move |mut frames| async move {
        let frame = match tokio::time::timeout(every, frames.next()).await {
            Ok(frame) => frame?,
            Err(_) => Bytes::from_static(b": still here\n\n"),
        };
        Some((frame, frames))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn frames_are_one_line_of_data() {
        let chunk = Frame::new("chunk", Some("1-2".to_owned()), &json!({ "text": "a\nb" }));
        assert_eq!(chunk.encode(), "event: chunk\nid: 1-2\ndata: {\"text\":\"a\\nb\"}\n\n");
        assert_eq!(Frame::data(&1).encode(), "data: 1\n\n");
    }

    #[test]
    fn no_character_of_the_data_ends_a_line() {
        let text: String = ('\0'..='\u{2100}').collect();
        let line = json_line(&json!({ "text": text }));
        // What Python's `str.splitlines` splits at.
        let breaks = "\n\r\u{b}\u{c}\u{1c}\u{1d}\u{1e}\u{85}\u{2028}\u{2029}";
        assert!(!line.contains(|character: char| breaks.contains(character)), "{line}");
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["text"], text);
        assert_eq!(json_line(&json!("ok ✅ 🎉")), "\"ok ✅ 🎉\"");
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the test waits for real")]
    async fn silence_is_filled_with_comments() {
        let frames = stream::once(async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Bytes::from_static(b"data: 1\n\n")
        });
        let all: Vec<_> = with_keepalive(frames, Duration::from_millis(100)).collect().await;
        assert_eq!(all.first().unwrap(), ": still here\n\n");
        assert_eq!(all.last().unwrap(), "data: 1\n\n");
    }
}
