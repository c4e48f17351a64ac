//! Executes a workflow as Sim's first generation does: a run that fails or takes too long is an HTTP error.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::error::What;
use flowgate_app::key::Scope;
use flowgate_app::run::{RunRecord, RunState};
use flowgate_app::{App, Error, answer};
use flowgate_engine::Workflow;
use flowgate_engine::input::Undeclared;
use flowgate_runner::Runner;
use flowgate_runner::start::ResponseMode;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use serde_json::json;

use super::record::error_text;
use super::request::{self, Request};
use super::start::{self, Answer, Execution};
use super::{Refusal, files, headers, response};
use crate::caller::caller;
use crate::request::Segments;
use crate::{body, idempotency};

/// Sim's own status for an execution that was cancelled.
const CLIENT_CLOSED_REQUEST: u16 = 499;
const EXECUTION_ID: &str = "x-execution-id";

pub(super) async fn execute(
    State(runner): State<Arc<Runner>>,
    Segments(id): Segments<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let app = &runner.app;
    let caller = caller(app, &headers).await?;
    caller.require(Scope::Run, &id, What::Workflow)?;
    let body = body::read(&headers, body).await?;
    if headers::call_chain_is_too_long(&headers) {
        return Err(Refusal::CallChain);
    }
    let idempotency = idempotency::read(&headers, &uri, &body)?;
    let request = Request::read(&headers, &body)?;
    let published = app.published(&id, None).await?;
    let (mut input, nested) = request::input(request.rest);
    files::read(&runner.outbound, &published.workflow, &mut input).map_err(|error| Refusal::files(nested.place(error)))?;
    let execution = Execution {
        manner: request.manner,
        selected: request.selected,
        input,
        undeclared: Undeclared::Keep,
        input_pointer: "",
        timeout: request.timeout,
        run_id: request.run_id,
        protocol: request.protocol,
        idempotency,
    };
    let begun = match start::begin(&runner, &caller, &published, execution).await.map_err(|error| nested.place(error))? {
        Answer::Stream(head, response) => return Ok(named(response, head.shown_id())),
        Answer::Overdue(begun) => return Ok(named(begun.mark(overdue(app, &begun.record)), begun.record.head.shown_id())),
        Answer::Run(begun) => begun,
    };
    let record = &begun.record;
    let answer = match request.manner {
        ResponseMode::Detach => queued(app, record),
        ResponseMode::Wait(_) | ResponseMode::Stream if record.state.has_ended() => ended(app, record, &published.workflow).await?,
        ResponseMode::Wait(_) | ResponseMode::Stream => overdue(app, record),
    };
    Ok(named(begun.mark(answer), record.head.shown_id()))
}

fn named(mut response: Response, id: &str) -> Response {
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(EXECUTION_ID, id);
    }
    response
}

/// Both generations' fields: one SDK reads `jobId` and `statusUrl`, the other `taskId`, `status`, `createdAt` and `links`.
/// A job is found without its workflow, so that it always goes by our own id.
fn queued(app: &App, record: &RunRecord) -> Response {
    let id = &record.head.id;
    let status_path = format!("/api/jobs/{id}");
    let accepted = json!({
        "success": true,
        "async": true,
        "taskId": id,
        "jobId": id,
        "executionId": record.head.shown_id(),
        "status": "queued",
        "createdAt": record.head.created_at.to_string(),
        "links": { "status": status_path },
        "statusUrl": format!("{}{status_path}", app.settings.public_url),
        "message": "Workflow execution queued",
    });
    (StatusCode::ACCEPTED, Json(accepted)).into_response()
}

fn overdue(app: &App, record: &RunRecord) -> Response {
    let told = json!({ "success": false, "executionId": record.head.shown_id(), "output": {}, "error": start::timed_out(app) });
    (StatusCode::REQUEST_TIMEOUT, Json(told)).into_response()
}

async fn ended(app: &App, record: &RunRecord, workflow: &Workflow) -> Result<Response, Error> {
    Ok(response::of(app, record, workflow).await?.unwrap_or_else(|| result(record, workflow)))
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
        "executionId": record.head.shown_id(),
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
