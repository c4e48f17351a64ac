//! Random input, for everything that reads what others wrote: documents, references, JSON, URLs,
//! headers, event streams, and the requests of every dialect.
//!
//! A target has a few seconds, or `FLOWGATE_FUZZ_SECONDS`. The seed is fixed without that variable
//! and random with it; a failure prints it, and `FLOWGATE_FUZZ_SEED` repeats it.

#![expect(clippy::unwrap_used, reason = "tests panic when they fail")]
#![expect(clippy::print_stdout, reason = "a fuzzer says how far it came")]

mod budget;
mod words;

mod addresses;
mod documents;
mod events;
mod headers;
mod references;
mod requests;
mod strict_json;

/// The command line's reader of event streams, which no other crate sees.
#[path = "../../../cli/src/sse.rs"]
mod cli_sse;
