//! The events of a run as server-sent events, from the log: for who comes back, or was not there from the start.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use flowgate_app::answer::RunAnswer;
use flowgate_app::event::{Event, EventId, EventKind};
use flowgate_app::id::RunId;
use flowgate_app::run::RunRecord;
use flowgate_app::time::Timestamp;
use flowgate_app::{App, Error};
use futures_util::stream;
use http::HeaderMap;
use serde_json::{Value, json};

use super::runs;
use crate::caller::caller;
use crate::problem::Refusal;
use crate::request::{QueryPairs, Segments};
use crate::sse;

/// How often the log is read.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// `GET /v1/runs/{id}/events`: from the beginning, or after `Last-Event-ID`.
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments(run_id): Segments<String>,
    query: QueryPairs,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    let record = app.read_run(&caller, &run_id).await?;
    let after = match headers.get("last-event-id") {
        Some(id) => Some(id.to_str().unwrap_or("?")),
        None => query.get("after"),
    };
    let after = after.filter(|id| !id.is_empty()).map(event_id).transpose()?;
    Ok(follow(app, record, after))
}

/// Reads the log until the run has ended.
pub(super) fn follow(app: Arc<App>, record: RunRecord, after: Option<EventId>) -> Response {
    let head = record.head.clone();
    let until = app.now() + app.settings.longest_follow;
    let follower = Follower { app: app.clone(), run: head.id.clone(), after, until, over: false };
    let mut response = sse::response(stream::unfold(follower, Follower::next));
    runs::name_run(&mut response, &app, &head.id);
    response
}

fn event_id(text: &str) -> Result<EventId, Error> {
    EventId::parse(text)
        .ok_or_else(|| Error::bad_field("", "Last-Event-ID (or `after` in the query) must be the id of an event, such as 1-7"))
}

struct Follower {
    app: Arc<App>,
    run: RunId,
    after: Option<EventId>,
    until: Timestamp,
    over: bool,
}

impl Follower {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        let mut stopping = self.app.stopping();
        while !self.over {
            match self.look().await {
                Ok(frames) if !frames.is_empty() => return Some((frames, self)),
                Ok(_) if self.app.now() >= self.until => break,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(run.id = %self.run, error = format!("{error:#}"), "the events of a run could not be read");
                    break;
                }
            }
            tokio::select! {
                () = self.app.ports.clock.sleep(LOOK_EVERY) => {}
                _ = stopping.wait_for(|stopping| *stopping) => break,
            }
        }
        if self.over {
            return None;
        }
        self.over = true;
        Some((reconnect_frame(&self.app, &self.run), self))
    }

    /// The frames that came since the last look. The run is read before its log: once it has ended the log is whole.
    async fn look(&mut self) -> anyhow::Result<Bytes> {
        let runs = &self.app.ports.runs;
        let goes_on = runs.progress(&self.run).await?.is_some_and(|progress| !progress.state.has_ended());
        let events = self.app.events_after(&self.run, self.after).await?;
        let mut frames = BytesMut::new();
        for event in &events {
            frames.extend_from_slice(&event_frame(&self.run, event));
            self.after = Some(event.id);
        }
        if events.is_empty() && !goes_on {
            // `None`: past its retention.
            if let Some(record) = runs.read(&self.run).await? {
                frames.extend_from_slice(&finished_frame(&self.app, &record));
            }
            self.over = true;
        }
        Ok(frames.freeze())
    }
}

pub(super) fn event_frame(run: &RunId, event: &Event) -> Bytes {
    let (name, mut data) = match &event.kind {
        EventKind::NodeStarted { node, kind, attempt } => {
            ("node.started", json!({ "run_id": run, "node": node, "kind": kind, "attempt": attempt }))
        }
        EventKind::NodeAttempt { node, attempt, .. } => ("node.attempt", json!({ "run_id": run, "node": node, "attempt": attempt })),
        EventKind::Chunk { node, text, .. } => ("chunk", json!({ "run_id": run, "node": node, "text": text })),
        EventKind::NodeReset { node, .. } => ("node.reset", json!({ "run_id": run, "node": node })),
        // The output stands in the trace: the log does not keep it, and what is resumed must read like what was live.
        EventKind::NodeFinished { node, kind, status, error, .. } => {
            ("node.finished", json!({ "run_id": run, "node": node, "kind": kind, "status": status, "error": error }))
        }
    };
    if let EventKind::NodeAttempt { call: Some(call), .. }
    | EventKind::Chunk { call: Some(call), .. }
    | EventKind::NodeReset { call: Some(call), .. } = &event.kind
    {
        data["call"] = json!(call);
    }
    if !matches!(event.kind, EventKind::Chunk { .. }) {
        data["at"] = Value::String(event.at.to_string());
    }
    sse::frame(Some(name), Some(&event.id.to_string()), &data)
}

pub(super) fn finished_frame(app: &App, record: &RunRecord) -> Bytes {
    sse::frame(Some("run.finished"), None, &RunAnswer::new(record, &app.settings.public_url))
}

/// The run goes on: its events are read on from there.
pub(super) fn reconnect_frame(app: &App, run: &RunId) -> Bytes {
    sse::frame(Some("reconnect"), None, &json!({ "run_id": run, "events": format!("{}/v1/runs/{run}/events", app.settings.public_url) }))
}
