//! What a request of the second generation asks for: a strict body, and a few headers.

use std::time::Duration;

use flowgate_app::Result;
use flowgate_runner::start::ResponseMode;
use http::HeaderMap;
use serde_json::{Map, Value};

use crate::body;
use crate::dialect::sim::headers;
use crate::dialect::sim::request::LONGEST_TIMEOUT;
use crate::dialect::sim::stream::Protocol;
use crate::fields::Fields;

const MOST_SELECTED: usize = 100;
const LARGEST_BASE64: u64 = 10 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Request {
    pub(super) manner: ResponseMode,
    pub(super) selected: Vec<String>,
    pub(super) timeout: Option<Duration>,
    pub(super) protocol: Protocol,
    pub(super) run_id: Option<String>,
    pub(super) input: Map<String, Value>,
}

impl Request {
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self> {
        Self::of_body(headers, body::parse_or_empty(body)?)
    }

    fn of_body(headers: &HeaderMap, body: Value) -> Result<Self> {
        let mut fields = Fields::of_body(body)?;
        let input = fields.take_object("input").unwrap_or_default();
        let detached = fields.take_bool("async").unwrap_or(false);
        let stream = fields.take_bool("stream").unwrap_or(false);
        let timeout = timeout(&mut fields, detached);
        let selected = selected_outputs(&mut fields);
        let agent_events = headers::speaks_agent_events(headers);
        let include = ["includeThinking", "includeToolCalls"].map(|key| (key, fields.take_bool(key).unwrap_or(false)));
        // How files in an output would come; ours come as the workflow leaves them.
        let with_files = fields.take_bool("includeFileBase64").is_some();
        let largest_file = base64_limit(&mut fields);
        for (key, asked) in include {
            if asked && !(stream && agent_events) {
                fields.problem(key, "needs `stream` and the header X-Sim-Stream-Protocol: agent-events-v1");
            }
        }
        let only_attached = [
            ("stream", stream),
            ("selectedOutputs", !selected.is_empty()),
            ("includeFileBase64", with_files),
            ("base64MaxBytes", largest_file),
        ];
        for (key, _) in only_attached.into_iter().filter(|(_, asked)| detached && *asked) {
            fields.problem(key, "cannot be used with `async`");
        }
        fields.finish()?;
        Ok(Self {
            manner: match (detached, stream) {
                (true, _) => ResponseMode::Detach,
                (false, true) => ResponseMode::Stream,
                (false, false) => ResponseMode::Wait(None),
            },
            selected,
            timeout,
            protocol: if agent_events { Protocol::AgentEvents } else { Protocol::Final },
            run_id: headers::run_id(headers, "x-run-id")?,
            input,
        })
    }
}

fn timeout(fields: &mut Fields, detached: bool) -> Option<Duration> {
    const KEY: &str = "executionTimeoutSeconds";
    let seconds = fields.take_integer(KEY)?;
    if !detached {
        fields.problem(KEY, "needs `async`");
    } else if !(1..=LONGEST_TIMEOUT).contains(&seconds) {
        fields.problem(KEY, format!("must be an integer from 1 to {LONGEST_TIMEOUT}"));
    }
    Some(Duration::from_secs(seconds))
}

fn selected_outputs(fields: &mut Fields) -> Vec<String> {
    const KEY: &str = "selectedOutputs";
    let items = fields.take_list(KEY).unwrap_or_default();
    let selected: Vec<_> = items.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if selected.len() < items.len() {
        fields.problem(KEY, "must be an array of strings");
    } else if selected.len() > MOST_SELECTED {
        fields.problem(KEY, format!("must have at most {MOST_SELECTED} items"));
    }
    selected
}

fn base64_limit(fields: &mut Fields) -> bool {
    const KEY: &str = "base64MaxBytes";
    let limit = fields.take_integer(KEY);
    if limit.is_some_and(|limit| !(1..=LARGEST_BASE64).contains(&limit)) {
        fields.problem(KEY, format!("must be an integer from 1 to {LARGEST_BASE64}"));
    }
    limit.is_some()
}

#[cfg(test)]
mod tests {
    use flowgate_app::Error;
    use serde_json::json;

    use super::*;

    fn read(headers: &[(&'static str, &'static str)], body: Value) -> Result<Request> {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Request::of_body(&HeaderMap::from_iter(headers), body)
    }

    fn problems(headers: &[(&'static str, &'static str)], body: Value) -> Vec<String> {
        match read(headers, body) {
            Err(Error::BadInput(problems)) => problems.into_iter().map(|problem| problem.pointer).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_body_chooses_the_manner() {
        let manner = |body: Value| read(&[], body).unwrap().manner;
        assert_eq!(manner(json!({})), ResponseMode::Wait(None));
        assert_eq!(manner(json!({ "input": {}, "async": false })), ResponseMode::Wait(None));
        assert_eq!(manner(json!({ "stream": true, "selectedOutputs": ["a.b"] })), ResponseMode::Stream);
        assert_eq!(manner(json!({ "async": true, "stream": false, "executionTimeoutSeconds": 604_800 })), ResponseMode::Detach);
    }

    #[test]
    fn what_is_not_known_or_does_not_go_together_is_refused() {
        assert_eq!(problems(&[], json!({ "inputs": {}, "message": "hi" })), ["/inputs", "/message"]);
        assert_eq!(problems(&[], json!({ "input": [], "async": 1 })), ["/input", "/async"]);
        assert_eq!(
            problems(
                &[],
                json!({ "async": true, "stream": true, "selectedOutputs": ["a"], "includeFileBase64": false, "base64MaxBytes": 1 })
            ),
            ["/stream", "/selectedOutputs", "/includeFileBase64", "/base64MaxBytes"]
        );
        assert_eq!(problems(&[], json!({ "executionTimeoutSeconds": 5 })), ["/executionTimeoutSeconds"]);
        for bad in [json!(0), json!(604_801), json!(1.5), json!("5"), json!(-1)] {
            assert_eq!(problems(&[], json!({ "async": true, "executionTimeoutSeconds": bad })), ["/executionTimeoutSeconds"]);
        }
        assert_eq!(problems(&[], json!({ "selectedOutputs": vec!["a"; 101] })), ["/selectedOutputs"]);
        assert_eq!(problems(&[], json!({ "base64MaxBytes": 10_485_761 })), ["/base64MaxBytes"]);
    }

    #[test]
    fn agent_events_need_their_protocol() {
        let protocol = [("x-sim-stream-protocol", "agent-events-v1")];
        let body = || json!({ "stream": true, "includeThinking": true, "includeToolCalls": true });
        assert_eq!(problems(&[], body()), ["/includeThinking", "/includeToolCalls"]);
        assert_eq!(read(&protocol, body()).unwrap().protocol, Protocol::AgentEvents);
        assert_eq!(problems(&protocol, json!({ "includeThinking": true })), ["/includeThinking"]);
    }
}
