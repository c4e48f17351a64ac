//! The system's clock and randomness, for every deployment. No other code asks the system for them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;

use crate::clock::{Clock, Entropy};
use crate::time::Timestamp;

#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock port")]
    fn now(&self) -> Timestamp {
        // A clock before 1970 reads as 1970.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock port")]
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

#[derive(Debug, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // Nothing is safe without randomness. Every supported system has it once it has booted.
        getrandom::fill(bytes).expect("the operating system has randomness");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_of_this_century_and_randomness_differs() {
        assert!(SystemClock.now() > Timestamp::parse_rfc3339("2025-01-01T00:00:00Z").unwrap());
        let (mut one, mut two) = ([0; 32], [0; 32]);
        SystemEntropy.fill(&mut one);
        SystemEntropy.fill(&mut two);
        assert_ne!(one, two);
    }
}
