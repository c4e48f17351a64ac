//! The memory of one call, counted by the allocator of `flowgate-child`.

/// Ends the process with a code of its own where a call takes more than this, beside what the
/// process had. A program with another allocator has the limit of the cage alone.
pub(crate) fn limit(bytes: Option<usize>) {
    let _ = monty_alloc::set_limit(bytes, false);
}
