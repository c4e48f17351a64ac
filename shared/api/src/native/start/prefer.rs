//! How a caller wants its response: `Prefer` (RFC 7240) and `Accept`.

use std::time::Duration;

use flowgate_runner::start::ResponseMode;
use http::header::ACCEPT;
use http::{HeaderMap, HeaderName};

pub(super) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

pub(super) struct Preference {
    pub(super) mode: ResponseMode,
    /// The value of `Preference-Applied`.
    pub(super) applied: Option<String>,
}

/// A stream where one is accepted; else as preferred: `respond-async` at once, `wait=N` after N
/// seconds at most, also where both are given.
pub(super) fn preference(headers: &HeaderMap, longest_wait: Duration) -> Preference {
    if accepts_stream(headers) {
        return Preference { mode: ResponseMode::Stream, applied: None };
    }
    let (mut detach, mut wait) = (false, None);
    for preference in headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
    {
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        match name.split(';').next().unwrap_or("").trim().to_ascii_lowercase().as_str() {
            "respond-async" => detach = true,
            // Of two, the first counts.
            "wait" => wait = wait.or_else(|| seconds(value)),
            // Preferences are wishes: unknown and unreadable ones are ignored.
            _ => {}
        }
    }
    match (detach, wait) {
        (_, Some(wait)) if !wait.is_zero() => {
            let wait = wait.min(longest_wait);
            Preference {
                mode: ResponseMode::Wait(Some(wait)),
                applied: Some(format!("wait={}", wait.as_secs())),
            }
        }
        (false, None) => Preference { mode: ResponseMode::Wait(None), applied: None },
        (true, _) => {
            Preference { mode: ResponseMode::Detach, applied: Some("respond-async".to_owned()) }
        }
        (false, Some(_)) => {
            Preference { mode: ResponseMode::Detach, applied: Some("wait=0".to_owned()) }
        }
    }
}

/// `Accept` names `text/event-stream`.
fn accepts_stream(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let media =
        |range: &str| range.split(';').next().map(|media| media.trim().to_ascii_lowercase());
    values
        .flat_map(|value| value.split(','))
        .filter_map(media)
        .any(|media| media == "text/event-stream")
}

fn seconds(value: &str) -> Option<Duration> {
    value
        .split(';')
        .next()?
        .trim()
        .trim_matches('"')
        .parse::<u32>()
        .ok()
        .map(|seconds| Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(prefer: &[&'static str], mode: ResponseMode, applied: Option<&str>) {
        let headers = prefer.iter().fold(HeaderMap::new(), |mut headers, value| {
            headers.append("prefer", value.parse().unwrap());
            headers
        });
        let found = preference(&headers, Duration::from_secs(270));
        assert_eq!((found.mode, found.applied.as_deref()), (mode, applied), "{prefer:?}");
    }

    #[test]
    fn prefer_says_how_long_to_wait() {
        let wait = |seconds| ResponseMode::Wait(Some(Duration::from_secs(seconds)));
        check(&[], ResponseMode::Wait(None), None);
        check(&["respond-async"], ResponseMode::Detach, Some("respond-async"));
        check(&["wait=10"], wait(10), Some("wait=10"));
        check(&["Respond-Async, wait = \"5\""], wait(5), Some("wait=5"));
        check(&["return=minimal", "WAIT=7;x=1, wait=9"], wait(7), Some("wait=7"));
        check(&["wait=99999"], wait(270), Some("wait=270"));
        check(&["wait=0"], ResponseMode::Detach, Some("wait=0"));
        check(&["wait=-1, wait=x, wait"], ResponseMode::Wait(None), None);
    }

    #[test]
    fn a_stream_goes_before() {
        let headers = HeaderMap::from_iter([
            (http::header::ACCEPT, "text/event-stream".parse().unwrap()),
            (HeaderName::from_static("prefer"), "respond-async".parse().unwrap()),
        ]);
        assert_eq!(preference(&headers, Duration::from_secs(270)).mode, ResponseMode::Stream);
    }

    #[test]
    fn is_asked_for_by_accept() {
        let asks = |accept: &'static str| {
            accepts_stream(&HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]))
        };
        assert!(asks("text/event-stream"));
        assert!(asks("application/json, Text/Event-Stream;q=0.9"));
        assert!(!asks("*/*"));
        assert!(!accepts_stream(&HeaderMap::new()));
    }
}
