//! What the platform does: use cases over ports. No HTTP framework and no store is known here.

#![cfg_attr(not(feature = "outbound"), expect(dead_code, reason = "some of it serves only those who call out"))]

pub mod ports;
pub mod platform;

// Use cases.
#[cfg(feature = "outbound")]
pub mod invoke;
#[cfg(feature = "outbound")]
pub mod attached;
#[cfg(feature = "outbound")]
pub mod drive;
#[cfg(feature = "outbound")]
pub mod worker;
#[cfg(feature = "outbound")]
pub mod webhook;
pub mod run_status;
mod ending;
pub mod due;
pub mod workflows;
pub mod keys;
pub mod secrets;
mod signing;
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
pub mod metric;
mod live;
mod lease;

#[cfg(feature = "outbound")]
pub mod outbound;

pub use error::{Error, Result};
pub use platform::{App, Ports, Settings};
