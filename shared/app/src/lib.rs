//! What the platform does: use cases over ports. No HTTP framework and no store is known here.

pub mod ports;
pub mod platform;

// Use cases.
pub mod invoke;
pub mod attached;
pub mod drive;
pub mod worker;
pub mod run_status;
pub mod webhook;
pub mod workflows;
pub mod keys;
pub mod secrets;
pub mod access;
pub mod limits;

// What they handle.
pub mod run;
pub mod delivery;
pub mod idempotency;
pub mod answer;
pub mod error;
pub mod time;
pub mod system;
mod live;

pub mod outbound;

pub use error::{Error, Result};
pub use platform::{App, Ports, Settings};
