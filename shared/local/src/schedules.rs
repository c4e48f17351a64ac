//! The schedules of active versions.

use anyhow::Result;
use flowgate_core::group::Group;
use flowgate_core::lease::Written;
use flowgate_core::schedule::{NewSchedule, Schedule, ScheduleOf};
use flowgate_core::time::Timestamp;
use rusqlite::{Connection, params};

use crate::Local;
use crate::run_values::stored;

impl Local {
    pub(crate) async fn schedules_of(&self, uid: &str) -> Result<Vec<Schedule>> {
        let uid = uid.to_owned();
        self.query(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT number, schedule, last, revision, due_at FROM schedules WHERE uid = ?1 \
                 ORDER BY number",
            )?;
            let mut rows = select.query([&uid])?;
            let mut schedules = Vec::new();
            while let Some(row) = rows.next()? {
                let last: Option<String> = row.get(2)?;
                schedules.push(Schedule {
                    uid: uid.clone(),
                    number: row.get(0)?,
                    set: serde_json::from_str(&row.get::<_, String>(1)?)?,
                    next_at: row.get::<_, Option<i64>>(4)?.map(Timestamp),
                    last: last.as_deref().map(serde_json::from_str).transpose()?,
                    revision: row.get::<_, i64>(3)?.try_into()?,
                });
            }
            Ok(schedules)
        })
        .await
    }

    pub(crate) async fn store_schedule(
        &self,
        next: &Schedule,
        sweep_at: Option<Timestamp>,
    ) -> Result<Written> {
        let (uid, number) = (next.uid.clone(), next.number);
        let (set, last) = (serde_json::to_string(&next.set)?, serde_json::to_string(&next.last)?);
        let last = next.last.as_ref().map(|_| last);
        let (revision, next_at) = (i64::try_from(next.revision)?, next.next_at.map(|at| at.0));
        let sweep_at = sweep_at.map(|at| at.0);
        self.write(move |connection| {
            let mut update = connection.prepare_cached(
                "UPDATE schedules SET last = ?4, revision = ?5, due_at = ?6, look_at = ?7 \
                 WHERE uid = ?1 AND number = ?2 AND schedule = ?3 AND revision = ?5 - 1",
            )?;
            let values = params![uid, number, set, last, revision, next_at, sweep_at];
            if update.execute(values)? == 1 {
                return Ok(Written::Written);
            }
            // Refused because it was applied before: success.
            let mut select = connection.prepare_cached(
                "SELECT 1 FROM schedules WHERE uid = ?1 AND number = ?2 AND schedule = ?3 AND \
                 last IS ?4 AND revision = ?5 AND due_at IS ?6",
            )?;
            let applied = select.exists(params![uid, number, set, last, revision, next_at])?;
            Ok(if applied { Written::Written } else { Written::Lost })
        })
        .await
    }

    /// Moves the due row if it is unchanged.
    pub(crate) async fn postpone_schedule(
        &self,
        uid: &str,
        number: u32,
        seen: i64,
        until: Timestamp,
    ) -> Result<Option<Group>> {
        let uid = uid.to_owned();
        self.write(move |connection| {
            let mut update = connection.prepare_cached(
                "UPDATE schedules SET look_at = ?4 WHERE uid = ?1 AND number = ?2 AND look_at = ?3",
            )?;
            let moved = update.execute(params![uid, number, seen, until.0])? == 1;
            Ok(moved.then(|| Schedule::group(&uid)))
        })
        .await
    }
}

/// Replaces the schedules of a workflow by those of its new active version. What a schedule did
/// last stays.
pub(crate) fn replace(
    connection: &Connection,
    (uid, workflow_id, version): (&str, &str, &str),
    schedules: Vec<NewSchedule>,
) -> Result<()> {
    let mut delete =
        connection.prepare_cached("DELETE FROM schedules WHERE uid = ?1 AND number >= ?2")?;
    delete.execute(params![uid, stored(schedules.len())])?;
    let mut upsert = connection.prepare_cached(
        "INSERT INTO schedules (uid, number, schedule, revision, due_at, look_at) \
         VALUES (?1, ?2, ?3, 1, ?4, ?4) ON CONFLICT (uid, number) DO UPDATE SET \
         schedule = excluded.schedule, revision = revision + 1, due_at = excluded.due_at, \
         look_at = excluded.look_at",
    )?;
    for (number, NewSchedule { timetable, next_at }) in schedules.into_iter().enumerate() {
        let (workflow_id, version) = (workflow_id.to_owned(), version.to_owned());
        let set = serde_json::to_string(&ScheduleOf { workflow_id, version, timetable })?;
        upsert.execute(params![uid, stored(number), set, next_at.0])?;
    }
    Ok(())
}
