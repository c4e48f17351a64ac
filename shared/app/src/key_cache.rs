//! Caches the keys that this process has read lately.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flowgate_core::key::KeyRecord;
use flowgate_core::time::Timestamp;

/// Keeps the effect of a revocation within 5 s.
const FRESH: Duration = Duration::from_secs(4);
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
        let cached = keys.get(id).filter(|cached| now.since(cached.read_at) < FRESH)?;
        Some(cached.key.clone())
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
