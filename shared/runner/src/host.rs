//! Hosts attached runs. A run with outside calls has its own task, so that a caller who disconnects
//! cancels nothing; one without is driven in the request.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use flowgate_app::run::RunHead;
use futures_util::FutureExt;
use tokio::sync::mpsc;

use crate::driver::{Driver, Progress};

/// More than any run reports in one burst. A listener that falls this far behind continues from the
/// log.
const BUFFER: usize = 65_536;

/// The progress of a hosted run, in order. Dropping it does not stop the run.
pub struct Subscription {
    pub head: Arc<RunHead>,
    progress: mpsc::Receiver<Progress>,
}

impl Subscription {
    /// Returns `None` after the last progress, or if the listener fell too far behind.
    pub async fn next(&mut self) -> Option<Progress> {
        self.progress.recv().await
    }
}

/// Drives the run in its own task until it ends or is handed over.
pub(crate) fn host(mut driver: Driver) -> Subscription {
    let (sender, progress) = mpsc::channel(BUFFER);
    let head = driver.head().clone();
    tokio::spawn(async move {
        let mut listener = Some(sender);
        let driven = AssertUnwindSafe(report(&mut driver, &mut listener)).catch_unwind().await;
        if driven.is_err() {
            let panic_end = driver.panic_end();
            drop(driver);
            if let (Some(end), Some(listener)) = (panic_end.finish().await, listener) {
                let _ = listener.try_send(end);
            }
        }
    });
    Subscription { head, progress }
}

/// Drops a listener that has gone, is too far behind, or was notified of the hand-over.
async fn report(driver: &mut Driver, listener: &mut Option<mpsc::Sender<Progress>>) {
    while let Some(progress) = driver.next().await {
        let is_handed_over = matches!(progress, Progress::HandedOver(_));
        let is_sent = listener.as_ref().is_some_and(|listener| listener.try_send(progress).is_ok());
        if is_handed_over || !is_sent {
            *listener = None;
        }
    }
}

/// Drives a run and returns its last progress: here if it makes no outside call, else in its own
/// task. A run that counts against its key always gets its own task, so that its key's
/// count goes down after its end even if its caller is gone.
pub(crate) async fn last_progress(mut driver: Driver) -> Option<Progress> {
    if !driver.head().counted && driver.completes_without_calls() {
        return driver.next().await;
    }
    let mut subscription = host(driver);
    let mut last = None;
    while let Some(progress) = subscription.next().await {
        last = Some(progress);
    }
    last
}
