//! Use cases of existing runs: read, list, trace, cancel.

mod read;
mod list;
mod trace;
mod cancel;

pub use cancel::Cancelled;
pub use list::MAX_PAGE;
