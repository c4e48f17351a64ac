//! The binding HTTP+JSON: messages.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use flowgate_app::Error;
use flowgate_app::key::Scope;
use flowgate_runner::Runner;
use http::{HeaderMap, Uri};
use serde_json::Value;
use utoipa::ToSchema;

use super::message::Sent;
use super::push::asking;
use crate::a2a::Caller;
use crate::a2a::events::Binding;
use crate::a2a::params::Params;
use crate::a2a::refusal::{Refusal, RestError};
use crate::a2a::rest::json as spelled;
use crate::a2a::task::Task;
use crate::http::body;
use crate::http::fields::kind_of;
use crate::http::request::Segments;
use crate::http::sse::Frame;
use crate::starts::NotStarted;

/// A message, and how it is answered.
#[derive(ToSchema)]
#[schema(as = a2a::SendMessageRequest)]
#[expect(dead_code, reason = "only its schema is used; `Sent` reads the same fields")]
struct SendMessageRequest {
    message: UserMessage,
    #[schema(required = false, nullable = false)]
    configuration: Option<Configuration>,
}

#[derive(ToSchema)]
#[schema(as = a2a::UserMessage, rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct UserMessage {
    /// The same message again is the same task, for 24 hours.
    #[schema(max_length = 255)]
    message_id: String,
    #[schema(examples("ROLE_USER"))]
    role: String,
    /// A `data` part holds the input fields; `text` goes where a chat's goes; `url` and `raw` are
    /// files.
    #[schema(value_type = Vec<Object>)]
    parts: Vec<Value>,
    /// The conversation, which the task keeps.
    #[schema(required = false, nullable = false, max_length = 255)]
    context_id: Option<String>,
    /// The task that asked, and gets an answer.
    #[schema(required = false, nullable = false)]
    task_id: Option<String>,
}

#[derive(ToSchema)]
#[schema(as = a2a::SendMessageConfiguration, rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct Configuration {
    /// Does not wait for the end.
    #[schema(required = false)]
    return_immediately: bool,
    #[schema(required = false, nullable = false)]
    task_push_notification_config: Option<super::push::NewConfig>,
    /// Passed over: tasks have no history.
    #[schema(required = false)]
    history_length: i64,
}

/// A task.
#[derive(ToSchema)]
#[schema(as = a2a::SendMessageResponse)]
#[expect(dead_code, reason = "only its schema is used")]
struct SendMessageResponse {
    task: Task,
}

/// An object of JSON.
pub(super) async fn body_of(headers: &HeaderMap, body: Body) -> Result<Params, Refusal> {
    let body = body::read(headers, body).await?;
    match body::parse(&body)? {
        Value::Object(object) => Ok(Params(object)),
        other => {
            let message = format!("the body must be a JSON object, not {}", kind_of(&other));
            Err(Error::bad_field("", message).into())
        }
    }
}

/// Send a message
///
/// Begins a task, and waits for its end, or until it asks something. A task that fails is an
/// answer. One that goes on after the longest wait is `TASK_STATE_WORKING`. With `taskId`: answers
/// what that task asks. A caller who goes away cancels nothing. Needs the scope `run`.
#[utoipa::path(
    post,
    path = "/a2a/{workflow_id}/message:send",
    operation_id = "a2a_send_message",
    tag = "A2A",
    params(
        ("workflow_id" = String, Path, description = "The workflow's id."),
        ("A2A-Version" = String, Header, description = "`1.0`"),
        ("Idempotency-Key" = Option<String>, Header, description = "Instead of the `messageId`."),
    ),
    request_body = SendMessageRequest,
    responses(
        NotStarted<RestError>,
        (status = 200, description = "The task.", body = SendMessageResponse,
            content_type = "application/a2a+json"),
    )
)]
pub(super) async fn send(
    State(runner): State<Arc<Runner>>,
    Segments(agent): Segments<String>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let exchange = asking(runner, &caller, agent, (headers, uri), Scope::Run).await?;
    let sent = Sent::read(body_of(&exchange.headers, body).await?)?;
    let answered = exchange.send(sent).await?;
    Ok(answered.respond(|shown| spelled(&json_of_task(shown))))
}

pub(super) fn json_of_task<T: serde::Serialize>(task: &T) -> impl serde::Serialize + '_ {
    #[derive(serde::Serialize)]
    struct Sent<'a, T> {
        task: &'a T,
    }
    Sent { task }
}

/// Send a message, and stream its task
///
/// The task first, then `statusUpdate` and `artifactUpdate`: the text of agents as the artifacts
/// `text:<node>`, at the end the outputs as `output`. The stream ends with the task, or once that
/// asks something. One that is cut just ends: subscribe to the task. Needs the scope `run`.
#[utoipa::path(
    post,
    path = "/a2a/{workflow_id}/message:stream",
    operation_id = "a2a_stream_message",
    tag = "A2A",
    params(
        ("workflow_id" = String, Path, description = "The workflow's id."),
        ("A2A-Version" = String, Header, description = "`1.0`"),
        ("Idempotency-Key" = Option<String>, Header, description = "Instead of the `messageId`."),
    ),
    request_body = SendMessageRequest,
    responses(
        NotStarted<RestError>,
        (status = 200, description = "Each event's data is an `a2a.StreamResponse`.", body = Frame,
            content_type = "text/event-stream"),
    )
)]
pub(super) async fn stream(
    State(runner): State<Arc<Runner>>,
    Segments(agent): Segments<String>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let exchange = asking(runner, &caller, agent, (headers, uri), Scope::Run).await?;
    let sent = Sent::read(body_of(&exchange.headers, body).await?)?;
    exchange.stream(sent, Binding::Rest).await
}
