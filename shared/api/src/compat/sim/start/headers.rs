//! What callers of both generations ask for in headers.

use flowgate_app::{Error, Result};
use http::HeaderMap;

const MAX_RUN_ID: usize = 128;
/// A workflow that calls itself over HTTP must end somewhere.
const MAX_CALL_CHAIN: usize = 25;
pub(in crate::compat::sim) const STREAM_PROTOCOL: &str = "x-sim-stream-protocol";
pub(in crate::compat::sim) const AGENT_EVENTS: &str = "agent-events-v1";

/// The id that the caller chose for its run, in the header of this name.
pub(in crate::compat::sim) fn run_id(headers: &HeaderMap, name: &str) -> Result<Option<String>> {
    let mut ids = headers.get_all(name).iter();
    let Some(id) = ids.next() else { return Ok(None) };
    let sane = |id: &&str| (1..=MAX_RUN_ID).contains(&id.len()) && id.bytes().all(is_of_an_id);
    match (id.to_str().ok().filter(sane), ids.next()) {
        (Some(id), None) => Ok(Some(id.to_owned())),
        _ => Err(Error::bad_field(
            "",
            format!(
                "the header {name} must be one value of 1 to 128 letters, digits, '.', '_', ':' or \
                 '-'"
            ),
        )),
    }
}

fn is_of_an_id(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-')
}

pub(in crate::compat::sim) fn call_chain_is_too_long(headers: &HeaderMap) -> bool {
    let chains = headers.get_all("x-sim-via").iter();
    chains
        .flat_map(|chain| chain.as_bytes().split(|byte| *byte == b','))
        .filter(|call| !call.trim_ascii().is_empty())
        .count()
        >= MAX_CALL_CHAIN
}

pub(in crate::compat::sim) fn speaks_agent_events(headers: &HeaderMap) -> bool {
    says(headers, STREAM_PROTOCOL, AGENT_EVENTS)
}

pub(in crate::compat::sim) fn says(headers: &HeaderMap, name: &str, value: &str) -> bool {
    headers.get(name).is_some_and(|said| said.as_bytes().eq_ignore_ascii_case(value.as_bytes()))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        values.iter().fold(HeaderMap::new(), |mut headers, value| {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
            headers
        })
    }

    #[test]
    fn a_chosen_id_is_short_and_plain() {
        let read = |values: &[&str]| run_id(&headers("x-run-id", values), "x-run-id");
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&["a.b_c:1-2"]).unwrap().unwrap(), "a.b_c:1-2");
        assert_eq!(read(&[&"x".repeat(128)]).unwrap().unwrap().len(), 128);
        for bad in [&[""] as &[&str], &["a b"], &["a/b"], &["a", "b"], &["a,b"]] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        assert!(read(&[&"x".repeat(129)]).is_err());
    }

    #[test]
    fn a_call_chain_has_an_end() {
        let chain = |n: usize| vec!["w"; n].join(", ");
        assert!(!call_chain_is_too_long(&headers("x-sim-via", &[&chain(24)])));
        assert!(call_chain_is_too_long(&headers("x-sim-via", &[&chain(25)])));
        assert!(call_chain_is_too_long(&headers("x-sim-via", &[&chain(12), &chain(13)])));
        assert!(!call_chain_is_too_long(&HeaderMap::new()));
    }
}
