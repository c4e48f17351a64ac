//! Hosts attached runs. A run with outside calls has its own task, so that a caller who disconnects
//! cancels nothing; one without is driven in the request.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use flowgate_app::clock::{Clock, timeout};
use flowgate_app::run::RunHead;
use futures_util::FutureExt;
use tokio::sync::{Semaphore, mpsc};

use crate::driver::{Driver, Progress};

/// Progress that waits for a listener, in events and in units of 1 KiB.
const MAX_WAITING: usize = 4_096;
const MAX_WAITING_UNITS: u32 = 4_096;
const UNIT: usize = 1_024;
/// How long a run waits for a slow listener, in all. Then the listener continues from the log.
const PATIENCE: Duration = Duration::from_secs(5);

/// The progress of a hosted run, in order. Dropping it does not stop the run.
pub struct Subscription {
    pub head: Arc<RunHead>,
    progress: mpsc::Receiver<(Progress, u32)>,
    room: Arc<Semaphore>,
}

impl Subscription {
    /// Returns `None` after the last progress, or if the listener fell too far behind.
    pub async fn next(&mut self) -> Option<Progress> {
        let (progress, units) = self.progress.recv().await?;
        self.room.add_permits(units as usize);
        Some(progress)
    }
}

/// Sends progress to a subscription, as much as it has room for.
struct Listener {
    progress: mpsc::Sender<(Progress, u32)>,
    room: Arc<Semaphore>,
    patience: Duration,
}

impl Listener {
    /// Returns `false` if the listener has gone, or is too far behind.
    async fn send(&mut self, clock: &dyn Clock, progress: Progress) -> bool {
        let units = units(&progress);
        let begun = clock.now();
        let send = async {
            let room = self.room.acquire_many(units).await.ok()?;
            room.forget();
            self.progress.send((progress, units)).await.ok()
        };
        let sent = timeout(clock, self.patience, send).await.flatten();
        self.patience = self.patience.saturating_sub(clock.now().since(begun));
        sent.is_some()
    }
}

/// What progress takes while it waits. A run's record shares its values with the store's write.
fn units(progress: &Progress) -> u32 {
    let bytes = match progress {
        Progress::Event(event) => event.kind.text_bytes() + event.output_bytes(),
        _ => 0,
    };
    u32::try_from(bytes / UNIT + 1).map_or(MAX_WAITING_UNITS, |units| units.min(MAX_WAITING_UNITS))
}

/// Drives the run in its own task until it ends or is handed over.
pub(crate) fn host(mut driver: Driver) -> Subscription {
    let (sender, progress) = mpsc::channel(MAX_WAITING);
    let room = Arc::new(Semaphore::new(MAX_WAITING_UNITS as usize));
    let (head, clock) = (driver.head().clone(), driver.clock());
    let listener = Listener { progress: sender, room: room.clone(), patience: PATIENCE };
    tokio::spawn(async move {
        let mut listener = Some(listener);
        let reported = report(&mut driver, &*clock, &mut listener);
        if AssertUnwindSafe(reported).catch_unwind().await.is_err() {
            let panic_end = driver.panic_end();
            drop(driver);
            if let (Some(end), Some(mut listener)) = (panic_end.finish().await, listener) {
                listener.send(&*clock, end).await;
            }
        }
    });
    Subscription { head, progress, room }
}

/// Drops a listener that has gone, is too far behind, or was notified of the hand-over.
async fn report(driver: &mut Driver, clock: &dyn Clock, listener: &mut Option<Listener>) {
    while let Some(progress) = driver.next().await {
        let is_handed_over = matches!(progress, Progress::HandedOver(_));
        let is_sent = match listener {
            Some(listener) => listener.send(clock, progress).await,
            None => false,
        };
        if is_handed_over || !is_sent {
            *listener = None;
        }
    }
}

/// Drives a run and returns its last progress: here if it makes no outside call, else in its own
/// task. A run that counts against its key always gets its own task, so that its key's
/// count goes down after its end even if its caller is gone.
pub(crate) async fn last_progress(mut driver: Driver) -> Option<Progress> {
    if !driver.head().counted && driver.completes_without_calls().await {
        return driver.next().await;
    }
    let mut subscription = host(driver);
    let mut last = None;
    while let Some(progress) = subscription.next().await {
        last = Some(progress);
    }
    last
}
