//! Enforces a key's limits: starts per minute, concurrent runs.

use std::time::Duration;

use flowgate_core::hops;
use flowgate_core::idempotency::UniqueRows;
use flowgate_core::lease::LEASE;
use flowgate_core::limit::{Acquired, Allowance, KeyLimits, Limited, Taken};
use flowgate_core::run::{Created, RunHead};
use flowgate_core::time::Timestamp;

use crate::access::Caller;
use crate::error::{Error, Result};
use crate::metric;
use crate::platform::App;

/// A guess: nobody knows when one of the open runs will end.
const CONCURRENCY_RETRY: Duration = Duration::from_secs(1);

impl App {
    /// Returns the caller's limits and what is left of them now; `None` if it has none.
    pub async fn allowance(&self, caller: &Caller) -> Result<Option<(KeyLimits, Allowance)>> {
        let Some((key_id, limits)) = caller.limits() else { return Ok(None) };
        let allowance = self.ports.limits.peek(key_id, limits.rate, self.now()).await?;
        Ok(Some((limits, allowance)))
    }

    /// Counts a run that is about to start against its key's limits. Returns what is left, if the
    /// key has limits and the run was counted. Counts nothing if it refuses, also where too many
    /// runs have led to this one.
    pub async fn admit(
        &self,
        caller: &Caller,
        head: &mut RunHead,
        unique_rows: &UniqueRows,
    ) -> Result<Option<Allowance>> {
        head.counted = false;
        head.hops = hops::current();
        head.trace = self.trace_of(&head.id);
        if head.hops >= hops::MAX_HOPS {
            return Err(Error::LoopDetected);
        }
        let Some((key_id, limits)) = caller.limits() else { return Ok(None) };
        if self.is_repeat(unique_rows).await? {
            return Ok(None);
        }
        if let Some(limit) = limits.concurrent_runs {
            self.acquire(key_id, head, limit).await?;
        }
        let taken = self.ports.limits.take(key_id, limits.rate, self.now()).await;
        if !matches!(taken, Ok(Taken::Allowed(_))) {
            self.release_slot(head).await;
        }
        match taken? {
            Taken::Allowed(allowance) => Ok(Some(allowance)),
            Taken::Refused { retry_at, left } => {
                Err(refused(Limited::Starts, left, retry_at, self.now()))
            }
        }
    }

    /// Counts a request that starts no run but costs as much against its key's rate: it makes
    /// outside calls, or stores a file.
    pub async fn count(&self, caller: &Caller) -> Result<Option<Allowance>> {
        let Some((key_id, limits)) = caller.limits() else { return Ok(None) };
        match self.ports.limits.take(key_id, limits.rate, self.now()).await? {
            Taken::Allowed(allowance) => Ok(Some(allowance)),
            Taken::Refused { retry_at, left } => {
                Err(refused(Limited::Starts, left, retry_at, self.now()))
            }
        }
    }

    /// A repeat starts nothing and is not counted: the first request with its idempotency key was.
    /// One that arrives before the first is written does count.
    async fn is_repeat(&self, unique_rows: &UniqueRows) -> Result<bool> {
        let Some(row) = &unique_rows.idempotency else { return Ok(false) };
        Ok(self.ports.runs.idempotency(&row.key, self.now()).await?.is_some())
    }

    async fn acquire(&self, key_id: &str, head: &mut RunHead, limit: u32) -> Result<()> {
        let now = self.now();
        // The expiry covers a crash between the run's end and its release: no run outlives its
        // deadline.
        match self
            .ports
            .limits
            .acquire(key_id, head.id.as_str(), limit, now, head.deadline_at + LEASE)
            .await?
        {
            Acquired::Acquired => {
                head.counted = true;
                Ok(())
            }
            Acquired::Full => {
                let left = Allowance { limit, remaining: 0, reset_at: now + CONCURRENCY_RETRY };
                Err(refused(Limited::ConcurrentRuns, left, left.reset_at, now))
            }
        }
    }

    /// Stops counting a run that has ended or never started.
    pub async fn release_slot(&self, head: &RunHead) {
        let (true, Some(key_id)) = (head.counted, &head.key_id) else { return };
        if let Err(error) = self.ports.limits.release(key_id, head.id.as_str()).await {
            tracing::warn!(
                run.id = %head.id,
                error = format!("{error:#}"),
                "could not release the run; it counts against its key until its deadline"
            );
        }
    }

    /// Counts the start, or releases the run if it was not created.
    pub async fn after_first_write(&self, head: &RunHead, created: &anyhow::Result<Created>) {
        match created {
            Ok(Created::Created) => metric::run_started(head),
            Ok(Created::Repeated(_) | Created::IdTaken) | Err(_) => self.release_slot(head).await,
        }
    }
}

fn refused(what: Limited, left: Allowance, retry_at: Timestamp, now: Timestamp) -> Error {
    let seconds =
        u64::try_from(retry_at.since(now).as_millis().div_ceil(1_000)).unwrap_or(u64::MAX).max(1);
    Error::RateLimited { what, left, retry_at, retry_after: Duration::from_secs(seconds) }
}
