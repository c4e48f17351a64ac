//! Files generated from the field tables: the document's JSON Schema and `docs/kinds.md`.
//!
//! Both are committed, and a test compares them. `FLOWGATE_RENEW=1 cargo test -p flowgate-engine
//! generated` rewrites them.

pub mod schema;
pub mod kinds;

#[cfg(test)]
mod tests;
