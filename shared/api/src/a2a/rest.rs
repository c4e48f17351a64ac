//! The binding HTTP+JSON, for tasks that have begun.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use flowgate_app::access;
use flowgate_app::error::{Error, What};
use flowgate_app::key::Scope;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Uri};
use serde::Serialize;
use utoipa::ToSchema;

use super::events::{Binding, TaskEvents, log_of, logged, response};
use super::params::Params;
use super::refusal::{Kind, Refusal, RestError};
use super::task::Task;
use super::{Caller, entry, tasks};
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments};
use crate::http::sse::Frame;

pub(super) const MEDIA_TYPE: &str = "application/a2a+json";

pub(super) fn json(body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).unwrap_or_default();
    ([(CONTENT_TYPE, MEDIA_TYPE)], body).into_response()
}

/// A page of tasks, newest first.
#[derive(ToSchema)]
#[schema(as = a2a::ListTasksResponse, rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used; `TaskPage` has the fields")]
struct TaskList {
    tasks: Vec<Task>,
    /// Asks for the next page; empty on the last one.
    next_page_token: String,
    /// How many tasks this page has.
    page_size: usize,
}

/// List tasks
///
/// The runs of the workflow, newest first. A page may have fewer tasks than it could. Needs the
/// scope `read`.
#[utoipa::path(
    get,
    path = "/a2a/{workflow_id}/tasks",
    operation_id = "a2a_list_tasks",
    tag = "A2A",
    params(
        ("workflow_id" = String, Path, description = "The workflow's id."),
        ("A2A-Version" = String, Header, description = "`1.0`"),
        ("contextId" = Option<String>, Query, description = "Only tasks of this context."),
        ("status" = Option<String>, Query, description = "Only tasks in this state."),
        ("statusTimestampAfter" = Option<String>, Query, description = "Only tasks whose status \
            is not older."),
        ("pageSize" = Option<i64>, Query, description = "From 1 to 100; 50 if it is left out."),
        ("pageToken" = Option<String>, Query, description = "The `nextPageToken` of the page \
            before."),
        ("includeArtifacts" = Option<bool>, Query, description = "With their outputs."),
        ("historyLength" = Option<i64>, Query, description = "Passed over: tasks have no history."),
    ),
    responses(
        (status = 200, description = "A page.", body = TaskList,
            content_type = "application/a2a+json"),
        Denied<RestError>,
        Refused<RestError, 400>,
        Refused<RestError, 404>,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Segments(workflow_id): Segments<String>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    entry::check(&app, &caller, (&workflow_id, &[Scope::Read]), (&headers, &uri)).await?;
    let params = Params::from(&QueryPairs::of(&uri));
    let found = tasks::list(&app, &caller, &workflow_id, params).await?;
    Ok(json(&found.page()))
}

/// Read a task
///
/// Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/a2a/{workflow_id}/tasks/{task_id}",
    operation_id = "a2a_get_task",
    tag = "A2A",
    params(
        ("workflow_id" = String, Path, description = "The workflow's id."),
        ("task_id" = String, Path, description = "The run's id."),
        ("A2A-Version" = String, Header, description = "`1.0`"),
        ("historyLength" = Option<i64>, Query, description = "Passed over: tasks have no history."),
    ),
    responses(
        (status = 200, description = "The task.", body = Task,
            content_type = "application/a2a+json"),
        Denied<RestError>,
        Refused<RestError, 400>,
        Refused<RestError, 404>,
        Refused<RestError, 410>,
    )
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Segments((workflow_id, task_id)): Segments<(String, String)>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    entry::check(&app, &caller, (&workflow_id, &[Scope::Read]), (&headers, &uri)).await?;
    Ok(json(&tasks::get(&app, &caller, (&workflow_id, &task_id)).await?))
}

/// Cancel a task, or subscribe to it
///
/// `{id}:cancel` cancels it; one that has ended is refused (`TASK_NOT_CANCELABLE`).
/// `{id}:subscribe` streams it, the task first, then its events from the beginning; one that has
/// ended is refused (`UNSUPPORTED_OPERATION`). There is no body. Needs the scope `cancel` or
/// `read`.
#[utoipa::path(
    post,
    path = "/a2a/{workflow_id}/tasks/{task_id}",
    operation_id = "a2a_act_on_task",
    tag = "A2A",
    params(
        ("workflow_id" = String, Path, description = "The workflow's id."),
        ("task_id" = String, Path, description = "The run's id, with `:cancel` or `:subscribe` \
            behind it."),
        ("A2A-Version" = String, Header, description = "`1.0`"),
    ),
    responses(
        (
            status = 200,
            description = "The task, cancelled, or its stream: each event's data is an \
                           `a2a.StreamResponse`.",
            content((Task = "application/a2a+json"), (Frame = "text/event-stream"))
        ),
        Denied<RestError>,
        Refused<RestError, 400>,
        Refused<RestError, 404>,
        Refused<RestError, 410>,
    )
)]
pub(super) async fn act(
    State(app): State<Arc<App>>,
    Segments((workflow_id, task_and_verb)): Segments<(String, String)>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (task, verb) = task_and_verb.rsplit_once(':').unwrap_or((&task_and_verb, ""));
    let scopes: &[Scope] = match verb {
        "cancel" => &[Scope::Cancel],
        "subscribe" => &[Scope::Read],
        _ => &[Scope::Cancel, Scope::Read],
    };
    entry::check(&app, &caller, (&workflow_id, scopes), (&headers, &uri)).await?;
    let place = (workflow_id.as_str(), task);
    match verb {
        "cancel" => Ok(json(&tasks::cancel(&app, &caller, place).await?)),
        "subscribe" => subscribe(&app, &caller, place, Binding::Rest).await,
        _ => Err(Error::NotFound(What::Path).into()),
    }
}

/// Of both bindings.
pub(super) async fn subscribe(
    app: &Arc<App>,
    caller: &access::Caller,
    place: (&str, &str),
    binding: Binding,
) -> Result<Response, Refusal> {
    let shown = tasks::get(app, caller, place).await?;
    if shown.record.state.has_ended() {
        let message = Error::AlreadyEnded(shown.record.state).to_string();
        return Err(Refusal::protocol(Kind::UnsupportedOperation, message));
    }
    let log = logged(log_of(app, &shown.record.head));
    Ok(response(app, caller, TaskEvents::of(binding, &shown), log))
}
