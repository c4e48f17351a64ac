//! A run as callers see it. Answers and webhook bodies are the same bytes.

use flowgate_core::run::{Include, RunRecord, RunState, StartMode};
use flowgate_core::time::Timestamp;
use flowgate_engine::cost::dollars;
use flowgate_engine::json::size;
use flowgate_engine::{RunError, Usage};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// The native run object. Times are RFC 3339, durations integer milliseconds, cost integer
/// nano-USD, or null if a price is unknown.
#[derive(Serialize)]
pub struct RunAnswer<'a> {
    id: &'a str,
    workflow_id: &'a str,
    workflow_name: &'a str,
    version: &'a str,
    status: &'static str,
    /// The run that it repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    /// The key that started it: null for the operator and a schedule. Omitted where not all who
    /// read it may know.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Option<&'a str>>,
    /// Omitted if unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    /// Omitted in a list that does not include it.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a Value>,
    error: Option<&'a RunError>,
    usage: UsageAnswer,
    created_at: String,
    started_at: Option<String>,
    ended_at: Option<String>,
    /// From creation to start.
    queued_ms: Option<u64>,
    duration_ms: Option<u64>,
    links: Links,
    /// What an event left out for its size; `links.self` has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    omitted: Option<Omitted>,
}

#[derive(Serialize)]
struct Omitted {
    #[serde(skip_serializing_if = "Option::is_none")]
    input_bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_bytes: Option<usize>,
}

/// Maximum bytes of an input or output in an event. A larger one is read with the run.
pub const MAX_EVENT_VALUE: usize = 64 << 10;

#[derive(Serialize)]
struct UsageAnswer {
    tokens: Option<u64>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cost_nano_usd: Option<u64>,
}

impl From<Usage> for UsageAnswer {
    fn from(usage: Usage) -> Self {
        let Usage { tokens, cost_nano_usd, input_tokens, output_tokens } = usage;
        Self { tokens, input_tokens, output_tokens, cost_nano_usd }
    }
}

#[derive(Serialize)]
struct Links {
    #[serde(rename = "self")]
    itself: String,
    events: String,
    trace: String,
}

impl<'a> RunAnswer<'a> {
    pub fn new(record: &'a RunRecord, public_url: &str) -> Self {
        let (head, end) = (&record.head, record.end.as_deref());
        let itself = run_url(record, public_url);
        Self {
            id: head.id.as_str(),
            workflow_id: &head.workflow_id,
            workflow_name: &head.workflow_name,
            version: &head.version,
            status: record.state.as_str(),
            origin: head.origin.as_ref().map(|origin| origin.run.as_str()),
            user: head.user.as_deref(),
            key: None,
            mode: head.start_mode().map(StartMode::as_str),
            input: Some(&head.input),
            output: Some(output(record)),
            error: end.and_then(|end| end.error.as_ref()),
            usage: end.map(|end| end.usage).unwrap_or_default().into(),
            created_at: head.created_at.to_string(),
            started_at: record.started_at.map(|at| at.to_string()),
            ended_at: end.map(|end| end.ended_at.to_string()),
            queued_ms: record.queued_ms(),
            duration_ms: record.duration_ms(),
            links: Links {
                events: format!("{itself}/events"),
                trace: format!("{itself}/trace"),
                itself,
            },
            omitted: None,
        }
    }

    /// Returns the run as somebody sees it who may know whose it is.
    #[must_use]
    pub fn with_key(self, record: &'a RunRecord) -> Self {
        Self { key: Some(record.head.key_id.as_deref()), ..self }
    }

    /// Returns the run as an event shows it: without an input or output of more than
    /// [`MAX_EVENT_VALUE`] bytes.
    pub fn in_event(record: &'a RunRecord, public_url: &str) -> Self {
        let whole = Self::new(record, public_url);
        let too_large =
            |value: Option<&Value>| value.map(size).filter(|bytes| *bytes > MAX_EVENT_VALUE);
        let (input_bytes, output_bytes) = (too_large(whole.input), too_large(whole.output));
        let is_omitted = input_bytes.or(output_bytes).is_some();
        Self {
            input: whole.input.filter(|_| input_bytes.is_none()),
            output: whole.output.filter(|_| output_bytes.is_none()),
            omitted: is_omitted.then_some(Omitted { input_bytes, output_bytes }),
            ..whole
        }
    }

    /// Returns the run as a list shows it.
    pub fn listed(record: &'a RunRecord, include: Include, public_url: &str) -> Self {
        let whole = Self::new(record, public_url);
        Self {
            input: whole.input.filter(|_| include.input),
            output: whole.output.filter(|_| include.output),
            ..whole
        }
    }
}

pub fn run_url(record: &RunRecord, public_url: &str) -> String {
    format!("{public_url}/v1/runs/{}", record.head.id)
}

/// Returns null until the run has ended.
pub fn output(record: &RunRecord) -> &Value {
    record.end.as_deref().map_or(&Value::Null, |end| &end.output)
}

/// Returns dollars, if every price is known.
pub fn cost_usd(record: &RunRecord) -> Option<Value> {
    record.end.as_deref()?.usage.cost_nano_usd.map(dollars)
}

/// The answer of GPTBots' `workflow/invoke` and `workflow/query/result`, and the body of its
/// webhooks.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GptbotsResult<'a> {
    workflow_id: &'a str,
    workflow_name: &'a str,
    workflow_version: &'a str,
    workflow_run_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a Value>,
    /// Milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_execution_time: Option<u64>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_cost: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_tokens: Option<Value>,
    /// Milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
}

impl<'a> GptbotsResult<'a> {
    /// Until the run has ended, holds only its ids and state.
    pub fn new(record: &'a RunRecord) -> serde_json::Result<Self> {
        let (head, end) = (&record.head, record.end.as_deref());
        let input = match (&head.input_as_sent, end) {
            (_, None) => None,
            (Some(sent), _) => Some(RawValue::from_string(sent.clone())?),
            (None, _) => Some(serde_json::value::to_raw_value(&*head.input)?),
        };
        let cancelled = (record.state == RunState::Cancelled)
            .then(|| json!({ "code": "cancelled", "message": "the run was cancelled" }));
        Ok(Self {
            workflow_id: &head.workflow_id,
            workflow_name: &head.workflow_name,
            workflow_version: &head.version,
            workflow_run_id: head.id.as_str(),
            input,
            output: end.map(|end| &*end.output),
            workflow_execution_time: record.duration_ms(),
            status: gptbots_status(record.state),
            total_cost: end.map(|_| json!(cost_usd(record))),
            total_tokens: end.map(|end| json!(end.usage.tokens)),
            start_time: end.map(|end| end.started_at),
            end_time: end.map(|end| end.ended_at),
            error: end.and_then(|end| end.error.as_ref()).map(|error| json!(error)).or(cancelled),
        })
    }
}

pub(crate) fn gptbots_status(state: RunState) -> &'static str {
    match state {
        RunState::Pending => "PENDING",
        RunState::Running | RunState::Waiting => "RUNNING",
        RunState::Succeeded => "SUCCEED",
        RunState::Failed | RunState::Cancelled => "FAILED",
    }
}
