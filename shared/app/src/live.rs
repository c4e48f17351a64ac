//! The runs that this process drives at this moment, so that a cancel reaches them at once instead of with their next look at the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::run::RunId;

#[derive(Default)]
pub(crate) struct LiveRuns {
    runs: Mutex<HashMap<RunId, Arc<Notify>>>,
}

impl LiveRuns {
    pub(crate) fn enter(self: &LiveRuns, run: &RunId) -> Arc<Notify> {
        let notify = Arc::new(Notify::new());
        self.lock().insert(run.clone(), notify.clone());
        notify
    }

    pub(crate) fn leave(&self, run: &RunId, mine: &Arc<Notify>) {
        let mut runs = self.lock();
        if runs.get(run).is_some_and(|there| Arc::ptr_eq(there, mine)) {
            runs.remove(run);
        }
    }

    pub(crate) fn wake(&self, run: &RunId) {
        if let Some(notify) = self.lock().get(run) {
            notify.notify_one();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RunId, Arc<Notify>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
