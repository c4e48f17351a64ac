//! Rollups: one row for each workflow and hour, written in the transaction that ends a run.

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

/// Adds an ended run to the rollup of its hour.
pub(crate) fn count(connection: &Connection, tally: &Tally) -> Result<()> {
    let hour = tally.hour().0;
    let mut select = connection
        .prepare_cached("SELECT rollup FROM rollups WHERE workflow_uid = ?1 AND hour = ?2")?;
    let stored: Option<String> =
        select.query_row(params![tally.workflow_uid, hour], |row| row.get(0)).optional()?;
    let mut rollup: Rollup =
        stored.as_deref().map(serde_json::from_str).transpose()?.unwrap_or_default();
    rollup.count(tally);
    let mut upsert = connection.prepare_cached(
        "INSERT INTO rollups (workflow_uid, hour, rollup) VALUES (?1, ?2, ?3)
         ON CONFLICT (workflow_uid, hour) DO UPDATE SET rollup = excluded.rollup",
    )?;
    upsert.execute(params![tally.workflow_uid, hour, serde_json::to_string(&rollup)?])?;
    Ok(())
}

pub(crate) fn forget_rollups(connection: &Connection, now: Timestamp) -> Result<()> {
    let sql = "DELETE FROM rollups WHERE hour <= ?1";
    connection.prepare_cached(sql)?.execute([(now - ROLLUP_RETENTION).0])?;
    Ok(())
}
