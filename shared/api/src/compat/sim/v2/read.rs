//! Runs of the second generation after their start: list, read, cancel.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::key::Scope;
use flowgate_app::page::PageRequest;
use flowgate_app::run::{RunFilter, RunRecord, RunState, Selection};
use flowgate_app::time::Timestamp;
use flowgate_app::{App, Error};
use http::Uri;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::{
    Caller, Data, ErrorBody, Refusal, documented, not_stored, refuse_unknown, resume,
    with_wrong_method,
};
use crate::compat::sim::log::trigger;
use crate::compat::sim::pause::Paused;
use crate::compat::sim::query as queries;
use crate::compat::sim::record::{self, Cancellation, Cost, Failure, RunStatus, Wanted};
use crate::http::page;
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments};
use crate::http::time::Time;

pub(in crate::compat) fn routes() -> OpenApiRouter<Arc<App>> {
    not_stored(
        documented()
            .routes(routes!(list).map(with_wrong_method))
            .routes(routes!(read).map(with_wrong_method))
            .routes(routes!(cancel).map(with_wrong_method))
            .routes(routes!(resume::resume).map(with_wrong_method)),
    )
}

const DEFAULT_LIMIT: usize = 50;

/// A page of runs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v2::RunPage)]
struct RunPage<'a> {
    data: Vec<RunSummary<'a>>,
    /// Null on the last page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A run, without its results.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v2::RunSummary)]
struct RunSummary<'a> {
    run_id: &'a str,
    workflow_id: &'a str,
    status: RunStatus,
    #[schema(examples("api"))]
    trigger: &'static str,
    started_at: Time,
    #[schema(required)]
    ended_at: Option<Time>,
    #[schema(required)]
    duration_ms: Option<u64>,
    #[schema(required)]
    cost: Option<Cost>,
}

/// A run.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v2::Run)]
struct Run<'a> {
    #[serde(flatten)]
    summary: RunSummary<'a>,
    /// Null where it does not wait.
    #[schema(required)]
    paused: Option<Paused>,
    #[schema(required)]
    error: Option<Failure>,
    /// Null unless it is asked for.
    #[schema(value_type = Value)]
    output: Option<&'a Value>,
    /// Null unless some are asked for.
    #[schema(value_type = Option<Object>, required)]
    block_outputs: Option<Map<String, Value>>,
}

/// What came of a cancel.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v2::Cancelled)]
struct Cancelled<'a> {
    #[serde(flatten)]
    cancellation: Cancellation,
    run_id: &'a str,
}

/// Which runs are listed.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
struct RunsQuery {
    /// `queued`, `pending`, `running`, `paused`, `completed`, `failed` or `cancelled`.
    #[param(value_type = Option<String>)]
    status: Option<RunState>,
    /// `api` or `schedule`, with commas between. With it a page may be short, or empty, and still
    /// not be the last.
    trigger: Option<String>,
    #[param(value_type = Option<Time>)]
    start_date: Option<Timestamp>,
    /// It belongs to the range.
    #[param(value_type = Option<Time>)]
    end_date: Option<Timestamp>,
    #[param(required = false, minimum = 1, maximum = 100, default = 50)]
    limit: usize,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// `desc` (the default) or `asc`.
    #[param(value_type = Option<String>)]
    order: Order,
}

enum Order {
    OldestFirst,
    NewestFirst,
}

/// List the runs of a workflow
///
/// Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/api/v2/workflows/{id}/runs",
    operation_id = "sim_v2_list_runs",
    tag = "Sim v2",
    params(("id" = String, Path, description = "The workflow's id."), RunsQuery),
    responses(
        (status = 200, description = "A page of runs.", body = RunPage),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
        Refused<ErrorBody, 404>,
    )
)]
async fn list(
    State(app): State<Arc<App>>,
    Segments(workflow_id): Segments<String>,
    caller: Caller,
    query: QueryPairs,
    uri: Uri,
) -> Result<Response, Refusal> {
    let query = RunsQuery::read(&query, &uri)?;
    let (filter, page) = (query.filter(), query.page());
    let found = match &query.trigger {
        None => app.list_runs(&caller, &workflow_id, filter, page).await?,
        Some(triggers) => {
            app.deployment(&caller, &workflow_id).await?;
            let meant = |found: &RunRecord| {
                triggers.split(',').any(|one| one.trim() == trigger(&found.head))
            };
            app.sift_runs(&caller, &[workflow_id], filter, page, meant).await?
        }
    };
    let data = found.items.iter().map(Into::into).collect();
    let next_cursor = found.next_cursor.as_deref();
    let next_cursor = next_cursor.map(|place| page::next_cursor(uri.path(), place));
    Ok(Json(RunPage { data, next_cursor }).into_response())
}

type RunData<'a> = Data<Run<'a>>;

/// Read a run
///
/// Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/api/v2/workflows/{id}/runs/{run_id}",
    operation_id = "sim_v2_read_run",
    tag = "Sim v2",
    params(
        ("id" = String, Path, description = "The workflow's id."),
        ("run_id" = String, Path, description = "The run's id."),
        Wanted,
    ),
    responses(
        (status = 200, description = "The run.", body = RunData),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
        Refused<ErrorBody, 404>,
        Refused<ErrorBody, 410>,
    )
)]
async fn read(
    State(app): State<Arc<App>>,
    Segments((workflow_id, id)): Segments<(String, String)>,
    caller: Caller,
    query: QueryPairs,
) -> Result<Response, Refusal> {
    refuse_unknown(&query, &["includeOutput", "selectedOutputs"])?;
    let wanted = Wanted::read(&query)?;
    let found = app.run_of_workflow(&caller, Scope::Read, &workflow_id, &id).await?;
    if found.wiped {
        return Err(Error::Gone.into());
    }
    let workflow = app.workflow_of(&found.head).await?;
    let run = Run {
        summary: (&found).into(),
        paused: Paused::of(&app, &found).await?,
        error: Failure::of(&found, workflow.as_deref()),
        output: wanted.output(&found),
        block_outputs: wanted.block_outputs(&app, &found).await?,
    };
    Ok(Data { data: run }.into_response())
}

type CancelledData<'a> = Data<Cancelled<'a>>;

/// Cancel a run
///
/// One that has ended stays as it ended, and `reason` says so. Needs the scope `cancel`.
#[utoipa::path(
    post,
    path = "/api/v2/workflows/{id}/runs/{run_id}/cancel",
    operation_id = "sim_v2_cancel_run",
    tag = "Sim v2",
    params(
        ("id" = String, Path, description = "The workflow's id."),
        ("run_id" = String, Path, description = "The run's id."),
    ),
    responses(
        (status = 200, description = "What came of it.", body = CancelledData),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
        Refused<ErrorBody, 404>,
    )
)]
async fn cancel(
    State(app): State<Arc<App>>,
    Segments((workflow_id, id)): Segments<(String, String)>,
    caller: Caller,
    query: QueryPairs,
) -> Result<Response, Refusal> {
    refuse_unknown(&query, &[])?;
    let (found, cancellation) = record::cancel(&app, &caller, &workflow_id, &id).await?;
    let cancelled = Cancelled { cancellation, run_id: found.head.shown_id() };
    Ok(Data { data: cancelled }.into_response())
}

impl<'a> From<&'a RunRecord> for RunSummary<'a> {
    fn from(found: &'a RunRecord) -> Self {
        Self {
            run_id: found.head.shown_id(),
            workflow_id: &found.head.workflow_id,
            status: found.state.into(),
            trigger: trigger(&found.head),
            started_at: record::started_at(found),
            ended_at: record::ended_at(found),
            duration_ms: found.duration_ms(),
            cost: Cost::of(found),
        }
    }
}

impl RunsQuery {
    const KNOWN: [&str; 7] =
        ["status", "trigger", "startDate", "endDate", "limit", "cursor", "order"];

    fn read(query: &QueryPairs, uri: &Uri) -> Result<Self, Error> {
        refuse_unknown(query, &Self::KNOWN)?;
        let end_date = queries::time(query, "endDate")?;
        Ok(Self {
            status: query.get("status").map(state).transpose()?,
            trigger: query.get("trigger").map(str::to_owned),
            start_date: queries::time(query, "startDate")?,
            end_date,
            order: order(query)?,
            limit: queries::limit(query, DEFAULT_LIMIT)?,
            cursor: queries::cursor(query, uri)?,
        })
    }

    fn filter(&self) -> RunFilter {
        let selection = Selection {
            state: self.status,
            created_from: self.start_date,
            created_before: self.end_date.map(|end| end + Duration::from_millis(1)),
            ..Selection::default()
        };
        RunFilter { oldest_first: matches!(self.order, Order::OldestFirst), ..selection.into() }
    }

    fn page(&self) -> PageRequest {
        PageRequest { limit: self.limit, cursor: self.cursor.clone() }
    }
}

fn order(query: &QueryPairs) -> Result<Order, Error> {
    match query.get("order") {
        None | Some("desc") => Ok(Order::NewestFirst),
        Some("asc") => Ok(Order::OldestFirst),
        Some(_) => Err(Error::bad_field("/order", "must be asc or desc")),
    }
}

fn state(text: &str) -> Result<RunState, Error> {
    const MESSAGE: &str =
        "must be one of queued, pending, running, paused, completed, failed, cancelled";
    Ok(match text {
        "queued" | "pending" => RunState::Pending,
        "running" => RunState::Running,
        "paused" => RunState::Waiting,
        "completed" => RunState::Succeeded,
        "failed" => RunState::Failed,
        "cancelled" => RunState::Cancelled,
        _ => return Err(Error::bad_field("/status", MESSAGE)),
    })
}
