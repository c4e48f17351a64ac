//! What came of an execution of the first generation: it has ended, waits, or goes on.

use std::borrow::Cow;

use axum::Json;
use axum::response::{IntoResponse, Response};
use flowgate_app::run::{RunRecord, RunState};
use flowgate_app::{App, answer};
use flowgate_engine::Workflow;
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::record::{RunStatus, error_text};
use crate::http::time::Time;

pub(super) const QUEUED: &str = "Workflow execution queued";

/// An execution that was waited for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::ExecutionResult)]
pub(super) struct ExecutionResult<'a> {
    pub(super) success: bool,
    pub(super) execution_id: &'a str,
    /// `paused`: it waits for a person, and `output._resume` says how to answer. After a resume
    /// also `completed`, `failed` or `cancelled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) status: Option<RunStatus>,
    #[schema(value_type = Value)]
    pub(super) output: Cow<'a, Value>,
    /// Left out where the execution took too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, inline)]
    pub(super) metadata: Option<ResultMetadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, examples("<block>: <message>"))]
    pub(super) error: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResultMetadata {
    /// Milliseconds.
    #[schema(required)]
    duration: Option<u64>,
    #[schema(required)]
    start_time: Option<Time>,
    #[schema(required)]
    end_time: Option<Time>,
}

/// An execution that was accepted, with the fields of both SDKs: one reads `jobId` and `statusUrl`,
/// the other `taskId`, `status`, `createdAt` and `links`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::Queued)]
pub(super) struct Queued<'a> {
    success: bool,
    r#async: bool,
    /// A job is found without its workflow, so it always goes by the run's id.
    task_id: &'a str,
    job_id: &'a str,
    execution_id: &'a str,
    #[schema(examples("queued"))]
    status: &'static str,
    created_at: Time,
    #[schema(inline)]
    links: QueuedLinks<'a>,
    status_url: String,
    message: &'static str,
}

#[derive(Serialize, ToSchema)]
struct QueuedLinks<'a> {
    status: &'a str,
}

impl<'a> ExecutionResult<'a> {
    pub(super) fn of(record: &'a RunRecord, workflow: Option<&Workflow>) -> Self {
        let end = record.end.as_deref();
        Self {
            success: record.state == RunState::Succeeded,
            execution_id: record.head.shown_id(),
            status: None,
            output: Cow::Borrowed(answer::output(record)),
            metadata: Some(ResultMetadata {
                duration: record.duration_ms(),
                start_time: end.map(|end| end.started_at.into()),
                end_time: end.map(|end| end.ended_at.into()),
            }),
            error: error_text(record, workflow),
        }
    }

    /// It waits for a person; `output` says how to answer.
    pub(super) fn paused(record: &'a RunRecord, output: Value) -> Self {
        Self {
            success: true,
            execution_id: record.head.shown_id(),
            status: Some(RunStatus::Paused),
            output: Cow::Owned(output),
            metadata: Some(ResultMetadata {
                duration: None,
                start_time: record.started_at.map(Into::into),
                end_time: None,
            }),
            error: None,
        }
    }
}

/// Accepted, or going on.
pub(super) fn queued(app: &App, record: &RunRecord, message: &'static str) -> Response {
    let id = record.head.id.as_str();
    let status_path = format!("/api/jobs/{id}");
    let queued = Queued {
        success: true,
        r#async: true,
        task_id: id,
        job_id: id,
        execution_id: record.head.shown_id(),
        status: "queued",
        created_at: record.head.created_at.into(),
        links: QueuedLinks { status: &status_path },
        status_url: format!("{}{status_path}", app.settings.public_url),
        message,
    };
    (StatusCode::ACCEPTED, Json(queued)).into_response()
}
