//! What a request of the first generation asks for: control keys among the inputs of a flat body,
//! and headers.

use std::collections::HashSet;
use std::time::Duration;

use flowgate_app::Error;
use flowgate_app::error::FieldProblem;
use flowgate_runner::start::ResponseMode;
use http::HeaderMap;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::MAX_TIMEOUT;
use super::headers::{self, says};
use super::refusal::StartRefusal;
use super::stream::Protocol;
use crate::http::body;
use crate::http::fields::Fields;

#[derive(Debug)]
pub(super) struct Request {
    pub(super) mode: ResponseMode,
    pub(super) timeout: Option<Duration>,
    pub(super) protocol: Protocol,
    pub(super) run_id: Option<String>,
    pub(super) body: ExecuteRequest,
}

/// An execution to be started. Every other key is an input; an `input` that is an object holds
/// inputs too, and they win over those beside it.
///
/// `triggerType` may only be `api`. `includeFileBase64` and `base64MaxBytes` are taken without
/// effect, `includeThinking` and `includeToolCalls` too, with an `agent-events-v1` stream.
/// `copilotToolCallId`, `workflowId` and `parentWorkspaceId` are ignored. `useDraftState`,
/// `workflowStateOverride`, `runFromBlock`, `stopAfterBlockId`, `triggerBlockId`,
/// `deploymentVersionId`, `isClientSession` and `inputFromExecutionId` are refused.
#[derive(Debug, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::ExecuteRequest)]
pub(super) struct ExecuteRequest {
    #[schema(required = false, default = false)]
    stream: bool,
    /// Which outputs are streamed: `block.path`, by id or name.
    #[schema(required = false, max_items = 100)]
    pub(super) selected_outputs: Vec<String>,
    #[serde(flatten)]
    #[schema(value_type = BTreeMap<String, Value>)]
    pub(super) rest: Map<String, Value>,
}

/// What only Sim's own editor may send, or what has no meaning here: refused, so that nobody gets
/// another run than the one they asked for.
const OVERRIDES: [&str; 7] = [
    "useDraftState",
    "workflowStateOverride",
    "runFromBlock",
    "stopAfterBlockId",
    "triggerBlockId",
    "deploymentVersionId",
    "isClientSession",
];
/// Events beside the text, which need a protocol that the request has not asked for.
const AGENT_EVENTS: [&str; 2] = ["includeThinking", "includeToolCalls"];
/// Sim's own limit in its second generation. Every chunk is compared with each.
const MAX_SELECTED: usize = 100;
/// How files in an output come.
const FILE_OPTIONS: [&str; 2] = ["includeFileBase64", "base64MaxBytes"];
/// Sim sends them to itself. They are no input.
const IGNORED: [&str; 3] = ["copilotToolCallId", "workflowId", "parentWorkspaceId"];

impl Request {
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, StartRefusal> {
        let body = body::parse_or_empty(body);
        let body = body.map_err(|error| invalid("Invalid JSON in request body", error))?;
        Self::of_body(headers, body)
    }

    fn of_body(headers: &HeaderMap, body: Value) -> Result<Self, StartRefusal> {
        let in_their_words = |error| invalid("Invalid request body", error);
        let mut fields = Fields::of_body(body).map_err(in_their_words)?;
        let mut body = ExecuteRequest {
            stream: fields.take_bool("stream").unwrap_or(false),
            selected_outputs: selected_outputs(&mut fields),
            rest: Map::new(),
        };
        let stream = body.stream || says(headers, "x-stream-response", "true");
        let mode = match (says(headers, "x-execution-mode", "async"), stream) {
            (true, _) => ResponseMode::Detach,
            (false, true) => ResponseMode::Stream,
            (false, false) => ResponseMode::Wait(None),
        };
        let agent_events = headers::speaks_agent_events(headers);
        let protocol = if agent_events { Protocol::AgentEvents } else { Protocol::Done };
        refuse_overrides(&mut fields, mode, &body.selected_outputs, protocol)?;
        for key in IGNORED {
            fields.take(key);
        }
        body.rest = fields.finish_with_rest().map_err(in_their_words)?;
        let timeout = timeout(headers, mode)?;
        let run_id = headers::run_id(headers, "x-execution-id")?;
        Ok(Self { mode, timeout, protocol, run_id, body })
    }
}

fn timeout(headers: &HeaderMap, mode: ResponseMode) -> Result<Option<Duration>, Error> {
    const NAME: &str = "the header X-Execution-Timeout-Seconds";
    let Some(given) = headers.get("x-execution-timeout-seconds") else { return Ok(None) };
    if mode != ResponseMode::Detach {
        return Err(Error::bad_field("", format!("{NAME} needs X-Execution-Mode: async")));
    }
    let seconds = given.to_str().ok().and_then(|seconds| seconds.trim().parse().ok());
    match seconds.filter(|seconds| (1..=MAX_TIMEOUT).contains(seconds)) {
        Some(seconds) => Ok(Some(Duration::from_secs(seconds))),
        None => {
            let message = format!("{NAME} must be a number from 1 to {MAX_TIMEOUT}");
            Err(Error::bad_field("", message))
        }
    }
}

fn selected_outputs(fields: &mut Fields) -> Vec<String> {
    const KEY: &str = "selectedOutputs";
    let items = fields.take_list(KEY).unwrap_or_default();
    let selected: Vec<_> = items.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if selected.len() < items.len() {
        fields.problem(KEY, "must be an array of strings");
    }
    if items.len() > MAX_SELECTED {
        let message = format!("has {} names, at most {MAX_SELECTED} are allowed", items.len());
        fields.problem(KEY, message);
    }
    selected
}

fn refuse_overrides(
    fields: &mut Fields,
    mode: ResponseMode,
    selected: &[String],
    protocol: Protocol,
) -> Result<(), StartRefusal> {
    if fields.take("inputFromExecutionId").is_some() {
        return Err(StartRefusal::InternalOnly(
            "External callers cannot take the input of another execution",
        ));
    }
    let mut take_set = |key: &&str| {
        fields.take(key).is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false)))
    };
    let overrides: Vec<_> = OVERRIDES.into_iter().filter(&mut take_set).collect();
    let files: Vec<_> = FILE_OPTIONS.into_iter().filter(&mut take_set).collect();
    let agent_events: Vec<_> = AGENT_EVENTS.into_iter().filter(&mut take_set).collect();
    let trigger = fields.take("triggerType").filter(|trigger| trigger != "api");
    if mode == ResponseMode::Detach
        && !(overrides.is_empty() && files.is_empty() && selected.is_empty())
    {
        let selected = (!selected.is_empty()).then_some("selectedOutputs");
        let keys = overrides.into_iter().chain(files).chain(selected);
        return Err(refused(
            "Async execution does not support draft or override execution controls",
            keys,
        ));
    }
    if trigger.is_some() {
        return Err(refused("External callers cannot override triggerType", ["triggerType"]));
    }
    if !overrides.is_empty() {
        return Err(refused(
            "External callers cannot use draft or override execution controls",
            overrides,
        ));
    }
    if !agent_events.is_empty() && (mode, protocol) != (ResponseMode::Stream, Protocol::AgentEvents)
    {
        return Err(refused(
            "includeThinking and includeToolCalls need a stream with the agent-events protocol",
            agent_events,
        ));
    }
    Ok(())
}

fn refused(error: &'static str, keys: impl IntoIterator<Item = &'static str>) -> StartRefusal {
    let problem = |key| FieldProblem {
        pointer: format!("/{key}"),
        message: "cannot be used here".to_owned(),
    };
    StartRefusal::Invalid { error: error.into(), problems: keys.into_iter().map(problem).collect() }
}

fn invalid(words: &'static str, error: Error) -> StartRefusal {
    match error {
        Error::BadInput(problems) => StartRefusal::Invalid { error: words.into(), problems },
        other => StartRefusal::Of(other),
    }
}

/// Callers write `{"a": 1}` and `{"input": {"a": 1}}` alike; what stands inside `input` wins. An
/// `input` that is no object is an input of that name.
pub(super) fn input(mut rest: Map<String, Value>) -> (Map<String, Value>, Nested) {
    let mut nested = HashSet::new();
    if rest.get("input").is_some_and(Value::is_object)
        && let Some(Value::Object(inner)) = rest.shift_remove("input")
    {
        nested.extend(inner.keys().cloned());
        rest.extend(inner);
    }
    (rest, Nested(nested))
}

/// The inputs that stood inside `input`.
#[derive(Debug)]
pub(super) struct Nested(HashSet<String>);

impl Nested {
    /// Says where in the body each problem stands.
    pub(super) fn place(&self, error: Error) -> Error {
        let Error::BadInput(problems) = error else { return error };
        let place = |problem: FieldProblem| {
            let field = problem
                .pointer
                .split('/')
                .nth(1)
                .unwrap_or_default()
                .replace("~1", "/")
                .replace("~0", "~");
            if self.0.contains(&field) {
                FieldProblem { pointer: format!("/input{}", problem.pointer), ..problem }
            } else {
                problem
            }
        };
        Error::BadInput(problems.into_iter().map(place).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(
        headers: &[(&'static str, &'static str)],
        body: Value,
    ) -> Result<Request, StartRefusal> {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Request::of_body(&HeaderMap::from_iter(headers), body)
    }

    #[test]
    fn control_keys_are_no_inputs() {
        let body = json!({
            "message": "hi",
            "stream": true,
            "selectedOutputs": ["agent1.content"],
            "workflowId": "w",
            "triggerType": "api",
            "useDraftState": false,
            "n": 1
        });
        let execution = read(&[], body).unwrap();
        assert_eq!(execution.mode, ResponseMode::Stream);
        assert_eq!(execution.body.selected_outputs, ["agent1.content"]);
        assert_eq!(Value::Object(execution.body.rest), json!({ "message": "hi", "n": 1 }));
    }

    #[test]
    fn headers_choose_the_mode() {
        let mode =
            |headers: &[(&'static str, &'static str)]| read(headers, json!({})).unwrap().mode;
        assert_eq!(mode(&[]), ResponseMode::Wait(None));
        assert_eq!(mode(&[("x-execution-mode", "async")]), ResponseMode::Detach);
        assert_eq!(mode(&[("x-execution-mode", "sync")]), ResponseMode::Wait(None));
        assert_eq!(mode(&[("x-stream-response", "true")]), ResponseMode::Stream);
        assert_eq!(
            mode(&[("x-stream-response", "true"), ("x-execution-mode", "async")]),
            ResponseMode::Detach
        );
    }

    #[test]
    fn overrides_are_refused_in_sims_words() {
        let refused =
            |headers: &[(&'static str, &'static str)], body: Value| match read(headers, body)
                .unwrap_err()
            {
                StartRefusal::Invalid { error, problems } => {
                    format!("{error}: {}", Error::BadInput(problems))
                }
                other => format!("{other:?}"),
            };
        let async_mode = [("x-execution-mode", "async")];
        assert_eq!(
            refused(&async_mode, json!({ "selectedOutputs": ["a.content"] })),
            "Async execution does not support draft or override execution controls: \
             selectedOutputs cannot be used here"
        );
        assert_eq!(
            refused(&[], json!({ "stream": true, "selectedOutputs": vec!["a.b"; 101] })),
            "Invalid request body: selectedOutputs has 101 names, at most 100 are allowed"
        );
        assert_eq!(
            refused(&[], json!({ "triggerType": "manual" })),
            "External callers cannot override triggerType: triggerType cannot be used here"
        );
        assert_eq!(
            refused(&[], json!({ "runFromBlock": { "executionId": "x" } })),
            "External callers cannot use draft or override execution controls: runFromBlock cannot \
             be used here"
        );
        assert_eq!(
            refused(&[], json!({ "stream": "yes", "selectedOutputs": [1] })),
            "Invalid request body: stream must be true or false, not a string; selectedOutputs \
             must be an array of strings"
        );
        assert!(refused(&[], json!({ "inputFromExecutionId": "x" })).contains("InternalOnly"));
        assert!(
            refused(&[], json!({ "stream": true, "includeThinking": true }))
                .contains("includeThinking cannot be used here")
        );
    }

    #[test]
    fn headers_choose_the_protocol_the_deadline_and_the_id() {
        let agent_events = [("x-sim-stream-protocol", "agent-events-v1")];
        assert_eq!(read(&[], json!({ "stream": true })).unwrap().protocol, Protocol::Done);
        assert_eq!(
            read(&agent_events, json!({ "stream": true, "includeToolCalls": true }))
                .unwrap()
                .protocol,
            Protocol::AgentEvents
        );
        let asynchronous = ("x-execution-mode", "async");
        let timed =
            read(&[asynchronous, ("x-execution-timeout-seconds", "60")], json!({})).unwrap();
        assert_eq!(timed.timeout, Some(Duration::from_secs(60)));
        for bad in ["0", "604801", "1.5", "-1", ""] {
            assert!(
                read(&[asynchronous, ("x-execution-timeout-seconds", bad)], json!({})).is_err(),
                "{bad}"
            );
        }
        assert!(read(&[("x-execution-timeout-seconds", "60")], json!({})).is_err());
        assert_eq!(read(&[("x-execution-id", "mine")], json!({})).unwrap().run_id.unwrap(), "mine");
    }

    #[test]
    fn what_stands_inside_input_wins() {
        let object = |value: Value| value.as_object().unwrap().clone();
        let (fields, nested) =
            input(object(json!({ "a": 0, "input": { "a": 1, "b/c": 2 }, "d": 3 })));
        assert_eq!(Value::Object(fields), json!({ "a": 1, "d": 3, "b/c": 2 }));
        let placed = nested.place(Error::BadInput(vec![
            FieldProblem { pointer: "/b~1c".to_owned(), message: "x".to_owned() },
            FieldProblem { pointer: "/d".to_owned(), message: "y".to_owned() },
        ]));
        assert_eq!(placed.to_string(), "input.b/c x; d y");
    }

    #[test]
    fn an_input_that_is_no_object_is_an_input_of_that_name() {
        let (fields, _) = input(json!({ "input": [1, 2] }).as_object().unwrap().clone());
        assert_eq!(Value::Object(fields), json!({ "input": [1, 2] }));
    }
}
