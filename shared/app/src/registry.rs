//! The runs of this process. A cancel reaches them immediately instead of with their next
//! heartbeat; a stop waits for them.

use std::collections::HashMap;
use std::sync::Arc;

use flowgate_core::id::RunId;
use tokio::sync::{Notify, watch};

#[derive(Clone, Default)]
pub struct RunRegistry {
    /// A run has several entries while a second message for it is being refused.
    runs: watch::Sender<HashMap<RunId, Vec<Arc<Notify>>>>,
}

/// Guard of a task that drives the run or is about to. Dropping it unregisters the task.
pub struct Registered {
    registry: RunRegistry,
    run: RunId,
    wake: Arc<Notify>,
}

impl RunRegistry {
    /// Call this before claiming the run, so that a wake between the claim and the first wait is
    /// kept.
    pub fn register(&self, run: &RunId) -> Registered {
        let wake = Arc::new(Notify::new());
        self.runs.send_modify(|runs| runs.entry(run.clone()).or_default().push(wake.clone()));
        Registered { registry: self.clone(), run: run.clone(), wake }
    }

    /// Whether a task of this process drives the run, or is about to.
    pub fn has(&self, run: &RunId) -> bool {
        self.runs.borrow().contains_key(run)
    }

    pub fn wake(&self, run: &RunId) {
        self.runs.borrow().get(run).into_iter().flatten().for_each(|live| live.notify_one());
    }

    pub(crate) async fn none_left(&self) {
        // Fails only if the sender is gone, and `self` holds it.
        let _ = self.runs.subscribe().wait_for(HashMap::is_empty).await;
    }
}

impl Registered {
    pub async fn woken(&self) {
        self.wake.notified().await;
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.registry.runs.send_modify(|runs| {
            if let Some(live) = runs.get_mut(&self.run) {
                live.retain(|other| !Arc::ptr_eq(other, &self.wake));
                if live.is_empty() {
                    runs.remove(&self.run);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wake_reaches_everybody_and_is_kept() {
        let (all, run) =
            (RunRegistry::default(), RunId::parse(&format!("run_{}", "0".repeat(32))).unwrap());
        let (first, second) = (all.register(&run), all.register(&run));
        drop(second);
        all.wake(&run);
        first.woken().await;
        drop(first);
        all.wake(&run);
        all.none_left().await;
    }
}
