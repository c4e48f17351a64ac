//! Jobs: work in many steps, and how far it is. Erasures begin in `erase`, others in `bulk`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use flowgate_app::job::{self, Action, Task};
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::Caller;
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
    /// Runs runs again.
    Replay,
    /// Cancels runs.
    Cancel,
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
    /// Runs deleted so far, begun again, or cancelled.
    done: u64,
    /// Runs that could not begin again, or could not be cancelled.
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
        let (kind, is_erasure) = match &job.task {
            Task::UserV1 { .. } | Task::WorkflowV1 { .. } => (JobKind::Erase, true),
            Task::BulkV1(bulk) => match bulk.action {
                Action::Replay(_) => (JobKind::Replay, false),
                Action::Cancel => (JobKind::Cancel, false),
            },
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

/// Read a job
///
/// It can be read for 30 days after its end. Needs the scope `author`, for all workflows; for a job
/// over the runs of one workflow, the right to read them is enough, and for one over several, the
/// key that asked for it with the right to read runs.
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
/// It takes no further runs; those that a replay has begun go on. An erasure cannot be cancelled.
/// Needs the scope `author`, for all workflows; for a job over the runs of one workflow, the rights
/// to read and to cancel them are enough, and for one over several, the key that asked for it with
/// these rights.
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
