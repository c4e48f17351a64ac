//! What the platform does: use cases over ports. None of them calls out; no HTTP framework and no store is known here.

pub mod platform;

// Use cases.
pub mod access;
pub mod workflows;
pub mod keys;
pub mod secrets;
mod signing;
pub mod limits;
pub mod runs;
mod deliveries;
pub mod finish;
pub mod sweep;

// What they handle.
pub mod answer;
pub mod error;
pub mod metric;
mod credential;

// What this process keeps in memory.
pub mod registry;
mod key_cache;
mod workflow_cache;

// Whoever sees a use case sees its records.
pub use flowgate_core::{
    Ports, clock, delivery, event, hash, id, idempotency, key, lease, limit, page, run, secret, system, time, work, workflow,
};

pub use error::{Error, Result};
pub use flowgate_engine::{CompileOptions, Kinds};
pub use platform::{App, Settings};
