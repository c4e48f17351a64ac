//! What came of a run of the second generation: it has ended, waits, or goes on.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use flowgate_app::run::{RunRecord, RunState};
use flowgate_app::{App, Result, answer};
use flowgate_engine::Workflow;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Data;
use crate::compat::sim::pause;
use crate::compat::sim::record::{self, Failure, RunStatus};
use crate::http::time::Time;

pub(super) const RUN_ID: &str = "x-run-id";

/// A run that was waited for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v2::RunResult)]
pub(super) struct RunResult<'a> {
    pub(super) run_id: &'a str,
    pub(super) workflow_id: &'a str,
    pub(super) status: RunStatus,
    #[schema(value_type = Value)]
    pub(super) output: Option<Cow<'a, Value>>,
    #[schema(required)]
    pub(super) error: Option<Failure>,
    pub(super) started_at: Time,
    #[schema(required)]
    pub(super) ended_at: Option<Time>,
    #[schema(required)]
    pub(super) duration_ms: Option<u64>,
}

/// A run that was accepted.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v2::Queued)]
pub(super) struct Queued<'a> {
    run_id: &'a str,
    status_url: String,
}

pub(super) fn result<'a>(record: &'a RunRecord, workflow: Option<&Workflow>) -> RunResult<'a> {
    let output = answer::output(record);
    let is_empty = output.as_object().is_some_and(|output| output.is_empty());
    let nothing_left = record.state != RunState::Succeeded && is_empty;
    RunResult {
        run_id: record.head.shown_id(),
        workflow_id: &record.head.workflow_id,
        status: record.state.into(),
        output: (!nothing_left).then_some(Cow::Borrowed(output)),
        error: Failure::of(record, workflow),
        started_at: record::started_at(record),
        ended_at: record::ended_at(record),
        duration_ms: record.duration_ms(),
    }
}

/// It waits for a time, or for a person: then the output says how to answer.
pub(super) async fn paused<'a>(
    app: &App,
    record: &'a RunRecord,
    may_answer: bool,
) -> Result<RunResult<'a>> {
    let output = pause::output(app, record, may_answer).await?;
    let waiting = RunResult { status: RunStatus::Paused, ..result(record, None) };
    Ok(match output {
        Some(output) => RunResult { output: Some(Cow::Owned(output)), ..waiting },
        None => waiting,
    })
}

pub(super) fn queued(app: &App, record: &RunRecord) -> Response {
    let (workflow_id, run_id) = (&record.head.workflow_id, record.head.shown_id());
    let public_url = &app.settings.public_url;
    let status_url = format!("{public_url}/api/v2/workflows/{workflow_id}/runs/{run_id}");
    (StatusCode::ACCEPTED, Data { data: Queued { run_id, status_url } }).into_response()
}

pub(super) fn with_id(mut response: Response, id: &str) -> Response {
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(RUN_ID, id);
    }
    response
}
