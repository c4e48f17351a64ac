//! Logs: `GET /api/v2/logs`, and one of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::key::Scope;
use flowgate_app::{App, Error, answer};
use http::Uri;
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::{
    Caller, Data, ErrorBody, Refusal, documented, not_stored, refuse_unknown, with_wrong_method,
};
use crate::compat::sim::log::{self, Extras, Log, LogParameters, LogQuery, Logged};
use crate::compat::sim::query as queries;
use crate::compat::sim::record::RunStatus;
use crate::compat::sim::span::Span;
use crate::compat::sim::transfer;
use crate::compat::sim::workflow::LogWorkflow;
use crate::http::page;
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments};
use crate::http::time::Time;

pub(in crate::compat) fn routes() -> OpenApiRouter<Arc<App>> {
    not_stored(
        documented()
            .routes(routes!(list).map(with_wrong_method))
            .routes(routes!(read).map(with_wrong_method)),
    )
}

/// A page of logs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v2::LogPage)]
struct LogPage<'a> {
    data: Vec<ListedLog<'a>>,
    /// Null on the last page. One before it may be short, even empty.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A run in a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v2::ListedLog)]
struct ListedLog<'a> {
    run_id: &'a str,
    status: RunStatus,
    #[serde(flatten)]
    log: Log<'a>,
    #[serde(flatten)]
    extras: Extras<'a>,
}

impl<'a> ListedLog<'a> {
    fn of(logged: &'a Logged, query: &LogQuery) -> Self {
        let record = &logged.record;
        Self {
            run_id: record.head.shown_id(),
            status: record.state.into(),
            log: record.into(),
            extras: logged.extras(query),
        }
    }
}

/// What only the second generation takes.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "it documents what `LogQuery` reads")]
struct OfGeneration {
    /// Only this run.
    run_id: Option<String>,
    /// There are no folders: with others than `/`, the list is empty.
    folder_paths: Option<String>,
}

/// List logs
///
/// Runs of all workflows that the key reads, newest first: of 500 workflows at most, or of those
/// that are named. Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/api/v2/logs",
    operation_id = "sim_v2_list_logs",
    tag = "Sim v2",
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
    let known: Vec<&str> = log::KNOWN.into_iter().chain(["runId", "folderPaths"]).collect();
    refuse_unknown(&query, &known)?;
    let cursor = queries::cursor(&query, &uri)?;
    let wanted = LogQuery::read(&query, cursor, ("runId", "folderPaths"))?;
    let found = wanted.find(&app, &caller).await?;
    let next_cursor = found.next_cursor.as_deref();
    let page = LogPage {
        data: found.items.iter().map(|logged| ListedLog::of(logged, &wanted)).collect(),
        next_cursor: next_cursor.map(|place| page::next_cursor(uri.path(), place)),
    };
    Ok(Json(page).into_response())
}

/// A run.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v2::LogDetail)]
struct LogDetail<'a> {
    run_id: &'a str,
    status: RunStatus,
    #[serde(flatten)]
    log: Log<'a>,
    workflow: LogWorkflow<'a>,
    /// What the run ran. Null for callers without the scope `trace`.
    #[schema(required)]
    workflow_state: Option<transfer::State<'a>>,
    /// Null for callers without the scope `trace`.
    #[schema(required)]
    trace_spans: Option<Vec<Span<'a>>>,
    #[schema(value_type = Value)]
    final_output: &'a Value,
    created_at: Time,
}

type LogDetailData<'a> = Data<LogDetail<'a>>;

/// Read a log
///
/// With the trace of the run, for keys that may see it. Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/api/v2/logs/{run_id}",
    operation_id = "sim_v2_read_log",
    tag = "Sim v2",
    params(("run_id" = String, Path, description = "The run's id.")),
    responses(
        (status = 200, description = "The log.", body = LogDetailData),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
        Refused<ErrorBody, 404>,
        Refused<ErrorBody, 410>,
    )
)]
async fn read(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
    query: QueryPairs,
) -> Result<Response, Refusal> {
    refuse_unknown(&query, &[])?;
    let record = app.find_run(&caller, Scope::Read, &id).await?;
    if record.wiped {
        return Err(Error::Gone.into());
    }
    let logged = log::logged(&app, &caller, record).await?;
    let record = &logged.record;
    let document = match caller.has(Scope::Trace) {
        true => Some(app.read_run_document(&caller, record.head.id.as_str()).await?.1),
        false => None,
    };
    let compiled = app.workflow_of(&record.head).await?;
    let owner = LogWorkflow::owner(&app, &caller, &record.head).await?;
    let data = LogDetail {
        run_id: record.head.shown_id(),
        status: record.state.into(),
        log: record.into(),
        workflow: LogWorkflow::of(&record.head, owner.as_deref(), compiled.as_deref()),
        workflow_state: document.as_deref().map(|document| transfer::State { document }),
        trace_spans: logged.spans(),
        final_output: answer::output(record),
        created_at: record.head.created_at.into(),
    };
    Ok(Data { data }.into_response())
}
