//! Executes a workflow as Sim does: a run that fails or takes too long is an HTTP error.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::access::Caller;
use flowgate_app::error::What;
use flowgate_app::invoke::{Manner, StartRequest, Started};
use flowgate_app::keys::Scope;
use flowgate_app::run::{Dialect, RunId, RunRecord, RunState};
use flowgate_app::run_status::Cancelled;
use flowgate_app::{App, Error, answer};
use flowgate_engine::Workflow;
use flowgate_engine::input::{InputRules, Undeclared};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::request::{self, Execution, Mode};
use super::stream::{self, Streamed, Teller};
use super::{Refusal, error_text, selection};
use crate::caller::caller;
use crate::dialect::run_of;
use crate::request::Segments;
use crate::sse;

/// Sim's own status for an execution that was cancelled.
const CLIENT_CLOSED_REQUEST: u16 = 499;
const RULES: InputRules = InputRules { undeclared: Undeclared::Keep, coerce: true };

pub(super) async fn execute(State(app): State<Arc<App>>, Segments(id): Segments<String>, headers: HeaderMap, body: Body) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    caller.require(Scope::Run, &id, What::Workflow)?;
    let execution = Execution::read(&headers, body).await?;
    // The names in `selectedOutputs` are those of the version that runs.
    let published = app.published(&id, None).await?;
    let (input, nested) = request::input(execution.rest);
    let start = StartRequest {
        workflow_id: id,
        version: Some(published.version.clone()),
        dialect: Dialect::Sim,
        input: Value::Object(input),
        input_as_sent: None,
        rules: RULES,
        input_pointer: "",
        user: None,
        save: None,
        webhooks: Vec::new(),
        manner: match execution.mode {
            Mode::Sync => Manner::Wait(None),
            Mode::Async => Manner::Detach,
            Mode::Stream => Manner::Stream,
        },
        idempotency: None,
    };
    let workflow = &published.workflow;
    let started = app.start_run(&caller, start).await.map_err(|error| nested.place(error))?;
    match started {
        Started::Stream(subscription) => {
            let teller = Teller::new(selection::resolve(&execution.selected, workflow));
            Ok(sse::response(stream::frames(Streamed { app, workflow: workflow.clone(), subscription, teller })))
        }
        started if execution.mode == Mode::Async => Ok(queued(&app, &*run_of(started)?)),
        started => ended(&app, run_of(started)?, workflow).await,
    }
}

/// Both generations' fields: one SDK reads `jobId` and `statusUrl`, the other `taskId`, `status`, `createdAt` and `links`.
fn queued(app: &App, record: &RunRecord) -> Response {
    let id = &record.head.id;
    let status_path = format!("/api/jobs/{id}");
    let accepted = json!({
        "success": true,
        "async": true,
        "taskId": id,
        "jobId": id,
        "executionId": id,
        "status": "queued",
        "createdAt": record.head.created_at.to_string(),
        "links": { "status": status_path },
        "statusUrl": format!("{}{status_path}", app.settings.public_url),
        "message": "Workflow execution queued",
    });
    (StatusCode::ACCEPTED, Json(accepted)).into_response()
}

async fn ended(app: &App, record: Box<RunRecord>, workflow: &Workflow) -> Result<Response, Refusal> {
    if record.state.has_ended() {
        return Ok(result(&record, workflow));
    }
    let id = &record.head.id;
    if let Some(record) = end_overdue(app, id).await? {
        return Ok(result(&record, workflow));
    }
    let error = format!("Execution timed out after {} seconds", app.settings.longest_wait.as_secs());
    let told = json!({ "success": false, "executionId": id, "output": {}, "error": error });
    Ok((StatusCode::REQUEST_TIMEOUT, Json(told)).into_response())
}

/// Nobody would come for the result of a run that is past its wait: it is cancelled. `Some` if it had ended by then.
pub(super) async fn end_overdue(app: &App, run: &RunId) -> Result<Option<Box<RunRecord>>, Error> {
    // Done by the platform, whatever the caller's key may do.
    match app.cancel_run(&Caller::Admin, run.as_str()).await? {
        Cancelled::Already(record) => Ok(Some(record)),
        Cancelled::Cancelled(_) => Ok(None),
    }
}

fn result(record: &RunRecord, workflow: &Workflow) -> Response {
    let end = record.end.as_deref();
    let metadata = json!({
        "duration": answer::duration_ms(record),
        "startTime": end.map(|end| end.started_at.to_string()),
        "endTime": end.map(|end| end.ended_at.to_string()),
    });
    let mut told = json!({
        "success": record.state == RunState::Succeeded,
        "executionId": record.head.id,
        "output": answer::output(record),
        "metadata": metadata,
    });
    if let Some(error) = error_text(record, Some(workflow)) {
        told["error"] = error.into();
    }
    (result_status(record.state), Json(told)).into_response()
}

fn result_status(state: RunState) -> StatusCode {
    match state {
        RunState::Cancelled => StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        RunState::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        RunState::Pending | RunState::Running | RunState::Waiting | RunState::Succeeded => StatusCode::OK,
    }
}
