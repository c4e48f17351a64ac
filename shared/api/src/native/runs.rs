//! Runs, after their start: read, list, cancel.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::run::{Include, RunFilter, RunState};
use flowgate_app::runs::Cancelled;
use flowgate_app::time::Timestamp;
use flowgate_app::{App, Error};
use http::header::RETRY_AFTER;
use http::{HeaderValue, Uri};
use utoipa::IntoParams;

use super::Caller;
use super::run::{self, Run, RunStatus};
use crate::http::page::{self, List, PageQuery, bad_query};
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments};
use crate::http::status::RETRY_SECONDS;
use crate::http::time::Time;

/// Read a run
///
/// Needs the scope `read`. While the run goes on, `Retry-After` says when to ask again.
#[utoipa::path(
    get,
    path = "/v1/runs/{run_id}",
    operation_id = "read_run",
    tag = "Runs",
    params(("run_id" = String, Path, description = "The run's id.")),
    responses(
        (status = 200, description = "The run.", body = Run),
        Denied<Problem>,
        Refused<Problem, 404>,
        Refused<Problem, 410>,
    )
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments(run_id): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let record = app.read_run(&caller, &run_id).await?;
    let mut response = Json(Run::new(&app, &record)).into_response();
    if !record.state.has_ended() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
    }
    Ok(response)
}

type RunList<'a> = List<Run<'a>>;

/// Which runs of a workflow are listed.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RunsQuery {
    #[param(value_type = Option<RunStatus>)]
    status: Option<RunState>,
    /// The `user` of their start.
    user: Option<String>,
    /// Only failed runs: the `code` of their error.
    code: Option<String>,
    /// Only failed runs: the `node` of their error, without an iteration.
    node: Option<String>,
    /// Created at this time or later.
    #[param(value_type = Option<Time>)]
    created_from: Option<Timestamp>,
    /// Created before this time.
    #[param(value_type = Option<Time>)]
    created_before: Option<Timestamp>,
    /// `input`, `output` or both, with a comma between: a list leaves them out unless asked.
    #[param(value_type = Option<String>)]
    include: Include,
}

/// List the runs of a workflow
///
/// Newest first. Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/v1/workflows/{workflow_id}/runs",
    operation_id = "list_runs",
    tag = "Runs",
    params(
        ("workflow_id" = String, Path, description = "The workflow's id."),
        RunsQuery,
        PageQuery,
    ),
    responses(
        (
            status = 200,
            description = "A page of runs. The header `Link` has the next page's URL.",
            body = RunList,
        ),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Segments(workflow_id): Segments<String>,
    caller: Caller,
    query: QueryPairs,
    uri: Uri,
) -> Result<Response, Refusal> {
    let filter: RunFilter = RunsQuery::read(&query)?.into();
    let include = filter.include;
    let page = PageQuery::read(&query, &uri)?.into();
    let found = app.list_runs(&caller, &workflow_id, filter, page).await?;
    Ok(page::response(&app, &uri, &query, &found, |record| Run::listed(&app, record, include)))
}

/// Cancel a run
///
/// Needs the scope `cancel`.
#[utoipa::path(
    post,
    path = "/v1/runs/{run_id}/cancel",
    operation_id = "cancel_run",
    tag = "Runs",
    params(("run_id" = String, Path, description = "The run's id.")),
    responses(
        (status = 200, description = "The run has ended as cancelled.", body = Run),
        (
            status = 202,
            description = "Whoever drives the run has yet to see the request.",
            body = Run,
        ),
        Denied<Problem>,
        Refused<Problem, 404>,
        Refused<Problem, 409>,
    )
)]
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Segments(run_id): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    match app.cancel_run(&caller, &run_id).await? {
        Cancelled::Cancelled(record) => Ok(run::response(&app, &record)),
        Cancelled::Already(record) => Err(Error::AlreadyEnded(record.state).into()),
    }
}

impl RunsQuery {
    fn read(query: &QueryPairs) -> Result<Self, Error> {
        let status = query.get("status").map(state).transpose()?;
        let (code, node) = (selector(query, "code")?, selector(query, "node")?);
        let asks_for_failures = code.is_some() || node.is_some();
        if asks_for_failures && status.is_some_and(|status| status != RunState::Failed) {
            return Err(bad_query("status", ONLY_FAILED));
        }
        Ok(Self {
            status,
            user: query.get("user").map(str::to_owned),
            code,
            node,
            created_from: time(query, "created_from")?,
            created_before: time(query, "created_before")?,
            include: include(query)?,
        })
    }
}

impl From<RunsQuery> for RunFilter {
    fn from(query: RunsQuery) -> Self {
        let RunsQuery { status: state, user, code, node, created_from, created_before, include } =
            query;
        let filter = Self { state, user, code, node, ..Self::default() };
        Self { created_from, created_before, include, ..filter }
    }
}

pub(super) const ONLY_FAILED: &str = "must be failed, or left out, with a code or a node";

/// Bytes of a user, code or node that selects runs.
pub(super) const MAX_SELECTOR: usize = 256;

fn selector(query: &QueryPairs, name: &str) -> Result<Option<String>, Error> {
    let Some(selector) = query.get(name) else { return Ok(None) };
    if selector.len() > MAX_SELECTOR {
        return Err(bad_query(name, &format!("must have at most {MAX_SELECTOR} bytes")));
    }
    Ok(Some(selector.to_owned()))
}

fn state(text: &str) -> Result<RunState, Error> {
    let states = [
        RunState::Pending,
        RunState::Running,
        RunState::Waiting,
        RunState::Succeeded,
        RunState::Failed,
        RunState::Cancelled,
    ];
    let message = "must be one of pending, running, waiting, succeeded, failed, cancelled";
    let known = states.into_iter().find(|state| state.as_str() == text);
    known.ok_or_else(|| bad_query("status", message))
}

fn include(query: &QueryPairs) -> Result<Include, Error> {
    let mut include = Include::default();
    for name in query.get("include").into_iter().flat_map(|names| names.split(',')) {
        match name.trim() {
            "input" => include.input = true,
            "output" => include.output = true,
            _ => {
                return Err(bad_query(
                    "include",
                    "must be input, output or both, with a comma between",
                ));
            }
        }
    }
    Ok(include)
}

pub(super) fn time(query: &QueryPairs, name: &str) -> Result<Option<Timestamp>, Error> {
    let read = |text| {
        let message = "must be a time such as 2026-01-31T08:15:00Z";
        Timestamp::parse_rfc3339(text).ok_or_else(|| bad_query(name, message))
    };
    query.get(name).map(read).transpose()
}
