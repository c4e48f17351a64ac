//! Time and randomness, which are passed in.

use crate::time::Timestamp;

/// The wall clock: it goes on while a Lambda is frozen, as a monotonic clock does not.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

/// Randomness for ids, keys and secrets.
pub trait Entropy: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);
}
