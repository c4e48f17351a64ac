//! The attempts that this process makes now. A process that was stopped for longer than a lease, or
//! whose clock was set forward, finds its own attempts due: it must not make them twice.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use flowgate_app::delivery::DeliveryId;

#[derive(Default)]
pub(crate) struct InFlight {
    deliveries: Mutex<HashSet<DeliveryId>>,
}

/// Dropping it ends the attempt.
pub(crate) struct Flight<'a> {
    all: &'a InFlight,
    id: DeliveryId,
}

impl InFlight {
    /// Returns `None` if the attempt is being made.
    pub(crate) fn begin(&self, id: &DeliveryId) -> Option<Flight<'_>> {
        self.lock().insert(id.clone()).then(|| Flight { all: self, id: id.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<DeliveryId>> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.all.lock().remove(&self.id);
    }
}
