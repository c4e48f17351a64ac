//! Request bodies: bounded, read whole, parsed strictly.

use std::collections::HashMap;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use flowgate_app::{Error, Result};
use flowgate_engine::json;
use futures_util::StreamExt;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use serde_json::Value;
use serde_json::value::RawValue;

pub(crate) const LARGEST: usize = 4 * 1024 * 1024;
/// So much of a body that is too large is read and thrown away: a client that still sends would not see the answer.
const MOST_DRAINED: usize = 4 * LARGEST;

/// The whole body, at most [`LARGEST`] bytes of it.
pub(crate) async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes> {
    if headers.get_all(CONTENT_ENCODING).iter().any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Error::bad_field("", "the body must not be compressed (Content-Encoding)"));
    }
    let (mut read, mut kept) = (0, BytesMut::new());
    let mut parts = body.into_data_stream();
    while let Some(part) = parts.next().await {
        let part = part.map_err(|_| Error::bad_field("", "the body ended early"))?;
        read += part.len();
        if read <= LARGEST {
            kept.extend_from_slice(&part);
        } else if read > MOST_DRAINED {
            break;
        }
    }
    if read > LARGEST { Err(Error::TooLarge("a request body has at most 4 MiB".to_owned())) } else { Ok(kept.freeze()) }
}

pub(crate) fn parse(body: &[u8]) -> Result<Value> {
    json::parse(body).map_err(|error| Error::bad_field("", format!("the body is not valid JSON: {error}")))
}

/// An empty body reads as `{}`.
pub(crate) fn parse_or_empty(body: &[u8]) -> Result<Value> {
    if body.iter().all(u8::is_ascii_whitespace) { Ok(Value::Object(serde_json::Map::new())) } else { parse(body) }
}

/// The caller's own spelling of one top-level member of a body that [`parse`] took.
pub(crate) fn raw_member(body: &[u8], key: &str) -> Option<String> {
    let members: HashMap<String, &RawValue> = serde_json::from_slice(body).ok()?;
    members.get(key).map(|member| member.get().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_json_is_broken() {
        let error = parse(b"{\"a\":\n 1,}").unwrap_err();
        assert_eq!(error.to_string(), "the body is not valid JSON: expected a key in double quotes at line 2, column 4");
    }

    #[test]
    fn keeps_the_spelling_of_a_member() {
        let body = br#" {"in\u0070ut" : { "b":1.50, "a":[1e2] } , "x":1} "#;
        assert_eq!(raw_member(body, "input").unwrap(), r#"{ "b":1.50, "a":[1e2] }"#);
        assert_eq!(raw_member(body, "y"), None);
    }

    #[tokio::test]
    async fn is_bounded() {
        let none = HeaderMap::new();
        let most = read(&none, Body::from(vec![b' '; LARGEST])).await.unwrap();
        assert_eq!(most.len(), LARGEST);
        assert!(matches!(read(&none, Body::from(vec![b' '; LARGEST + 1])).await, Err(Error::TooLarge(_))));
    }

    #[tokio::test]
    async fn takes_no_compression() {
        let gzip = HeaderMap::from_iter([(CONTENT_ENCODING, "gzip".parse().unwrap())]);
        assert!(matches!(read(&gzip, Body::empty()).await, Err(Error::BadInput(_))));
    }
}
