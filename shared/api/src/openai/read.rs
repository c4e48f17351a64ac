//! Responses, once their run has started.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use flowgate_app::run::RunRecord;
use flowgate_app::runs::Cancelled;
use flowgate_app::{App, Error};
use serde::Serialize;
use utoipa::ToSchema;

use super::refusal::with_run;
use super::response::{Response, Status};
use super::response_events::{ResponseEvents, frames, logged};
use super::{Caller, ErrorBody, Refusal};
use crate::http::event_log::EventLog;
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments};
use crate::http::sse::{self, Frame};

/// Read a response
///
/// Or its events, from the first one or after the one that is named: an event has the same number
/// whenever it is read. Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/v1/responses/{run_id}",
    operation_id = "openai_read_response",
    tag = "OpenAI",
    params(
        ("run_id" = String, Path, description = "The run's id."),
        ("stream" = Option<bool>, Query, description = "`true`: its events."),
        (
            "starting_after" = Option<u64>,
            Query,
            description = "With `stream`: the number of the last event that you have.",
        ),
    ),
    responses(
        (
            status = 200,
            description = "The response, or its events.",
            content((Response = "application/json"), (Frame = "text/event-stream"))
        ),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
        Refused<ErrorBody, 404>,
        Refused<ErrorBody, 410>,
    )
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
    query: QueryPairs,
) -> Result<axum::response::Response, Refusal> {
    let record = app.read_run(&caller, &id).await?;
    let after = query.get("starting_after").map(number).transpose()?;
    if query.get("stream").map(flag).transpose()? == Some(true) {
        return Ok(stream(&app, &record, after).await?);
    }
    let response = Response::of(&app, &record).await?;
    Ok(with_run(Json(response).into_response(), &id))
}

fn flag(text: &str) -> Result<bool, Error> {
    text.parse().map_err(|_| Error::bad_field("/stream", "must be true or false"))
}

fn number(text: &str) -> Result<u64, Error> {
    let wrong = "must be the number of an event";
    // As large as the document says a number is.
    let number = text.parse().ok().filter(|number| i64::try_from(*number).is_ok());
    number.ok_or_else(|| Error::bad_field("/starting_after", wrong))
}

/// The events of a response, from the log of its run.
pub(super) async fn stream(
    app: &Arc<App>,
    record: &RunRecord,
    after: Option<u64>,
) -> Result<axum::response::Response, Error> {
    let head = record.head.clone();
    let workflow = app.workflow_of(&head).await?;
    let log = logged(EventLog::new(app.clone(), head.id.clone(), None));
    let events = ResponseEvents::new(head.clone(), workflow.as_deref(), after);
    let response = sse::response(frames(app.clone(), events, workflow, log));
    Ok(with_run(response, head.id.as_str()))
}

/// Cancel a response
///
/// One that has ended stays as it is. Needs the scope `cancel`.
#[utoipa::path(
    post,
    path = "/v1/responses/{run_id}/cancel",
    operation_id = "openai_cancel_response",
    tag = "OpenAI",
    params(("run_id" = String, Path, description = "The run's id.")),
    responses(
        (
            status = 200,
            description = "The response, cancelled, or as it had ended.",
            body = Response,
        ),
        Denied<ErrorBody>,
        Refused<ErrorBody, 404>,
        Refused<ErrorBody, 410>,
    )
)]
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
) -> Result<axum::response::Response, Refusal> {
    let (record, is_cancelled) = match app.cancel_run(&caller, &id).await? {
        Cancelled::Cancelled(record) => (record, true),
        Cancelled::Already(record) => (record, false),
    };
    if record.wiped {
        return Err(Error::Gone.into());
    }
    let mut response = Response::of(&app, &record).await?;
    if is_cancelled {
        response.status = Status::Cancelled;
    }
    Ok(with_run(Json(response).into_response(), &id))
}

/// A response that is no longer stored.
#[derive(Serialize, ToSchema)]
#[schema(as = openai::Deleted)]
pub(super) struct Deleted {
    id: String,
    #[schema(examples("response"))]
    object: &'static str,
    deleted: bool,
}

/// Delete a response
///
/// With its run, its events and its webhooks. One that goes on must be cancelled first. Needs the
/// scope `author`.
#[utoipa::path(
    delete,
    path = "/v1/responses/{run_id}",
    operation_id = "openai_delete_response",
    tag = "OpenAI",
    params(("run_id" = String, Path, description = "The run's id.")),
    responses(
        (status = 200, description = "It is gone.", body = Deleted),
        Denied<ErrorBody>,
        Refused<ErrorBody, 404>,
        Refused<ErrorBody, 422>,
    )
)]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
) -> Result<Json<Deleted>, Refusal> {
    app.delete_run(&caller, &id).await?;
    Ok(Json(Deleted { id, object: "response", deleted: true }))
}

/// The input of a response, which a run does not keep item by item.
#[derive(Serialize, ToSchema)]
#[schema(as = openai::InputItems)]
pub(super) struct InputItems {
    #[schema(examples("list"))]
    object: &'static str,
    /// Always empty: the run has the input that the workflow takes.
    #[schema(value_type = Vec<Object>)]
    data: [(); 0],
    #[schema(required, value_type = Option<String>)]
    first_id: (),
    #[schema(required, value_type = Option<String>)]
    last_id: (),
    has_more: bool,
}

/// List the input of a response
///
/// An empty page: `GET /v1/runs/{id}` has the input. Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/v1/responses/{run_id}/input_items",
    operation_id = "openai_list_input_items",
    tag = "OpenAI",
    params(("run_id" = String, Path, description = "The run's id.")),
    responses(
        (status = 200, description = "An empty page.", body = InputItems),
        Denied<ErrorBody>,
        Refused<ErrorBody, 404>,
        Refused<ErrorBody, 410>,
    )
)]
pub(super) async fn input_items(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
) -> Result<Json<InputItems>, Refusal> {
    app.read_run(&caller, &id).await?;
    Ok(Json(InputItems { object: "list", data: [], first_id: (), last_id: (), has_more: false }))
}
