//! What keys have used of their limits, in memory: one process serves all requests. A restart
//! resets it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::id::RunId;
use flowgate_core::limit::{Acquired, Allowance, Limits, Rate, Taken};
use flowgate_core::time::Timestamp;

/// Only admins create keys with limits, so there are never many.
#[derive(Default)]
pub struct LocalLimits {
    keys: Mutex<HashMap<String, Used>>,
}

#[derive(Default)]
struct Used {
    /// See [`Rate`].
    full_at: i128,
    /// Each run with the time when it stops counting.
    runs: HashMap<RunId, Timestamp>,
}

#[async_trait]
impl Limits for LocalLimits {
    async fn take(&self, key_id: &str, rate: Rate, now: Timestamp) -> Result<Taken> {
        let mut keys = self.lock();
        let used = keys.entry(key_id.to_owned()).or_default();
        Ok(match rate.take(used.full_at, now) {
            Ok(full_at) => {
                used.full_at = full_at;
                Taken::Allowed(rate.left(full_at, now))
            }
            Err(retry_at) => Taken::Refused { retry_at, left: rate.left(used.full_at, now) },
        })
    }

    async fn peek(&self, key_id: &str, rate: Rate, now: Timestamp) -> Result<Allowance> {
        Ok(rate.left(self.lock().get(key_id).map_or(0, |used| used.full_at), now))
    }

    async fn acquire(
        &self,
        key_id: &str,
        run: &RunId,
        limit: u32,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Acquired> {
        let mut keys = self.lock();
        let runs = &mut keys.entry(key_id.to_owned()).or_default().runs;
        let is_full = |runs: &HashMap<RunId, Timestamp>| {
            runs.len() >= limit as usize && !runs.contains_key(run)
        };
        if is_full(runs) {
            runs.retain(|_, until| *until > now);
        }
        if is_full(runs) {
            return Ok(Acquired::Full);
        }
        runs.insert(run.clone(), until);
        Ok(Acquired::Acquired)
    }

    async fn release(&self, key_id: &str, run: &RunId) -> Result<()> {
        if let Some(used) = self.lock().get_mut(key_id) {
            used.runs.remove(run);
        }
        Ok(())
    }
}

impl LocalLimits {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Used>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
