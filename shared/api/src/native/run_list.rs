//! Lists of runs: `GET /v1/runs`, `GET /v1/workflows/{workflow_id}/runs`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use flowgate_app::run::{Include, RunFilter, RunState, Selection};
use flowgate_app::runs::{FoundRuns, RunQuery, Searched};
use flowgate_app::time::Timestamp;
use flowgate_app::{App, Error};
use http::Uri;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::Caller;
use super::run::{Run, RunStatus};
use crate::http::page::{self, PageQuery, bad_query};
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments};
use crate::http::time::Time;

/// A page of runs.
#[derive(Serialize, ToSchema)]
struct RunList<'a> {
    items: Vec<Run<'a>>,
    /// Asks for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
    /// With `q`: the page has searched the runs that were created at this time or later; null once
    /// it has searched all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Time>, required = false)]
    searched_to: Option<Option<Time>>,
}

/// Which runs are listed.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its schema is used; `query_of` reads the same")]
pub(super) struct RunsQuery {
    status: Option<RunStatus>,
    /// The `user` of their start.
    user: Option<String>,
    /// Only failed runs: the `code` of their error.
    code: Option<String>,
    /// Only failed runs: the `node` of their error, without an iteration.
    node: Option<String>,
    /// The version that they started with; `draft` for drafts.
    version: Option<String>,
    /// The id of the key that started them. Needs the scope `trace`, too.
    key: Option<String>,
    /// Only runs that have ended, and took this long or longer.
    min_duration_ms: Option<u64>,
    /// Created at this time or later.
    created_from: Option<Time>,
    /// Created before this time.
    created_before: Option<Time>,
    /// Only runs with this text in their id, user, error, input or output, in any case: at most
    /// 200 bytes. A page looks at 1,000 runs at most, and may be empty without being the last.
    q: Option<String>,
    /// `input`, `output` or both, with a comma between: a list leaves them out unless asked.
    include: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its schema is used; the handlers read the same")]
pub(super) struct OfWorkflow {
    /// Only those of this workflow.
    workflow: Option<String>,
}

/// List runs
///
/// Those of all workflows that the key reads, newest first: of 500 workflows at most, or of the one
/// that is named. With conditions that few runs meet, a page may be short, even empty, and not be
/// the last. Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/v1/runs",
    operation_id = "find_runs",
    tag = "Runs",
    params(OfWorkflow, RunsQuery, PageQuery),
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
pub(super) async fn all(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryPairs,
    uri: Uri,
) -> Result<Response, Refusal> {
    let asked = query_of(&query, query.get("workflow"))?;
    respond(&app, &caller, asked, (&query, &uri)).await
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
pub(super) async fn of_workflow(
    State(app): State<Arc<App>>,
    Segments(workflow_id): Segments<String>,
    caller: Caller,
    query: QueryPairs,
    uri: Uri,
) -> Result<Response, Refusal> {
    let asked = query_of(&query, Some(&workflow_id))?;
    respond(&app, &caller, asked, (&query, &uri)).await
}

async fn respond(
    app: &App,
    caller: &Caller,
    asked: RunQuery,
    (query, uri): (&QueryPairs, &Uri),
) -> Result<Response, Refusal> {
    let include = asked.filter.include;
    let page = PageQuery::read(query, uri)?.into();
    let FoundRuns { page, searched } = app.find_runs(caller, asked, page).await?;
    let show = |record| Run::listed(app, record, include).seen_by(caller, record);
    let searched_to = searched.map(|searched| match searched {
        Searched::All => None,
        Searched::BackTo(at) => Some(at.into()),
    });
    let list = |next_cursor| {
        let items = page.items.iter().map(show).collect();
        RunList { items, next_cursor, searched_to }
    };
    Ok(page::linked(app, uri, query, page.next_cursor.as_deref(), list))
}

fn query_of(query: &QueryPairs, workflow: Option<&str>) -> Result<RunQuery, Error> {
    let filter = RunFilter { include: include(query)?, ..selection(query)?.into() };
    Ok(RunQuery { workflow: workflow.map(str::to_owned), filter, text: text(query)? })
}

fn selection(query: &QueryPairs) -> Result<Selection, Error> {
    let selection = Selection {
        state: query.get("status").map(state).transpose()?,
        user: query.get("user").map(str::to_owned),
        code: selector(query, "code")?,
        node: selector(query, "node")?,
        version: selector(query, "version")?,
        key: selector(query, "key")?,
        min_duration_ms: number(query, "min_duration_ms")?,
        created_from: time(query, "created_from")?,
        created_before: time(query, "created_before")?,
    };
    let asks_for_failures = selection.code.is_some() || selection.node.is_some();
    if asks_for_failures && selection.state.is_some_and(|state| state != RunState::Failed) {
        return Err(bad_query("status", ONLY_FAILED));
    }
    Ok(selection)
}

pub(super) const ONLY_FAILED: &str = "must be failed, or left out, with a code or a node";

/// Bytes of a user, code or node that selects runs.
pub(super) const MAX_SELECTOR: usize = 256;
/// Bytes of a text that is searched for.
const MAX_TEXT: usize = 200;

pub(super) fn selector(query: &QueryPairs, name: &str) -> Result<Option<String>, Error> {
    bounded(query, name, MAX_SELECTOR)
}

fn text(query: &QueryPairs) -> Result<Option<String>, Error> {
    bounded(query, "q", MAX_TEXT)
}

fn bounded(query: &QueryPairs, name: &str, max: usize) -> Result<Option<String>, Error> {
    let Some(text) = query.get(name) else { return Ok(None) };
    if text.len() > max {
        return Err(bad_query(name, &format!("must have at most {max} bytes")));
    }
    Ok(Some(text.to_owned()))
}

fn number(query: &QueryPairs, name: &str) -> Result<Option<u64>, Error> {
    let read = |text: &str| {
        let number = text.parse::<i64>().ok().and_then(|number| number.try_into().ok());
        number.ok_or_else(|| bad_query(name, "must be a whole number"))
    };
    query.get(name).map(read).transpose()
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
