//! How a caller wants its response: `Prefer` (RFC 7240) and `Accept`.

use std::time::Duration;

use flowgate_runner::start::ResponseMode;
use http::header::ACCEPT;
use http::{HeaderMap, HeaderName};

pub(super) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

pub(super) struct Preference {
    pub(super) mode: ResponseMode,
    /// Where a response node ended the run, its answer alone (`return=minimal`).
    pub(super) minimal: bool,
    /// Of `Preference-Applied`.
    pub(super) applied: Option<String>,
}

/// A stream where one is accepted; else as preferred: `respond-async` at once, `wait=N` after N
/// seconds at most, also where both are given.
pub(super) fn preference(headers: &HeaderMap, longest_wait: Duration) -> Preference {
    let Wishes { detach, wait, returned } = Wishes::read(headers);
    let minimal = returned.is_some_and(|returned| returned == "minimal");
    let (mode, applied) = match (detach, wait) {
        _ if accepts_stream(headers) => (ResponseMode::Stream, None),
        (_, Some(wait)) if !wait.is_zero() => {
            let wait = wait.min(longest_wait);
            (ResponseMode::Wait(Some(wait)), Some(format!("wait={}", wait.as_secs())))
        }
        (false, None) => (ResponseMode::Wait(None), None),
        (true, _) => (ResponseMode::Detach, Some("respond-async".to_owned())),
        (false, Some(_)) => (ResponseMode::Detach, Some("wait=0".to_owned())),
    };
    Preference { mode, minimal, applied }
}

/// Preferences are wishes: unknown and unreadable ones are ignored. Of two, the first counts.
#[derive(Default)]
struct Wishes {
    detach: bool,
    wait: Option<Duration>,
    returned: Option<String>,
}

impl Wishes {
    fn read(headers: &HeaderMap) -> Self {
        let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        let mut wishes = Self::default();
        for preference in values.flat_map(|value| value.split(',')) {
            let preference = preference.split(';').next().unwrap_or_default();
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            let value = value.trim().trim_matches('"').to_ascii_lowercase();
            match name.trim().to_ascii_lowercase().as_str() {
                "respond-async" => wishes.detach = true,
                "wait" => wishes.wait = wishes.wait.or_else(|| seconds(&value)),
                "return" => {
                    wishes.returned.get_or_insert(value);
                }
                _ => {}
            }
        }
        wishes
    }
}

/// `Accept` names `text/event-stream`, and not to refuse it.
fn accepts_stream(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        parts.next().is_some_and(|media| media.eq_ignore_ascii_case("text/event-stream"))
            && !parts.any(is_refusal)
    })
}

/// `q=0`: the media type before it is not accepted.
fn is_refusal(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    name.trim().eq_ignore_ascii_case("q") && value.trim().parse() == Ok(0.0)
}

fn seconds(value: &str) -> Option<Duration> {
    value.parse::<u32>().ok().map(|seconds| Duration::from_secs(seconds.into()))
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
    fn an_answer_may_be_that_of_the_response_node_alone() {
        let minimal = |prefer: &'static str| {
            let headers = HeaderMap::from_iter([(
                HeaderName::from_static("prefer"),
                prefer.parse().unwrap(),
            )]);
            preference(&headers, Duration::from_secs(270)).minimal
        };
        assert!(minimal("return=minimal") && minimal("wait=5, Return = \"Minimal\"; x=1"));
        assert!(!minimal("return=representation, return=minimal") && !minimal("minimal"));
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
        assert!(asks("text/event-stream; charset=utf-8; q=0.001"));
        for refused in ["q=0", "q=0.0", "Q=0.000", "charset=utf-8; q = 0"] {
            let accept = format!("application/json, text/event-stream;{refused}");
            let headers = HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]);
            assert!(!accepts_stream(&headers), "{accept}");
        }
        assert!(!asks("*/*"));
        assert!(!accepts_stream(&HeaderMap::new()));
    }
}
