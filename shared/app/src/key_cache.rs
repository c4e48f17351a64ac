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
const STORE_EVERY: Duration = Duration::from_secs(60);
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
    /// When a use and a refusal were last stored, by any process as far as it is known here.
    touched_at: Timestamp,
    refused_at: Option<Timestamp>,
}

impl CachedKey {
    /// The last that was stored is a refusal: of what follows, only a success is a use.
    fn was_refused(&self) -> bool {
        self.refused_at.is_some_and(|at| at >= self.touched_at)
    }
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
        let refused_at = key.as_ref().and_then(|key| key.last_refused.as_ref()).map(|last| last.at);
        let mut keys = self.lock();
        if keys.len() >= MAX_CACHED {
            keys.clear();
        }
        let mut cached = CachedKey { key, read_at, touched_at, refused_at };
        if let Some(before) = keys.get(id) {
            // What this process noted may not be stored yet.
            cached.touched_at = cached.touched_at.max(before.touched_at);
            cached.refused_at = cached.refused_at.max(before.refused_at);
        }
        keys.insert(id.to_owned(), cached);
    }

    /// Returns whether a request that begins now should be stored as a use: at most one a minute,
    /// and none after a refusal.
    pub(crate) fn is_touch_due(&self, id: &str, now: Timestamp) -> bool {
        let is_due = |cached: &CachedKey| {
            !cached.was_refused() && now.since(cached.touched_at) >= STORE_EVERY
        };
        self.note(id, is_due, |cached| cached.touched_at = now)
    }

    /// Returns whether a success now should be stored as a use: the first one after a refusal.
    pub(crate) fn is_success_due(&self, id: &str, now: Timestamp) -> bool {
        self.note(id, CachedKey::was_refused, |cached| cached.touched_at = now)
    }

    /// Returns whether a refusal now should be stored: at most one a minute.
    pub(crate) fn is_refusal_due(&self, id: &str, now: Timestamp) -> bool {
        let is_due =
            |cached: &CachedKey| cached.refused_at.is_none_or(|at| now.since(at) >= STORE_EVERY);
        self.note(id, is_due, |cached| cached.refused_at = Some(now))
    }

    fn note(
        &self,
        id: &str,
        is_due: impl FnOnce(&CachedKey) -> bool,
        note: impl FnOnce(&mut CachedKey),
    ) -> bool {
        let mut keys = self.lock();
        let due = keys.get_mut(id).filter(|cached| is_due(cached));
        due.map(note).is_some()
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

    #[test]
    fn refusals_are_stored_once_a_minute_and_a_success_after_one_at_once() {
        let (cache, began) = (KeyCache::default(), Timestamp(10_000_000));
        let at = |seconds| began + Duration::from_secs(seconds);
        cache.keep("id", None, began);
        assert!(cache.is_touch_due("id", at(0)) && !cache.is_touch_due("id", at(1)));
        assert!(!cache.is_success_due("id", at(1)), "nothing was refused");
        assert!(cache.is_refusal_due("id", at(1)) && !cache.is_refusal_due("id", at(2)));
        // What is read while the write is on its way does not know of it.
        cache.keep("id", None, at(3));
        assert!(!cache.is_refusal_due("id", at(60)) && cache.is_refusal_due("id", at(61)));
        assert!(!cache.is_touch_due("id", at(200)), "nobody knows yet what comes of it");
        assert!(cache.is_success_due("id", at(201)) && !cache.is_success_due("id", at(202)));
        assert!(cache.is_touch_due("id", at(261)));
        assert!(!cache.is_refusal_due("other", at(300)), "it was never read");
    }
}
