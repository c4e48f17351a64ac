//! What callers do with the runs that there are.

mod read;
mod list;
mod trace;
mod cancel;

pub use cancel::Cancelled;
pub use list::LONGEST_PAGE;
