//! Jobs: work in many steps, and how far it is. Erasures begin in `erase`, reruns here.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::job::{self, Task};
use flowgate_app::reruns::RerunRequest;
use flowgate_app::run::RunState;
use flowgate_app::time::Timestamp;
use flowgate_app::{App, Error};
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Caller;
use super::run_list::{MAX_SELECTOR, ONLY_FAILED};
use crate::http::body;
use crate::http::fields::Fields;
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::Segments;
use crate::http::status::RETRY_SECONDS;
use crate::http::time::Time;

/// Work in many steps, and how far it is.
#[derive(Serialize, ToSchema)]
pub(super) struct Job<'a> {
    #[schema(examples("job_0198f2a4c7d07f3a9d1f5c6b7a8e9f00"))]
    id: &'a str,
    kind: JobKind,
    status: JobStatus,
    progress: JobProgress<'a>,
    /// Of an erasure: runs deleted so far.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<u64>,
    /// Of an erasure: runs in flight when it last looked. It deletes them once they have ended.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    in_flight: Option<u64>,
    created_at: Time,
    #[schema(required)]
    ended_at: Option<Time>,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum JobKind {
    /// Deletes runs.
    Erase,
    /// Runs a workflow's runs again.
    Replay,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum JobStatus {
    Running,
    Done,
    Cancelled,
}

/// How far a job is.
#[derive(Serialize, ToSchema)]
struct JobProgress<'a> {
    /// Runs deleted so far, or begun again.
    done: u64,
    /// Runs that could not begin again.
    failed: u64,
    /// Why the last of them could not.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    last_failure: Option<&'a str>,
    /// Null until the runs are counted, and for an erasure.
    #[schema(required)]
    total: Option<u64>,
}

impl<'a> From<&'a job::Job> for Job<'a> {
    fn from(job: &'a job::Job) -> Self {
        let progress = &job.progress;
        let (kind, is_erasure) = match job.task {
            Task::UserV1 { .. } | Task::WorkflowV1 { .. } => (JobKind::Erase, true),
            Task::RerunV1(_) => (JobKind::Replay, false),
        };
        let status = match job.ended_at {
            None => JobStatus::Running,
            Some(_) if job.is_cancelled => JobStatus::Cancelled,
            Some(_) => JobStatus::Done,
        };
        Self {
            id: job.id.as_str(),
            kind,
            status,
            progress: JobProgress {
                done: if is_erasure { progress.deleted } else { progress.done },
                failed: progress.failed,
                last_failure: progress.last_failure.as_deref(),
                total: progress.total,
            },
            deleted: is_erasure.then_some(progress.deleted),
            in_flight: is_erasure.then_some(progress.in_flight),
            created_at: job.created_at.into(),
            ended_at: job.ended_at.map(Into::into),
        }
    }
}

/// 202 with the job, and where it can be read.
pub(super) fn accepted(app: &App, job: &job::Job) -> Response {
    let mut response = (StatusCode::ACCEPTED, Json(Job::from(job))).into_response();
    let location = format!("{}/v1/jobs/{}", app.settings.public_url, job.id.as_str());
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// Which runs of a workflow are repeated, and how.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used; `RerunRequest` has the same fields")]
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

fn request(body: Value) -> Result<RerunRequest, Error> {
    let mut fields = Fields::of_body(body)?;
    let state = fields.take_string("state").and_then(|text| {
        let states = [RunState::Succeeded, RunState::Failed, RunState::Cancelled];
        let known = states.into_iter().find(|state| state.as_str() == text);
        if known.is_none() {
            fields.problem("state", "must be succeeded, failed or cancelled");
        }
        known
    });
    let [user, code, node] = ["user", "code", "node"].map(|name| selector(&mut fields, name));
    if (code.is_some() || node.is_some()) && state.is_some_and(|state| state != RunState::Failed) {
        fields.problem("state", ONLY_FAILED);
    }
    let created_from = time(&mut fields, "created_from");
    let created_before = time(&mut fields, "created_before");
    let (from, version) = (fields.take_string("from"), fields.take_string("version"));
    fields.finish()?;
    Ok(RerunRequest { state, user, code, node, created_from, created_before, from, version })
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
pub(super) async fn replay(
    State(app): State<Arc<App>>,
    Segments(workflow_id): Segments<String>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = body::read(&headers, body).await?;
    let request = request(body::parse_or_empty(&body)?)?;
    let job = app.rerun_all(&caller, &workflow_id, request).await?;
    Ok(accepted(&app, &job))
}

/// Read a job
///
/// It can be read for 30 days after its end. Needs the scope `author`, for all workflows; for a
/// replay, the right to read runs of its workflow is enough.
#[utoipa::path(
    get,
    path = "/v1/jobs/{job_id}",
    operation_id = "read_job",
    tag = "Runs",
    params(("job_id" = String, Path, description = "The job's id.")),
    responses(
        (status = 200, description = "The job.", body = Job),
        Denied<Problem>,
        Refused<Problem, 404>,
    )
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments(job_id): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let job = app.read_job(&caller, &job_id).await?;
    let mut response = Json(Job::from(&job)).into_response();
    if job.ended_at.is_none() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
    }
    Ok(response)
}

/// Cancel a job
///
/// A replay begins no further runs; those that it has begun go on. An erasure cannot be cancelled.
/// Needs the scope `author`, for all workflows; the rights to read and to cancel runs of its
/// workflow are enough.
#[utoipa::path(
    post,
    path = "/v1/jobs/{job_id}/cancel",
    operation_id = "cancel_job",
    tag = "Runs",
    params(("job_id" = String, Path, description = "The job's id.")),
    responses(
        (status = 200, description = "The job has ended.", body = Job),
        Denied<Problem>,
        Refused<Problem, 404>,
        Refused<Problem, 409>,
    )
)]
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Segments(job_id): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let job = app.cancel_job(&caller, &job_id).await?;
    Ok(Json(Job::from(&job)).into_response())
}
