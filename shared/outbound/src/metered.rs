//! The memory of a call, and of its answer as it is read.

use std::sync::{Mutex, PoisonError};

use flowgate_core::memory::{Charge, Holder, Memory, MemoryLimits};
use flowgate_engine::call::CallError;

use super::retryable;

pub struct Metered(Mutex<Charge>);

/// For a program that makes a single call.
impl Default for Metered {
    fn default() -> Self {
        let memory = Memory::new(MemoryLimits::default());
        Self::new(memory.empty_charge(&Holder::of_key(None)))
    }
}

impl Metered {
    pub fn new(charge: Charge) -> Self {
        Self(Mutex::new(charge))
    }

    /// Counts bytes until the call has ended.
    pub(crate) fn add(&self, bytes: usize) -> Result<(), CallError> {
        let mut charge = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        charge
            .add(bytes)
            .map_err(|_| retryable("overloaded", "the server has no memory for the call now"))
    }
}
