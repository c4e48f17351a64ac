//! One binary for all integration tests.

#![expect(clippy::unwrap_used, reason = "tests panic when they fail")]
#![expect(clippy::disallowed_methods, reason = "the tested processes run in real time")]

mod ports_local;
mod ports_aws;

mod fixture;
mod contract;
mod dialect_gptbots;
mod dialect_sim;
mod dialect_sim_executions;
mod dialect_sim_v2;
mod dialect_aiflow;
mod mcp;
mod a2a;
mod native_runs;
mod openai;
mod operating;
mod native_workflows;
mod native_outlines;
mod imports;
mod native_keys;
mod rights;
mod erasure;
mod files;
mod keyring;
mod native_deliveries;
mod native_refusals;
mod attack;
mod batch;
mod code;
mod python;
mod documents;
#[cfg(target_os = "linux")]
mod children;
#[cfg(target_os = "linux")]
mod cage;
mod outbound;
mod logins;
mod media;
mod crash;
mod connectors;
mod stream;
mod several;
mod agents;
mod memory;
mod knowledge;
mod stored;
mod versions;
mod waiting;
mod schedules;
mod child_runs;
mod refusals;
mod limits;
mod idempotency;
mod spending;
mod key_budgets;
mod stats;
mod stop;
mod connections;
mod console;
mod interface;
mod snippets;
mod webhook_test;
mod fairness;
mod overload;
mod hops;
mod folder;
mod clock_jumps;
mod sweep;
mod telemetry;
mod time;
mod callers;
mod hostile;
mod protocol;
mod retries;
mod reruns;
mod cli;
mod examples;
mod webhooks;
mod ways_in;
mod routes;
mod raw_http;
mod secret_rules;
mod aws;
