//! Executions that wait for people: `GET /api/workflows/{id}/paused`, one of them, and one question
//! of it with its answer: `/api/resume/{id}/{execution_id}/{context_id}`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::access::Caller as Who;
use flowgate_app::key::Scope;
use flowgate_app::page::PageRequest;
use flowgate_app::{App, Error};
use http::HeaderMap;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::compat::sim::pause::{self, PausePoint, PausedExecution, Resumed};
use crate::compat::sim::result::{ExecutionResult, Queued, queued};
use crate::compat::sim::{Caller, ErrorBody, Refusal};
use crate::http::body;
use crate::http::refused::{Denied, Refused};
use crate::http::request::Segments;

/// Questions that a list has: the oldest.
const MAX_LISTED: usize = 100;

/// Executions that wait for people.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::PausedExecutions)]
struct PausedExecutions {
    paused_executions: Vec<PausedExecution>,
}

/// List the executions that wait for people
///
/// Those with the oldest 100 questions. Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/api/workflows/{id}/paused",
    operation_id = "sim_list_paused",
    tag = "Sim",
    params(("id" = String, Path, description = "The workflow's id.")),
    responses(
        (status = 200, description = "The executions.", body = PausedExecutions),
        Denied<ErrorBody>,
        Refused<ErrorBody, 404>,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Segments(workflow_id): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let page = PageRequest { limit: MAX_LISTED, cursor: None };
    let found = app.all_questions(&caller, Some(&workflow_id), page).await?;
    let mut runs: Vec<_> = found.items.iter().map(|seen| &seen.run).collect();
    runs.dedup();
    let mut paused_executions: Vec<PausedExecution> = Vec::new();
    for (at, run) in runs.iter().enumerate() {
        if !runs[..at].contains(run) {
            paused_executions.extend(paused(&app, &caller, &workflow_id, run.as_str()).await?);
        }
    }
    Ok(Json(PausedExecutions { paused_executions }).into_response())
}

/// `None`: it does not wait for people.
async fn paused(
    app: &App,
    caller: &Who,
    workflow_id: &str,
    id: &str,
) -> Result<Option<PausedExecution>, Error> {
    let record = app.run_of_workflow(caller, Scope::Read, workflow_id, id).await?;
    let asked = app.asked_by(&record, pause::may_answer(caller)).await?;
    Ok(PausedExecution::of(app, &record, &asked))
}

/// An execution that waits for people, with its answers to be.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::PausedDetail)]
struct PausedDetail {
    #[serde(flatten)]
    execution: PausedExecution,
    #[schema(value_type = Option<Object>, required)]
    execution_snapshot: (),
    /// Always empty: the first answer counts, and none is queued.
    #[schema(value_type = Vec<Object>)]
    queue: Vec<Value>,
}

/// Read an execution that waits for people
///
/// Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/api/workflows/{id}/paused/{execution_id}",
    operation_id = "sim_read_paused",
    tag = "Sim",
    params(
        ("id" = String, Path, description = "The workflow's id."),
        ("execution_id" = String, Path, description = "The execution's id."),
    ),
    responses(
        (status = 200, description = "The execution.", body = PausedDetail),
        Denied<ErrorBody>,
        Refused<ErrorBody, 404>,
    )
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments((workflow_id, id)): Segments<(String, String)>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let found = paused(&app, &caller, &workflow_id, &id).await;
    let execution = found.map_err(Refusal::of_execution)?.ok_or(Refusal::NotPaused)?;
    let detail = PausedDetail { execution, execution_snapshot: (), queue: Vec::new() };
    Ok(Json(detail).into_response())
}

/// A question that nobody has answered.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::PauseContext)]
struct PauseContext {
    execution: PausedExecution,
    pause_point: PausePoint,
    /// Always empty.
    #[schema(value_type = Vec<Object>)]
    queue: Vec<Value>,
    #[schema(value_type = Option<Object>, required)]
    active_resume_entry: (),
}

/// Read a question of an execution
///
/// Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/api/resume/{id}/{execution_id}/{context_id}",
    operation_id = "sim_read_pause_context",
    tag = "Sim",
    params(
        ("id" = String, Path, description = "The workflow's id."),
        ("execution_id" = String, Path, description = "The execution's id."),
        ("context_id" = String, Path, description = "The question: `contextId` of `_resume`."),
    ),
    responses(
        (status = 200, description = "The question.", body = PauseContext),
        Denied<ErrorBody>,
        Refused<ErrorBody, 404>,
    )
)]
pub(super) async fn context(
    State(app): State<Arc<App>>,
    Segments((workflow_id, id, context_id)): Segments<(String, String, String)>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let found = paused(&app, &caller, &workflow_id, &id).await;
    let mut execution = found.map_err(Refusal::of_execution)?.ok_or(Refusal::UnknownContext)?;
    let at = execution.pause_points.iter().position(|point| point.context_id == context_id);
    let pause_point = execution.pause_points.swap_remove(at.ok_or(Refusal::UnknownContext)?);
    let context =
        PauseContext { execution, pause_point, queue: Vec::new(), active_resume_entry: () };
    Ok(Json(context).into_response())
}

/// A person's answer.
#[derive(ToSchema)]
#[schema(as = sim::NewAnswer)]
#[expect(dead_code, reason = "only its schema is used; `input_of` reads the same")]
struct NewAnswer {
    /// The fields of the question, and `approved`, which is `true` where it is left out. Without
    /// `input`, the body is that.
    #[schema(required = false)]
    input: Map<String, Value>,
}

/// Resume an execution
///
/// The first answer counts. Waits for the end, as the start did; a start that was asynchronous is
/// answered at once. Needs the scope `run`.
#[utoipa::path(
    post,
    path = "/api/resume/{id}/{execution_id}/{context_id}",
    operation_id = "sim_resume",
    tag = "Sim",
    params(
        ("id" = String, Path, description = "The workflow's id."),
        ("execution_id" = String, Path, description = "The execution's id."),
        ("context_id" = String, Path, description = "The question: `contextId` of `_resume`."),
    ),
    request_body = Option<NewAnswer>,
    responses(
        (
            status = 200,
            description = "The execution has ended, however it ended, or waits again.",
            body = ExecutionResult,
        ),
        (status = 202, description = "The answer is stored; the run goes on.", body = Queued),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
        Refused<ErrorBody, 404>,
        Refused<ErrorBody, 409>,
        Refused<ErrorBody, 413>,
        Refused<ErrorBody, 415>,
    )
)]
pub(super) async fn resume(
    State(app): State<Arc<App>>,
    Segments((workflow_id, id, context_id)): Segments<(String, String, String)>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let record = app.run_of_workflow(&caller, Scope::Run, &workflow_id, &id).await;
    let record = record.map_err(Refusal::of_execution)?;
    let input = input_of(body::parse_or_empty(&body::read(&headers, body).await?)?);
    let resumed = pause::resume(&app, &caller, &record, &context_id, input).await;
    let resumed = resumed.map_err(|error| match error {
        Error::NotAsked => Refusal::UnknownContext,
        other => Refusal::Of(other),
    })?;
    match resumed {
        Resumed::Ended(record) => {
            let workflow = app.workflow_of(&record.head).await?;
            let result = ExecutionResult::of(&record, workflow.as_deref());
            let status = Some(record.state.into());
            Ok(Json(ExecutionResult { status, ..result }).into_response())
        }
        Resumed::Waiting(record) => {
            let output = pause::output(&app, &record, true).await?.unwrap_or_default();
            Ok(Json(ExecutionResult::paused(&record, output)).into_response())
        }
        Resumed::Going(record) => Ok(queued(&app, &record, "Resume execution queued")),
    }
}

fn input_of(mut body: Value) -> Value {
    match body.get_mut("input") {
        Some(input) => input.take(),
        None => body,
    }
}
