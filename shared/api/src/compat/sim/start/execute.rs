//! Executes a workflow as Sim's first generation does: a run that fails or takes too long is an
//! HTTP error.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::error::What;
use flowgate_app::key::Scope;
use flowgate_app::run::{Mode, RunRecord, RunState};
use flowgate_app::{App, Error};
use flowgate_engine::Workflow;
use flowgate_runner::Runner;
use flowgate_runner::start::ResponseMode;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use serde_json::{Map, Value};
use utoipa::openapi::schema::{OneOfBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::refusal::StartRefusal;
use super::request::{self, ExecuteRequest, Request};
use super::{Executed, Execution, begin, files, headers, timed_out};
use crate::compat::sim::ErrorBody;
use crate::compat::sim::pause;
use crate::compat::sim::result::{ExecutionResult, QUEUED, Queued, queued};
use crate::http::caller::public::KeyedOrPublic;
use crate::http::request::Segments;
use crate::http::sse::Frame;
use crate::http::{body, idempotency, response_node};
use crate::starts::NotStarted;

/// Sim's own status for an execution that was cancelled.
const CLIENT_CLOSED_REQUEST: u16 = 499;
const EXECUTION_ID: &str = "x-execution-id";

/// An execution that failed, or our own failure.
struct Failed;

impl PartialSchema for Failed {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(Ref::from_schema_name(ExecutionResult::name()))
            .item(Ref::from_schema_name(ErrorBody::name()))
            .into()
    }
}

impl ToSchema for Failed {
    fn name() -> Cow<'static, str> {
        "sim.Failed".into()
    }
}

/// Execute a workflow
///
/// Waits, streams or accepts, as the body and the headers say. The frames of a stream have data
/// alone: `sim.StreamFrame` as JSON, and `[DONE]` at the end. Where a `response` block ended the
/// run, status, headers and body of the response are that block's. Needs the scope `run`; a public
/// workflow that is waited for or streamed needs no credential.
#[utoipa::path(
    post,
    path = "/api/workflows/{id}/execute",
    operation_id = "sim_execute",
    tag = "Sim",
    params(
        ("id" = String, Path, description = "The workflow's id."),
        ("X-Execution-Mode" = Option<String>, Header, description = "`async` accepts at once."),
        (
            "X-Execution-Timeout-Seconds" = Option<String>,
            Header,
            description = "With `async`: 1 to 604800.",
        ),
        ("X-Execution-Id" = Option<String>, Header, description = "Your own id for the execution."),
        (
            "X-Stream-Response" = Option<String>,
            Header,
            description = "`true` streams, as `stream` does.",
        ),
        (
            "X-Sim-Stream-Protocol" = Option<String>,
            Header,
            description = "`agent-events-v1`: a block that begins again says so.",
        ),
        (
            "X-Sim-Via" = Option<String>,
            Header,
            description = "The workflows that called each other to get here; at most 24.",
        ),
        (
            "Idempotency-Key" = Option<String>,
            Header,
            description = "The same request with the same key starts nothing again for 24 hours.",
        ),
    ),
    request_body = Option<ExecuteRequest>,
    responses(
        NotStarted<ErrorBody>,
        (
            status = 200,
            description = "The execution succeeded; or its stream.",
            content((ExecutionResult = "application/json"), (Frame = "text/event-stream")),
            headers(("X-Execution-Id" = String, description = "The execution's id."))
        ),
        (
            status = 202,
            description = "The execution is stored, and will reach an end.",
            body = Queued,
        ),
        (status = 408, description = "It took too long, and is cancelled.", body = ExecutionResult),
        (status = 499, description = "It was cancelled.", body = ExecutionResult),
        (status = 500, description = "It failed; or an internal error.", body = Failed),
        (status = "default", description = "What a `response` block says."),
    )
)]
pub(super) async fn execute(
    State(runner): State<Arc<Runner>>,
    Segments(id): Segments<String>,
    caller: KeyedOrPublic<StartRefusal>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, StartRefusal> {
    caller.require(Scope::Run, &id, What::Workflow)?;
    let body = body::read(&headers, body).await?;
    if headers::call_chain_is_too_long(&headers) {
        return Err(StartRefusal::CallChain);
    }
    let idempotency = idempotency::read(&headers, &uri, &body)?;
    let Request { mode, timeout, protocol, run_id, body } = Request::read(&headers, &body)?;
    let published = runner.app.published(&id, None).await?;
    let (mut input, nested) = request::input(body.rest);
    files::read(&runner.outbound, &published.workflow, &mut input)
        .map_err(|error| StartRefusal::files(nested.place(error)))?;
    let execution = Execution {
        mode,
        selected: body.selected_outputs,
        input,
        input_pointer: "",
        timeout,
        run_id,
        protocol,
        idempotency,
        is_keyless: caller.is_keyless,
    };
    let executed = begin(&runner, &caller, &published, execution).await;
    let outcome = match executed.map_err(|error| nested.place(error))? {
        Executed::Stream(head, response) => return Ok(with_id(response, head.shown_id())),
        Executed::Overdue(outcome) => {
            let response = outcome.mark(overdue(&runner.app, &outcome.record));
            return Ok(with_id(response, outcome.record.head.shown_id()));
        }
        Executed::Run(outcome) => outcome,
    };
    let (app, record, workflow) = (&runner.app, &outcome.record, &published.workflow);
    let response = match mode {
        ResponseMode::Detach => queued(app, record, QUEUED),
        _ if record.state.has_ended() => ended(app, record, workflow).await?,
        // It waits for a time or a person.
        _ if record.mode == Mode::Detached => waiting(app, record, !caller.is_keyless).await?,
        _ => overdue(app, record),
    };
    Ok(with_id(outcome.mark(response), record.head.shown_id()))
}

fn with_id(mut response: Response, id: &str) -> Response {
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(EXECUTION_ID, id);
    }
    response
}

async fn waiting(app: &App, record: &RunRecord, may_answer: bool) -> Result<Response, Error> {
    Ok(match pause::output(app, record, may_answer).await? {
        Some(output) => Json(ExecutionResult::paused(record, output)).into_response(),
        None => queued(app, record, QUEUED),
    })
}

fn overdue(app: &App, record: &RunRecord) -> Response {
    let result = ExecutionResult {
        success: false,
        execution_id: record.head.shown_id(),
        status: None,
        output: Cow::Owned(Value::Object(Map::new())),
        metadata: None,
        error: Some(timed_out(app)),
    };
    (StatusCode::REQUEST_TIMEOUT, Json(result)).into_response()
}

async fn ended(app: &App, record: &RunRecord, workflow: &Workflow) -> Result<Response, Error> {
    let of_block = response_node::of(app, record, workflow).await?;
    Ok(of_block.unwrap_or_else(|| {
        let result = ExecutionResult::of(record, Some(workflow));
        (result_status(record.state), Json(result)).into_response()
    }))
}

fn result_status(state: RunState) -> StatusCode {
    match state {
        RunState::Cancelled => {
            StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
        }
        RunState::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        RunState::Pending | RunState::Running | RunState::Waiting | RunState::Succeeded => {
            StatusCode::OK
        }
    }
}
