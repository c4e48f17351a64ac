//! Deletes what is past its retention.

use std::time::Duration;

use anyhow::Result;
use flowgate_core::time::Timestamp;
use rusqlite::{Connection, params};

use crate::Local;
use crate::row::Key;
use crate::stats::forget_rollups;
use crate::wipe::delete_parts;

/// Runs deleted per transaction; other writes wait for it.
const BATCH: usize = 100;
/// A run takes 37 days at most, waiting included.
const MARKS_KEPT: Duration = Duration::from_secs(40 * 24 * 3600);

impl Local {
    /// Deletes runs past their retention, with their parts and deliveries, and expired idempotency
    /// rows, entries of the audit log, and jobs. Returns the number of deleted runs.
    pub async fn forget_expired(&self, now: Timestamp) -> Result<usize> {
        let mut forgotten = 0;
        loop {
            let some = self.erase(move |connection| forget_some(connection, now)).await?;
            forgotten += some;
            if some < BATCH {
                return Ok(forgotten);
            }
        }
    }
}

fn forget_some(connection: &Connection, now: Timestamp) -> Result<usize> {
    let mut select =
        connection.prepare_cached("SELECT id FROM runs WHERE expires_at <= ?1 LIMIT ?2")?;
    let runs: Vec<Key> = select
        .query_map(params![now.0, BATCH as i64], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for run in &runs {
        delete_run(connection, *run)?;
    }
    for sql in [
        "DELETE FROM idempotency WHERE expires_at <= ?1",
        "DELETE FROM key_audit WHERE expires_at <= ?1",
        "DELETE FROM jobs WHERE expires_at <= ?1",
        "DELETE FROM key_spending WHERE expires_at <= ?1",
    ] {
        connection.prepare_cached(sql)?.execute([now.0])?;
    }
    forget_rollups(connection, now)?;
    forget_sessions(connection, now)?;
    Ok(runs.len())
}

/// A write's mark outlives its run.
fn forget_sessions(connection: &Connection, now: Timestamp) -> Result<()> {
    let marks = now.0 - i64::try_from(MARKS_KEPT.as_millis())?;
    for (sql, until) in [
        ("DELETE FROM sessions WHERE expires_at <= ?1", now.0),
        ("DELETE FROM session_writes WHERE at <= ?1", marks),
    ] {
        connection.prepare_cached(sql)?.execute([until])?;
    }
    Ok(())
}

/// Deletes an ended run with all that belongs to it.
pub(crate) fn delete_run(connection: &Connection, run: Key) -> Result<()> {
    delete_parts(connection, run)?;
    connection.prepare_cached("DELETE FROM deliveries WHERE run = ?1")?.execute([run])?;
    connection.prepare_cached("DELETE FROM runs WHERE id = ?1")?.execute([run])?;
    Ok(())
}
