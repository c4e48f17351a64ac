//! Runs that a caller waits for or streams. A task of the server's own drives them, so that a caller who goes away cancels nothing.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use flowgate_app::run::RunHead;
use futures_util::FutureExt;
use tokio::sync::mpsc;

use crate::driver::{Driver, Progress};

/// More than any run tells at once; a listener who is this far behind reads on from the log.
const BUFFER: usize = 65_536;

/// What a hosted run tells, in order. The run goes on when it is dropped.
pub struct Subscription {
    pub head: Arc<RunHead>,
    progress: mpsc::Receiver<Progress>,
}

impl Subscription {
    /// `None` after the last word, or where the listener fell too far behind.
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
        let told = AssertUnwindSafe(tell(&mut driver, &mut listener)).catch_unwind().await;
        if told.is_err() {
            let panic_end = driver.panic_end();
            drop(driver);
            if let (Some(end), Some(listener)) = (panic_end.finish().await, listener) {
                let _ = listener.try_send(end);
            }
        }
    });
    Subscription { head, progress }
}

/// Lets go of a listener who has gone, is too far behind, or was told that the run goes on without them.
async fn tell(driver: &mut Driver, listener: &mut Option<mpsc::Sender<Progress>>) {
    while let Some(progress) = driver.next().await {
        let parts = matches!(progress, Progress::HandedOver(_));
        let told = listener.as_ref().is_some_and(|listener| listener.try_send(progress).is_ok());
        if parts || !told {
            *listener = None;
        }
    }
}

/// The last word of a run: at once where it needs nothing of the outside, else from a task of its own. One that is counted gives its place back
/// after its end, even if its caller is gone by then.
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
