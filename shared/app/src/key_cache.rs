//! Caches the keys that this process has read lately.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flowgate_core::key::KeyRecord;
use flowgate_core::time::Timestamp;

/// Keeps the effect of a revocation within 5 s.
const FRESH: Duration = Duration::from_secs(4);
/// While the store cannot be read.
const STALE: Duration = Duration::from_secs(30);
const TOUCH_EVERY: Duration = Duration::from_secs(60);
/// Ids with a good checksum cost nothing to make up; at this size the cache is cleared.
const MAX_CACHED: usize = 10_000;

#[derive(Default)]
pub(crate) struct KeyCache {
    keys: Mutex<HashMap<String, CachedKey>>,
}

struct CachedKey {
    /// `None` if there is no such key.
    key: Option<Arc<KeyRecord>>,
    read_at: Timestamp,
    touched_at: Timestamp,
}

impl KeyCache {
    /// Returns the cached key, if it is fresh; the outer `None` means it must be read.
    pub(crate) fn fresh(&self, id: &str, now: Timestamp) -> Option<Option<Arc<KeyRecord>>> {
        let keys = self.lock();
        let cached = keys.get(id).filter(|cached| is_within(cached.read_at, FRESH, now))?;
        Some(cached.key.clone())
    }

    /// Returns the key if it was read lately, for a moment in which the store cannot be read.
    pub(crate) fn lately_valid(&self, id: &str, now: Timestamp) -> Option<Arc<KeyRecord>> {
        let keys = self.lock();
        let cached = keys.get(id).filter(|cached| is_within(cached.read_at, STALE, now))?;
        cached.key.clone()
    }

    pub(crate) fn keep(&self, id: &str, key: Option<Arc<KeyRecord>>, read_at: Timestamp) {
        let touched_at = key.as_ref().and_then(|key| key.last_used_at).unwrap_or(Timestamp(0));
        let mut keys = self.lock();
        if keys.len() >= MAX_CACHED {
            keys.clear();
        }
        keys.insert(id.to_owned(), CachedKey { key, read_at, touched_at });
    }

    /// Returns whether a use now should be stored: at most one a minute.
    pub(crate) fn is_touch_due(&self, id: &str, now: Timestamp) -> bool {
        let mut keys = self.lock();
        let Some(cached) =
            keys.get_mut(id).filter(|cached| now.since(cached.touched_at) >= TOUCH_EVERY)
        else {
            return false;
        };
        cached.touched_at = now;
        true
    }

    pub(crate) fn forget(&self, id: &str) {
        self.lock().remove(id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, CachedKey>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was read in the future was read before the clock was set back: nobody knows how long ago.
fn is_within(read_at: Timestamp, age: Duration, now: Timestamp) -> bool {
    read_at <= now && now.since(read_at) < age
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_the_clock_was_set_back_is_not_fresh() {
        let (cache, read_at) = (KeyCache::default(), Timestamp(10_000_000));
        cache.keep("id", None, read_at);
        let is_fresh = |now| cache.fresh("id", now).is_some();
        assert!(is_fresh(read_at) && is_fresh(read_at + Duration::from_secs(3)));
        assert!(!is_fresh(read_at + Duration::from_secs(4)));
        assert!(!is_fresh(read_at - Duration::from_secs(3600)));
    }
}
