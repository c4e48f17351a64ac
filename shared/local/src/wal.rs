//! The write-ahead log. A thread copies it into the database while writes go on, so that what is
//! left to the writer is short: it copies the rest, and SQLite starts the log over. Where something
//! was erased, the writer cuts the log.

use std::fs::File;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rusqlite::Connection;

use crate::schema;

/// Pages in the log before it is copied: 32 MB, so that pages that are written often are copied
/// rarely.
const COPIED_AT: i64 = 4_000;
/// What the thread may leave to the writer: 4 MB.
const REST: i64 = 500;
/// The writer copies the log itself before it grows any larger: 192 MB. Only a reader that holds
/// an old page keeps it from that.
const MAX_PAGES: i64 = 24_000;
/// How long what was erased may still lie in the log. Cutting the log costs two syncs, so that a
/// busy server does it once for many groups.
const ERASED_WITHIN: Duration = Duration::from_secs(1);
/// Writes wait while the log is cut. Where a reader holds it for longer, it is tried again.
const CUT_PATIENCE: Duration = Duration::from_millis(50);

/// The writer's side.
pub(crate) struct Log {
    /// When it must be cut: something in it was erased.
    pub(crate) cut_at: Option<Instant>,
    /// Pages in the log at which it is looked after again.
    next: i64,
    copier: Copier,
}

impl Log {
    pub(crate) fn start(connection: &Connection) -> Result<Self> {
        let file = connection.path().context("the database has no file")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        Ok(Self { cut_at: None, next: COPIED_AT, copier: Copier::start(Path::new(file))? })
    }

    /// The database's file as the copying thread had it open. It must be closed after the last
    /// connection: closing it ends the locks that this process has on the file.
    pub(crate) fn stop(self) -> Option<File> {
        self.copier.stop()
    }

    /// Must be called after a group that erased something.
    pub(crate) fn erased(&mut self) {
        self.cut_at.get_or_insert_with(|| Instant::now() + ERASED_WITHIN);
    }

    /// Looks after the log, between two groups.
    pub(crate) fn tend(&mut self, connection: &Connection) {
        if self.cut_at.is_some_and(|at| at <= Instant::now()) {
            return self.cut(connection);
        }
        if let Err(error) = self.bound(connection) {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "write-ahead log not copied; it grows until it is"
            );
        }
    }

    fn bound(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let (pages, copied) = frames(connection, LOOK)?;
        if pages < COPIED_AT {
            self.next = COPIED_AT;
        }
        if pages < self.next {
            return Ok(());
        }
        // Where a reader holds the log, the next try is not at the next group.
        self.next = pages + REST;
        if pages - copied > 2 * REST && pages < MAX_PAGES {
            self.copier.ask();
            return Ok(());
        }
        let idle =
            if pages < MAX_PAGES { self.copier.try_idle() } else { Some(self.copier.idle()) };
        let Some(_idle) = idle else { return Ok(()) };
        frames(connection, COPY).map(|_| ())
    }

    pub(crate) fn cut(&mut self, connection: &Connection) {
        let idle = self.copier.idle();
        let patience = |limit| connection.busy_timeout(limit);
        let cut = patience(CUT_PATIENCE).and_then(|()| schema::truncate_log(connection));
        drop(idle);
        if let Err(error) = patience(schema::BUSY_TIMEOUT) {
            tracing::error!(error = &error as &dyn std::error::Error, "busy timeout not restored");
        }
        self.cut_at = match cut {
            Ok(true) => None,
            Ok(false) => Some(Instant::now() + ERASED_WITHIN),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "write-ahead log not cut; it may hold erased data until it is"
                );
                Some(Instant::now() + ERASED_WITHIN)
            }
        };
    }
}

/// Looks at the log.
const LOOK: &str = "PRAGMA wal_checkpoint(NOOP)";
/// Copies what no reader keeps from it, without waiting for anybody.
const COPY: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// Returns the pages in the log, and how many of them the database has: none while another program,
/// such as a backup, copies the log.
fn frames(connection: &Connection, sql: &str) -> rusqlite::Result<(i64, i64)> {
    let mut checkpoint = connection.prepare_cached(sql)?;
    checkpoint.query_row([], |row| {
        let counted = |column| Ok::<i64, rusqlite::Error>(row.get::<_, i64>(column)?.max(0));
        Ok((counted(1)?, counted(2)?))
    })
}

/// The thread that copies the log.
struct Copier {
    asked: SyncSender<()>,
    /// Held while it copies.
    copying: Arc<Mutex<()>>,
    thread: JoinHandle<File>,
}

impl Copier {
    fn start(file: &Path) -> Result<Self> {
        let connection = schema::open_copier(file)?;
        let file = File::options().read(true).write(true).open(file)?;
        let (asked, wanted) = sync_channel(1);
        let copying = Arc::new(Mutex::new(()));
        let held = copying.clone();
        let thread = std::thread::Builder::new()
            .name("flowgate-copier".into())
            .spawn(move || serve(&connection, file, &wanted, &held))?;
        Ok(Self { asked, copying, thread })
    }

    /// It copies all that was written by then. Does not wait for it.
    fn ask(&self) {
        // Full: it was asked already.
        let _ = self.asked.try_send(());
    }

    /// Waits until it copies nothing.
    fn idle(&self) -> MutexGuard<'_, ()> {
        self.copying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_idle(&self) -> Option<MutexGuard<'_, ()>> {
        match self.copying.try_lock() {
            Ok(idle) => Some(idle),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) => None,
        }
    }

    fn stop(self) -> Option<File> {
        drop(self.asked);
        self.thread.join().ok()
    }
}

fn serve(connection: &Connection, file: File, wanted: &Receiver<()>, copying: &Mutex<()>) -> File {
    while wanted.recv().is_ok() {
        let _copying = copying.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = copy(connection, &file) {
            tracing::error!(error = format!("{error:#}"), "write-ahead log not copied");
        }
    }
    file
}

/// SQLite syncs the database only where a copy has reached the end of the log, which writes move
/// on meanwhile. Without a sync here, the writer's would be the long one.
fn copy(connection: &Connection, file: &File) -> Result<()> {
    frames(connection, COPY)?;
    Ok(file.sync_data()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_copied_beside_the_writes_and_started_over() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.db");
        let connection = schema::open(&file).unwrap();
        let mut log = Log::start(&connection).unwrap();
        let mut written = 0_i64;
        let mut write = |log: &mut Log| {
            written += 1;
            let sql = "INSERT INTO key_audit (at, actor, action, key_id) VALUES (?1, ?2, '', '')";
            connection.execute(sql, rusqlite::params![written, "x".repeat(1 << 20)]).unwrap();
            log.tend(&connection);
            frames(&connection, LOOK).unwrap().0
        };
        while write(&mut log) < COPIED_AT {}
        let began = Instant::now();
        while frames(&connection, LOOK).unwrap().1 < COPIED_AT {
            assert!(began.elapsed() < Duration::from_secs(60), "nothing is copied");
            std::thread::sleep(Duration::from_millis(5));
        }
        let (mut pages, mut before) = (COPIED_AT, 0);
        while pages > before {
            (before, pages) = (pages, write(&mut log));
            assert!(pages <= MAX_PAGES, "the log grows on");
        }
        let kept_open = log.stop();
        drop(connection);
        drop(kept_open);
        let beside = crate::intact::beside(&file, "-wal");
        assert!(!beside.exists(), "the last connection has copied it all");
        let copied = Connection::open(&file).unwrap();
        let sql = "SELECT count(*), sum(length(actor)) FROM key_audit";
        let stored = copied.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(stored, (written, written << 20));
    }

    #[test]
    fn a_reader_that_holds_the_log_is_waited_for_without_blocking_writes() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.db");
        let connection = schema::open(&file).unwrap();
        let mut log = Log::start(&connection).unwrap();
        let write = |log: &mut Log| {
            let sql = "INSERT INTO key_audit (at, actor, action, key_id) VALUES ((SELECT count(*) \
                       FROM key_audit), ?1, '', '')";
            connection.execute(sql, ["x".repeat(4 << 20)]).unwrap();
            log.tend(&connection);
            frames(&connection, LOOK).unwrap().0
        };
        write(&mut log);
        let reader = schema::open_reader(&file).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM key_audit").unwrap();
        let grown = (0..60).map(|_| write(&mut log)).max().unwrap();
        assert!(grown > MAX_PAGES, "{grown}");
        reader.execute_batch("COMMIT").unwrap();
        let started_over = (0..4).any(|_| write(&mut log) < COPIED_AT);
        assert!(started_over, "once the reader has gone");
    }
}
