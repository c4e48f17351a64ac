//! Request bodies: bounded, read whole, parsed strictly.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use flowgate_app::overload::Overloaded;
use flowgate_app::{Error, Result};
use flowgate_engine::json;
use futures_util::StreamExt;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use serde_json::Value;

use super::gzip::NotGzip;

const MAX_BODY: usize = 4 * 1024 * 1024;
/// A body that is too large is read this far and thrown away: a client that still sends would not
/// see the response.
const MAX_DRAINED: usize = 4 * MAX_BODY;

/// The whole body, at most [`MAX_BODY`] bytes of it, without a byte order mark.
pub(crate) async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes> {
    check_encoding(headers)?;
    let (mut read, mut kept) = (0, BytesMut::new());
    let mut parts = body.into_data_stream();
    while let Some(part) = parts.next().await {
        let part = part.map_err(not_read)?;
        read += part.len();
        if read <= MAX_BODY {
            kept.extend_from_slice(&part);
        } else if read > MAX_DRAINED {
            break;
        }
    }
    if read > MAX_BODY {
        Err(Error::TooLarge("a request body has at most 4 MiB".to_owned()))
    } else {
        Ok(without_mark(kept.freeze()))
    }
}

/// The body as the text of a document.
pub(crate) fn text(body: &[u8]) -> Result<&str> {
    str::from_utf8(body).map_err(|_| Error::bad_field("", "the document must be UTF-8 text"))
}

/// Refuses a body that is still compressed.
pub(crate) fn check_encoding(headers: &HeaderMap) -> Result<()> {
    if is_compressed(headers) { Err(Error::Compressed) } else { Ok(()) }
}

/// The body broke off, or there is no memory for it.
pub(crate) fn not_read(error: axum::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        if let Some(overloaded) = error.downcast_ref::<Overloaded>() {
            return (*overloaded).into();
        }
        if error.is::<NotGzip>() {
            return Error::bad_field("", error.to_string());
        }
        cause = error.source();
    }
    Error::bad_field("", "the body ended early")
}

fn is_compressed(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    values
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
}

/// Without the byte order mark that some clients put before UTF-8.
fn without_mark(body: Bytes) -> Bytes {
    const MARK: &[u8] = "\u{feff}".as_bytes();
    if body.starts_with(MARK) { body.slice(MARK.len()..) } else { body }
}

pub(crate) fn parse(body: &[u8]) -> Result<Value> {
    json::parse(body)
        .map_err(|error| Error::bad_field("", format!("the body is not valid JSON: {error}")))
}

/// An empty body reads as `{}`.
pub(crate) fn parse_or_empty(body: &[u8]) -> Result<Value> {
    if body.iter().all(u8::is_ascii_whitespace) {
        Ok(Value::Object(serde_json::Map::new()))
    } else {
        parse(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_json_is_broken() {
        let error = parse(b"{\"a\":\n 1,}").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the body is not valid JSON: expected a key in double quotes at line 2, column 4"
        );
    }

    #[tokio::test]
    async fn is_bounded() {
        let none = HeaderMap::new();
        let most = read(&none, Body::from(vec![b' '; MAX_BODY])).await.unwrap();
        assert_eq!(most.len(), MAX_BODY);
        assert!(matches!(
            read(&none, Body::from(vec![b' '; MAX_BODY + 1])).await,
            Err(Error::TooLarge(_))
        ));
    }

    #[tokio::test]
    async fn takes_no_compression() {
        for coding in ["gzip", "br", "GZIP", "identity, gzip", "x"] {
            let headers = HeaderMap::from_iter([(CONTENT_ENCODING, coding.parse().unwrap())]);
            let read = read(&headers, Body::empty()).await;
            assert!(matches!(read, Err(Error::Compressed)), "{coding}");
        }
        for coding in ["identity", "Identity", ""] {
            let headers = HeaderMap::from_iter([(CONTENT_ENCODING, coding.parse().unwrap())]);
            assert!(read(&headers, Body::empty()).await.is_ok(), "{coding}");
        }
    }

    #[tokio::test]
    async fn a_byte_order_mark_is_passed_over() {
        let body = read(&HeaderMap::new(), Body::from("\u{feff}{\"a\":1}")).await.unwrap();
        assert_eq!(parse(&body).unwrap(), serde_json::json!({ "a": 1 }));
        assert!(parse("\u{feff}\u{feff}1".as_bytes()).is_err());
    }
}
