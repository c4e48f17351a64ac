//! Due rows, and the expiry of an earlier process's leases.

use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::group::Group;
use flowgate_core::time::Timestamp;
use flowgate_core::work::{Due, DueItem, Message};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::Local;
use crate::row::{delivery_id, delivery_key, file_id, file_key, job_id, job_key, run_id, run_key};
use crate::run_values::stored;

#[async_trait]
impl Due for Local {
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<DueItem>> {
        self.query(move |connection| {
            let runs = OPEN_RUNS.groups(connection, now)?;
            let deliveries = DELIVERIES.groups(connection, now)?;
            let mut sources: Vec<(Source, Option<String>)> =
                [(ENDED_RUNS, None), (JOBS, None), (SCHEDULES, None), (FILES, None)].into();
            sources.extend(runs.into_iter().map(|group| (OPEN_RUNS, Some(group))));
            sources.extend(deliveries.into_iter().map(|group| (DELIVERIES, Some(group))));
            let mut each = limit.div_ceil(sources.len());
            // What some groups leave of their part, those with more than theirs take.
            let pages = loop {
                let read = |(source, group): &(Source, Option<String>)| {
                    source.read(connection, group.as_deref(), now, stored(each))
                };
                let pages: Vec<_> = sources.iter().map(read).collect::<Result<_>>()?;
                let is_full = pages.iter().map(Vec::len).sum::<usize>() >= limit;
                if is_full || pages.iter().all(|page| page.len() < each) {
                    break pages;
                }
                each *= 2;
            };
            let mut items = in_turn(pages, limit);
            items.sort_by_key(|item| item.sweep_at);
            Ok(items)
        })
        .await
    }

    async fn postpone(&self, item: &DueItem, until: Timestamp) -> Result<Option<Group>> {
        let seen = item.sweep_at.0;
        let (tables, key): (&[&str], _) = match &item.what {
            Message::RunV1 { run } => (
                &[
                    "UPDATE open_runs SET look_at = ?3 WHERE run = ?1 AND look_at = ?2 \
                     RETURNING work_group",
                    "UPDATE runs SET look_at = ?3 WHERE id = ?1 AND look_at = ?2 RETURNING ''",
                ],
                run_key(run)?,
            ),
            Message::WebhookV1 { delivery } => (
                &["UPDATE deliveries SET look_at = ?3 WHERE id = ?1 AND look_at = ?2 \
                   RETURNING work_group"],
                delivery_key(delivery)?,
            ),
            Message::JobV1 { job } => (
                &["UPDATE jobs SET look_at = ?3 WHERE id = ?1 AND look_at = ?2 RETURNING ''"],
                job_key(job)?,
            ),
            Message::FileV1 { file } => (
                &["UPDATE files SET look_at = ?3 WHERE id = ?1 AND look_at = ?2 RETURNING ''"],
                file_key(file)?,
            ),
            Message::ScheduleV1 { uid, schedule, .. } => {
                return self.postpone_schedule(uid, *schedule, seen, until).await;
            }
            Message::MetricsV1 { .. } => return Ok(None),
        };
        self.write(move |connection| {
            let mut moved = None;
            for sql in tables {
                let mut update = connection.prepare_cached(sql)?;
                let group = update
                    .query_row(params![key, seen, until.0], |row| row.get::<_, String>(0))
                    .optional()?;
                moved = moved.or(group);
            }
            Ok(moved.map(Group::new))
        })
        .await
    }
}

/// Takes one item of each page, then the next of each, until there are `limit`.
fn in_turn(pages: Vec<Vec<DueItem>>, limit: usize) -> Vec<DueItem> {
    let mut turns: Vec<_> =
        pages.into_iter().flat_map(|page| page.into_iter().enumerate()).collect();
    turns.sort_by_key(|(turn, _)| *turn);
    turns.into_iter().map(|(_, item)| item).take(limit).collect()
}

/// A table with due rows. Each is read from its index: many thousands may be due.
#[derive(Clone, Copy)]
struct Source {
    /// Lists the groups with due rows by jumping through the index from one to the next.
    groups: &'static str,
    select: &'static str,
    message: fn(&Row<'_>) -> Result<Message>,
}

const OPEN_RUNS: Source = Source {
    groups: "WITH RECURSIVE each (name) AS (
            SELECT min(work_group) FROM open_runs
            UNION ALL SELECT (SELECT min(work_group) FROM open_runs WHERE work_group > name)
            FROM each WHERE name IS NOT NULL
        ) SELECT name FROM each
            WHERE EXISTS (SELECT 1 FROM open_runs WHERE work_group = name AND look_at <= ?1)",
    select: "SELECT run, look_at, due_at FROM open_runs WHERE look_at <= ?1 AND work_group = ?3 \
             ORDER BY look_at LIMIT ?2",
    message: |row| Ok(Message::RunV1 { run: run_id(row.get(0)?)? }),
};

const DELIVERIES: Source = Source {
    groups: "WITH RECURSIVE each (name) AS (
            SELECT min(work_group) FROM deliveries WHERE look_at IS NOT NULL
            UNION ALL SELECT (SELECT min(work_group) FROM deliveries
                WHERE look_at IS NOT NULL AND work_group > name)
            FROM each WHERE name IS NOT NULL
        ) SELECT name FROM each
            WHERE EXISTS (SELECT 1 FROM deliveries WHERE work_group = name AND look_at <= ?1)",
    select: "SELECT id, look_at, due_at FROM deliveries WHERE look_at <= ?1 AND look_at IS NOT \
             NULL AND work_group = ?3 ORDER BY look_at LIMIT ?2",
    message: |row| Ok(Message::WebhookV1 { delivery: delivery_id(row.get(0)?)? }),
};

/// Ended runs to be wiped: a group of their own.
const ENDED_RUNS: Source = Source {
    groups: "",
    select: "SELECT id, look_at, look_at FROM runs WHERE look_at <= ?1 AND ?3 IS NULL \
             ORDER BY look_at LIMIT ?2",
    message: OPEN_RUNS.message,
};

/// Schedules: a group of their own.
const SCHEDULES: Source = Source {
    groups: "",
    select: "SELECT uid, look_at, due_at, number FROM schedules WHERE look_at <= ?1 AND look_at IS \
             NOT NULL AND ?3 IS NULL ORDER BY look_at LIMIT ?2",
    message: |row| {
        let (uid, schedule, tick) = (row.get(0)?, row.get(3)?, Timestamp(row.get(2)?));
        Ok(Message::ScheduleV1 { uid, schedule, tick })
    },
};

/// Jobs: a group of their own.
const JOBS: Source = Source {
    groups: "",
    select: "SELECT id, look_at, due_at FROM jobs WHERE look_at <= ?1 AND ?3 IS NULL \
             ORDER BY look_at LIMIT ?2",
    message: |row| Ok(Message::JobV1 { job: job_id(row.get(0)?)? }),
};

/// Files that may have lost their last owner: a group of their own.
const FILES: Source = Source {
    groups: "",
    select: "SELECT id, look_at, look_at FROM files WHERE look_at <= ?1 AND ?3 IS NULL \
             ORDER BY look_at LIMIT ?2",
    message: |row| Ok(Message::FileV1 { file: file_id(row.get(0)?) }),
};

impl Source {
    fn groups(&self, connection: &Connection, now: Timestamp) -> Result<Vec<String>> {
        let mut select = connection.prepare_cached(self.groups)?;
        let groups = select.query_map([now.0], |row| row.get(0))?;
        Ok(groups.collect::<rusqlite::Result<_>>()?)
    }

    /// Returns at most `limit` due rows of the group, earliest first.
    fn read(
        &self,
        connection: &Connection,
        group: Option<&str>,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<DueItem>> {
        let mut select = connection.prepare_cached(self.select)?;
        let mut rows = select.query(params![now.0, limit, group])?;
        let mut items = Vec::new();
        while let Some(row) = rows.next()? {
            items.push(DueItem {
                what: (self.message)(row)?,
                since: Timestamp(row.get(2)?),
                sweep_at: Timestamp(row.get(1)?),
            });
        }
        Ok(items)
    }
}

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
            for run in &computed {
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

impl Local {
    /// Moves every due row by what the clock was set back: otherwise a retry that is due in seconds
    /// would wait for hours.
    pub async fn move_due(&self, now: Timestamp, back: Duration) -> Result<()> {
        let millis = stored(back.as_millis());
        self.write(move |connection| {
            for table in ["open_runs", "deliveries", "runs"] {
                let due_at = if table == "runs" { "" } else { "due_at = due_at - ?1, " };
                let sql =
                    format!("UPDATE {table} SET {due_at}look_at = look_at - ?1 WHERE look_at > ?2");
                connection.execute(&sql, params![millis, now.0])?;
            }
            // A tick is a time of the calendar: only what has put it off moves.
            connection.execute(
                "UPDATE schedules SET look_at = max(due_at, look_at - ?1) WHERE look_at > ?2",
                params![millis, now.0],
            )?;
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::Group;

    /// Due rows must be neither sorted nor counted in memory: many thousands may be due.
    #[tokio::test]
    async fn due_rows_come_from_the_indexes() {
        let dir = tempfile::tempdir().unwrap();
        let local = Local::open(dir.path()).unwrap();
        let plan = |sql: &'static str| {
            local.query(move |connection| {
                let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
                let given = explain.parameter_count();
                let lines = explain
                    .query_map(rusqlite::params_from_iter((0..given).map(|_| 1)), |row| {
                        row.get::<_, String>(3)
                    })?
                    .collect::<rusqlite::Result<Vec<_>>>()?;
                Ok(lines.join("\n"))
            })
        };
        for (sql, index) in [
            (OPEN_RUNS.groups, "INDEX open_runs_by_group"),
            (OPEN_RUNS.select, "INDEX open_runs_by_group (work_group=? AND look_at<?)"),
            (DELIVERIES.groups, "INDEX deliveries_by_group"),
            (DELIVERIES.select, "INDEX deliveries_by_group (work_group=? AND look_at"),
            (ENDED_RUNS.select, "INDEX runs_by_look"),
            (JOBS.select, "INDEX jobs_by_look"),
            (FILES.select, "INDEX files_by_look"),
            (SCHEDULES.select, "INDEX schedules_by_look"),
        ] {
            let plan = plan(sql).await.unwrap();
            assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{sql}: {plan}");
        }
    }

    #[tokio::test]
    async fn due_rows_follow_a_clock_that_was_set_back() {
        let dir = tempfile::tempdir().unwrap();
        let local = Local::open(dir.path()).unwrap();
        let hours = Duration::from_secs(3 * 3600);
        let wrong = Timestamp(1_700_000_000_000) + hours;
        let put = move |connection: &Group<'_>| {
            let sql = "INSERT INTO open_runs (run, state, detached, fence, due_at, look_at) VALUES \
                       (?1, 'pending', 1, 0, ?2, ?2)";
            connection.execute(sql, params![[1u8; 16], (wrong + Duration::from_secs(30)).0])?;
            Ok(())
        };
        local.write(put).await.unwrap();
        let right = wrong - hours;
        local.move_due(right, hours).await.unwrap();
        assert!(local.due(right + Duration::from_secs(29), 9).await.unwrap().is_empty());
        let item = local.due(right + Duration::from_secs(30), 9).await.unwrap().remove(0);
        assert_eq!(item.since, right + Duration::from_secs(30));
    }
}
