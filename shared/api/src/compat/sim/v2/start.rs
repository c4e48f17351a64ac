//! Executes a workflow as Sim's second generation does: a run that fails or takes too long is an
//! answer like any other.

mod refusal;
mod request;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::error::What;
use flowgate_app::key::Scope;
use flowgate_app::run::{Mode, RunRecord};
use flowgate_app::{App, Error};
use flowgate_runner::Runner;
use flowgate_runner::start::ResponseMode;
use http::{HeaderMap, Uri};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use self::refusal::StartRefusal;
use self::request::{ExecuteRequest, Request};
use super::result::{Queued, RunResult, paused, queued, result, with_id};
use super::{Data, ErrorBody, documented, not_stored, refuse_unknown, with_wrong_method};
use crate::compat::sim::record::{Failure, RunStatus};
use crate::compat::sim::start::{Executed, Execution, begin, files, headers, timed_out};
use crate::http::caller::public::KeyedOrPublic;
use crate::http::request::{QueryPairs, Segments};
use crate::http::sse::Frame;
use crate::http::{body, idempotency};
use crate::starts::NotStarted;

pub(in crate::compat) fn routes() -> OpenApiRouter<Arc<Runner>> {
    not_stored(documented().routes(routes!(execute).map(with_wrong_method)))
}

type ResultData<'a> = Data<RunResult<'a>>;
type QueuedData<'a> = Data<Queued<'a>>;

/// Execute a workflow
///
/// Waits, streams or accepts, as the body says. The frames of a stream have data alone:
/// `sim.StreamFrame` as JSON, and `"[DONE]"` at the end. Needs the scope `run`; a public workflow
/// that is waited for or streamed needs no credential.
#[utoipa::path(
    post,
    path = "/api/v2/workflows/{id}/execute",
    operation_id = "sim_v2_execute",
    tag = "Sim v2",
    params(
        ("id" = String, Path, description = "The workflow's id."),
        ("X-Run-Id" = Option<String>, Header, description = "Your own id for the run."),
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
            description = "The run has ended, however it ended, or took too long; or its stream.",
            content((ResultData = "application/json"), (Frame = "text/event-stream")),
            headers(("X-Run-Id" = String, description = "The run's id."))
        ),
        (
            status = 202,
            description = "The run is stored, and will reach an end.",
            body = QueuedData,
        ),
    )
)]
async fn execute(
    State(runner): State<Arc<Runner>>,
    Segments(id): Segments<String>,
    caller: KeyedOrPublic<StartRefusal>,
    query: QueryPairs,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, StartRefusal> {
    caller.require(Scope::Run, &id, What::Workflow)?;
    let body = body::read(&headers, body).await?;
    refuse_unknown(&query, &[])?;
    if headers::call_chain_is_too_long(&headers) {
        return Err(StartRefusal::CallChain);
    }
    let idempotency = idempotency::read(&headers, &uri, &body)?;
    let Request { mode, timeout, protocol, run_id, body } = Request::read(&headers, &body)?;
    let published = runner.app.published(&id, None).await?;
    let mut input = body.input;
    files::read(&runner.outbound, &published.workflow, &mut input)
        .map_err(|error| StartRefusal::Files(within_input(error)))?;
    let execution = Execution {
        mode,
        selected: body.selected_outputs,
        input,
        input_pointer: "/input",
        timeout,
        run_id,
        protocol,
        idempotency,
        is_keyless: caller.is_keyless,
    };
    let outcome = match begin(&runner, &caller, &published, execution).await? {
        Executed::Stream(head, response) => return Ok(with_id(response, head.shown_id())),
        Executed::Overdue(outcome) => {
            let response = outcome.mark(overdue(&runner.app, &outcome.record));
            return Ok(with_id(response, outcome.record.head.shown_id()));
        }
        Executed::Run(outcome) => outcome,
    };
    let (app, record, workflow) = (&runner.app, &outcome.record, &published.workflow);
    let response = match mode {
        ResponseMode::Detach => queued(app, record),
        _ if record.state.has_ended() => {
            Data { data: result(record, Some(workflow)) }.into_response()
        }
        // It waits for a time or a person.
        _ if record.mode == Mode::Detached => {
            Data { data: paused(app, record, !caller.is_keyless).await? }.into_response()
        }
        _ => overdue(app, record),
    };
    Ok(with_id(outcome.mark(response), record.head.shown_id()))
}

fn within_input(error: Error) -> Error {
    let Error::BadInput(mut problems) = error else { return error };
    for problem in &mut problems {
        problem.pointer.insert_str(0, "/input");
    }
    Error::BadInput(problems)
}

fn overdue(app: &App, record: &RunRecord) -> Response {
    let now = app.now();
    let since = record.started_at.unwrap_or(record.head.created_at);
    let result = RunResult {
        run_id: record.head.shown_id(),
        workflow_id: &record.head.workflow_id,
        status: RunStatus::Failed,
        output: None,
        error: Some(Failure::new(timed_out(app), "TIMEOUT")),
        started_at: since.into(),
        ended_at: Some(now.into()),
        duration_ms: Some(u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX)),
    };
    Data { data: result }.into_response()
}
