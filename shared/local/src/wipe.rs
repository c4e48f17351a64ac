//! Deletes what a run with `save: false` was given and gave, so that the file holds nothing of it.

use anyhow::Result;
use flowgate_core::delivery::{Attempt, FrozenRequest};
use flowgate_core::run::{RunEnd, RunHead};
use rusqlite::{Connection, OptionalExtension, params};

use crate::row::Key;

/// Wipes only a run that has ended: an owner still needs the data of an open run.
pub(crate) fn wipe(connection: &Connection, key: Key) -> Result<()> {
    let mut select = connection
        .prepare_cached("SELECT head, ending FROM runs WHERE id = ?1 AND ending IS NOT NULL")?;
    let stored: Option<(String, String)> =
        select.query_row([key], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((head, end)) = stored else { return Ok(()) };
    let head = serde_json::from_str::<RunHead>(&head)?.wiped();
    let end = serde_json::from_str::<RunEnd>(&end)?.wiped();
    let mut update = connection.prepare_cached(
        "UPDATE runs SET wiped = 1, look_at = NULL, trace = NULL, head = ?2, ending = ?3
        WHERE id = ?1",
    )?;
    update.execute(params![key, serde_json::to_string(&head)?, serde_json::to_string(&end)?])?;
    delete_parts(connection, key)?;
    wipe_deliveries(connection, key)
}

/// Deletes what lies beside a run's row, its deliveries excepted.
pub(crate) fn delete_parts(connection: &Connection, key: Key) -> Result<()> {
    for sql in [
        "DELETE FROM checkpoints WHERE run = ?1",
        "DELETE FROM started_calls WHERE run = ?1",
        "DELETE FROM questions WHERE run = ?1",
        "DELETE FROM events WHERE run = ?1",
        "DELETE FROM run_values WHERE run = ?1",
        // Its files are due: those that nobody else owns go.
        "UPDATE files SET look_at = 0 WHERE id IN (SELECT file FROM file_owners WHERE run = ?1)",
        "DELETE FROM file_owners WHERE run = ?1",
        "DELETE FROM spent_calls WHERE run = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([key])?;
    }
    Ok(())
}

fn wipe_deliveries(connection: &Connection, run: Key) -> Result<()> {
    let mut select =
        connection.prepare_cached("SELECT id, request, attempts FROM deliveries WHERE run = ?1")?;
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let deliveries: Vec<(Key, String, String)> =
        select.query_map([run], read)?.collect::<rusqlite::Result<_>>()?;
    for (id, request, attempts) in deliveries {
        let request = serde_json::from_str::<FrozenRequest>(&request)?.wiped();
        let attempts: Vec<Attempt> = serde_json::from_str(&attempts)?;
        let attempts: Vec<Attempt> = attempts.iter().map(Attempt::wiped).collect();
        let mut update = connection.prepare_cached(
            "UPDATE deliveries SET wiped = 1, due_at = NULL, look_at = NULL, request = ?2,
            attempts = ?3, work_group = '' WHERE id = ?1",
        )?;
        let (request, attempts) =
            (serde_json::to_string(&request)?, serde_json::to_string(&attempts)?);
        update.execute(params![id, request, attempts])?;
    }
    Ok(())
}
