//! What the store accepted, in order: recorded below the faults, so that it is the truth.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flowgate_core::run::RunState;

use super::life::Activity;

#[derive(Debug, Clone, Default)]
pub struct RunHistory {
    /// The first time that the result of each call was stored.
    pub committed: BTreeMap<String, u64>,
    /// Every end that the store accepted.
    pub ends: Vec<RunState>,
    pub claims: usize,
}

pub struct History {
    activity: Arc<Activity>,
    runs: Mutex<BTreeMap<String, RunHistory>>,
}

impl History {
    pub fn new(activity: Arc<Activity>) -> Self {
        Self { activity, runs: Mutex::default() }
    }

    pub fn of(&self, run: &str) -> RunHistory {
        self.runs().get(run).cloned().unwrap_or_default()
    }

    pub(super) fn committed(&self, run: &str, place: &str) {
        let stamp = self.activity.next();
        let mut runs = self.runs();
        let committed = &mut runs.entry(run.to_owned()).or_default().committed;
        committed.entry(place.to_owned()).or_insert(stamp);
    }

    pub(super) fn ended(&self, run: &str, state: RunState) {
        self.runs().entry(run.to_owned()).or_default().ends.push(state);
    }

    pub(super) fn claimed(&self, run: &str) {
        self.runs().entry(run.to_owned()).or_default().claims += 1;
    }

    fn runs(&self) -> MutexGuard<'_, BTreeMap<String, RunHistory>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
