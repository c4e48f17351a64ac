//! Files generated from the field tables: the document's JSON Schema, `docs/kinds.md` and
//! `docs/connectors.md`.
//!
//! All are committed, and a test compares them. `FLOWGATE_RENEW=1 cargo test -p flowgate-engine
//! generated` rewrites them.

pub mod schema;
pub mod kinds;
pub mod connectors;

#[cfg(test)]
mod tests;
