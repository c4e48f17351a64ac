//! What the first generation reads.

pub(super) mod executions;
