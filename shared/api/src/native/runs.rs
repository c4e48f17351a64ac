//! Runs: read, list, explain, cancel.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::answer::RunAnswer;
use flowgate_app::event::NodeTrace;
use flowgate_app::id::RunId;
use flowgate_app::run::{Include, RunFilter, RunRecord, RunState};
use flowgate_app::runs::Cancelled;
use flowgate_app::time::Timestamp;
use flowgate_app::{App, Error};
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use serde_json::{Value, json};

use super::page;
use crate::caller::caller;
use crate::problem::Refusal;
use crate::request::{QueryPairs, Segments};
use crate::status::RETRY_SECONDS;

const X_RUN_ID: HeaderName = HeaderName::from_static("x-run-id");

pub(super) async fn read(State(app): State<Arc<App>>, Segments(run_id): Segments<String>, headers: HeaderMap) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    let record = app.read_run(&caller, &run_id).await?;
    let mut response = Json(RunAnswer::new(&record, &app.settings.public_url)).into_response();
    if !record.state.has_ended() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
    }
    Ok(response)
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Segments(workflow_id): Segments<String>,
    query: QueryPairs,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    let include = include(&query)?;
    let filter = RunFilter {
        state: query.get("status").map(state).transpose()?,
        user: query.get("user").map(str::to_owned),
        created_from: time(&query, "created_from")?,
        created_before: time(&query, "created_before")?,
        oldest_first: false,
        include,
    };
    let found = app.list_runs(&caller, &workflow_id, filter, page::request(&query)?).await?;
    let item = |record: &RunRecord| json!(RunAnswer::listed(record, include, &app.settings.public_url));
    Ok(page::answer(&app, &uri, &query, &found, item))
}

pub(super) async fn trace(
    State(app): State<Arc<App>>,
    Segments(run_id): Segments<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = caller(&app, &headers).await?;
    let record = app.read_run(&caller, &run_id).await?;
    let nodes: Vec<_> = app.trace(&record).await?.iter().map(node_answer).collect();
    Ok(Json(
        json!({ "run_id": record.head.id, "workflow_id": record.head.workflow_id, "version": record.head.version, "status": record.state.as_str(), "nodes": nodes }),
    ))
}

/// 200 once the run has ended, 202 while whoever drives it is still to see the request.
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Segments(run_id): Segments<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    match app.cancel_run(&caller, &run_id).await? {
        Cancelled::Cancelled(record) => Ok(answer(&app, &record)),
        Cancelled::Already(record) => Err(Error::AlreadyEnded(record.state).into()),
    }
}

/// 200 with a run that has ended, however it ended; 202 with one that goes on.
pub(super) fn answer(app: &App, record: &RunRecord) -> Response {
    if !record.state.has_ended() {
        return accepted(app, record);
    }
    let mut response = Json(RunAnswer::new(record, &app.settings.public_url)).into_response();
    name_run(&mut response, app, &record.head.id);
    response
}

pub(super) fn accepted(app: &App, record: &RunRecord) -> Response {
    let mut response = (StatusCode::ACCEPTED, Json(RunAnswer::new(record, &app.settings.public_url))).into_response();
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
    name_run(&mut response, app, &record.head.id);
    response
}

/// `X-Run-Id` and `Location`.
pub(super) fn name_run(response: &mut Response, app: &App, run: &RunId) {
    for (name, value) in [(X_RUN_ID, run.to_string()), (LOCATION, format!("{}/v1/runs/{run}", app.settings.public_url))] {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
}

fn node_answer(node: &NodeTrace) -> Value {
    json!({
        "node": node.node,
        "kind": node.kind,
        "status": node.status,
        "attempts": node.attempts,
        "started_at": node.started_at.map(|at| at.to_string()),
        "duration_ms": node.duration_ms,
        "input": node.input,
        "output": node.output,
        "error": node.error,
        "tokens": node.tokens,
        "cost_nano_usd": node.cost_nano_usd,
    })
}

fn state(text: &str) -> Result<RunState, Error> {
    let states = [RunState::Pending, RunState::Running, RunState::Waiting, RunState::Succeeded, RunState::Failed, RunState::Cancelled];
    let known = states.into_iter().find(|state| state.as_str() == text);
    known.ok_or_else(|| page::bad_query("status", "must be one of pending, running, waiting, succeeded, failed, cancelled"))
}

/// What the list tells beside the rest: `input`, `output` or both.
fn include(query: &QueryPairs) -> Result<Include, Error> {
    let mut include = Include::default();
    for name in query.get("include").into_iter().flat_map(|names| names.split(',')) {
        match name.trim() {
            "input" => include.input = true,
            "output" => include.output = true,
            _ => return Err(page::bad_query("include", "must be input, output or both, with a comma between")),
        }
    }
    Ok(include)
}

fn time(query: &QueryPairs, name: &str) -> Result<Option<Timestamp>, Error> {
    let read = |text| Timestamp::parse_rfc3339(text).ok_or_else(|| page::bad_query(name, "must be a time such as 2026-01-31T08:15:00Z"));
    query.get(name).map(read).transpose()
}
