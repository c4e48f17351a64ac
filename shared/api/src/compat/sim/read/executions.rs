//! Executions of the first generation after their start: `GET …/executions/{id}`, and its cancel.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::key::Scope;
use flowgate_app::run::RunRecord;
use flowgate_app::{App, Error};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::compat::sim::log;
use crate::compat::sim::pause::Paused;
use crate::compat::sim::record::{self, Cancellation, Cost, RunStatus, Wanted};
use crate::compat::sim::{Caller, ErrorBody, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments};
use crate::http::time::Time;

/// An execution.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::Execution)]
struct Execution<'a> {
    execution_id: &'a str,
    workflow_id: &'a str,
    status: RunStatus,
    #[schema(examples("api"))]
    trigger: &'static str,
    /// `info`, or `error` where it failed.
    level: &'static str,
    started_at: Time,
    #[schema(required)]
    ended_at: Option<Time>,
    #[schema(required)]
    total_duration_ms: Option<u64>,
    /// Null where it does not wait.
    #[schema(required)]
    paused: Option<Paused>,
    #[schema(required)]
    cost: Option<Cost>,
    #[schema(required)]
    error: Option<String>,
    /// Null unless it is asked for.
    #[schema(value_type = Value)]
    final_output: Option<&'a Value>,
    /// Null unless some are asked for.
    #[schema(value_type = Option<Object>, required)]
    block_outputs: Option<Map<String, Value>>,
}

/// What came of a cancel.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::Cancelled)]
struct Cancelled<'a> {
    #[serde(flatten)]
    cancellation: Cancellation,
    execution_id: &'a str,
}

/// Read an execution
///
/// Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/api/workflows/{id}/executions/{execution_id}",
    operation_id = "sim_read_execution",
    tag = "Sim",
    params(
        ("id" = String, Path, description = "The workflow's id."),
        ("execution_id" = String, Path, description = "The execution's id."),
        Wanted,
    ),
    responses(
        (status = 200, description = "The execution.", body = Execution),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
        Refused<ErrorBody, 404>,
        Refused<ErrorBody, 410>,
    )
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments((workflow_id, id)): Segments<(String, String)>,
    caller: Caller,
    query: QueryPairs,
) -> Result<Response, Refusal> {
    let wanted = Wanted::read(&query)?;
    let found = app.run_of_workflow(&caller, Scope::Read, &workflow_id, &id).await;
    let found = found.map_err(Refusal::of_execution)?;
    if found.wiped {
        return Err(Error::Gone.into());
    }
    Ok(Json(execution(&app, &wanted, &found).await?).into_response())
}

async fn execution<'a>(
    app: &App,
    wanted: &Wanted,
    found: &'a RunRecord,
) -> flowgate_app::Result<Execution<'a>> {
    let head = &found.head;
    let workflow = app.workflow_of(head).await?;
    Ok(Execution {
        execution_id: head.shown_id(),
        workflow_id: &head.workflow_id,
        status: found.state.into(),
        trigger: log::trigger(head),
        level: log::level(found),
        started_at: record::started_at(found),
        ended_at: record::ended_at(found),
        total_duration_ms: found.duration_ms(),
        paused: Paused::of(app, found).await?,
        cost: Cost::of(found),
        error: record::error_text(found, workflow.as_deref()),
        final_output: wanted.output(found),
        block_outputs: wanted.block_outputs(app, found).await?,
    })
}

/// Cancel an execution
///
/// One that has ended stays as it ended, and `reason` says so. Needs the scope `cancel`.
#[utoipa::path(
    post,
    path = "/api/workflows/{id}/executions/{execution_id}/cancel",
    operation_id = "sim_cancel_execution",
    tag = "Sim",
    params(
        ("id" = String, Path, description = "The workflow's id."),
        ("execution_id" = String, Path, description = "The execution's id."),
    ),
    responses(
        (status = 200, description = "What came of it.", body = Cancelled),
        Denied<ErrorBody>,
        Refused<ErrorBody, 404>,
    )
)]
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Segments((workflow_id, id)): Segments<(String, String)>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let cancelled = record::cancel(&app, &caller, &workflow_id, &id).await;
    let (found, cancellation) = cancelled.map_err(Refusal::of_execution)?;
    let execution_id = found.head.shown_id();
    Ok(Json(Cancelled { cancellation, execution_id }).into_response())
}
