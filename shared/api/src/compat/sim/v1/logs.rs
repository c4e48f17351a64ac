//! Logs: `GET /api/v1/logs`, one of them, and the state that an execution ran.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::error::What;
use flowgate_app::key::Scope;
use flowgate_app::run::RunRecord;
use flowgate_app::{App, Error, answer};
use http::{StatusCode, Uri};
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::{
    Caller, ErrorBody, Limited, Limits, Refusal, documented, limited, limits, with_wrong_method,
};
use crate::compat::sim::log::{self, Extras, Log, LogParameters, LogQuery, Logged};
use crate::compat::sim::query as queries;
use crate::compat::sim::record::{self, Cost};
use crate::compat::sim::span::Span;
use crate::compat::sim::transfer;
use crate::compat::sim::workflow::LogWorkflow;
use crate::http::page;
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments, with_allowance};
use crate::http::time::Time;

pub(in crate::compat) fn routes() -> OpenApiRouter<Arc<App>> {
    documented()
        .routes(routes!(list).map(with_wrong_method))
        .routes(routes!(read).map(with_wrong_method))
        .routes(routes!(execution).map(with_wrong_method))
}

/// A page of logs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v1::LogPage)]
struct LogPage<'a> {
    data: Vec<ListedLog<'a>>,
    /// Null on the last page. One before it may be short, even empty.
    #[schema(required)]
    next_cursor: Option<String>,
    limits: Limits,
}

/// A run in a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v1::ListedLog)]
struct ListedLog<'a> {
    /// The run's own id.
    id: &'a str,
    /// The one that its caller chose, or else the same.
    execution_id: &'a str,
    #[serde(flatten)]
    log: Log<'a>,
    #[serde(flatten)]
    extras: Extras<'a>,
}

impl<'a> ListedLog<'a> {
    fn of(logged: &'a Logged, query: &LogQuery) -> Self {
        let head = &logged.record.head;
        Self {
            id: head.id.as_str(),
            execution_id: head.shown_id(),
            log: (&logged.record).into(),
            extras: logged.extras(query),
        }
    }
}

/// What only the first generation takes.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "it documents what `LogQuery` reads")]
struct OfGeneration {
    /// Only this execution.
    execution_id: Option<String>,
    /// There are no folders: with one, the list is empty.
    folder_ids: Option<String>,
}

/// List logs
///
/// Runs of all workflows that the key reads, newest first: of 500 workflows at most, or of those
/// that are named. Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/api/v1/logs",
    operation_id = "sim_v1_list_logs",
    tag = "Sim",
    params(LogParameters, OfGeneration),
    responses(
        (status = 200, description = "A page of logs.", body = LogPage),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
    )
)]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryPairs,
    uri: Uri,
) -> Result<Response, Refusal> {
    let cursor = queries::cursor(&query, &uri)?;
    let wanted = LogQuery::read(&query, cursor, ("executionId", "folderIds"))?;
    let found = wanted.find(&app, &caller).await?;
    let (limits, allowance) = limits::limits(&app, &caller).await?;
    let next_cursor = found.next_cursor.as_deref();
    let page = LogPage {
        data: found.items.iter().map(|logged| ListedLog::of(logged, &wanted)).collect(),
        next_cursor: next_cursor.map(|place| page::next_cursor(uri.path(), place)),
        limits,
    };
    Ok(with_allowance(Json(page).into_response(), allowance))
}

/// A run.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v1::LogDetail)]
struct LogDetail<'a> {
    id: &'a str,
    execution_id: &'a str,
    #[serde(flatten)]
    log: Log<'a>,
    workflow: LogWorkflow<'a>,
    #[schema(inline)]
    execution_data: ExecutionData<'a>,
    created_at: Time,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ExecutionData<'a> {
    /// Left out for callers without the scope `trace`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    trace_spans: Option<Vec<Span<'a>>>,
    #[schema(value_type = Value)]
    final_output: &'a Value,
    #[schema(value_type = Value)]
    workflow_input: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
}

type LogDetailLimited<'a> = Limited<LogDetail<'a>>;

/// Read a log
///
/// With the trace of the run, for keys that may see it. Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/api/v1/logs/{run_id}",
    operation_id = "sim_v1_read_log",
    tag = "Sim",
    params(("run_id" = String, Path, description = "The log's id, which is the run's.")),
    responses(
        (status = 200, description = "The log.", body = LogDetailLimited),
        Denied<ErrorBody>,
        Refused<ErrorBody, 404>,
        Refused<ErrorBody, 410>,
    )
)]
async fn read(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let record = app.find_run(&caller, Scope::Read, &id).await.map_err(|error| match error {
        Error::NotFound(What::Run) => Refusal::UnknownLog,
        other => Refusal::Of(other),
    })?;
    if record.wiped {
        return Err(Error::Gone.into());
    }
    let logged = log::logged(&app, &caller, record).await?;
    let record = &logged.record;
    let compiled = app.workflow_of(&record.head).await?;
    let owner = LogWorkflow::owner(&app, &caller, &record.head).await?;
    let detail = LogDetail {
        id: record.head.id.as_str(),
        execution_id: record.head.shown_id(),
        log: record.into(),
        workflow: LogWorkflow::of(&record.head, owner.as_deref(), compiled.as_deref()),
        execution_data: ExecutionData {
            trace_spans: logged.spans(),
            final_output: answer::output(record),
            workflow_input: &record.head.input,
            error: record::error_text(record, compiled.as_deref()),
        },
        created_at: record.head.created_at.into(),
    };
    limited(&app, &caller, StatusCode::OK, detail).await
}

/// What an execution ran.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v1::ExecutionState)]
struct ExecutionState<'a> {
    execution_id: &'a str,
    workflow_id: &'a str,
    workflow_state: transfer::State<'a>,
    #[schema(inline)]
    execution_metadata: ExecutionMetadata,
    limits: Limits,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ExecutionMetadata {
    trigger: &'static str,
    started_at: Time,
    #[schema(required)]
    ended_at: Option<Time>,
    #[schema(required)]
    total_duration_ms: Option<u64>,
    #[schema(required)]
    cost: Option<Cost>,
}

impl From<&RunRecord> for ExecutionMetadata {
    fn from(record: &RunRecord) -> Self {
        Self {
            trigger: log::trigger(&record.head),
            started_at: record::started_at(record),
            ended_at: record::ended_at(record),
            total_duration_ms: record.duration_ms(),
            cost: Cost::of(record),
        }
    }
}

/// Read the state that an execution ran
///
/// The document of its version, or of the draft that it tried. Needs the scope `trace`.
#[utoipa::path(
    get,
    path = "/api/v1/logs/executions/{execution_id}",
    operation_id = "sim_v1_read_execution_state",
    tag = "Sim",
    params(("execution_id" = String, Path, description = "The execution's id.")),
    responses(
        (status = 200, description = "The state.", body = ExecutionState),
        Denied<ErrorBody>,
        Refused<ErrorBody, 404>,
        Refused<ErrorBody, 410>,
    )
)]
async fn execution(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let found = app.find_run(&caller, Scope::Trace, &id).await;
    let found = found.map_err(Refusal::of_execution)?;
    let read = app.read_run_document(&caller, found.head.id.as_str()).await;
    let (record, document) = read.map_err(Refusal::of_execution)?;
    let (limits, allowance) = limits::limits(&app, &caller).await?;
    let state = ExecutionState {
        execution_id: record.head.shown_id(),
        workflow_id: &record.head.workflow_id,
        workflow_state: transfer::State { document: &document },
        execution_metadata: (&record).into(),
        limits,
    };
    Ok(with_allowance(Json(state).into_response(), allowance))
}
