//! Executes a workflow as Sim's second generation does: a run that fails or takes too long is an answer like any other.

use std::sync::Arc;

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
use serde_json::{Value, json};

use super::request::Request;
use super::{Refusal, data, refuse_unknown};
use crate::caller::caller;
use crate::dialect::sim::start::{self, Answer, Execution};
use crate::dialect::sim::{files, headers, record};
use crate::request::{QueryPairs, Segments};
use crate::{body, idempotency};

const RUN_ID: &str = "x-run-id";

pub(super) async fn execute(
    State(runner): State<Arc<Runner>>,
    Segments(id): Segments<String>,
    query: QueryPairs,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let app = &runner.app;
    let caller = caller(app, &headers).await?;
    caller.require(Scope::Run, &id, What::Workflow)?;
    let body = body::read(&headers, body).await?;
    refuse_unknown(&query, &[])?;
    if headers::call_chain_is_too_long(&headers) {
        return Err(Refusal::CallChain);
    }
    let idempotency = idempotency::read(&headers, &uri, &body)?;
    let Request { manner, selected, timeout, protocol, run_id, mut input } = Request::read(&headers, &body)?;
    let published = app.published(&id, None).await?;
    files::read(&runner.outbound, &published.workflow, &mut input).map_err(|error| Refusal::Files(within_input(error)))?;
    let execution = Execution {
        manner,
        selected,
        input,
        undeclared: Undeclared::Refuse,
        input_pointer: "/input",
        timeout,
        run_id,
        protocol,
        idempotency,
    };
    let begun = match start::begin(&runner, &caller, &published, execution).await? {
        Answer::Stream(head, response) => return Ok(named(response, head.shown_id())),
        Answer::Overdue(begun) => {
            let answer = data(overdue(app, &begun.record)).into_response();
            return Ok(named(begun.mark(answer), begun.record.head.shown_id()));
        }
        Answer::Run(begun) => begun,
    };
    let record = &begun.record;
    let answer = match manner {
        ResponseMode::Detach => queued(app, record),
        ResponseMode::Wait(_) | ResponseMode::Stream if record.state.has_ended() => {
            data(result(record, &published.workflow)).into_response()
        }
        ResponseMode::Wait(_) | ResponseMode::Stream => data(overdue(app, record)).into_response(),
    };
    Ok(named(begun.mark(answer), record.head.shown_id()))
}

fn within_input(error: Error) -> Error {
    let Error::BadInput(mut problems) = error else { return error };
    for problem in &mut problems {
        problem.pointer.insert_str(0, "/input");
    }
    Error::BadInput(problems)
}

fn named(mut response: Response, id: &str) -> Response {
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(RUN_ID, id);
    }
    response
}

fn queued(app: &App, record: &RunRecord) -> Response {
    let (url, workflow_id, id) = (&app.settings.public_url, &record.head.workflow_id, record.head.shown_id());
    let accepted = json!({ "runId": id, "statusUrl": format!("{url}/api/v2/workflows/{workflow_id}/runs/{id}") });
    (StatusCode::ACCEPTED, data(accepted)).into_response()
}

fn overdue(app: &App, record: &RunRecord) -> Value {
    let now = app.now();
    let since = record.started_at.unwrap_or(record.head.created_at);
    json!({
        "runId": record.head.shown_id(),
        "workflowId": record.head.workflow_id,
        "status": "failed",
        "output": null,
        "error": { "message": start::timed_out(app), "code": "TIMEOUT" },
        "startedAt": since.to_string(),
        "endedAt": now.to_string(),
        "durationMs": u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX),
    })
}

fn result(record: &RunRecord, workflow: &Workflow) -> Value {
    let output = answer::output(record);
    let nothing_left = record.state != RunState::Succeeded && output.as_object().is_some_and(|output| output.is_empty());
    json!({
        "runId": record.head.shown_id(),
        "workflowId": record.head.workflow_id,
        "status": record::status(record.state),
        "output": if nothing_left { &Value::Null } else { output },
        "error": record::error(record, Some(workflow)),
        "startedAt": record::started_at(record),
        "endedAt": record::ended_at(record),
        "durationMs": answer::duration_ms(record),
    })
}
