//! One binary for all integration tests.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod ports_local;
mod ports_aws;

mod fixture;
mod dialect_gptbots;
mod dialect_sim;
mod dialect_sim_executions;
mod dialect_sim_v2;
mod dialect_aiflow;
mod native_runs;
mod native_workflows;
mod native_keys;
mod native_deliveries;
mod native_refusals;
mod code;
mod outbound;
mod crash;
mod stream;
mod several;
mod stored;
mod versions;
mod refusals;
mod limits;
mod idempotency;
mod stop;
mod sweep;
mod hostile;
mod protocol;
mod cli;
mod examples;
mod webhooks;
mod aws;
