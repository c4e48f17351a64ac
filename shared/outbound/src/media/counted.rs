//! Bytes as they come: counted before they are kept, and bounded.

use flowgate_engine::call::CallError;

use crate::{Metered, too_large};

const FIRST_BYTES: usize = 64 << 10;

pub(super) struct Counted<'m> {
    bytes: Vec<u8>,
    limit: usize,
    memory: &'m Metered,
}

impl<'m> Counted<'m> {
    pub(super) fn new(limit: usize, memory: &'m Metered) -> Self {
        Self { bytes: Vec::new(), limit, memory }
    }

    pub(super) fn push(&mut self, part: &[u8]) -> Result<(), CallError> {
        let needed = self.bytes.len() + part.len();
        if needed > self.limit {
            return Err(too_large("what came", self.limit));
        }
        self.make_room(needed)?;
        self.bytes.extend_from_slice(part);
        Ok(())
    }

    /// Makes room before the bytes come: of many answers that begin together, the first ones fit.
    pub(super) fn make_room(&mut self, needed: usize) -> Result<(), CallError> {
        let capacity = self.bytes.capacity();
        if needed <= capacity {
            return Ok(());
        }
        let wanted = needed.max(capacity * 2).max(FIRST_BYTES).min(self.limit.max(needed));
        self.memory.add(wanted - capacity)?;
        self.bytes.reserve_exact(wanted - self.bytes.len());
        Ok(())
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn take(self) -> Vec<u8> {
        self.bytes
    }
}
