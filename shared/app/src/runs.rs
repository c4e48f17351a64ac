//! Use cases of existing runs: read, list, trace, answer, cancel.

mod read;
mod list;
mod search;
mod sift;
mod trace;
mod resume;
mod cancel;

pub use cancel::Cancelled;
pub use list::{FoundRuns, MAX_PAGE, RunQuery, Searched};
pub use resume::{Asked, PersonsAnswer, SeenQuestion};
