//! The run, as the native API shows it.

use axum::Json;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use flowgate_app::access::Caller;
use flowgate_app::answer::RunAnswer;
use flowgate_app::id::RunId;
use flowgate_app::key::Scope;
use flowgate_app::run::{Include, RunRecord, RunState};
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::status::RETRY_SECONDS;
use crate::http::time::Time;

const X_RUN_ID: HeaderName = HeaderName::from_static("x-run-id");

/// A run. Webhooks carry the same bytes, so [`flowgate_app::answer`] writes them.
#[derive(Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = RunSchema, description = "A run. Webhooks of native starts carry the same.")]
pub(crate) struct Run<'a>(#[schema(inline)] RunAnswer<'a>);

/// A run.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used; `RunAnswer` has the same fields")]
struct RunSchema<'a> {
    #[schema(examples("run_01a20136dd0a70a6a0c905b0f32e819a"))]
    id: String,
    workflow_id: String,
    workflow_name: String,
    /// The version that the run started with; `draft` for a draft.
    #[schema(examples("1.0.0"))]
    version: String,
    status: RunStatus,
    /// The run that it repeats. Left out where it repeats none.
    #[schema(nullable = false)]
    origin: Option<String>,
    /// Left out where the start named none.
    #[schema(nullable = false)]
    user: Option<String>,
    /// The id of the key that started it; null for the operator and for schedules. Left out for
    /// callers without the scope `trace`, in events and in webhooks.
    key: Option<String>,
    /// How it was started. Left out in runs of earlier releases.
    #[schema(nullable = false)]
    mode: Option<RunMode>,
    /// As the nodes see it, with defaults. A list leaves it out unless asked.
    #[schema(required = false)]
    input: Value,
    /// Null until the end, and for a cancelled run. Of a failed run, what its output nodes left. A
    /// list leaves it out unless asked.
    #[schema(required = false)]
    output: Value,
    /// Of a failed run.
    #[schema(required)]
    error: Option<RunError<'a>>,
    usage: Usage,
    created_at: Time,
    #[schema(required)]
    started_at: Option<Time>,
    #[schema(required)]
    ended_at: Option<Time>,
    /// From creation to start. Null until it has started.
    #[schema(required)]
    queued_ms: Option<u64>,
    /// From start to end.
    #[schema(required)]
    duration_ms: Option<u64>,
    links: Links,
    /// In an event: what is left out for its size, more than 64 KiB. `links.self` has it.
    #[schema(nullable = false)]
    omitted: Option<Omitted>,
}

/// How a run was started.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used; `StartMode` has the same names")]
enum RunMode {
    /// The caller waited for its end.
    Wait,
    /// The caller read its events.
    Stream,
    /// It was accepted, and the caller went on.
    Async,
    Schedule,
}

/// What an event leaves out of a run for its size.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used, by `RunSchema`")]
struct Omitted {
    #[schema(nullable = false)]
    input_bytes: Option<u64>,
    #[schema(nullable = false)]
    output_bytes: Option<u64>,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RunStatus {
    /// Stored, not started.
    Pending,
    Running,
    Waiting,
    Succeeded,
    Failed,
    Cancelled,
}

impl From<RunState> for RunStatus {
    fn from(state: RunState) -> Self {
        match state {
            RunState::Pending => Self::Pending,
            RunState::Running => Self::Running,
            RunState::Waiting => Self::Waiting,
            RunState::Succeeded => Self::Succeeded,
            RunState::Failed => Self::Failed,
            RunState::Cancelled => Self::Cancelled,
        }
    }
}

/// Why a run, or a node in it, failed.
#[derive(Serialize, ToSchema)]
pub(crate) struct RunError<'a> {
    code: &'a str,
    message: &'a str,
    /// The node's id. Left out where the run as a whole failed.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a str>,
}

impl<'a> From<&'a flowgate_engine::RunError> for RunError<'a> {
    fn from(error: &'a flowgate_engine::RunError) -> Self {
        Self { code: &error.code, message: &error.message, node: error.node.as_deref() }
    }
}

/// What the models of a run used, counted at its end.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used, by `RunSchema`")]
struct Usage {
    /// Null where a model did not say.
    #[schema(required)]
    tokens: Option<u64>,
    /// Of `tokens`. Null also where a model says only the sum.
    #[schema(required)]
    input_tokens: Option<u64>,
    #[schema(required)]
    output_tokens: Option<u64>,
    /// In 10⁻⁹ USD. Null where a price is not known.
    #[schema(required)]
    cost_nano_usd: Option<u64>,
}

/// Where more is said of a run.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used, by `RunSchema`")]
struct Links {
    #[schema(rename = "self")]
    itself: String,
    events: String,
    trace: String,
}

impl<'a> Run<'a> {
    pub(super) fn new(app: &App, record: &'a RunRecord) -> Self {
        Self(RunAnswer::new(record, &app.settings.public_url))
    }

    /// As this caller sees it.
    pub(super) fn seen_by(self, caller: &Caller, record: &'a RunRecord) -> Self {
        if caller.has(Scope::Trace) { Self(self.0.with_key(record)) } else { self }
    }

    /// As an event shows it.
    pub(super) fn in_event(app: &App, record: &'a RunRecord) -> Self {
        Self(RunAnswer::in_event(record, &app.settings.public_url))
    }

    /// As a list shows it.
    pub(super) fn listed(app: &App, record: &'a RunRecord, include: Include) -> Self {
        Self(RunAnswer::listed(record, include, &app.settings.public_url))
    }
}

/// 200 with a run that has ended, however it ended; 202 with one that goes on.
pub(super) fn response(app: &App, caller: &Caller, record: &RunRecord) -> Response {
    if !record.state.has_ended() {
        return accepted(app, caller, record);
    }
    let run = Run::new(app, record).seen_by(caller, record);
    with_run_headers(Json(run).into_response(), app, &record.head.id)
}

pub(super) fn accepted(app: &App, caller: &Caller, record: &RunRecord) -> Response {
    let run = Run::new(app, record).seen_by(caller, record);
    let mut response = (StatusCode::ACCEPTED, Json(run)).into_response();
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
    with_run_headers(response, app, &record.head.id)
}

/// Adds `X-Run-Id` and `Location`.
pub(super) fn with_run_headers(mut response: Response, app: &App, run: &RunId) -> Response {
    let location = format!("{}/v1/runs/{run}", app.settings.public_url);
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    with_run_id(response, run)
}

pub(super) fn with_run_id(mut response: Response, run: &RunId) -> Response {
    if let Ok(id) = HeaderValue::try_from(run.as_str()) {
        response.headers_mut().insert(X_RUN_ID, id);
    }
    response
}
