//! Use cases of existing runs: read, list, trace, answer, cancel.

mod read;
mod list;
mod trace;
mod resume;
mod cancel;

pub use cancel::Cancelled;
pub use list::MAX_PAGE;
pub use resume::{Asked, PersonsAnswer};
