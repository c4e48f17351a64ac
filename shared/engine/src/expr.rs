//! Fields with references and secrets in them: found in the author's text, kept apart from it, read when a node runs.

pub(crate) mod reference;
pub mod template;
pub mod code;
pub mod scope;
