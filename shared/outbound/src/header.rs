//! The check of every header that a user sets, on each way out.

use flowgate_core::{hops, trace_context};
use flowgate_engine::call::CallError;
use flowgate_engine::header::is_forbidden;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::failed;

/// A header that is invalid, or that users may not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("header {0} may not be set")]
    Forbidden(String),
    #[error("{0:?} is not the name of a header")]
    Name(String),
    #[error(
        "the value of header {0} holds a line end or another character that a header cannot hold"
    )]
    Value(String),
}

/// Refuses headers that frame the message, that gateways trust, or that we sign with.
pub fn check_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), HeaderError> {
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| HeaderError::Name(name.chars().take(100).collect()))?;
    if is_forbidden(parsed.as_str()) {
        return Err(HeaderError::Forbidden(parsed.as_str().to_owned()));
    }
    let value = HeaderValue::from_str(value)
        .or_else(|_| non_ascii_value(value))
        .map_err(|()| HeaderError::Value(parsed.as_str().to_owned()))?;
    Ok((parsed, value))
}

/// The headers that say what led to the request. An author may set the trace alone: `check_header`
/// refuses the other name.
pub(super) fn own_headers() -> HeaderMap {
    let hops = (HeaderName::from_static(hops::HEADER), HeaderValue::from(hops::current()));
    let trace = trace_context::current().and_then(|trace| {
        let value = HeaderValue::from_str(&trace.to_string()).ok()?;
        Some((HeaderName::from_static(trace_context::HEADER), value))
    });
    std::iter::once(hops).chain(trace).collect()
}

/// Adds a user's header to a request. No header of a user gets there in another way.
pub(super) fn add_header(
    headers: &mut HeaderMap,
    name: &str,
    value: &str,
) -> Result<(), CallError> {
    let (name, value) = check_header(name, value)?;
    if name == trace_context::HEADER {
        // An author's own takes the place of ours.
        headers.remove(&name);
    }
    headers
        .try_append(name, value)
        .map_err(|_| failed("invalid_header", "there are too many headers"))?;
    Ok(())
}

/// Sends non-ASCII header text as UTF-8 bytes.
fn non_ascii_value(value: &str) -> Result<HeaderValue, ()> {
    HeaderValue::from_bytes(value.as_bytes()).map_err(|_| ())
}

impl From<HeaderError> for CallError {
    fn from(error: HeaderError) -> Self {
        let code = if matches!(error, HeaderError::Forbidden(_)) {
            "forbidden_header"
        } else {
            "invalid_header"
        };
        failed(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_frame_or_sign_are_forbidden() {
        for name in [
            "Host",
            "content-length",
            "Transfer-Encoding",
            "connection",
            "TE",
            "trailer",
            "upgrade",
            "expect",
            "Proxy-Authorization",
            "webhook-id",
            "X-Amz-Security-Token",
            "x-amzn-trace-id",
            "X-Forwarded-For",
            "keep-alive",
        ] {
            assert_eq!(
                check_header(name, "x").unwrap_err(),
                HeaderError::Forbidden(name.to_lowercase())
            );
        }
        assert!(check_header("Authorization", "Bearer x").is_ok());
        assert!(check_header("X-Name", "Zoë").is_ok());
    }

    #[test]
    fn line_ends_cannot_enter_a_header() {
        for value in ["a\r\nx: y", "a\nb", "a\rb", "a\0b"] {
            assert_eq!(check_header("x-a", value).unwrap_err(), HeaderError::Value("x-a".into()));
        }
        for name in ["", "a b", "a:b", "a\r\nb", "ä"] {
            assert_eq!(check_header(name, "x").unwrap_err(), HeaderError::Name(name.into()));
        }
    }
}
