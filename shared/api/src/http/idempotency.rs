//! `Idempotency-Key`: the same request again gets the answer of the run that the first one began.

use axum::response::Response;
use flowgate_app::Error;
use flowgate_runner::start::{IDEMPOTENCY_WINDOW, IdempotencyRequest};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use sha2::{Digest, Sha256};

const MAX_KEY: usize = 255;
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The path belongs to the hash: the same body for another workflow is another request.
pub(crate) fn read(
    headers: &HeaderMap,
    uri: &Uri,
    body: &[u8],
) -> Result<Option<IdempotencyRequest>, Error> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let text = key.to_str().ok().filter(|key| {
        (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    });
    let (Some(key), None) = (text, keys.next()) else {
        return Err(Error::bad_field(
            "",
            "the header Idempotency-Key must be one value of 1 to 255 visible ASCII characters",
        ));
    };
    let (key, body_hash) = (key.to_owned(), body_hash(uri, body));
    Ok(Some(IdempotencyRequest { key, body_hash, window: IDEMPOTENCY_WINDOW }))
}

/// SHA-256 (hex) of path and body.
pub(crate) fn body_hash(uri: &Uri, body: &[u8]) -> String {
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    let hash = Sha256::new().chain_update(path).chain_update([0]).chain_update(body).finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The answer is that of an earlier request.
pub(crate) fn mark_replayed(response: &mut Response) {
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idempotency_key_stands_for_path_and_body() {
        let headers = |key: &str| {
            HeaderMap::from_iter([(
                HeaderName::from_static("idempotency-key"),
                HeaderValue::from_str(key).unwrap(),
            )])
        };
        let hash = |path: &'static str, body: &[u8]| {
            read(&headers("k"), &Uri::from_static(path), body).unwrap().unwrap().body_hash
        };
        assert_eq!(hash("/a", b"{}"), hash("/a", b"{}"));
        assert_ne!(hash("/a", b"{}"), hash("/b", b"{}"));
        assert_ne!(hash("/a", b"{}"), hash("/a", b"{ }"));
        for bad in ["", "a b", &"x".repeat(256)] {
            assert!(read(&headers(bad), &Uri::from_static("/a"), b"").is_err(), "{bad}");
        }
    }
}
