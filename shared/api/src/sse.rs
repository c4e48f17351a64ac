//! Server-sent events: frames, and a body that is never silent for long.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::HeaderMap;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use serde::Serialize;

/// Gateways close what is silent for longer than a minute or so.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// One frame. JSON has no line breaks, so that its data is one line.
pub(crate) fn frame(event: Option<&str>, id: Option<&str>, data: &impl Serialize) -> Bytes {
    let mut text = String::new();
    for (field, value) in [("event", event), ("id", id)] {
        if let Some(value) = value {
            text.push_str(&format!("{field}: {value}\n"));
        }
    }
    text.push_str(&format!("data: {}\n\n", serde_json::to_string(data).unwrap_or_default()));
    text.into()
}

/// Answers with the frames as they come; after 15 s of silence with a comment.
pub(crate) fn response(frames: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let body = Body::from_stream(with_heartbeat(frames, HEARTBEAT).map(Ok::<_, Infallible>));
    // Proxies that collect answers (nginx) are told not to.
    ([(CONTENT_TYPE.as_str(), "text/event-stream"), (CACHE_CONTROL.as_str(), "no-cache"), ("x-accel-buffering", "no")], body)
        .into_response()
}

pub(crate) fn is_asked_for(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    accepted.into_iter().any(|range| range.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("text/event-stream")))
}

#[expect(clippy::disallowed_methods, reason = "a gateway's patience is real time, whatever the clock says")]
fn with_heartbeat(frames: impl Stream<Item = Bytes> + Send + 'static, every: Duration) -> impl Stream<Item = Bytes> + Send + 'static {
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
        assert_eq!(frame(Some("chunk"), Some("1-2"), &json!({ "text": "a\nb" })), "event: chunk\nid: 1-2\ndata: {\"text\":\"a\\nb\"}\n\n");
        assert_eq!(frame(None, None, &1), "data: 1\n\n");
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the test waits for real")]
    async fn silence_is_filled_with_comments() {
        let frames = stream::once(async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Bytes::from_static(b"data: 1\n\n")
        });
        let all: Vec<_> = with_heartbeat(frames, Duration::from_millis(100)).collect().await;
        assert_eq!(all.first().unwrap(), ": still here\n\n");
        assert_eq!(all.last().unwrap(), "data: 1\n\n");
    }

    #[test]
    fn is_asked_for_by_accept() {
        let asks = |accept: &'static str| is_asked_for(&HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]));
        assert!(asks("text/event-stream"));
        assert!(asks("application/json, Text/Event-Stream;q=0.9"));
        assert!(!asks("*/*"));
        assert!(!is_asked_for(&HeaderMap::new()));
    }
}
