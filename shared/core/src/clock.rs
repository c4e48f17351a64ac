//! Time and randomness, which are passed in.

use std::time::Duration;

use async_trait::async_trait;

use crate::time::Timestamp;

/// The wall clock: it goes on while a Lambda is frozen, as a monotonic clock does not.
#[async_trait]
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
    /// Returns once so much time has passed. Nothing else waits for time, so that a test owns it.
    async fn sleep(&self, duration: Duration);
}

/// The result of the work, or `None` if the time is up first; the work is dropped then.
pub async fn timeout<T>(clock: &dyn Clock, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = clock.sleep(limit) => None,
    }
}

/// Randomness for ids, keys and secrets.
pub trait Entropy: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);
}
