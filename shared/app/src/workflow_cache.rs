//! Caches the workflows that this process has read lately, and the versions it has compiled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flowgate_core::secret::Publisher;
use flowgate_core::time::Timestamp;
use flowgate_core::workflow::WorkflowRecord;
use flowgate_engine::Workflow;

/// Enough for every workflow of an account; takes little memory compared with the runs.
const MAX_COMPILED: usize = 1_000;
/// Those that are being tried.
const MAX_DRAFTS: usize = 100;
/// Another process's publish is visible within this time; our own immediately.
const FRESH: Duration = Duration::from_secs(4);

/// A version as a process keeps it.
#[derive(Clone)]
pub(crate) struct Compiled {
    pub workflow: Arc<Workflow>,
    pub published_by: Publisher,
}

#[derive(Default)]
pub(crate) struct WorkflowCache {
    inner: Mutex<Cached>,
}

#[derive(Default)]
struct Cached {
    /// Increases with each change made in this process: a read that began before is not cached.
    generation: u64,
    records: HashMap<String, (Arc<WorkflowRecord>, Timestamp)>,
    /// By uid and version: immutable, so never stale.
    compiled: HashMap<(String, String), Compiled>,
    /// The hashes of versions, by uid and version.
    hashes: HashMap<(String, String), String>,
    /// By uid and hash. Apart from the versions: nobody published them.
    drafts: HashMap<(String, String), Arc<Workflow>>,
}

impl WorkflowCache {
    /// Returns the cached record, if it is fresh. `Err` means it must be read, and carries the
    /// generation to pass to [`Self::keep`].
    pub(crate) fn fresh(&self, id: &str, now: Timestamp) -> Result<Arc<WorkflowRecord>, u64> {
        let cached = self.lock();
        let record = cached.records.get(id).filter(|(_, read_at)| {
            // One of the future was read before the clock was set back.
            *read_at <= now && now.since(*read_at) < FRESH
        });
        record.map(|(record, _)| record.clone()).ok_or(cached.generation)
    }

    pub(crate) fn keep(&self, generation: u64, record: Arc<WorkflowRecord>, read_at: Timestamp) {
        let mut cached = self.lock();
        if cached.generation == generation {
            cached.records.insert(record.id.clone(), (record, read_at));
        }
    }

    pub(crate) fn compiled(&self, uid: &str, version: &str) -> Option<Compiled> {
        self.lock().compiled.get(&(uid.to_owned(), version.to_owned())).cloned()
    }

    pub(crate) fn keep_compiled(&self, uid: &str, version: &str, compiled: Compiled) {
        let mut cached = self.lock();
        if cached.compiled.len() >= MAX_COMPILED {
            cached.compiled.clear();
        }
        cached.compiled.insert((uid.to_owned(), version.to_owned()), compiled);
    }

    pub(crate) fn hash(&self, uid: &str, version: &str) -> Option<String> {
        self.lock().hashes.get(&(uid.to_owned(), version.to_owned())).cloned()
    }

    pub(crate) fn keep_hash(&self, uid: &str, version: &str, hash: &str) {
        let mut cached = self.lock();
        if cached.hashes.len() >= MAX_COMPILED {
            cached.hashes.clear();
        }
        cached.hashes.insert((uid.to_owned(), version.to_owned()), hash.to_owned());
    }

    pub(crate) fn draft(&self, uid: &str, hash: &str) -> Option<Arc<Workflow>> {
        self.lock().drafts.get(&(uid.to_owned(), hash.to_owned())).cloned()
    }

    pub(crate) fn keep_draft(&self, uid: &str, hash: &str, draft: Arc<Workflow>) {
        let mut cached = self.lock();
        if cached.drafts.len() >= MAX_DRAFTS {
            cached.drafts.clear();
        }
        cached.drafts.insert((uid.to_owned(), hash.to_owned()), draft);
    }

    pub(crate) fn forget(&self, id: &str) {
        let mut cached = self.lock();
        cached.generation += 1;
        cached.records.remove(id);
    }

    fn lock(&self) -> MutexGuard<'_, Cached> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
