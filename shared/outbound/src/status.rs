//! What an answer of failure says about another attempt.

use std::time::Duration;

use flowgate_core::time::{Timestamp, millis};
use flowgate_engine::call::CallError;
use http::{HeaderMap, StatusCode, header};

/// A 429 proves that the server did nothing. What it asks to wait, and what a 503 asks, is
/// honoured.
pub(super) fn status_error(
    code: &str,
    message: String,
    retryable: bool,
    answer: (StatusCode, &HeaderMap),
    now: Timestamp,
) -> CallError {
    let (status, headers) = answer;
    let may_ask = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    CallError {
        code: code.to_owned(),
        message,
        retryable,
        nothing_happened: status == StatusCode::TOO_MANY_REQUESTS,
        retry_after_ms: retry_after(headers, now).filter(|_| may_ask).map(millis),
        ..CallError::default()
    }
}

/// Seconds or a date; a date in the past is now.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Timestamp(date.timestamp().as_millisecond()).since(now))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const NOW: Timestamp = Timestamp(784_111_777_000 - 5_000);

    fn asking(text: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_str(text).unwrap())])
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let check = |text: &str| retry_after(&asking(text), NOW);
        assert_eq!(check("120"), Some(Duration::from_secs(120)));
        assert_eq!(check("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(5)));
        assert_eq!(check("Sat, 05 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(check("soon"), None);
        assert_eq!(check("-1"), None);
    }

    #[test]
    fn a_busy_server_is_left_alone_as_long_as_it_asks() {
        let check = |status: u16, asks: &str| {
            let error = status_error(
                "x",
                String::new(),
                true,
                (StatusCode::from_u16(status).unwrap(), &asking(asks)),
                NOW,
            );
            (error.nothing_happened, error.retry_after_ms)
        };
        assert_eq!(check(429, "2"), (true, Some(2_000)));
        assert_eq!(check(429, "Sun, 06 Nov 1994 08:49:37 GMT"), (true, Some(5_000)));
        assert_eq!(check(429, "soon"), (true, None));
        assert_eq!(check(503, "2"), (false, Some(2_000)));
        assert_eq!(check(500, "2"), (false, None));
        assert_eq!(check(429, "18446744073709551615"), (true, Some(u64::MAX)));
    }
}
