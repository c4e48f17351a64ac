//! Which failures of the store are a lack of capacity, and a bound on what waits for its threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Error, Result};
use flowgate_core::overload::Overloaded;
use rusqlite::ErrorCode;

use crate::writer::NotCommitted;

/// A busy server has a few hundred; each holds what it is about to write.
const MAX_WAITING: usize = 4_096;
const BUSY: Duration = Duration::from_secs(1);
/// A person must free space.
const FULL: Duration = Duration::from_secs(30);
/// `SQLITE_IOERR_SHMSIZE`: the file beside the log could not grow.
const SHARED_MEMORY_FULL: i32 = 10 | (19 << 8);

/// Adds [`Overloaded`] as the cause of errors that another try may not meet: the store is busy, or
/// its disk is full, or SQLite rolled its group back for another write. Nothing was written.
pub(crate) fn classified(error: Error) -> Error {
    let by_a_neighbour = matches!(error.downcast_ref(), Some(NotCommitted::RolledBack));
    let own = error.chain().find_map(sqlite_error).and_then(retry_after);
    match own.or(by_a_neighbour.then_some(BUSY)) {
        Some(retry_after) => {
            tracing::error!(error = format!("{error:#}"), "the store has no capacity now");
            error.context(Overloaded { retry_after })
        }
        None => error,
    }
}

fn sqlite_error<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a rusqlite::Error> {
    let shared = || cause.downcast_ref::<Arc<rusqlite::Error>>().map(|error| &**error);
    cause.downcast_ref::<rusqlite::Error>().or_else(shared)
}

fn retry_after(error: &rusqlite::Error) -> Option<Duration> {
    let error = error.sqlite_error()?;
    match error.code {
        ErrorCode::DiskFull => Some(FULL),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OutOfMemory => Some(BUSY),
        _ => (error.extended_code == SHARED_MEMORY_FULL).then_some(FULL),
    }
}

/// Counts what waits for a thread of the store.
#[derive(Clone, Default)]
pub(crate) struct Waiting {
    count: Arc<AtomicUsize>,
}

/// A place among what waits; dropping it frees the place.
pub(crate) struct Place(Arc<AtomicUsize>);

impl Waiting {
    pub(crate) fn enter(&self) -> Result<Place> {
        let place = Place(self.count.clone());
        if self.count.fetch_add(1, Ordering::Relaxed) < MAX_WAITING {
            return Ok(place);
        }
        drop(place);
        Err(Error::msg("too much waits for the store").context(Overloaded { retry_after: BUSY }))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sqlite(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None)
    }

    #[test]
    fn a_busy_store_and_a_full_disk_are_overload_and_a_broken_one_is_not() {
        let check = |error: Error, expected: Option<Duration>| {
            let classified = classified(error);
            let found = classified.downcast_ref::<Overloaded>().map(|found| found.retry_after);
            assert_eq!(found, expected, "{classified:#}");
        };
        check(sqlite(rusqlite::ffi::SQLITE_FULL).into(), Some(FULL));
        check(Error::new(sqlite(SHARED_MEMORY_FULL)).context("while it wrote"), Some(FULL));
        check(Error::new(Arc::new(sqlite(rusqlite::ffi::SQLITE_BUSY))), Some(BUSY));
        check(NotCommitted::RolledBack.into(), Some(BUSY));
        check(sqlite(rusqlite::ffi::SQLITE_CORRUPT).into(), None);
        check(Error::msg("something else"), None);
    }

    #[test]
    fn what_waits_is_bounded() {
        let waiting = Waiting::default();
        let mut places: Vec<_> = (0..MAX_WAITING).map(|_| waiting.enter().unwrap()).collect();
        let refused = waiting.enter().map(|_| ()).unwrap_err();
        assert!(refused.downcast_ref::<Overloaded>().is_some());
        places.pop();
        assert!(waiting.enter().is_ok(), "a refusal takes no place");
    }
}
