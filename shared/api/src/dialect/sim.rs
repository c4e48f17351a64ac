//! Sim, first generation: `POST /api/workflows/{id}/execute` (sync, async, streamed), jobs, status and usage limits, refusals as `{error, code}`.

mod execute;
mod request;
mod selection;
mod stream;

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use flowgate_app::error::{FieldProblem, What, field_name};
use flowgate_app::limits::KeyLimits;
use flowgate_app::run::{RunRecord, RunState};
use flowgate_app::{App, Error, answer};
use flowgate_engine::{RunError, Workflow};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::json;

use crate::caller::caller;
use crate::request::Segments;
use crate::status;

/// What both SDKs can still count with: for keys without limits, and for what is not limited here.
const UNLIMITED: u64 = 9_007_199_254_740_991;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/workflows/{id}/execute", post(execute::execute).fallback(wrong_method))
        .route("/api/workflows/{id}/status", get(deployment).fallback(wrong_method))
        .route("/api/jobs/{job_id}", get(job).fallback(wrong_method))
        .route("/api/users/me/usage-limits", get(usage_limits).fallback(wrong_method))
}

async fn deployment(State(app): State<Arc<App>>, Segments(id): Segments<String>, headers: HeaderMap) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    let workflow = app.deployment(&caller, &id).await?;
    let is_deployed = workflow.active_version.is_some();
    let deployed_at = workflow.activated_at.filter(|_| is_deployed).map(|at| at.to_string());
    let needs_redeployment = is_deployed && app.draft_differs(&workflow).await?;
    Ok(Json(json!({ "isDeployed": is_deployed, "deployedAt": deployed_at, "needsRedeployment": needs_redeployment })).into_response())
}

/// A job is a run: both SDKs may ask for it with the task id, the job id or the execution id.
async fn job(State(app): State<Arc<App>>, Segments(job_id): Segments<String>, headers: HeaderMap) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    let record = app.read_run(&caller, &job_id).await?;
    let head = &record.head;
    let mut told = json!({
        "success": true,
        "taskId": head.id,
        "status": job_status(record.state),
        "metadata": {
            "createdAt": head.created_at.to_string(),
            "startedAt": record.started_at.map(|at| at.to_string()),
            "completedAt": record.end.as_deref().map(|end| end.ended_at.to_string()),
            "duration": answer::duration_ms(&record),
        },
    });
    if record.state.has_ended() {
        told["output"] = answer::output(&record).clone();
    }
    if let Some(error) = error_text(&record, app.compiled(&head.workflow_uid, &head.version).await?.as_deref()) {
        told["error"] = error.into();
    }
    Ok(Json(told).into_response())
}

fn job_status(state: RunState) -> &'static str {
    match state {
        RunState::Pending => "pending",
        RunState::Running | RunState::Waiting => "processing",
        RunState::Succeeded => "completed",
        RunState::Failed => "failed",
        RunState::Cancelled => "cancelled",
    }
}

/// Both SDKs ask before they run anything. Any good key gets it.
async fn usage_limits(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    let (per_minute, burst, remaining, reset_at) = match app.allowance(&caller).await? {
        Some((KeyLimits { rate, .. }, left)) => (rate.requests_per_minute.into(), rate.burst.into(), left.remaining.into(), left.reset_at),
        None => (UNLIMITED, UNLIMITED, UNLIMITED, app.now() + std::time::Duration::from_secs(60)),
    };
    // The TypeScript SDK reads `limit`, the Python one `requestsPerMinute` and `maxBurst`.
    let rate = json!({
        "isLimited": remaining == 0,
        "limit": per_minute,
        "requestsPerMinute": per_minute,
        "maxBurst": burst,
        "remaining": remaining,
        "resetAt": reset_at.to_string(),
    });
    let limits = json!({
        "success": true,
        "rateLimit": { "sync": rate, "async": rate, "authType": "api" },
        "usage": { "currentPeriodCost": 0, "limit": UNLIMITED, "plan": "self-hosted" },
        "storage": { "usedBytes": 0, "limitBytes": UNLIMITED, "percentUsed": 0 },
    });
    Ok(Json(limits).into_response())
}

/// `<block's name>: <message>`, as Sim's callers know it; `None` for a run that has not failed.
fn error_text(record: &RunRecord, workflow: Option<&Workflow>) -> Option<String> {
    if record.state == RunState::Cancelled {
        return Some("Execution was cancelled".to_owned());
    }
    let RunError { node, message, .. } = record.end.as_deref()?.error.as_ref()?;
    let Some(node) = node.as_deref().map(block_id) else { return Some(message.clone()) };
    let name = workflow.and_then(|workflow| workflow.find_node(node)?.name.as_deref());
    Some(format!("{}: {message}", name.unwrap_or(node)))
}

/// A node in a loop has its iterations before it: `each[2]/draft` is an execution of the block `draft`.
fn block_id(node: &str) -> &str {
    node.rsplit('/').next().unwrap_or(node)
}

/// Why a request was not done. `error` is text: the SDKs make it the message of what they throw.
#[derive(Debug)]
enum Refusal {
    Of(Error),
    /// The body is wrong, said in Sim's own words.
    Invalid {
        error: &'static str,
        problems: Vec<FieldProblem>,
    },
    /// What Sim lets only its own editor do.
    InternalOnly(&'static str),
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Of(error.into())
    }
}

#[derive(Serialize)]
struct Told {
    error: String,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Vec<Detail>>,
}

#[derive(Serialize)]
struct Detail {
    path: String,
    message: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let refused = |status: StatusCode, told: Told| (status, Json(told)).into_response();
        match self {
            Self::Of(error) => {
                let details = if let Error::BadInput(problems) = &error { Some(details(problems)) } else { None };
                let (status, code, text) = words(&error);
                let told = Told { error: text.map_or_else(|| error.to_string(), str::to_owned), code, details };
                status::refusal(status, &error, "application/json", &told)
            }
            Self::Invalid { error, problems } => {
                let told = Told { error: error.to_owned(), code: INVALID_INPUT, details: Some(details(&problems)) };
                refused(StatusCode::BAD_REQUEST, told)
            }
            Self::InternalOnly(error) => refused(StatusCode::FORBIDDEN, Told { error: error.to_owned(), code: "FORBIDDEN", details: None }),
        }
    }
}

const INVALID_INPUT: &str = "INVALID_INPUT";

/// Status, code, and Sim's own text where it has one.
fn words(error: &Error) -> (StatusCode, &'static str, Option<&'static str>) {
    let (code, text) = match error {
        Error::Unauthorized => ("UNAUTHORIZED", Some("Unauthorized")),
        Error::Forbidden(_) => ("FORBIDDEN", None),
        Error::NotFound(What::Run) => ("TASK_NOT_FOUND", Some("Task not found")),
        Error::NotFound(_) => ("WORKFLOW_NOT_FOUND", Some("Workflow not found")),
        Error::NotPublished => return (StatusCode::FORBIDDEN, "WORKFLOW_NOT_DEPLOYED", Some("Workflow is not deployed")),
        Error::BadInput(_) | Error::InvalidDocument(_) => (INVALID_INPUT, None),
        Error::TooLarge(_) => ("PAYLOAD_TOO_LARGE", Some("Workflow execution request body exceeds maximum size")),
        Error::Stale | Error::IdempotencyMismatch | Error::StillRunning | Error::AlreadyEnded(_) => ("CONFLICT", None),
        Error::RunIdTaken(_) => ("EXECUTION_ID_CONFLICT", None),
        Error::RateLimited { .. } => ("RATE_LIMIT_EXCEEDED", None),
        Error::Gone => ("GONE", None),
        Error::Internal(_) => ("INTERNAL_ERROR", Some("Internal server error")),
    };
    (status::status(error), code, text)
}

fn details(problems: &[FieldProblem]) -> Vec<Detail> {
    problems.iter().map(|problem| Detail { path: field_name(&problem.pointer), message: problem.message.clone() }).collect()
}

async fn wrong_method() -> Response {
    let told = Told { error: "Method not allowed".to_owned(), code: "METHOD_NOT_ALLOWED", details: None };
    (StatusCode::METHOD_NOT_ALLOWED, Json(told)).into_response()
}
