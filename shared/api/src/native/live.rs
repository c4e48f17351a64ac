//! What a run tells who started it, as it happens.

use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use flowgate_app::App;
use flowgate_app::run::RunHead;
use flowgate_runner::driver::Progress;
use flowgate_runner::host::Subscription;
use futures_util::{Stream, StreamExt, stream};
use serde_json::json;

use super::run_events::{event_frame, finished_frame, reconnect_frame};
use super::runs;
use crate::sse;

/// A run that has just begun, and everything it tells until its end or its hand-over.
pub(super) fn live(app: &Arc<App>, first: Progress, subscription: Subscription) -> Response {
    let head = subscription.head.clone();
    let started = json!({ "run_id": head.id, "workflow_id": head.workflow_id, "version": head.version });
    let started = stream::iter([sse::frame(Some("run.started"), None, &started)]);
    let told = stream::iter([first]).chain(progress(subscription)).map(Some).chain(stream::iter([None]));
    let listener = Listener { app: app.clone(), head: head.clone(), over: false };
    let frames = told.scan(listener, |listener, told| std::future::ready(listener.frame(told)));
    let mut response = sse::response(started.chain(frames));
    runs::name_run(&mut response, app, &head.id);
    response
}

/// What a run tells, until its last word.
fn progress(subscription: Subscription) -> impl Stream<Item = Progress> + Send + 'static {
    stream::unfold(subscription, |mut subscription| async move { subscription.next().await.map(|progress| (progress, subscription)) })
}

struct Listener {
    app: Arc<App>,
    head: Arc<RunHead>,
    over: bool,
}

impl Listener {
    /// `None` after the last frame. `told` is `None` where the run goes on and nothing more is told: the log knows the rest.
    fn frame(&mut self, told: Option<Progress>) -> Option<Bytes> {
        if self.over {
            return None;
        }
        self.over = !matches!(told, Some(Progress::Event(_)));
        Some(match told {
            Some(Progress::Event(event)) => event_frame(&self.head.id, &event),
            Some(Progress::Ended(record)) => finished_frame(&self.app, &record),
            Some(Progress::HandedOver(_) | Progress::Overdue(_) | Progress::Lost | Progress::Repeated(_) | Progress::IdTaken) | None => {
                reconnect_frame(&self.app, &self.head.id)
            }
        })
    }
}
