//! The memory of a process for its callers' data: counted, and bounded in all and for each holder,
//! so that no caller takes the place of all others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::overload::Overloaded;

/// When a refused caller should try again: runs and requests end within seconds.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryLimits {
    pub process: usize,
    /// For the runs, requests and answers of one key.
    pub holder: usize,
}

impl MemoryLimits {
    /// A holder may take a fifth, but always one run of the largest size.
    pub fn of_process(bytes: usize) -> Self {
        Self { process: bytes, holder: (bytes / 5).max(MIN_HOLDER).min(bytes) }
    }
}

/// What the largest run keeps: its values, its trace, and results that are not written yet.
const MIN_HOLDER: usize = 96 << 20;

impl Default for MemoryLimits {
    fn default() -> Self {
        Self::of_process(512 << 20)
    }
}

/// Whom memory is counted for, and who takes turns: the id of a key, or the operator. Of what a key
/// has no part in, a workflow, or nobody.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Holder(Arc<str>);

impl Holder {
    pub fn of_key(key_id: Option<&str>) -> Self {
        Self(key_id.unwrap_or("admin").into())
    }

    /// Of requests without a credential, so that they take nothing of the operator's.
    pub fn of_nobody() -> Self {
        Self("nobody".into())
    }

    pub fn of_workflow(id: &str) -> Self {
        Self(format!("workflow {id}").into())
    }
}

pub struct Memory {
    limits: MemoryLimits,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    all: usize,
    /// Holders of anything.
    by_holder: HashMap<Holder, usize>,
}

impl Memory {
    pub fn new(limits: MemoryLimits) -> Arc<Self> {
        Arc::new(Self { limits, used: Mutex::default() })
    }

    /// The bytes counted now.
    pub fn used(&self) -> usize {
        self.lock().all
    }

    /// A charge of nothing, to be added to.
    pub fn empty_charge(self: &Arc<Self>, holder: &Holder) -> Charge {
        Charge { memory: self.clone(), holder: holder.clone(), bytes: 0 }
    }

    /// Counts bytes until the charge is dropped. Refuses what is over a limit.
    pub fn charge(self: &Arc<Self>, holder: &Holder, bytes: usize) -> Result<Charge, Overloaded> {
        let mut charge = self.empty_charge(holder);
        charge.resize(bytes)?;
        Ok(charge)
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counted bytes. Dropping it frees them.
pub struct Charge {
    memory: Arc<Memory>,
    holder: Holder,
    bytes: usize,
}

impl Charge {
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Counts another number of bytes instead. A refusal changes nothing; fewer bytes are never
    /// refused.
    pub fn resize(&mut self, bytes: usize) -> Result<(), Overloaded> {
        if bytes == self.bytes {
            return Ok(());
        }
        let limits = self.memory.limits;
        let mut used = self.memory.lock();
        let all = used.all - self.bytes + bytes;
        let held = used.by_holder.get(&self.holder).copied().unwrap_or(0) - self.bytes + bytes;
        if bytes > self.bytes && (all > limits.process || held > limits.holder) {
            return Err(Overloaded { retry_after: RETRY_AFTER });
        }
        used.all = all;
        if held == 0 {
            used.by_holder.remove(&self.holder);
        } else {
            used.by_holder.insert(self.holder.clone(), held);
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Counts more bytes.
    pub fn add(&mut self, bytes: usize) -> Result<(), Overloaded> {
        self.resize(self.bytes + bytes)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        // Fewer bytes are never refused.
        let _ = self.resize(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(name: &str) -> Holder {
        Holder::of_key(Some(name))
    }

    #[test]
    fn no_holder_takes_more_than_its_part_and_all_no_more_than_there_is() {
        let memory = Memory::new(MemoryLimits { process: 100, holder: 60 });
        let mut one = memory.charge(&holder("one"), 50).unwrap();
        assert!(memory.charge(&holder("one"), 11).is_err());
        assert!(one.add(11).is_err());
        assert_eq!(one.bytes(), 50);
        let two = memory.charge(&holder("two"), 50).unwrap();
        assert!(memory.charge(&holder("three"), 1).is_err());
        drop(two);
        one.add(10).unwrap();
        assert_eq!(memory.used(), 60);
        drop(one);
        assert_eq!(memory.used(), 0);
        assert!(memory.lock().by_holder.is_empty());
    }
}
