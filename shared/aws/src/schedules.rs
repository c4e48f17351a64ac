//! The schedules of active versions: rows beside the workflow's versions.

use anyhow::{Context, Result};
use flowgate_core::lease::Written;
use flowgate_core::schedule::{NewSchedule, Schedule, ScheduleOf};
use flowgate_core::time::Timestamp;
use flowgate_core::work::Message;

use crate::Aws;
use crate::item::{Item, Key, due_shard, number, text, time};
use crate::table::Query;
use crate::workflows::versions_of;
use crate::write::{Outcome, Write};

const SCHEDULE: &str = "SCHEDULE#";

impl Aws {
    pub(crate) async fn schedules_of(&self, uid: &str) -> Result<Vec<Schedule>> {
        let found = self.table().query(&Query::beginning(&versions_of(uid), SCHEDULE)).await?;
        found.items.iter().map(schedule).collect()
    }

    pub(crate) async fn store_schedule(
        &self,
        next: &Schedule,
        sweep_at: Option<Timestamp>,
    ) -> Result<Written> {
        let mut set = vec!["#revision = :next"];
        let mut remove = Vec::new();
        for (is_set, name, value) in [
            (next.last.is_some(), "#last", "#last = :last"),
            (next.next_at.is_some(), "#due_at", "#due_at = :due_at"),
            (sweep_at.is_some(), "#look_at", "#look_at = :look_at"),
            (sweep_at.is_some(), "#due_shard", "#due_shard = :due_shard"),
        ] {
            if is_set { set.push(value) } else { remove.push(name) }
        }
        let mut update = format!("SET {}", set.join(", "));
        if !remove.is_empty() {
            update = format!("{update} REMOVE {}", remove.join(", "));
        }
        let mut write = Write::update(key_of(&next.uid, next.number), update)
            .only_if("#revision = :before AND #schedule = :schedule")
            .bind(":next", number(next.revision))
            .bind(":before", number(next.revision.saturating_sub(1)))
            .bind(":schedule", text(serde_json::to_string(&next.set)?));
        if let Some(last) = &next.last {
            write = write.bind(":last", text(serde_json::to_string(last)?));
        }
        if let Some(at) = next.next_at {
            write = write.bind(":due_at", time(at));
        }
        if let Some(at) = sweep_at {
            write = write.bind(":look_at", time(at)).bind(":due_shard", due_shard("", &next.uid));
        }
        match self.table().write(&write).await? {
            Outcome::Done(_) => Ok(Written::Written),
            // Refused because it was applied before: success.
            Outcome::Refused(Some(stored)) if schedule(&stored)? == *next => Ok(Written::Written),
            Outcome::Refused(_) => Ok(Written::Lost),
        }
    }
}

/// Returns the writes that replace `before` schedules of a workflow by those of its new active
/// version. What a schedule did last stays.
pub(crate) fn replacing(
    (uid, workflow_id, version): (&str, &str, &str),
    before: u64,
    schedules: Vec<NewSchedule>,
) -> Result<Vec<Write>> {
    let mut writes = deleting(uid, u64::try_from(schedules.len())?, before);
    for (number_of, NewSchedule { timetable, next_at }) in (0..).zip(schedules) {
        let (workflow_id, version) = (workflow_id.to_owned(), version.to_owned());
        let set = ScheduleOf { workflow_id, version, timetable };
        let write = Write::update(
            key_of(uid, number_of),
            "SET #schedule = :schedule, #due_at = :at, #look_at = :at, #due_shard = :shard, \
             #group = :group, #revision = if_not_exists(#revision, :zero) + :one",
        );
        writes.push(
            write
                .bind(":schedule", text(serde_json::to_string(&set)?))
                .bind(":at", time(next_at))
                .bind(":shard", due_shard("", uid))
                .bind(":group", text(Schedule::group(uid).as_str()))
                .bind(":zero", number(0))
                .bind(":one", number(1)),
        );
    }
    Ok(writes)
}

/// Returns the writes that delete the schedules from `first` on, of `count`.
pub(crate) fn deleting(uid: &str, first: u64, count: u64) -> Vec<Write> {
    let numbers = (first..count).filter_map(|number| u32::try_from(number).ok());
    numbers.map(|number| Write::delete(key_of(uid, number))).collect()
}

pub(crate) fn key_of(uid: &str, number: u32) -> Key {
    Key::new(versions_of(uid), format!("{SCHEDULE}{number:03}"))
}

/// The message of a due row.
pub(crate) fn message(item: &Item) -> Result<Option<Message>> {
    let Some((uid, number)) = place(item)? else { return Ok(None) };
    let tick = item.time("due_at")?;
    Ok(Some(Message::ScheduleV1 { uid: uid.to_owned(), schedule: number, tick }))
}

fn place(item: &Item) -> Result<Option<(&str, u32)>> {
    let uid = item.text("pk")?.strip_prefix("WFV#");
    let number = item.text("sk")?.strip_prefix(SCHEDULE).and_then(|number| number.parse().ok());
    Ok(uid.zip(number))
}

fn schedule(item: &Item) -> Result<Schedule> {
    let (uid, number_of) = place(item)?.context("not the row of a schedule")?;
    let set: ScheduleOf = serde_json::from_str(item.text("schedule")?)?;
    Ok(Schedule {
        uid: uid.to_owned(),
        number: number_of,
        set,
        next_at: item.find_time("due_at")?,
        last: item.find_text("last").map(serde_json::from_str).transpose()?,
        revision: item.number("revision")?,
    })
}
