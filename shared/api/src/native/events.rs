//! The events of a run from its log, as server-sent events: for who comes back, or was not there.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use flowgate_app::event::{Event, EventId, EventKind, NodeFigures};
use flowgate_app::id::RunId;
use flowgate_app::run::RunRecord;
use flowgate_app::{App, Error};
use futures_util::stream;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::Caller;
use super::run::{Run, RunError, with_run_headers};
use super::trace::NodeStatus;
use crate::http::event_log::{EventLog, Logged};
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments};
use crate::http::sse::{self, Frame};
use crate::http::time::Time;

/// `node.started`
#[derive(Serialize, ToSchema)]
pub(super) struct NodeStarted<'a> {
    run_id: &'a str,
    node: &'a str,
    kind: &'a str,
    /// From 1.
    attempt: u32,
    at: Time,
}

/// `node.attempt`: a call goes out once more, or one after the node's first.
#[derive(Serialize, ToSchema)]
pub(super) struct NodeAttempt<'a> {
    run_id: &'a str,
    node: &'a str,
    /// The call of a node that makes several; left out for its first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    call: Option<&'a str>,
    /// From 1.
    attempt: u32,
    at: Time,
}

/// `chunk`: joined, the chunks of an agent are its content.
#[derive(Serialize, ToSchema)]
pub(super) struct Chunk<'a> {
    run_id: &'a str,
    node: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    call: Option<&'a str>,
    text: &'a str,
}

/// `node.reset`: the chunks of the node, or of this call of it, do not count so far.
#[derive(Serialize, ToSchema)]
pub(super) struct NodeReset<'a> {
    run_id: &'a str,
    node: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    call: Option<&'a str>,
    at: Time,
}

/// `node.finished`: the trace has the output. The log does not keep it, and a stream that is
/// resumed must read like one that was not cut.
#[derive(Serialize, ToSchema)]
pub(super) struct NodeFinished<'a> {
    run_id: &'a str,
    node: &'a str,
    kind: &'a str,
    status: NodeStatus,
    #[schema(required)]
    error: Option<RunError<'a>>,
    /// From its start. Null where it never started, and in events of earlier releases.
    #[schema(required)]
    duration_ms: Option<u64>,
    /// Null where nobody knows, and where it calls no model.
    #[schema(required)]
    tokens: Option<u64>,
    /// In 10⁻⁹ USD. Null where nobody knows, and where nothing cost.
    #[schema(required)]
    cost_nano_usd: Option<u64>,
    at: Time,
}

/// `reconnect`, the last frame of a stream whose run goes on.
#[derive(Serialize, ToSchema)]
pub(super) struct Reconnect<'a> {
    run_id: &'a str,
    /// The URL at which its events go on.
    events: String,
}

/// Follow the events of a run
///
/// From the first event, or after the one that is named. Needs the scope `read`.
///
/// | event | id | data |
/// |---|---|---|
/// | `node.started` | yes | `NodeStarted` |
/// | `node.attempt` | yes | `NodeAttempt` |
/// | `chunk` | yes | `Chunk` |
/// | `node.reset` | yes | `NodeReset` |
/// | `node.finished` | yes | `NodeFinished` |
/// | `run.finished` | yes | `Run`, without an input or output over 64 KiB; the last frame |
/// | `reconnect` | no | `Reconnect`; the last frame |
///
/// A comment line follows 15 s of silence. After the id of `run.finished` there is nothing: 204.
#[utoipa::path(
    get,
    path = "/v1/runs/{run_id}/events",
    operation_id = "follow_run",
    tag = "Runs",
    params(
        ("run_id" = String, Path, description = "The run's id."),
        (
            "Last-Event-ID" = Option<String>,
            Header,
            description = "The last event that you have: only later ones are sent.",
        ),
        (
            "after" = Option<String>,
            Query,
            description = "The same, for clients that set no headers.",
        ),
    ),
    responses(
        (
            status = 200,
            description = "The events, as they come.",
            body = Frame,
            content_type = "text/event-stream",
        ),
        (status = 204, description = "You have the last event: the run has ended."),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
        Refused<Problem, 410>,
    )
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments(run_id): Segments<String>,
    caller: Caller,
    query: QueryPairs,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let record = app.read_run(&caller, &run_id).await?;
    let after = match last_event(&headers)? {
        None => query.get("after").map(event_id).transpose()?,
        after => after,
    };
    Ok(follow(app, &record, after))
}

/// The event that the client has seen last, as it says when it connects again.
pub(super) fn last_event(headers: &HeaderMap) -> Result<Option<EventId>, Error> {
    let id = headers.get("last-event-id").map(|id| id.to_str().unwrap_or("?"));
    id.filter(|id| !id.is_empty()).map(event_id).transpose()
}

/// Reads the log until the run has ended. A client that has its end gets 204, which is how a
/// browser learns not to connect again.
pub(super) fn follow(app: Arc<App>, record: &RunRecord, after: Option<EventId>) -> Response {
    let head = record.head.clone();
    if record.state.has_ended() && after.is_some_and(EventId::is_of_end) {
        return with_run_headers(StatusCode::NO_CONTENT.into_response(), &app, &head.id);
    }
    let log = EventLog::new(app.clone(), head.id.clone(), after);
    let follower = Follower { app: app.clone(), run: head.id.clone(), log };
    let response = sse::response(stream::unfold(follower, Follower::next));
    with_run_headers(response, &app, &head.id)
}

fn event_id(text: &str) -> Result<EventId, Error> {
    EventId::parse(text).ok_or_else(|| {
        Error::bad_field(
            "",
            "Last-Event-ID (or `after` in the query) must be the id of an event, such as 1-7",
        )
    })
}

struct Follower {
    app: Arc<App>,
    run: RunId,
    log: EventLog,
}

impl Follower {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        let frames = match self.log.next().await? {
            Logged::Events(events) => {
                let mut frames = BytesMut::new();
                events.iter().for_each(|event| frames.extend(event_frame(&self.run, event)));
                frames.freeze()
            }
            Logged::Ended(record) => finished_frame(&self.app, &*record?),
            Logged::Cut => reconnect_frame(&self.app, &self.run),
            Logged::Waiting => Bytes::new(),
        };
        Some((frames, self))
    }
}

pub(super) fn event_frame(run: &RunId, event: &Event) -> Bytes {
    let (run_id, at, id) = (run.as_str(), event.at.into(), Some(event.id.to_string()));
    match &event.kind {
        EventKind::NodeStarted { node, kind, attempt } => {
            let data = NodeStarted { run_id, node, kind, attempt: *attempt, at };
            Frame::new("node.started", id, &data)
        }
        EventKind::NodeAttempt { node, call, attempt } => {
            let (call, attempt) = (call.as_deref(), *attempt);
            Frame::new("node.attempt", id, &NodeAttempt { run_id, node, call, attempt, at })
        }
        EventKind::Chunk { node, call, text } => {
            let call = call.as_deref();
            Frame::new("chunk", id, &Chunk { run_id, node, call, text })
        }
        EventKind::NodeReset { node, call } => {
            let call = call.as_deref();
            Frame::new("node.reset", id, &NodeReset { run_id, node, call, at })
        }
        EventKind::NodeFinished { node, kind, status, error, figures, .. } => {
            let (status, error) = ((*status).into(), error.as_ref().map(Into::into));
            let NodeFigures { duration_ms, tokens, cost_nano_usd } = *figures;
            let data = NodeFinished {
                run_id,
                node,
                kind,
                status,
                error,
                duration_ms,
                tokens,
                cost_nano_usd,
                at,
            };
            Frame::new("node.finished", id, &data)
        }
    }
    .encode()
}

pub(super) fn finished_frame(app: &App, record: &RunRecord) -> Bytes {
    let id = EventId::of_end(record.fence).to_string();
    Frame::new("run.finished", Some(id), &Run::in_event(app, record)).encode()
}

/// The run goes on: its events are read on from there.
pub(super) fn reconnect_frame(app: &App, run: &RunId) -> Bytes {
    let events = format!("{}/v1/runs/{run}/events", app.settings.public_url);
    Frame::new("reconnect", None, &Reconnect { run_id: run.as_str(), events }).encode()
}
