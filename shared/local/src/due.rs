//! Due rows, and the expiry of an earlier process's leases.

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::time::Timestamp;
use flowgate_core::work::{Due, DueItem, Message};
use rusqlite::params;

use crate::Local;
use crate::row::{Key, delivery_id, delivery_key, job_id, job_key, run_id, run_key};

#[async_trait]
impl Due for Local {
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<DueItem>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.query(move |connection| {
            let mut select = connection.prepare_cached(SELECT_DUE)?;
            let rows = select.query_map(params![now.0, limit], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
            rows.map(|row| {
                let (kind, key, sweep_at, since): (i64, Key, i64, i64) = row?;
                let what = match kind {
                    0 => Message::WebhookV1 { delivery: delivery_id(key)? },
                    1 => Message::RunV1 { run: run_id(key)? },
                    _ => Message::JobV1 { job: job_id(key)? },
                };
                Ok(DueItem { what, since: Timestamp(since), sweep_at: Timestamp(sweep_at) })
            })
            .collect()
        })
        .await
    }

    async fn postpone(&self, item: &DueItem, until: Timestamp) -> Result<bool> {
        let seen = item.sweep_at.0;
        let (tables, key): (&[&str], _) = match &item.what {
            Message::RunV1 { run } => (
                &[
                    "UPDATE open_runs SET look_at = ?3 WHERE run = ?1 AND look_at = ?2",
                    "UPDATE runs SET look_at = ?3 WHERE id = ?1 AND look_at = ?2",
                ],
                run_key(run)?,
            ),
            Message::WebhookV1 { delivery } => (
                &["UPDATE deliveries SET look_at = ?3 WHERE id = ?1 AND look_at = ?2"],
                delivery_key(delivery)?,
            ),
            Message::JobV1 { job } => {
                (&["UPDATE jobs SET look_at = ?3 WHERE id = ?1 AND look_at = ?2"], job_key(job)?)
            }
        };
        self.write(move |connection| {
            let mut moved = 0;
            for sql in tables {
                moved += connection.prepare_cached(sql)?.execute(params![key, seen, until.0])?;
            }
            Ok(moved > 0)
        })
        .await
    }
}

/// Open runs, ended runs to be wiped, deliveries and jobs, each from its own index.
const SELECT_DUE: &str = "
    SELECT 1, run, look_at, due_at FROM open_runs WHERE look_at <= ?1
    UNION ALL SELECT 1, id, look_at, look_at FROM runs WHERE look_at <= ?1
    UNION ALL SELECT 0, id, look_at, due_at FROM deliveries WHERE look_at <= ?1
    UNION ALL SELECT 2, id, look_at, due_at FROM jobs WHERE look_at <= ?1
    ORDER BY 3 LIMIT ?2";

impl Local {
    /// Makes every leased run and attempt due now; waiting runs keep their time. Call this once, at
    /// start: this process owns the folder, so every earlier owner is dead.
    pub async fn expire_leases(&self, now: Timestamp) -> Result<()> {
        let computed: Vec<_> =
            self.inner.died_computing.iter().map(run_key).collect::<Result<_>>()?;
        self.write(move |connection| {
            // A run that only waited when its process died is not why it died.
            connection.execute(
                "UPDATE open_runs SET barren_claims = barren_claims - 1 WHERE owner IS NOT NULL \
                 AND barren_claims > 0",
                [],
            )?;
            for run in computed {
                connection.execute(
                    "UPDATE open_runs SET barren_claims = barren_claims + 1 WHERE run = ?1 AND \
                     owner IS NOT NULL",
                    [run],
                )?;
            }
            connection.execute(
                "UPDATE open_runs SET due_at = ?1, look_at = ?1 WHERE state <> 'waiting'",
                [now.0],
            )?;
            connection.execute(
                "UPDATE deliveries SET due_at = ?1, look_at = ?1 WHERE look_at IS NOT NULL AND \
                 owner IS NOT NULL",
                [now.0],
            )?;
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// Due rows must not be sorted in memory: thousands may be due at the same time.
    #[tokio::test]
    async fn due_rows_come_from_the_indexes() {
        let dir = tempfile::tempdir().unwrap();
        let local = Local::open(dir.path()).unwrap();
        let plan = |connection: &Connection| {
            let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {SELECT_DUE}"))?;
            Ok(explain
                .query_map([1, 5], |row| row.get::<_, String>(3))?
                .collect::<rusqlite::Result<Vec<_>>>()?
                .join("\n"))
        };
        let plan = local.query(plan).await.unwrap();
        for index in ["open_runs_by_look", "runs_by_look", "deliveries_by_look", "jobs_by_look"] {
            assert!(plan.contains(&format!("INDEX {index} ")), "{plan}");
        }
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}
