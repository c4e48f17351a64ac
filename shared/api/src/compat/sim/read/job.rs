//! How an asynchronous execution goes: `GET /api/jobs/{job_id}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::run::RunState;
use flowgate_app::{App, answer};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::compat::sim::record::error_text;
use crate::compat::sim::{Caller, ErrorBody, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::Segments;
use crate::http::time::Time;

/// An asynchronous execution.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::Job)]
struct Job<'a> {
    success: bool,
    task_id: &'a str,
    status: JobStatus,
    #[schema(inline)]
    metadata: JobMetadata,
    /// Once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct JobMetadata {
    created_at: Time,
    #[schema(required)]
    started_at: Option<Time>,
    #[schema(required)]
    completed_at: Option<Time>,
    /// Milliseconds.
    #[schema(required)]
    duration: Option<u64>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = sim::JobStatus)]
enum JobStatus {
    Pending,
    Processing,
    Completed,
    Failed,
    Cancelled,
}

impl From<RunState> for JobStatus {
    fn from(state: RunState) -> Self {
        match state {
            RunState::Pending => Self::Pending,
            RunState::Running | RunState::Waiting => Self::Processing,
            RunState::Succeeded => Self::Completed,
            RunState::Failed => Self::Failed,
            RunState::Cancelled => Self::Cancelled,
        }
    }
}

/// Read a job
///
/// A job is a run: both SDKs may ask for it with the task id, the job id or the execution id. Needs
/// the scope `read`.
#[utoipa::path(
    get,
    path = "/api/jobs/{job_id}",
    operation_id = "sim_read_job",
    tag = "Sim",
    params(("job_id" = String, Path, description = "The run's id.")),
    responses(
        (status = 200, description = "The job.", body = Job),
        Denied<ErrorBody>,
        Refused<ErrorBody, 404>,
        Refused<ErrorBody, 410>,
    )
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments(job_id): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let record = app.read_run(&caller, &job_id).await?;
    let head = &record.head;
    let workflow = app.workflow_of(head).await?;
    let job = Job {
        success: true,
        task_id: head.id.as_str(),
        status: record.state.into(),
        metadata: JobMetadata {
            created_at: head.created_at.into(),
            started_at: record.started_at.map(Into::into),
            completed_at: record.end.as_deref().map(|end| end.ended_at.into()),
            duration: record.duration_ms(),
        },
        output: record.state.has_ended().then(|| answer::output(&record)),
        error: error_text(&record, workflow.as_deref()),
    };
    Ok(Json(job).into_response())
}
