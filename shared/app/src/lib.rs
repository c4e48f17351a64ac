//! The platform's use cases, over ports. None of them calls out. Knows no HTTP framework and no
//! store.

pub mod platform;

// Use cases.
pub mod access;
pub mod workflows;
pub mod keys;
pub mod secrets;
mod signing;
pub mod limits;
pub mod runs;
pub mod deliveries;
pub mod recover;
pub mod finish;
pub mod sweep;

// Types that use cases share.
pub mod answer;
pub mod error;
pub mod metric;
mod webhook_body;
mod receiver;
mod credential;

// In-memory state of this process.
pub mod registry;
mod key_cache;
mod workflow_cache;

// Users of a use case also need its records.
pub use flowgate_core::{
    Ports, clock, deadline, delivery, event, group, hash, hops, id, idempotency, key, lease, limit,
    overload, page, receiver as receivers, run, secret, system, time, work, workflow,
};

pub use error::{Error, Result};
pub use flowgate_engine::Kinds;
pub use platform::{App, Settings};
