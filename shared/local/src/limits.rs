//! What keys have used of their limits, and what is under way to each receiver, in memory: one
//! process serves all requests. A restart resets it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::limit::{Acquired, Allowance, Limits, Rate, Taken};
use flowgate_core::time::Timestamp;

/// Only admins create keys with limits, so there are never many. Receivers are kept while something
/// is under way to them.
#[derive(Default)]
pub struct LocalLimits {
    keys: Mutex<HashMap<String, Used>>,
}

#[derive(Default)]
struct Used {
    /// See [`Rate`].
    full_at: i128,
    /// Each holder with the time when it stops counting.
    holders: HashMap<String, Timestamp>,
}

#[async_trait]
impl Limits for LocalLimits {
    async fn take(&self, key_id: &str, rate: Rate, now: Timestamp) -> Result<Taken> {
        let mut keys = self.lock();
        let used = keys.entry(key_id.to_owned()).or_default();
        used.full_at = rate.clamped(used.full_at, now);
        Ok(match rate.take(used.full_at, now) {
            Ok(full_at) => {
                used.full_at = full_at;
                Taken::Allowed(rate.left(full_at, now))
            }
            Err(retry_at) => Taken::Refused { retry_at, left: rate.left(used.full_at, now) },
        })
    }

    async fn peek(&self, key_id: &str, rate: Rate, now: Timestamp) -> Result<Allowance> {
        let full_at = self.lock().get(key_id).map_or(0, |used| used.full_at);
        Ok(rate.left(rate.clamped(full_at, now), now))
    }

    async fn acquire(
        &self,
        of: &str,
        holder: &str,
        limit: u32,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Acquired> {
        let mut all = self.lock();
        let holders = &mut all.entry(of.to_owned()).or_default().holders;
        let is_full = |holders: &HashMap<String, Timestamp>| {
            holders.len() >= limit as usize && !holders.contains_key(holder)
        };
        if is_full(holders) {
            holders.retain(|_, until| *until > now);
        }
        if is_full(holders) {
            return Ok(Acquired::Full);
        }
        holders.insert(holder.to_owned(), until);
        Ok(Acquired::Acquired)
    }

    async fn release(&self, of: &str, holder: &str) -> Result<()> {
        let mut all = self.lock();
        if let Some(used) = all.get_mut(of) {
            used.holders.remove(holder);
            if used.holders.is_empty() && used.full_at == 0 {
                all.remove(of);
            }
        }
        Ok(())
    }
}

impl LocalLimits {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Used>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
