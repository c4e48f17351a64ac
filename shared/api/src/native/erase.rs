//! Deleting runs: one, or those of a user by a job.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use flowgate_app::job;
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

/// An erasure, and how far it is.
#[derive(Serialize, ToSchema)]
struct Job<'a> {
    #[schema(examples("job_0198f2a4c7d07f3a9d1f5c6b7a8e9f00"))]
    id: &'a str,
    status: JobStatus,
    /// Runs deleted so far.
    deleted: u64,
    /// Runs in flight when it last looked. It deletes them once they have ended.
    in_flight: u64,
    created_at: Time,
    #[schema(required)]
    ended_at: Option<Time>,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum JobStatus {
    Running,
    Done,
}

impl<'a> From<&'a job::Job> for Job<'a> {
    fn from(job: &'a job::Job) -> Self {
        Self {
            id: job.id.as_str(),
            status: if job.ended_at.is_some() { JobStatus::Done } else { JobStatus::Running },
            deleted: job.progress.deleted,
            in_flight: job.progress.in_flight,
            created_at: job.created_at.into(),
            ended_at: job.ended_at.map(Into::into),
        }
    }
}

/// Delete a run
///
/// With its deliveries, events and trace; webhooks that are still to be sent are not. A run that
/// has not ended must be cancelled first. Needs the scope `author`.
#[utoipa::path(
    delete,
    path = "/v1/runs/{run_id}",
    operation_id = "delete_run",
    tag = "Runs",
    params(("run_id" = String, Path, description = "The run's id.")),
    responses(
        (status = 204, description = "The run is gone."),
        Denied<Problem>,
        Refused<Problem, 404>,
        Refused<Problem, 409>,
    )
)]
pub(super) async fn run(
    State(app): State<Arc<App>>,
    Segments(run_id): Segments<String>,
    caller: Caller,
) -> Result<StatusCode, Refusal> {
    app.delete_run(&caller, &run_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Delete the runs of a user
///
/// Of every workflow, by a job: those that exist now, as soon as each has ended. Needs the scope
/// `author`, for all workflows.
#[utoipa::path(
    delete,
    path = "/v1/users/{user}/runs",
    operation_id = "delete_runs_of_user",
    tag = "Runs",
    params(("user" = String, Path, description = "The `user` of their start, percent-encoded.")),
    responses(
        (status = 202, description = "The job. `Location` has its URL.", body = Job),
        Denied<Problem>,
        Refused<Problem, 400>,
    )
)]
pub(super) async fn user(
    State(app): State<Arc<App>>,
    Segments(user): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let job = app.erase_user(&caller, &user).await?;
    let mut response = (StatusCode::ACCEPTED, Json(Job::from(&job))).into_response();
    let location = format!("{}/v1/jobs/{}", app.settings.public_url, job.id.as_str());
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// Read a job
///
/// It can be read for 30 days after its end. Needs the scope `author`, for all workflows.
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
pub(super) async fn job(
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
