//! The keyring that this process has read last.

use std::sync::{Arc, Mutex, PoisonError};

use flowgate_core::secret::Keyring;
use flowgate_core::time::Timestamp;

pub(crate) struct HeldKeyring {
    held: Mutex<Held>,
    /// One read at a time; the others wait for its outcome.
    pub(crate) reading: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) ring: Arc<Keyring>,
    /// When the store gave it. Absent while the store had no capacity: `ring` is then what it is
    /// offered to begin with, and nothing may use it.
    pub(crate) read_at: Option<Timestamp>,
}

impl HeldKeyring {
    pub(crate) fn new(ring: Keyring, read_at: Option<Timestamp>) -> Self {
        let held = Mutex::new(Held { ring: Arc::new(ring), read_at });
        Self { held, reading: tokio::sync::Mutex::default() }
    }

    pub(crate) fn held(&self) -> Held {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A store may answer with an earlier generation for a moment.
    pub(crate) fn keep(&self, ring: Keyring, read_at: Timestamp) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.read_at = Some(read_at);
        if ring.generation >= held.ring.generation {
            held.ring = Arc::new(ring);
        }
    }
}
