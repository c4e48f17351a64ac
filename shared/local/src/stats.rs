//! Rollups: one row for each workflow and hour, written in the transaction that ends a run.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::stats::{ROLLUP_RETENTION, Rollup, Stats, Tally};
use flowgate_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::Local;

#[async_trait]
impl Stats for Local {
    async fn rollups(
        &self,
        workflow_uid: &str,
        from: Timestamp,
        before: Timestamp,
    ) -> Result<Vec<(Timestamp, Rollup)>> {
        let workflow_uid = workflow_uid.to_owned();
        self.query(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT hour, rollup FROM rollups WHERE workflow_uid = ?1 AND hour >= ?2 AND \
                 hour < ?3 ORDER BY hour",
            )?;
            let mut rows = select.query(params![workflow_uid, from.0, before.0])?;
            let mut rollups = Vec::new();
            while let Some(row) = rows.next()? {
                let rollup = serde_json::from_str(&row.get::<_, String>(1)?)?;
                rollups.push((Timestamp(row.get(0)?), rollup));
            }
            Ok(rollups)
        })
        .await
    }
}

/// What the runs that end in one group of writes add to their rollups, each of which is read and
/// written once for the whole group.
#[derive(Default)]
pub(crate) struct Tallies {
    /// By workflow and hour, as they were before the group.
    stored: BTreeMap<(String, i64), Rollup>,
    added: Vec<Arc<Tally>>,
}

impl Tallies {
    /// Counts an ended run. Reads its rollup now, so that one that cannot be read fails the
    /// operation that ends the run, and not its group.
    pub(crate) fn add(&mut self, connection: &Connection, tally: &Arc<Tally>) -> Result<()> {
        if let Entry::Vacant(entry) = self.stored.entry(rollup_of(tally)) {
            let rollup = select_rollup(connection, entry.key())?;
            entry.insert(rollup);
        }
        self.added.push(tally.clone());
        Ok(())
    }

    /// How many runs are counted.
    pub(crate) fn len(&self) -> usize {
        self.added.len()
    }

    /// Takes the later ones back.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.added.truncate(len);
    }

    /// Writes the rollups, into the transaction of the group.
    pub(crate) fn write(self, connection: &Connection) -> rusqlite::Result<()> {
        let Self { mut stored, added } = self;
        let mut changed: BTreeMap<(String, i64), Rollup> = BTreeMap::new();
        for tally in added {
            let of = rollup_of(&tally);
            // A rollup that only operations read that failed stays as it is.
            let rollup =
                changed.entry(of).or_insert_with_key(|of| stored.remove(of).unwrap_or_default());
            rollup.count(&tally);
        }
        for ((workflow_uid, hour), rollup) in &changed {
            upsert_rollup(connection, workflow_uid, *hour, rollup)?;
        }
        Ok(())
    }
}

fn rollup_of(tally: &Tally) -> (String, i64) {
    (tally.workflow_uid.clone(), tally.hour().0)
}

fn select_rollup(connection: &Connection, (uid, hour): &(String, i64)) -> Result<Rollup> {
    let sql = "SELECT rollup FROM rollups WHERE workflow_uid = ?1 AND hour = ?2";
    let mut select = connection.prepare_cached(sql)?;
    let stored: Option<String> =
        select.query_row(params![uid, hour], |row| row.get(0)).optional()?;
    Ok(stored.as_deref().map(serde_json::from_str).transpose()?.unwrap_or_default())
}

fn upsert_rollup(
    connection: &Connection,
    workflow_uid: &str,
    hour: i64,
    rollup: &Rollup,
) -> rusqlite::Result<()> {
    let rollup = serde_json::to_string(rollup)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let mut upsert = connection.prepare_cached(
        "INSERT INTO rollups (workflow_uid, hour, rollup) VALUES (?1, ?2, ?3)
         ON CONFLICT (workflow_uid, hour) DO UPDATE SET rollup = excluded.rollup",
    )?;
    upsert.execute(params![workflow_uid, hour, rollup])?;
    Ok(())
}

pub(crate) fn forget_rollups(connection: &Connection, now: Timestamp) -> Result<()> {
    let sql = "DELETE FROM rollups WHERE hour <= ?1";
    connection.prepare_cached(sql)?.execute([(now - ROLLUP_RETENTION).0])?;
    Ok(())
}
