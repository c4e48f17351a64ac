//! Faults F01 to F32, with seeds: what happens to runs and webhooks when anything fails.
//!
//! Each scenario prints its line of the table: what, home, seeds, lost, doubled, extra calls,
//! recovery, duration. A seed that fails prints the command that replays it.
//! `FLOWGATE_FAULT_SEEDS=500` runs more of them, `FLOWGATE_FAULT_TABLE=file` keeps the lines.
//!
//! Elsewhere: F13 is in `it/ports_aws/files.rs`. F18 is also in `it/time.rs`,
//! F19 in `outbound/src/address.rs` and `it/outbound/`, F29 in `it/attack.rs`, `it/refusals.rs` and
//! `it/children.rs`, F30 in `it/fairness.rs`, F31 over stored folders in `it/stored.rs`.

#![expect(clippy::unwrap_used, reason = "tests panic when they fail")]
#![expect(clippy::disallowed_methods, reason = "the tested processes run in real time")]

mod crashes;
mod queue;
mod store;
mod sessions;
mod receivers;
mod addresses;
mod callers;
mod kills;
mod power;
mod bombs;
mod honesty;
