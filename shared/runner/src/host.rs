//! Hosts the runs that a caller waits for or streams: a task of their own drives them, so that a caller who goes away cancels nothing.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use flowgate_app::run::RunHead;
use futures_util::FutureExt;
use tokio::sync::mpsc;

use crate::driver::{Driver, Progress};

/// More than any run reports in one go; a listener who is this far behind reads on from the log.
const BUFFER: usize = 65_536;

/// What a hosted run reports, in order. The run goes on when it is dropped.
pub struct Subscription {
    pub head: Arc<RunHead>,
    progress: mpsc::Receiver<Progress>,
}

impl Subscription {
    /// `None` after the last progress, or where the listener fell too far behind.
    pub async fn next(&mut self) -> Option<Progress> {
        self.progress.recv().await
    }
}

/// Drives the run in a task of its own, to its end or to where it is handed over.
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

/// Drops a listener who has gone, is too far behind, or has heard that the run goes on without them.
async fn report(driver: &mut Driver, listener: &mut Option<mpsc::Sender<Progress>>) {
    while let Some(progress) = driver.next().await {
        let is_handed_over = matches!(progress, Progress::HandedOver(_));
        let is_sent = listener.as_ref().is_some_and(|listener| listener.try_send(progress).is_ok());
        if is_handed_over || !is_sent {
            *listener = None;
        }
    }
}

/// The last progress of a run: driven here where it needs nothing of the outside, else in a task of its own. A run that is counted
/// against its key is released after its end, even if its caller is gone by then.
pub(crate) async fn end_of(mut driver: Driver) -> Option<Progress> {
    if !driver.head().counted && driver.needs_nothing() {
        return driver.next().await;
    }
    let mut subscription = host(driver);
    let mut last = None;
    while let Some(progress) = subscription.next().await {
        last = Some(progress);
    }
    last
}
