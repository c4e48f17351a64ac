//! Which runs are being computed now: if the process dies, one of them may be why.

use crate::id::RunId;

/// Marks that survive the death of the process, but not that of the machine. The store discounts
/// the claims of runs that were only waiting when their process died: they are not poison.
pub trait Computing: Send + Sync {
    /// Marks the run until the guard is dropped.
    fn mark(&self, run: &RunId) -> Box<dyn Send>;
}

/// For processes that drive one run at a time.
pub struct OneAtATime;

impl Computing for OneAtATime {
    fn mark(&self, _run: &RunId) -> Box<dyn Send> {
        Box::new(())
    }
}
