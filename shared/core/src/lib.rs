//! What the platform stores and needs of the world: each record in one file with its port. Knows no
//! use case and no store.

// Records, each with its port.
pub mod run;
pub mod delivery;
pub mod receiver;
pub mod schedule;
pub mod work;
pub mod workflow;
pub mod job;
pub mod session;
mod session_owner;
mod identity;
pub mod knowledge;
pub mod key;
pub mod limit;
pub mod budget;
pub mod stats;
pub mod seal;
pub mod secret;
pub mod login;
pub mod login_key;
pub mod file;

// Parts of the records.
pub mod event;
pub mod packed_trace;
pub mod idempotency;
pub mod lease;
pub mod id;
pub mod group;
pub mod page;
pub mod hash;
pub mod time;
pub mod overload;
pub mod memory;
pub mod turns;
pub mod computing;
pub mod deadline;
pub mod background;
pub mod hops;
pub mod trace_context;
pub mod telemetry;

// Time, randomness, memory.
pub mod clock;
pub mod system;

pub mod ports;

pub use ports::Ports;
