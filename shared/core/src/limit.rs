//! What a key may start in a minute, and how many of its runs may go on; and the port that counts them.

use anyhow::Result;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::id::RunId;
use crate::time::Timestamp;

/// What one key may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLimits {
    #[serde(flatten)]
    pub rate: Rate,
    /// Runs that have not ended.
    pub concurrent_runs: Option<u32>,
}

/// A full burst may be started at once; what was used of it comes back evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    pub requests_per_minute: u32,
    pub burst: u32,
}

/// What may still be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    pub limit: u32,
    pub remaining: u32,
    /// When all of `limit` is there again.
    pub reset_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    Starts,
    RunsAtOnce,
}

impl Limited {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starts => "the key has started as many runs as it may for now",
            Self::RunsAtOnce => "the key has as many runs going on as it may at once",
        }
    }
}

const NANOS_A_MINUTE: i128 = 60_000_000_000;
const NANOS_A_MILLI: i128 = 1_000_000;

/// GCRA. All that is stored of a key is when its burst is whole again: nanoseconds since 1970, since shares of a minute are seldom
/// whole milliseconds; 0 for a key that is new.
impl Rate {
    /// What to store instead, or when to come back. To be one step with the store's own write.
    pub fn take(self, whole_at: i128, now: Timestamp) -> std::result::Result<i128, Timestamp> {
        let Step { from, latest, add } = self.step(now);
        if whole_at <= latest { Ok(whole_at.max(from) + add) } else { Err(not_before(whole_at + add - self.whole_burst())) }
    }

    /// The same as a condition and a sum, for a store that compares and adds by itself.
    pub fn step(self, now: Timestamp) -> Step {
        let (from, add) = (nanos(now), self.interval());
        Step { from, latest: from + self.whole_burst() - add, add }
    }

    pub fn left(self, whole_at: i128, now: Timestamp) -> Allowance {
        let whole_at = whole_at.max(nanos(now));
        let free = nanos(now) + self.whole_burst() - whole_at;
        let remaining = u32::try_from(free.max(0) / self.interval()).unwrap_or(self.burst);
        Allowance { limit: self.burst, remaining, reset_at: not_before(whole_at) }
    }

    fn interval(self) -> i128 {
        NANOS_A_MINUTE / i128::from(self.requests_per_minute.max(1))
    }

    fn whole_burst(self) -> i128 {
        self.interval() * i128::from(self.burst)
    }
}

/// One start: allowed where what is stored is at most `latest`; then the larger of it and `from`, plus `add`, is stored instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub from: i128,
    pub latest: i128,
    pub add: i128,
}

fn nanos(at: Timestamp) -> i128 {
    i128::from(at.millis()) * NANOS_A_MILLI
}

/// The first moment of the clock that is not before.
fn not_before(nanos: i128) -> Timestamp {
    let millis = nanos.div_euclid(NANOS_A_MILLI) + i128::from(nanos.rem_euclid(NANOS_A_MILLI) > 0);
    Timestamp(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// What keys with limits have used of them. Each verb is one conditional step: any number of callers at once get no more than there is.
#[async_trait]
pub trait Limits: Send + Sync {
    /// One start, if the rate has one left ([`Rate::take`]).
    async fn take(&self, key_id: &str, rate: Rate, now: Timestamp) -> Result<Taken>;
    /// What is left, untouched.
    async fn peek(&self, key_id: &str, rate: Rate, now: Timestamp) -> Result<Allowance>;
    /// Counts the run among the key's until it is released, at the latest until `until`. A run that is counted already stays so.
    async fn acquire(&self, key_id: &str, run: &RunId, most: u32, now: Timestamp, until: Timestamp) -> Result<Acquired>;
    /// A run that is not counted may be released too.
    async fn release(&self, key_id: &str, run: &RunId) -> Result<()>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// What is left after it.
    Allowed(Allowance),
    /// Nothing was taken.
    Refused { retry_at: Timestamp, left: Allowance },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acquired {
    Acquired,
    /// As many as may are counted.
    Full,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_counts_down_and_comes_back_evenly() {
        let rate = Rate { requests_per_minute: 7, burst: 3 };
        let (mut whole_at, start) = (0, Timestamp(1_000));
        for remaining in [2, 1, 0] {
            whole_at = rate.take(whole_at, start).unwrap();
            assert_eq!(rate.left(whole_at, start).remaining, remaining);
        }
        // A seventh of a minute is 8571.43 ms.
        assert_eq!(rate.left(whole_at, start).reset_at, Timestamp(1_000 + 25_715));
        assert_eq!(rate.take(whole_at, start), Err(Timestamp(1_000 + 8_572)));
        assert_eq!(rate.take(whole_at, Timestamp(1_000 + 8_571)), Err(Timestamp(1_000 + 8_572)));
        assert!(rate.take(whole_at, Timestamp(1_000 + 8_572)).is_ok());
        assert_eq!(rate.left(whole_at, Timestamp(1_000 + 60_000)), Allowance { limit: 3, remaining: 3, reset_at: Timestamp(61_000) });
    }

    #[test]
    fn a_rate_that_says_little_or_much_still_adds_up() {
        for (requests_per_minute, burst) in [(1, 1), (59, 1), (1_000_000, 1_000_000), (u32::MAX, u32::MAX)] {
            let rate = Rate { requests_per_minute, burst };
            let whole_at = rate.take(0, Timestamp(5)).unwrap();
            assert_eq!(rate.left(whole_at, Timestamp(5)).remaining, burst - 1);
            assert_eq!(rate.left(whole_at, Timestamp(60_005)).remaining, burst);
        }
    }
}
