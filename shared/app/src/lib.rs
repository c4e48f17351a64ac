//! The platform's use cases, over ports. None of them calls out. Knows no HTTP framework and no
//! store.

pub mod platform;

// Use cases.
pub mod access;
pub mod workflows;
pub mod keys;
pub mod tokens;
pub mod keyring;
pub mod secrets;
mod secret_use;
mod signing;
pub mod limits;
pub mod runs;
pub mod deliveries;
pub mod recover;
pub mod finish;
mod sessions;
mod knowledge;
mod erase;
pub mod sweep;

// Types that use cases share.
pub mod answer;
pub mod error;
pub mod metric;
mod webhook_body;
mod receiver;
mod credential;
pub mod signed_token;
pub mod origin;

// In-memory state of this process.
pub mod registry;
pub mod compute;
mod key_cache;
mod keyring_cache;
mod workflow_cache;

// Users of a use case also need its records.
pub use flowgate_core::{
    Ports, clock, computing, deadline, delivery, event, group, hash, hops, id, idempotency, job,
    key, lease, limit, memory, overload, page, receiver as receivers, run, secret, session, system,
    time, turns, work, workflow,
};

pub use error::{Error, Result};
pub use flowgate_engine::Kinds;
pub use platform::{App, Settings};
