//! The error of a component that has no capacity now: a throttled store, a full process.

use std::time::Duration;

/// Nothing was done, and the same may succeed later. Adapters return it as the cause of their
/// errors; every API answers it with 503 and `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overloaded {
    pub retry_after: Duration,
}

impl std::fmt::Display for Overloaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no capacity now; try again in {} s", self.retry_after.as_secs().max(1))
    }
}

impl std::error::Error for Overloaded {}
