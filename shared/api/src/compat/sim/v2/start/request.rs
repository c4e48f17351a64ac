//! What a request of the second generation asks for: a strict body, and a few headers.

use std::time::Duration;

use flowgate_app::Result;
use flowgate_runner::start::ResponseMode;
use http::HeaderMap;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::compat::sim::start::stream::Protocol;
use crate::compat::sim::start::{MAX_TIMEOUT, headers};
use crate::http::body;
use crate::http::fields::Fields;

const MAX_SELECTED: usize = 100;
const MAX_BASE64: u64 = 10 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Request {
    pub(super) mode: ResponseMode,
    pub(super) timeout: Option<Duration>,
    pub(super) protocol: Protocol,
    pub(super) run_id: Option<String>,
    pub(super) body: ExecuteRequest,
}

/// An execution to be started.
#[derive(Debug, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = sim::v2::ExecuteRequest)]
pub(super) struct ExecuteRequest {
    #[schema(required = false, value_type = Object)]
    pub(super) input: Map<String, Value>,
    /// `true`: accepted at once.
    #[schema(required = false, default = false)]
    r#async: bool,
    #[schema(required = false, default = false)]
    stream: bool,
    /// Only with `async`.
    #[schema(minimum = 1, maximum = 604_800)]
    execution_timeout_seconds: Option<u64>,
    /// Which outputs are streamed: `block.path`, by id or name. Not with `async`.
    #[schema(required = false, max_items = 100)]
    pub(super) selected_outputs: Vec<String>,
    /// Only with an `agent-events-v1` stream, and without effect.
    #[schema(required = false, default = false)]
    include_thinking: bool,
    /// Only with an `agent-events-v1` stream, and without effect.
    #[schema(required = false, default = false)]
    include_tool_calls: bool,
    /// Without effect: outputs come as the workflow leaves them. Not with `async`.
    include_file_base64: Option<bool>,
    /// Without effect: outputs come as the workflow leaves them. Not with `async`.
    #[schema(minimum = 1, maximum = 10_485_760)]
    base64_max_bytes: Option<u64>,
}

impl Request {
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self> {
        Self::of_body(headers, body::parse_or_empty(body)?)
    }

    fn of_body(headers: &HeaderMap, body: Value) -> Result<Self> {
        let mut fields = Fields::of_body(body)?;
        let body = ExecuteRequest::read(&mut fields);
        let agent_events = headers::speaks_agent_events(headers);
        body.check_combinations(&mut fields, agent_events);
        fields.finish()?;
        Ok(Self {
            mode: match (body.r#async, body.stream) {
                (true, _) => ResponseMode::Detach,
                (false, true) => ResponseMode::Stream,
                (false, false) => ResponseMode::Wait(None),
            },
            timeout: body.execution_timeout_seconds.map(Duration::from_secs),
            protocol: if agent_events { Protocol::AgentEvents } else { Protocol::Final },
            run_id: headers::run_id(headers, "x-run-id")?,
            body,
        })
    }
}

impl ExecuteRequest {
    fn read(fields: &mut Fields) -> Self {
        let input = fields.take_object("input").unwrap_or_default();
        let r#async = fields.take_bool("async").unwrap_or(false);
        let stream = fields.take_bool("stream").unwrap_or(false);
        Self {
            input,
            r#async,
            stream,
            execution_timeout_seconds: timeout(fields, r#async),
            selected_outputs: selected_outputs(fields),
            include_thinking: fields.take_bool("includeThinking").unwrap_or(false),
            include_tool_calls: fields.take_bool("includeToolCalls").unwrap_or(false),
            include_file_base64: fields.take_bool("includeFileBase64"),
            base64_max_bytes: base64_limit(fields),
        }
    }

    fn check_combinations(&self, fields: &mut Fields, agent_events: bool) {
        let include = [
            ("includeThinking", self.include_thinking),
            ("includeToolCalls", self.include_tool_calls),
        ];
        for (key, asked) in include {
            if asked && !(self.stream && agent_events) {
                let needs = "needs `stream` and the header X-Sim-Stream-Protocol: agent-events-v1";
                fields.problem(key, needs);
            }
        }
        let only_attached = [
            ("stream", self.stream),
            ("selectedOutputs", !self.selected_outputs.is_empty()),
            ("includeFileBase64", self.include_file_base64.is_some()),
            ("base64MaxBytes", self.base64_max_bytes.is_some()),
        ];
        for (key, _) in only_attached.into_iter().filter(|(_, asked)| self.r#async && *asked) {
            fields.problem(key, "cannot be used with `async`");
        }
    }
}

fn timeout(fields: &mut Fields, is_async: bool) -> Option<u64> {
    const KEY: &str = "executionTimeoutSeconds";
    let seconds = fields.take_integer(KEY)?;
    if !is_async {
        fields.problem(KEY, "needs `async`");
    } else if !(1..=MAX_TIMEOUT).contains(&seconds) {
        fields.problem(KEY, format!("must be an integer from 1 to {MAX_TIMEOUT}"));
    }
    Some(seconds)
}

fn selected_outputs(fields: &mut Fields) -> Vec<String> {
    const KEY: &str = "selectedOutputs";
    let items = fields.take_list(KEY).unwrap_or_default();
    let selected: Vec<_> = items.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if selected.len() < items.len() {
        fields.problem(KEY, "must be an array of strings");
    } else if selected.len() > MAX_SELECTED {
        fields.problem(KEY, format!("must have at most {MAX_SELECTED} items"));
    }
    selected
}

fn base64_limit(fields: &mut Fields) -> Option<u64> {
    const KEY: &str = "base64MaxBytes";
    let limit = fields.take_integer(KEY);
    if limit.is_some_and(|limit| !(1..=MAX_BASE64).contains(&limit)) {
        fields.problem(KEY, format!("must be an integer from 1 to {MAX_BASE64}"));
    }
    limit
}

#[cfg(test)]
mod tests {
    use flowgate_app::Error;
    use serde_json::json;

    use super::*;

    fn read(headers: &[(&'static str, &'static str)], body: Value) -> Result<Request> {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Request::of_body(&HeaderMap::from_iter(headers), body)
    }

    fn problems(headers: &[(&'static str, &'static str)], body: Value) -> Vec<String> {
        match read(headers, body) {
            Err(Error::BadInput(problems)) => {
                problems.into_iter().map(|problem| problem.pointer).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_body_chooses_the_mode() {
        let mode = |body: Value| read(&[], body).unwrap().mode;
        assert_eq!(mode(json!({})), ResponseMode::Wait(None));
        assert_eq!(mode(json!({ "input": {}, "async": false })), ResponseMode::Wait(None));
        assert_eq!(
            mode(json!({ "stream": true, "selectedOutputs": ["a.b"] })),
            ResponseMode::Stream
        );
        assert_eq!(
            mode(json!({ "async": true, "stream": false, "executionTimeoutSeconds": 604_800 })),
            ResponseMode::Detach
        );
    }

    #[test]
    fn what_is_not_known_or_does_not_go_together_is_refused() {
        assert_eq!(
            problems(&[], json!({ "inputs": {}, "message": "hi" })),
            ["/inputs", "/message"]
        );
        assert_eq!(problems(&[], json!({ "input": [], "async": 1 })), ["/input", "/async"]);
        assert_eq!(
            problems(
                &[],
                json!({
                    "async": true,
                    "stream": true,
                    "selectedOutputs": ["a"],
                    "includeFileBase64": false,
                    "base64MaxBytes": 1
                })
            ),
            ["/stream", "/selectedOutputs", "/includeFileBase64", "/base64MaxBytes"]
        );
        assert_eq!(
            problems(&[], json!({ "executionTimeoutSeconds": 5 })),
            ["/executionTimeoutSeconds"]
        );
        for bad in [json!(0), json!(604_801), json!(1.5), json!("5"), json!(-1)] {
            assert_eq!(
                problems(&[], json!({ "async": true, "executionTimeoutSeconds": bad })),
                ["/executionTimeoutSeconds"]
            );
        }
        assert_eq!(
            problems(&[], json!({ "selectedOutputs": vec!["a"; 101] })),
            ["/selectedOutputs"]
        );
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
