//! The deadline of a caller's request. Everything that the request asks of a store counts towards
//! it, however many calls that takes: a store without capacity is answered soon, not retried for
//! as long as each single call would be.

use std::time::Duration;

use crate::time::Timestamp;

tokio::task_local! {
    static DEADLINE: Timestamp;
}

/// What a call has left once the deadline has passed, so that each is tried at least once.
const LAST_TRY: Duration = Duration::from_secs(1);

/// Runs the work with the deadline. Tasks that it spawns do not have it; `None` sets none.
pub async fn within<T>(deadline: Option<Timestamp>, work: impl Future<Output = T>) -> T {
    match deadline {
        Some(deadline) => DEADLINE.scope(deadline, work).await,
        None => work.await,
    }
}

/// Returns the deadline of the current request; `None` in work that no caller waits for.
pub fn current() -> Option<Timestamp> {
    DEADLINE.try_with(|deadline| *deadline).ok()
}

/// Returns how long a call may still take, if there is a deadline.
pub fn left(now: Timestamp) -> Option<Duration> {
    current().map(|deadline| deadline.since(now).max(LAST_TRY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_deadline_is_that_of_the_work_and_not_of_others() {
        assert_eq!(left(Timestamp(0)), None);
        let seen = within(Some(Timestamp(5_000)), async {
            tokio::task::yield_now().await;
            let spawned = tokio::spawn(async { current() }).await;
            (left(Timestamp(1_000)), left(Timestamp(9_000)), spawned.ok().flatten())
        });
        assert_eq!(seen.await, (Some(Duration::from_secs(4)), Some(LAST_TRY), None));
        assert_eq!(current(), None);
    }
}
