//! Ends a wait that takes longer than its limit.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::time::{Duration, Instant};

use flowgate_core::clock::Clock;

type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One at a time. A sleep is kept over many waits: most of them end at once, and none of those
/// should pay for a timer.
pub(super) struct Watch {
    clock: Arc<dyn Clock>,
    /// When the wait began, and which wait it is.
    began: Option<(Instant, u32)>,
    sleep: Option<(Instant, Sleep)>,
}

impl Watch {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, began: None, sleep: None }
    }

    /// The wait is over.
    pub(super) fn ended(&mut self) {
        self.began = None;
    }

    /// Returns whether the wait has reached its limit; otherwise wakes the task then. Another
    /// `wait` than before begins anew.
    pub(super) fn is_over(
        &mut self,
        context: &mut Context<'_>,
        wait: u32,
        limit: Duration,
    ) -> bool {
        let began = match self.began {
            Some((began, same)) if same == wait => began,
            _ => self.began.insert((Instant::now(), wait)).0,
        };
        let until = began + limit;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            // A sleep that would end too late is replaced; after one that ends too soon comes
            // another.
            let (_, sleep) = match self.sleep.take() {
                Some(kept) if kept.0 <= until => self.sleep.insert(kept),
                _ => self.sleep.insert((until, sleep(self.clock.clone(), left))),
            };
            if sleep.as_mut().poll(context).is_pending() {
                return false;
            }
            self.sleep = None;
        }
    }
}

fn sleep(clock: Arc<dyn Clock>, duration: Duration) -> Sleep {
    Box::pin(async move { clock.sleep(duration).await })
}
