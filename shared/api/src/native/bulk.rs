//! The same with many runs, by a job: `POST /v1/runs/replay`, `POST /v1/runs/cancel`,
//! `POST /v1/workflows/{workflow_id}/runs/replay`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use flowgate_app::bulk::BulkRequest;
use flowgate_app::id::RunId;
use flowgate_app::job::{Action, Replay};
use flowgate_app::run::{RunState, Selection};
use flowgate_app::time::Timestamp;
use flowgate_app::{App, Error};
use http::HeaderMap;
use serde_json::Value;
use utoipa::ToSchema;

use super::Caller;
use super::jobs::{Job, accepted};
use super::run_list::{MAX_SELECTOR, ONLY_FAILED};
use crate::http::body;
use crate::http::fields::Fields;
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::Segments;
use crate::http::time::Time;

/// Runs that a job can name.
const MAX_NAMED: usize = 1_000;
const MAX_AT_A_TIME: u64 = 40;

/// Which runs are repeated, and how: those that are named, or those that meet the conditions.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used; `replay_of` reads the same")]
struct BulkReplay {
    /// These runs, and no conditions beside them.
    #[schema(max_items = 1000)]
    run_ids: Option<Vec<String>>,
    /// Only runs of this workflow; by default of all that the key may use.
    workflow: Option<String>,
    /// Only runs that ended like this; by default all that have ended.
    status: Option<EndState>,
    /// The `user` of their start.
    user: Option<String>,
    /// Only failed runs: the code of their error.
    code: Option<String>,
    /// Only failed runs: the node that failed.
    node: Option<String>,
    /// The version that they started with.
    version: Option<String>,
    /// Created at this time or later.
    created_from: Option<Time>,
    /// Created before this time; by default, and at the latest, now.
    created_before: Option<Time>,
    /// `failed`, the default: a run that failed goes on from its failed node, and one that
    /// succeeded is made anew. `start`: everything is made anew.
    from: Option<ReplayFrom>,
    /// The version that they run with, instead of each run's own.
    on_version: Option<String>,
    /// So many of the new runs go on at a time; by default as many as the limits of the key allow.
    #[schema(minimum = 1, maximum = 40)]
    at_a_time: Option<u32>,
}

/// Which runs are cancelled: those that are named, or those that meet the conditions.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used; `cancel_of` reads the same")]
struct BulkCancel {
    /// These runs, and no conditions beside them.
    #[schema(max_items = 1000)]
    run_ids: Option<Vec<String>>,
    /// Only runs of this workflow; by default of all that the key may use.
    workflow: Option<String>,
    /// Only runs in this state; by default all that have not ended.
    status: Option<OpenState>,
    /// The `user` of their start.
    user: Option<String>,
    /// The version that they started with.
    version: Option<String>,
    /// Created at this time or later.
    created_from: Option<Time>,
    /// Created before this time; by default, and at the latest, now.
    created_before: Option<Time>,
}

/// Which runs of a workflow are repeated, and how.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used; `replay_of_workflow` reads the same")]
struct ReplayRuns {
    /// Only runs that ended like this; by default all that have ended.
    state: Option<EndState>,
    /// The `user` of their start.
    user: Option<String>,
    /// Only failed runs: the code of their error.
    code: Option<String>,
    /// Only failed runs: the node that failed.
    node: Option<String>,
    /// Created at this time or later.
    created_from: Option<Time>,
    /// Created before this time; by default, and at the latest, now.
    created_before: Option<Time>,
    /// As for one run: this node and what depends on it are made anew.
    from: Option<String>,
    /// Instead of each run's own.
    version: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used; `RunState` has the same names")]
enum EndState {
    Succeeded,
    Failed,
    Cancelled,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used; `RunState` has the same names")]
enum OpenState {
    Pending,
    Running,
    Waiting,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used; `replay_of` reads the same")]
enum ReplayFrom {
    Failed,
    Start,
}

const ENDED: [RunState; 3] = [RunState::Succeeded, RunState::Failed, RunState::Cancelled];
const OPEN: [RunState; 3] = [RunState::Pending, RunState::Running, RunState::Waiting];

/// Replay many runs
///
/// By a job, each once, as `replay_run` does it: the runs that are named, or those that exist now
/// and meet the conditions. They begin as the limits of the key allow. A run that the key may not
/// use fails in the job's progress. Needs the scopes `run` and `read`.
#[utoipa::path(
    post,
    path = "/v1/runs/replay",
    operation_id = "replay_many_runs",
    tag = "Runs",
    request_body = BulkReplay,
    responses(
        (status = 202, description = "The job. `Location` has its URL.", body = Job),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
        Refused<Problem, 409>,
        Refused<Problem, 413>,
        Refused<Problem, 415>,
        Refused<Problem, 422>,
        Refused<Problem, 508>,
    )
)]
pub(super) async fn replay(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = body::read(&headers, body).await?;
    let job = app.bulk(&caller, replay_of(body::parse_or_empty(&body)?)?).await?;
    Ok(accepted(&app, &job))
}

/// Cancel many runs
///
/// By a job: the runs that are named, or those that exist now, have not ended and meet the
/// conditions. A run that the key may not cancel, or that has ended, fails in the job's progress.
/// Needs the scope `cancel`.
#[utoipa::path(
    post,
    path = "/v1/runs/cancel",
    operation_id = "cancel_many_runs",
    tag = "Runs",
    request_body = BulkCancel,
    responses(
        (status = 202, description = "The job. `Location` has its URL.", body = Job),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
        Refused<Problem, 413>,
        Refused<Problem, 415>,
    )
)]
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = body::read(&headers, body).await?;
    let job = app.bulk(&caller, cancel_of(body::parse_or_empty(&body)?)?).await?;
    Ok(accepted(&app, &job))
}

/// Replay the runs of a workflow
///
/// By a job: those that exist now, each once, as `replay_run` does it. They begin as the limits of
/// the key allow. Needs the scopes `run` and `read`.
#[utoipa::path(
    post,
    path = "/v1/workflows/{workflow_id}/runs/replay",
    operation_id = "replay_runs",
    tag = "Runs",
    params(("workflow_id" = String, Path, description = "The workflow's id.")),
    request_body = Option<ReplayRuns>,
    responses(
        (status = 202, description = "The job. `Location` has its URL.", body = Job),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
        Refused<Problem, 409>,
        Refused<Problem, 413>,
        Refused<Problem, 415>,
        Refused<Problem, 422>,
        Refused<Problem, 508>,
    )
)]
pub(super) async fn of_workflow(
    State(app): State<Arc<App>>,
    Segments(workflow_id): Segments<String>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = body::read(&headers, body).await?;
    let request = replay_of_workflow(body::parse_or_empty(&body)?, workflow_id)?;
    let job = app.bulk(&caller, request).await?;
    Ok(accepted(&app, &job))
}

fn replay_of_workflow(body: Value, workflow_id: String) -> Result<BulkRequest, Error> {
    let mut fields = Fields::of_body(body)?;
    let selection = selection(&mut fields, ("state", &ENDED));
    let (from, version) = (fields.take_string("from"), fields.take_string("version"));
    fields.finish()?;
    Ok(BulkRequest {
        action: Action::Replay(Replay { from, version, ..Replay::default() }),
        workflow: Some(workflow_id),
        runs: Vec::new(),
        selection,
        version_pointer: "/version",
    })
}

fn replay_of(body: Value) -> Result<BulkRequest, Error> {
    let mut fields = Fields::of_body(body)?;
    let from = fields.take_string("from");
    if from.as_deref().is_some_and(|from| !["failed", "start"].contains(&from)) {
        fields.problem("from", "must be failed or start");
    }
    let at_a_time = fields.take_integer("at_a_time");
    if at_a_time.is_some_and(|number| !(1..=MAX_AT_A_TIME).contains(&number)) {
        fields.problem("at_a_time", format!("must be from 1 to {MAX_AT_A_TIME}"));
    }
    let replay = Replay {
        from: None,
        anew: from.as_deref() == Some("start"),
        version: selector(&mut fields, "on_version"),
        at_a_time: at_a_time.and_then(|number| u32::try_from(number).ok()),
    };
    request(fields, Action::Replay(replay), &ENDED)
}

fn cancel_of(body: Value) -> Result<BulkRequest, Error> {
    request(Fields::of_body(body)?, Action::Cancel, &OPEN)
}

/// Without any field it would mean every run: that must be said by one.
fn request(mut fields: Fields, action: Action, states: &[RunState]) -> Result<BulkRequest, Error> {
    let runs = run_ids(&mut fields);
    let workflow = selector(&mut fields, "workflow");
    let mut selection = selection(&mut fields, ("status", states));
    selection.version = selector(&mut fields, "version");
    let has_conditions = workflow.is_some() || selection != Selection::default();
    match &runs {
        Some(_) if has_conditions => {
            fields.problem("run_ids", "cannot be given with conditions");
        }
        None if !has_conditions => {
            fields.problem("run_ids", "is required, or at least one condition such as `workflow`");
        }
        _ => {}
    }
    fields.finish()?;
    let runs = runs.unwrap_or_default();
    Ok(BulkRequest { action, workflow, runs, selection, version_pointer: "/on_version" })
}

/// Each once, in the order of their creation.
fn run_ids(fields: &mut Fields) -> Option<Vec<RunId>> {
    let given = fields.take("run_ids").filter(|given| !given.is_null())?;
    let ids = given.as_array().map(Vec::as_slice).unwrap_or_default();
    if ids.is_empty() || ids.len() > MAX_NAMED {
        fields.problem("run_ids", format!("must be a list of 1 to {MAX_NAMED} ids"));
        return Some(Vec::new());
    }
    let parsed: Option<BTreeSet<RunId>> =
        ids.iter().map(|id| id.as_str().and_then(RunId::parse)).collect();
    if parsed.is_none() {
        fields.problem("run_ids", "must hold ids of runs, such as run_01a2…");
    }
    Some(parsed.unwrap_or_default().into_iter().collect())
}

/// `states`: those that can be meant, and the field that names one.
fn selection(fields: &mut Fields, (name, states): (&str, &[RunState])) -> Selection {
    let state = fields.take_string(name).and_then(|text| {
        let known = states.iter().copied().find(|state| state.as_str() == text);
        if known.is_none() {
            let names: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
            fields.problem(name, format!("must be one of {}", names.join(", ")));
        }
        known
    });
    let user = selector(fields, "user");
    let (mut code, mut node) = (None, None);
    if states.contains(&RunState::Failed) {
        (code, node) = (selector(fields, "code"), selector(fields, "node"));
    }
    if (code.is_some() || node.is_some()) && state.is_some_and(|state| state != RunState::Failed) {
        fields.problem(name, ONLY_FAILED);
    }
    let created_from = time(fields, "created_from");
    let created_before = time(fields, "created_before");
    Selection { state, user, code, node, created_from, created_before, ..Selection::default() }
}

fn selector(fields: &mut Fields, name: &str) -> Option<String> {
    let selector = fields.take_string(name);
    let is_wrong = |selector: &String| selector.is_empty() || selector.len() > MAX_SELECTOR;
    if selector.as_ref().is_some_and(is_wrong) {
        fields.problem(name, format!("must have 1 to {MAX_SELECTOR} bytes"));
    }
    selector
}

fn time(fields: &mut Fields, name: &str) -> Option<Timestamp> {
    let text = fields.take_string(name)?;
    let time = Timestamp::parse_rfc3339(&text);
    if time.is_none() {
        fields.problem(name, "must be a time such as 2026-01-31T08:15:00Z");
    }
    time
}
