//! The workflows that this process has read lately, and the versions that it has compiled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flowgate_core::time::Timestamp;
use flowgate_core::workflow::WorkflowRecord;
use flowgate_engine::Workflow;

/// Long enough for every workflow of an account, small beside the runs.
const MOST_COMPILED: usize = 1_000;
/// Another process's publish is seen within this time; our own at once.
const FRESH: Duration = Duration::from_secs(4);

#[derive(Default)]
pub(crate) struct WorkflowCache {
    inner: Mutex<Cached>,
}

#[derive(Default)]
struct Cached {
    /// Moves with each change made here: a read that began before the change is not kept.
    generation: u64,
    records: HashMap<String, (Arc<WorkflowRecord>, Timestamp)>,
    /// By uid and version: immutable, kept for good.
    compiled: HashMap<(String, String), Arc<Workflow>>,
}

impl WorkflowCache {
    /// The record as it was read a moment ago. `Err`: it must be read, and [`Self::keep`] wants this generation.
    pub(crate) fn fresh(&self, id: &str, now: Timestamp) -> Result<Arc<WorkflowRecord>, u64> {
        let cached = self.lock();
        let record = cached.records.get(id).filter(|(_, read_at)| now.since(*read_at) < FRESH);
        record.map(|(record, _)| record.clone()).ok_or(cached.generation)
    }

    pub(crate) fn keep(&self, generation: u64, record: Arc<WorkflowRecord>, read_at: Timestamp) {
        let mut cached = self.lock();
        if cached.generation == generation {
            cached.records.insert(record.id.clone(), (record, read_at));
        }
    }

    pub(crate) fn compiled(&self, uid: &str, version: &str) -> Option<Arc<Workflow>> {
        self.lock().compiled.get(&(uid.to_owned(), version.to_owned())).cloned()
    }

    pub(crate) fn keep_compiled(&self, uid: &str, version: &str, workflow: Arc<Workflow>) {
        let mut cached = self.lock();
        if cached.compiled.len() >= MOST_COMPILED {
            cached.compiled.clear();
        }
        cached.compiled.insert((uid.to_owned(), version.to_owned()), workflow);
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
