//! How many runs led to a request, one starting the next. A run's webhooks and HTTP calls carry the
//! count, and a start reads it: so a workflow that starts itself comes to an end.

/// Sent with every webhook and every HTTP call of a run.
pub const HEADER: &str = "flowgate-hops";
/// A start after this many runs is refused.
pub const MAX_HOPS: u32 = 25;

tokio::task_local! {
    static HOPS: u32;
}

/// Runs the work as part of a request that so many runs led to.
pub async fn within<T>(hops: u32, work: impl Future<Output = T>) -> T {
    HOPS.scope(hops, work).await
}

/// Returns the count of the current request; 0 in work that no request asked for.
pub fn current() -> u32 {
    HOPS.try_with(|hops| *hops).unwrap_or(0)
}

/// Whether the header is ours to set: a count that somebody else sets could hide a circle.
pub fn is_header(name: &str) -> bool {
    name.eq_ignore_ascii_case(HEADER)
}
