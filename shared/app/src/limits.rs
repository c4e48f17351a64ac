//! What a key may start in a minute, and have going on at once.

use std::cell::Cell;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::access::Caller;
use crate::error::{Error, Result};
use crate::idempotency::Claims;
use crate::lease::LEASE;
use crate::metric;
use crate::platform::App;
use crate::ports::{Created, Entered, Taken};
use crate::run::RunHead;
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
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Starts => "the key has started as many runs as it may for now",
            Self::RunsAtOnce => "the key has as many runs going on as it may at once",
        }
    }
}

/// Nobody knows when one of the runs that go on will end.
const RETRY_FOR_A_PLACE: Duration = Duration::from_secs(1);
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

tokio::task_local! {
    static NOTED: Cell<Option<Allowance>>;
}

/// Does what a request asks for, and says what its key may start after it, where that was asked about and is limited: every answer tells it,
/// whatever its shape.
pub async fn noting_allowance<T>(request: impl Future<Output = T>) -> (T, Option<Allowance>) {
    let noting = async {
        let answer = request.await;
        (answer, NOTED.with(Cell::get))
    };
    NOTED.scope(Cell::new(None), noting).await
}

fn note(allowance: Allowance) {
    // Outside a request nobody asks.
    let _ = NOTED.try_with(|noted| noted.set(Some(allowance)));
}

impl App {
    /// The caller's limits and what they leave at this moment; `None` where there are none.
    pub async fn allowance(&self, caller: &Caller) -> Result<Option<(KeyLimits, Allowance)>> {
        let Some((key_id, limits)) = caller.limits() else { return Ok(None) };
        let allowance = self.ports.limits.peek(key_id, limits.rate, self.now()).await?;
        note(allowance);
        Ok(Some((limits, allowance)))
    }

    /// Counts a run that is about to start against its key's limits. Refused, nothing is counted.
    pub(crate) async fn admit(&self, caller: &Caller, head: &mut RunHead, claims: &Claims) -> Result<()> {
        head.counted = false;
        let Some((key_id, limits)) = caller.limits() else { return Ok(()) };
        if self.is_repeat(claims).await? {
            return Ok(());
        }
        if let Some(most) = limits.concurrent_runs {
            self.enter(key_id, head, most).await?;
        }
        let taken = self.ports.limits.take(key_id, limits.rate, self.now()).await;
        if !matches!(taken, Ok(Taken::Allowed(_))) {
            self.leave(head).await;
        }
        match taken? {
            Taken::Allowed(allowance) => {
                note(allowance);
                Ok(())
            }
            Taken::Refused { retry_at, left } => Err(refused(Limited::Starts, left, retry_at, self.now())),
        }
    }

    /// It starts nothing: the first request with its idempotency key was counted. One that comes before that is written counts too.
    async fn is_repeat(&self, claims: &Claims) -> Result<bool> {
        let Some(row) = &claims.idempotency else { return Ok(false) };
        Ok(self.ports.runs.idempotency(&row.key, self.now()).await?.is_some())
    }

    async fn enter(&self, key_id: &str, head: &mut RunHead, most: u32) -> Result<()> {
        let now = self.now();
        // The backstop for a crash between the run's end and its leaving: no run goes on past its deadline.
        match self.ports.limits.enter(key_id, &head.id, most, now, head.deadline_at + LEASE).await? {
            Entered::Entered => {
                head.counted = true;
                Ok(())
            }
            Entered::Full => {
                let left = Allowance { limit: most, remaining: 0, reset_at: now + RETRY_FOR_A_PLACE };
                Err(refused(Limited::RunsAtOnce, left, left.reset_at, now))
            }
        }
    }

    /// Gives back the place of a run that has ended, or never began.
    pub(crate) async fn leave(&self, head: &RunHead) {
        let (true, Some(key_id)) = (head.counted, &head.key_id) else { return };
        if let Err(error) = self.ports.limits.leave(key_id, &head.id).await {
            tracing::warn!(run.id = %head.id, error = format!("{error:#}"), "the run still counts for its key, until its deadline");
        }
    }

    /// Where the run was not made, it has no place to keep.
    pub(crate) async fn after_first_write(&self, head: &RunHead, created: &anyhow::Result<Created>) {
        match created {
            Ok(Created::Created) => metric::run_started(head),
            Ok(Created::Repeated(_) | Created::IdTaken) | Err(_) => self.leave(head).await,
        }
    }
}

fn refused(what: Limited, left: Allowance, retry_at: Timestamp, now: Timestamp) -> Error {
    note(left);
    let seconds = u64::try_from(retry_at.since(now).as_millis().div_ceil(1_000)).unwrap_or(u64::MAX).max(1);
    Error::RateLimited { what, retry_at, retry_after: Duration::from_secs(seconds) }
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

    #[tokio::test]
    async fn what_is_noted_belongs_to_one_request() {
        let allowance = |remaining| Allowance { limit: 9, remaining, reset_at: Timestamp(1) };
        let request = |remaining| noting_allowance(async move { note(allowance(remaining)) });
        let (one, two) = tokio::join!(request(1), request(2));
        assert_eq!((one.1, two.1), (Some(allowance(1)), Some(allowance(2))));
        assert_eq!(noting_allowance(async {}).await.1, None);
    }
}
