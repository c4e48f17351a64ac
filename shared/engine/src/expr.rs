//! Fields with references and secrets: parsed from the author's text at compile, resolved when a
//! node runs.

pub mod reference;
pub(crate) mod marked;
pub mod template;
pub mod code;
pub(crate) mod cel;
pub mod scope;
