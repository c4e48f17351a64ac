//! Streams a run to its caller, event by event.

use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use flowgate_app::App;
use flowgate_app::run::RunHead;
use flowgate_runner::driver::Progress;
use flowgate_runner::host::Subscription;
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::sse::{self, Frame};
use crate::native::events::{event_frame, finished_frame, reconnect_frame};
use crate::native::run::with_run_headers;

/// `run.started`, the first frame of a stream that started its run.
#[derive(Serialize, ToSchema)]
pub(super) struct RunStarted<'a> {
    run_id: &'a str,
    workflow_id: &'a str,
    version: &'a str,
}

impl<'a> From<&'a RunHead> for RunStarted<'a> {
    fn from(head: &'a RunHead) -> Self {
        Self { run_id: head.id.as_str(), workflow_id: &head.workflow_id, version: &head.version }
    }
}

/// A run that has just started, and its progress until its end or its hand-over.
pub(super) fn response(app: &Arc<App>, first: Progress, subscription: Subscription) -> Response {
    let head = subscription.head.clone();
    let started = Frame::new("run.started", None, &RunStarted::from(&*head)).encode();
    let all = stream::iter([first]).chain(progress(subscription));
    let all = all.map(Some).chain(stream::iter([None]));
    let listener = Listener { app: app.clone(), head: head.clone(), over: false };
    let frames = all.scan(listener, |listener, next| std::future::ready(listener.frame(next)));
    let response = sse::response(stream::iter([started]).chain(frames));
    with_run_headers(response, app, &head.id)
}

/// The progress of a run, until its last word.
fn progress(subscription: Subscription) -> impl Stream<Item = Progress> + Send + 'static {
    stream::unfold(subscription, |mut subscription| async move {
        subscription.next().await.map(|progress| (progress, subscription))
    })
}

struct Listener {
    app: Arc<App>,
    head: Arc<RunHead>,
    over: bool,
}

impl Listener {
    /// Returns `None` after the last frame. `next` is `None` where the run goes on without this
    /// stream: the log has the rest.
    fn frame(&mut self, next: Option<Progress>) -> Option<Bytes> {
        if self.over {
            return None;
        }
        self.over = !matches!(next, Some(Progress::Event(_)));
        Some(match next {
            Some(Progress::Event(event)) => event_frame(&self.head.id, &event),
            Some(Progress::Ended(record)) => finished_frame(&self.app, &record),
            Some(Progress::HandedOver(_) | Progress::Overdue(_) | Progress::Lost) | None => {
                self.reconnect()
            }
            Some(Progress::Repeated(_) | Progress::IdTaken | Progress::Overloaded(_)) => {
                self.reconnect()
            }
        })
    }

    fn reconnect(&self) -> Bytes {
        reconnect_frame(&self.app, &self.head.id)
    }
}
