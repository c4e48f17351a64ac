//! A key's limits (starts per minute, concurrent runs) and the port that counts its use.

use anyhow::Result;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The limits of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLimits {
    #[serde(flatten)]
    pub rate: Rate,
    /// Runs that have not ended.
    pub concurrent_runs: Option<u32>,
}

/// Up to `burst` starts at any moment; used starts come back evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    pub requests_per_minute: u32,
    pub burst: u32,
}

/// The starts, or concurrent runs, that a key has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    pub limit: u32,
    pub remaining: u32,
    /// When all of `limit` is available again.
    pub reset_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    Starts,
    ConcurrentRuns,
}

impl Limited {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starts => "the key has started as many runs as it may for now",
            Self::ConcurrentRuns => "the key has as many concurrent runs as it may",
        }
    }
}

const NANOS_PER_MINUTE: i128 = 60_000_000_000;
const NANOS_PER_MILLI: i128 = 1_000_000;

/// GCRA. A key's only stored state is when its burst is full again, in nanoseconds since 1970 (a
/// fraction of a minute is seldom a whole number of milliseconds); 0 for a new key.
impl Rate {
    /// Takes one start: returns the new value to store, or when to retry. The store must do this
    /// and its write atomically.
    pub fn take(self, full_at: i128, now: Timestamp) -> std::result::Result<i128, Timestamp> {
        let Step { from, latest, add } = self.step(now);
        if full_at <= latest {
            Ok(full_at.max(from) + add)
        } else {
            Err(rounded_up(full_at + add - self.burst_window()))
        }
    }

    /// The same as a condition and a sum, for a store that compares and adds itself.
    pub fn step(self, now: Timestamp) -> Step {
        let (from, add) = (nanos(now), self.interval());
        Step { from, latest: from + self.burst_window() - add, add }
    }

    /// A burst is never further from full than all of it. A value beyond was stored before the
    /// clock was set back, and would refuse the key for as long.
    pub fn clamped(self, full_at: i128, now: Timestamp) -> i128 {
        full_at.min(nanos(now) + self.burst_window())
    }

    pub fn left(self, full_at: i128, now: Timestamp) -> Allowance {
        let full_at = full_at.max(nanos(now));
        let free = nanos(now) + self.burst_window() - full_at;
        let remaining = u32::try_from(free.max(0) / self.interval()).unwrap_or(self.burst);
        Allowance { limit: self.burst, remaining, reset_at: rounded_up(full_at) }
    }

    fn interval(self) -> i128 {
        NANOS_PER_MINUTE / i128::from(self.requests_per_minute.max(1))
    }

    fn burst_window(self) -> i128 {
        self.interval() * i128::from(self.burst)
    }
}

/// One start. Allowed if the stored value is at most `latest`; the new value is then
/// `max(stored, from) + add`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub from: i128,
    pub latest: i128,
    pub add: i128,
}

fn nanos(at: Timestamp) -> i128 {
    i128::from(at.millis()) * NANOS_PER_MILLI
}

/// Rounds up to a whole millisecond.
fn rounded_up(nanos: i128) -> Timestamp {
    let millis =
        nanos.div_euclid(NANOS_PER_MILLI) + i128::from(nanos.rem_euclid(NANOS_PER_MILLI) > 0);
    Timestamp(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// Counts what keys use of their limits, and what is under way to each receiving host. Each method
/// is one atomic step: concurrent callers together never get more than the limit.
#[async_trait]
pub trait Limits: Send + Sync {
    /// Takes one start if the rate has one left ([`Rate::take`]).
    async fn take(&self, key_id: &str, rate: Rate, now: Timestamp) -> Result<Taken>;
    /// Returns what is left without taking any.
    async fn peek(&self, key_id: &str, rate: Rate, now: Timestamp) -> Result<Allowance>;
    /// Counts the holder (a run, an attempt) towards the limit of `of` (a key, a receiver) until
    /// its release, but not beyond `until`. One that is already counted stays counted once.
    async fn acquire(
        &self,
        of: &str,
        holder: &str,
        limit: u32,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Acquired>;
    /// Does nothing for a holder that is not counted.
    async fn release(&self, of: &str, holder: &str) -> Result<()>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// What is left afterwards.
    Allowed(Allowance),
    /// Nothing was taken.
    Refused { retry_at: Timestamp, left: Allowance },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acquired {
    Acquired,
    /// The limit is reached.
    Full,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_counts_down_and_comes_back_evenly() {
        let rate = Rate { requests_per_minute: 7, burst: 3 };
        let (mut full_at, start) = (0, Timestamp(1_000));
        for remaining in [2, 1, 0] {
            full_at = rate.take(full_at, start).unwrap();
            assert_eq!(rate.left(full_at, start).remaining, remaining);
        }
        // A seventh of a minute is 8571.43 ms.
        assert_eq!(rate.left(full_at, start).reset_at, Timestamp(1_000 + 25_715));
        assert_eq!(rate.take(full_at, start), Err(Timestamp(1_000 + 8_572)));
        assert_eq!(rate.take(full_at, Timestamp(1_000 + 8_571)), Err(Timestamp(1_000 + 8_572)));
        assert!(rate.take(full_at, Timestamp(1_000 + 8_572)).is_ok());
        assert_eq!(
            rate.left(full_at, Timestamp(1_000 + 60_000)),
            Allowance { limit: 3, remaining: 3, reset_at: Timestamp(61_000) }
        );
    }

    #[test]
    fn a_rate_that_says_little_or_much_still_adds_up() {
        for (requests_per_minute, burst) in
            [(1, 1), (59, 1), (1_000_000, 1_000_000), (u32::MAX, u32::MAX)]
        {
            let rate = Rate { requests_per_minute, burst };
            let full_at = rate.take(0, Timestamp(5)).unwrap();
            assert_eq!(rate.left(full_at, Timestamp(5)).remaining, burst - 1);
            assert_eq!(rate.left(full_at, Timestamp(60_005)).remaining, burst);
        }
    }
}
