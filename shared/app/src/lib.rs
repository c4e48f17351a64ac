//! The platform's use cases, over ports. None of them calls out. Knows no HTTP framework and no
//! store.

pub mod platform;

// Use cases.
pub mod access;
mod readable;
pub mod workflows;
pub mod workflow_list;
pub mod callable;
pub mod outlines;
pub mod imports;
pub mod interface;
mod drafts;
pub mod keys;
pub mod tokens;
pub mod public;
pub mod keyring;
pub mod secrets;
pub mod logins;
mod secret_checks;
mod secret_use;
pub mod children;
mod timetable;
pub mod schedules;
mod signing;
pub mod limits;
pub mod budgets;
pub mod statistics;
mod otlp;
mod spans;
mod measures;
mod telemetry;
pub mod runs;
pub mod deliveries;
pub mod pushes;
pub mod files;
pub mod recover;
pub mod finish;
pub mod call_site;
pub mod sessions;
mod knowledge;
mod erase;
pub mod bulk;
pub mod sweep;

// Types that use cases share.
pub mod answer;
pub mod a2a;
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
pub mod meter;
mod key_cache;
mod keyring_cache;
mod workflow_cache;

// Users of a use case also need its records.
pub use flowgate_core::{
    Ports, background, budget, clock, computing, deadline, delivery, event, file, group, hash,
    hops, id, idempotency, job, key, lease, limit, login, memory, overload, page,
    receiver as receivers, run, schedule, secret, session, stats, system, telemetry as collector,
    time, trace_context, turns, work, workflow,
};

pub use error::{Error, Result};
pub use flowgate_engine::Kinds;
pub use platform::{App, Settings};
