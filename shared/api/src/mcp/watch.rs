//! Watches the run of a call to its end, and reports its progress to a client that asked for it.

use std::sync::Arc;

use anyhow::anyhow;
use axum::response::Response;
use bytes::Bytes;
use flowgate_app::event::{Event, EventKind};
use flowgate_app::id::RunId;
use flowgate_app::run::RunState;
use flowgate_app::{self as app, App, Error};
use flowgate_engine::NodeStatus;
use flowgate_runner::Runner;
use flowgate_runner::driver::Progress;
use flowgate_runner::host::Subscription;
use futures_util::stream;
use serde::Serialize;

use super::Exchange;
use super::era::Era;
use super::message::{self, Answer, Id, Typed};
use super::outcome::Outcome;
use super::refusal::Refusal;
use crate::http::idempotency;
use crate::http::sse::{self, Frame};

/// A call whose run has been started.
struct Watched {
    runner: Arc<Runner>,
    subscription: Subscription,
    /// Of the idempotency key's request.
    body_hash: String,
    abandoned: CancelOnDrop,
}

/// Answers once the run has ended or is handed over. With a token the answer is a stream, which
/// begins after the run's first write, so that a start that fails is refused with a status.
pub(super) async fn answer(
    exchange: &Exchange,
    subscription: Subscription,
    body_hash: String,
    token: Option<Id>,
) -> Result<Response, Refusal> {
    let runner = exchange.runner.clone();
    let run = (exchange.era == Era::Stateless).then(|| subscription.head.id.clone());
    let abandoned = CancelOnDrop { app: runner.app.clone(), run };
    let mut watched = Watched { runner, subscription, body_hash, abandoned };
    let mut next = watched.subscription.next().await;
    while token.is_none() && matches!(next, Some(Progress::Event(_))) {
        next = watched.subscription.next().await;
    }
    match (token, next) {
        (Some(token), Some(Progress::Event(first))) => {
            let client = Client { id: exchange.id.clone(), era: exchange.era, token, steps: 0 };
            let streamed = Streamed { watched, client, first: Some(first) };
            let frames =
                stream::unfold(Some(streamed), async |streamed| Some(streamed?.next().await));
            Ok(sse::response(frames))
        }
        (_, last) => in_one_piece(exchange, watched, last).await,
    }
}

/// A process that freezes keeps its answer open until it has released a run that goes on here. A
/// client reads an event before that, a body of JSON only then.
async fn in_one_piece(
    exchange: &Exchange,
    watched: Watched,
    last: Option<Progress>,
) -> Result<Response, Refusal> {
    let goes_on_here = matches!(
        &last,
        Some(Progress::HandedOver(record)) if record.state == RunState::Running
    );
    let is_replayed = matches!(last, Some(Progress::Repeated(_)));
    let outcome = watched.conclude(last).await?;
    let mut response = match goes_on_here && exchange.app().settings.frozen_between_requests {
        true => sse::response(stream::iter([frame(&exchange.message(outcome))])),
        false => exchange.reply(outcome),
    };
    if is_replayed {
        idempotency::mark_replayed(&mut response);
    }
    Ok(response)
}

impl Watched {
    /// The result, from the last progress.
    async fn conclude(mut self, last: Option<Progress>) -> app::Result<Outcome> {
        self.abandoned.run = None;
        match last {
            Some(
                Progress::Ended(record) | Progress::HandedOver(record) | Progress::Overdue(record),
            ) => Ok(Outcome::of(&record)),
            Some(Progress::Repeated(claim)) => {
                let record = self.runner.repeated(claim, &self.body_hash).await?;
                if record.wiped { Err(Error::Gone) } else { Ok(Outcome::of(&record)) }
            }
            Some(Progress::Overloaded(overloaded)) => Err(overloaded.into()),
            Some(Progress::IdTaken) => Err(anyhow!("a run without a chosen id was taken").into()),
            Some(Progress::Event(_) | Progress::Lost) | None => self.stored().await,
        }
    }

    /// Another owner has the run, or we fell behind it: the stored run decides.
    async fn stored(&self) -> app::Result<Outcome> {
        let stored = self.runner.app.ports.runs.read(&self.subscription.head.id).await?;
        let record = stored.ok_or_else(|| anyhow!("the run of a call was lost"))?;
        if record.wiped { Err(Error::Gone) } else { Ok(Outcome::of(&record)) }
    }
}

/// A stream of notifications, and the result.
struct Streamed {
    watched: Watched,
    client: Client,
    first: Option<Event>,
}

impl Streamed {
    /// Returns the next frame, and `None` beside the last one.
    async fn next(mut self) -> (Bytes, Option<Self>) {
        loop {
            let next = match self.first.take() {
                Some(first) => Some(Progress::Event(first)),
                None => self.watched.subscription.next().await,
            };
            match next {
                Some(Progress::Event(event)) => {
                    if let Some(frame) = self.client.progress(&event.kind) {
                        return (frame, Some(self));
                    }
                }
                last => {
                    let outcome = self.watched.conclude(last).await;
                    return (self.client.result(outcome), None);
                }
            }
        }
    }
}

/// The nodes of every workflow: its input and its `output` section. They take no time.
const IMPLICIT: [&str; 2] = ["api", "output"];

/// Who reads the stream.
struct Client {
    id: Id,
    era: Era,
    token: Id,
    /// How many nodes have started or ended. A loop or a branch decides how many there will be.
    steps: u64,
}

#[derive(Serialize)]
struct Notification<'a> {
    jsonrpc: &'static str,
    method: &'static str,
    params: ProgressParams<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProgressParams<'a> {
    progress_token: &'a Id,
    progress: u64,
    message: String,
}

impl Client {
    /// `None`: no node has started or ended.
    fn progress(&mut self, event: &EventKind) -> Option<Bytes> {
        let (node, what) = match event {
            EventKind::NodeStarted { node, .. } => (node, "started"),
            EventKind::NodeFinished { node, status, .. } => match status {
                NodeStatus::Succeeded => (node, "succeeded"),
                NodeStatus::Failed => (node, "failed"),
                NodeStatus::Cancelled => (node, "was cancelled"),
                NodeStatus::Skipped => return None,
            },
            _ => return None,
        };
        if IMPLICIT.contains(&&**node) {
            return None;
        }
        let message = format!("{node} {what}");
        self.steps += 1;
        let params = ProgressParams { progress_token: &self.token, progress: self.steps, message };
        let method = "notifications/progress";
        Some(frame(&Notification { jsonrpc: message::VERSION, method, params }))
    }

    fn result(&self, outcome: app::Result<Outcome>) -> Bytes {
        match outcome {
            Ok(outcome) => frame(&Answer::new(&self.id, Typed::complete(self.era, outcome))),
            Err(error) => {
                if let Error::Internal(cause) = &error {
                    let error = format!("{cause:#}");
                    tracing::error!(error, "a streamed call failed");
                }
                frame(&Refusal::from(error).message(&self.id))
            }
        }
    }
}

fn frame(message: &impl Serialize) -> Bytes {
    Frame::new("message", None, message).encode()
}

/// Cancels the run if its client closes the connection before it has the answer: since 2026-07-28
/// that is how a client cancels. Where nobody notices (Lambda), the run goes on.
struct CancelOnDrop {
    app: Arc<App>,
    /// `None`: the answer is made, or the client closes connections without a meaning.
    run: Option<RunId>,
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(run) = self.run.take() {
            self.app.cancel_abandoned(run);
        }
    }
}
