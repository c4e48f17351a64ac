//! The ports for time and randomness.

use std::time::Duration;

use async_trait::async_trait;

use crate::time::Timestamp;

/// The wall clock: unlike a monotonic clock, it keeps running while a Lambda is frozen.
#[async_trait]
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
    /// Returns after `duration`. Nothing else waits for time, so that a test controls it.
    async fn sleep(&self, duration: Duration);
}

/// Returns the result of the work, or drops the work and returns `None` after `limit`.
pub async fn timeout<T>(
    clock: &dyn Clock,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
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
