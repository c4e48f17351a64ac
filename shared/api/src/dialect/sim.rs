//! Sim: the first generation (`/api/workflows/{id}/execute`, jobs, executions, status and usage limits, refusals as `{error, code}`), and [`v2`].

#[cfg(feature = "starts")]
mod execute;
mod executions;
mod v2;

// What both generations share.
#[cfg(feature = "starts")]
mod headers;
#[cfg(feature = "starts")]
mod start;
#[cfg(feature = "starts")]
mod files;
mod selection;
#[cfg(feature = "starts")]
mod stream;
mod record;

// The first generation's own.
#[cfg(feature = "starts")]
mod request;
#[cfg(feature = "starts")]
mod response;

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use flowgate_app::error::{FieldProblem, What, field_name};
use flowgate_app::limit::KeyLimits;
use flowgate_app::run::RunState;
use flowgate_app::{App, Error, answer};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::json;

use self::record::error_text;
use crate::caller::caller;
use crate::request::{Segments, with_allowance};
use crate::status;

/// What both SDKs can still count with: for keys without limits, and for what is not limited here.
const UNLIMITED: u64 = 9_007_199_254_740_991;

#[cfg(feature = "starts")]
pub(super) fn starts() -> Router<Arc<flowgate_runner::Runner>> {
    Router::new().route("/api/workflows/{id}/execute", post(execute::execute).fallback(wrong_method)).merge(v2::starts())
}

pub(super) fn reads() -> Router<Arc<App>> {
    Router::new()
        .route("/api/workflows/{id}/status", get(deployment).fallback(wrong_method))
        .route("/api/workflows/{id}/executions/{execution_id}", get(executions::read).fallback(wrong_method))
        .route("/api/workflows/{id}/executions/{execution_id}/cancel", post(executions::cancel).fallback(wrong_method))
        .route("/api/jobs/{job_id}", get(job).fallback(wrong_method))
        .route("/api/users/me/usage-limits", get(usage_limits).fallback(wrong_method))
        .merge(v2::reads())
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
    let limits = app.allowance(&caller).await?;
    let (per_minute, burst, remaining, reset_at) = match limits {
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
    let told = json!({
        "success": true,
        "rateLimit": { "sync": rate, "async": rate, "authType": "api" },
        "usage": { "currentPeriodCost": 0, "limit": UNLIMITED, "plan": "self-hosted" },
        "storage": { "usedBytes": 0, "limitBytes": UNLIMITED, "percentUsed": 0 },
    });
    Ok(with_allowance(Json(told).into_response(), limits.map(|(_, left)| left)))
}

/// Why a request was not done. `error` is text: the SDKs make it the message of what they throw.
#[derive(Debug)]
enum Refusal {
    Of(Error),
    /// The body is wrong, said in Sim's own words.
    Invalid {
        error: Cow<'static, str>,
        problems: Vec<FieldProblem>,
    },
    UnknownExecution,
    /// The workflow was called by one that was called by one …
    CallChain,
    /// What Sim lets only its own editor do.
    InternalOnly(&'static str),
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Of(error.into())
    }
}

impl Refusal {
    /// A file among the inputs is not what it says.
    fn files(error: Error) -> Self {
        let words = format!("{FILES_FAILED}: {error}").into();
        if let Error::BadInput(problems) = error { Self::Invalid { error: words, problems } } else { Self::Of(error) }
    }
}

#[derive(Serialize)]
struct Told {
    error: String,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Vec<Detail>>,
    #[serde(rename = "executionId", skip_serializing_if = "Option::is_none")]
    execution_id: Option<String>,
}

impl Told {
    fn new(error: impl Into<String>, code: &'static str) -> Self {
        Self { error: error.into(), code, details: None, execution_id: None }
    }
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
                let (status, code, text) = words(&error);
                let mut told = Told::new(text.map_or_else(|| error.to_string(), str::to_owned), code);
                match &error {
                    Error::BadInput(problems) => told.details = Some(details(problems)),
                    Error::RunIdTaken(id) => told.execution_id = Some(id.id.clone()),
                    _ => {}
                }
                status::refusal(status, &error, "application/json", &told)
            }
            Self::Invalid { error, problems } => {
                let told = Told { details: Some(details(&problems)), ..Told::new(error, INVALID_INPUT) };
                refused(StatusCode::BAD_REQUEST, told)
            }
            Self::UnknownExecution => refused(StatusCode::NOT_FOUND, Told::new("Execution not found", "EXECUTION_NOT_FOUND")),
            Self::CallChain => refused(StatusCode::CONFLICT, Told::new(CALL_CHAIN, CALL_CHAIN_CODE)),
            Self::InternalOnly(error) => refused(StatusCode::FORBIDDEN, Told::new(error, "FORBIDDEN")),
        }
    }
}

const CALL_CHAIN: &str = "Maximum workflow call chain depth (25) exceeded";
const CALL_CHAIN_CODE: &str = "CALL_CHAIN_DEPTH_EXCEEDED";
const FILES_FAILED: &str = "File processing failed";
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
    (StatusCode::METHOD_NOT_ALLOWED, Json(Told::new("Method not allowed", "METHOD_NOT_ALLOWED"))).into_response()
}
