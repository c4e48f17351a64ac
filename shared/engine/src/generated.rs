//! What is generated from the tables of fields: the JSON Schema of the document, and the page on kinds of the docs.
//!
//! Both are committed, and a test compares them. `FLOWGATE_RENEW=1 cargo test -p flowgate-engine generated` writes them
//! anew.

pub mod schema;
pub mod kinds;

#[cfg(test)]
mod tests;
