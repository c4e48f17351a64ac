//! Executes a workflow as Sim does: a run that fails or takes too long is an HTTP error.

use std::sync::Arc;

use anyhow::anyhow;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::access::Caller;
use flowgate_app::attached::Subscription;
use flowgate_app::drive::Progress;
use flowgate_app::error::What;
use flowgate_app::invoke::{IdempotencyRequest, Manner, StartRequest, Started};
use flowgate_app::keys::Scope;
use flowgate_app::run::{Dialect, RunId, RunRecord, RunState};
use flowgate_app::run_status::Cancelled;
use flowgate_app::{App, Error, answer};
use flowgate_engine::Workflow;
use flowgate_engine::input::{InputRules, Undeclared};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use super::request::{self, Execution};
use super::stream::{self, Streamed, Teller};
use super::{Refusal, error_text, selection};
use crate::caller::caller;
use crate::dialect::Begun;
use crate::request::Segments;
use crate::{body, idempotency, sse};

/// Sim's own status for an execution that was cancelled.
const CLIENT_CLOSED_REQUEST: u16 = 499;
const RULES: InputRules = InputRules { undeclared: Undeclared::Keep, coerce: true };

pub(super) async fn execute(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    caller.require(Scope::Run, &id, What::Workflow)?;
    let body = body::read(&headers, body).await?;
    let idempotency = idempotency::read(&headers, &uri, &body)?;
    let execution = Execution::read(&headers, &body)?;
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
        manner: execution.manner,
        timeout: None,
        run_id: None,
        idempotency: idempotency.clone(),
    };
    let workflow = &published.workflow;
    let started = app.start_run(&caller, start).await.map_err(|error| nested.place(error))?;
    if let Started::Stream(subscription) = started {
        let teller = Teller::new(selection::resolve(&execution.selected, workflow));
        return stream(app, subscription, workflow.clone(), teller, idempotency).await;
    }
    let begun = Begun::of(started, execution.manner)?;
    let record = &begun.record;
    Ok(begun.mark(match execution.manner {
        Manner::Detach => queued(&app, record),
        Manner::Wait(_) | Manner::Stream if record.state.has_ended() => result(record, workflow),
        Manner::Wait(_) | Manner::Stream => overdue(&app, &record.head.id, workflow).await?,
    }))
}

/// What a run tells first comes after its first write: a start that fails is an answer with a status.
async fn stream(
    app: Arc<App>,
    mut subscription: Subscription,
    workflow: Arc<Workflow>,
    teller: Teller,
    idempotency: Option<IdempotencyRequest>,
) -> Result<Response, Refusal> {
    match subscription.next().await {
        Some(Progress::Repeated(claim)) => {
            let asked = idempotency.map(|idempotency| idempotency.body_hash).unwrap_or_default();
            let begun = Begun::of(app.repeated(claim, &asked).await?, Manner::Stream)?;
            let frames = stream::told_again(&app, &begun.record, &workflow, teller).await?;
            Ok(begun.mark(sse::response(futures_util::stream::iter([frames]))))
        }
        Some(Progress::Lost) | None => Err(anyhow!("the run was lost before it said anything").into()),
        Some(first) => {
            let streamed = Streamed { app, workflow, first: Some(first), subscription, teller };
            Ok(sse::response(streamed.frames()))
        }
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

async fn overdue(app: &App, run: &RunId, workflow: &Workflow) -> Result<Response, Refusal> {
    if let Some(record) = end_overdue(app, run).await? {
        return Ok(result(&record, workflow));
    }
    let error = format!("Execution timed out after {} seconds", app.settings.longest_wait.as_secs());
    let told = json!({ "success": false, "executionId": run, "output": {}, "error": error });
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
