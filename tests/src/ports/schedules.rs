//! Schedules: written with the version that they belong to, due by themselves, moved once.

use std::sync::Arc;

use anyhow::{Context, Result};
use flowgate_core::lease::Written;
use flowgate_core::schedule::{LastTick, NewSchedule, Overlap, Schedule, Timetable};
use flowgate_core::work::{DueItem, Message};
use flowgate_core::workflow::{NewVersion, SetActive, WorkflowDeleted};
use serde_json::json;

use super::sample::*;
use super::workflows::{saved, version};
use super::{Guarantee, World, guarantee};

pub(super) fn guarantees() -> Vec<Guarantee> {
    vec![
        guarantee("schedules follow the active version", follow_the_version),
        guarantee("what a schedule did last stays with another version", last_stays),
        guarantee("a schedule is due until it is moved, once", due_and_moved_once),
        guarantee("a schedule that another version replaced is not moved", replaced),
        guarantee("a tick can be put off without moving it", put_off),
        guarantee("a deleted workflow has no schedules", deleted),
    ]
}

fn schedule(cron: &str, next: i64) -> NewSchedule {
    let timetable = Timetable {
        cron: cron.to_owned(),
        timezone: "Europe/Berlin".to_owned(),
        input: Arc::new(json!({ "topic": "news", "n": 1.5 })),
        overlap: Overlap::Queue,
    };
    NewSchedule { timetable, next_at: at(next) }
}

/// Publishes a version with these schedules; returns the workflow's uid.
async fn published(world: &World, text: &str, schedules: Vec<NewSchedule>) -> Result<String> {
    let record = saved(world, "story", text).await?;
    let version = NewVersion { schedules, ..version(text) };
    world.workflows.publish("story", version).await?.context("there is a workflow")?;
    Ok(record.uid)
}

async fn crons(world: &World, uid: &str) -> Result<Vec<String>> {
    let schedules = world.workflows.schedules(uid).await?;
    for (number, schedule) in (0..).zip(&schedules) {
        assert_eq!((schedule.number, schedule.uid.as_str()), (number, uid));
        assert_eq!(schedule.set.workflow_id, "story");
    }
    Ok(schedules.into_iter().map(|schedule| schedule.set.timetable.cron).collect())
}

async fn only(world: &World, uid: &str) -> Result<Schedule> {
    let mut schedules = world.workflows.schedules(uid).await?;
    assert_eq!(schedules.len(), 1);
    Ok(schedules.remove(0))
}

async fn follow_the_version(world: World) -> Result<()> {
    let uid = published(&world, "one", vec![schedule("a", 100), schedule("b", 200)]).await?;
    assert_eq!(crons(&world, &uid).await?, ["a", "b"]);
    published(&world, "two", vec![schedule("c", 300)]).await?;
    let only = only(&world, &uid).await?;
    assert_eq!((only.set.version.as_str(), only.next_at), ("1.0.1", Some(at(300))));
    assert_eq!(only.set.timetable, schedule("c", 300).timetable);
    let back = vec![schedule("a", 400), schedule("b", 500)];
    let set = world.workflows.set_active("story", Some("1.0.0"), at(50), back).await?;
    assert_eq!(set, SetActive::Done);
    assert_eq!(crons(&world, &uid).await?, ["a", "b"]);
    let unknown = vec![schedule("x", 1)];
    let set = world.workflows.set_active("story", Some("1.0.9"), at(60), unknown).await?;
    assert_eq!(set, SetActive::UnknownVersion);
    assert_eq!(crons(&world, &uid).await?, ["a", "b"]);
    world.workflows.set_active("story", None, at(70), Vec::new()).await?;
    assert_eq!(crons(&world, &uid).await?, [""; 0]);
    assert!(world.due.due(at(99_000), 10).await?.is_empty());
    Ok(())
}

fn moved(schedule: &Schedule, next: i64, run: u32) -> Result<Schedule> {
    let last = LastTick { at: at(100), run: Some(run_id(run)?), skipped: None };
    Ok(Schedule {
        next_at: Some(at(next)),
        last: Some(last),
        revision: schedule.revision + 1,
        ..schedule.clone()
    })
}

async fn last_stays(world: World) -> Result<()> {
    let uid = published(&world, "one", vec![schedule("a", 100)]).await?;
    let next = moved(&only(&world, &uid).await?, 200, 7)?;
    world.workflows.save_schedule(&next, next.next_at).await?;
    published(&world, "two", vec![schedule("b", 300), schedule("c", 300)]).await?;
    let schedules = world.workflows.schedules(&uid).await?;
    assert_eq!(schedules[0].last, next.last);
    assert_eq!(schedules[0].next_at, Some(at(300)));
    assert_eq!(schedules[1].last, None);
    Ok(())
}

async fn due_and_moved_once(world: World) -> Result<()> {
    let uid = published(&world, "one", vec![schedule("a", 100)]).await?;
    assert!(world.due.due(at(99), 10).await?.is_empty());
    let what = Message::ScheduleV1 { uid: uid.clone(), schedule: 0, tick: at(100) };
    let item = DueItem { what, since: at(100), sweep_at: at(100) };
    assert_eq!(world.due.due(at(100), 10).await?, std::slice::from_ref(&item));
    let group = world.due.postpone(&item, at(160)).await?.context("it was unchanged")?;
    assert_eq!(group, Schedule::group(&uid));
    assert_eq!(world.due.postpone(&item, at(170)).await?, None);
    assert!(world.due.due(at(159), 10).await?.is_empty());
    assert_eq!(world.due.due(at(160), 10).await?[0].since, at(100));

    let stored = only(&world, &uid).await?;
    let (first, second) = (moved(&stored, 200, 1)?, moved(&stored, 200, 2)?);
    let save = |next: Schedule| {
        let workflows = world.workflows.clone();
        async move { workflows.save_schedule(&next, next.next_at).await }
    };
    assert_eq!(save(first.clone()).await?, Written::Written);
    assert_eq!(save(first.clone()).await?, Written::Written, "a retry of what was applied");
    assert_eq!(save(second).await?, Written::Lost);
    assert_eq!(only(&world, &uid).await?, first);
    assert!(world.due.due(at(199), 10).await?.is_empty());
    assert_eq!(world.due.due(at(200), 10).await?[0].since, at(200));

    let never = Schedule { next_at: None, revision: first.revision + 1, ..first };
    assert_eq!(save(never.clone()).await?, Written::Written);
    assert_eq!(only(&world, &uid).await?, never);
    assert!(world.due.due(at(99_000), 10).await?.is_empty());
    Ok(())
}

async fn replaced(world: World) -> Result<()> {
    let uid = published(&world, "one", vec![schedule("a", 100)]).await?;
    let stored = only(&world, &uid).await?;
    published(&world, "two", vec![schedule("a", 300)]).await?;
    let next = moved(&stored, 200, 1)?;
    assert_eq!(world.workflows.save_schedule(&next, next.next_at).await?, Written::Lost);
    let next = Schedule { revision: next.revision + 1, ..next };
    assert_eq!(world.workflows.save_schedule(&next, next.next_at).await?, Written::Lost);
    assert_eq!(only(&world, &uid).await?.next_at, Some(at(300)));
    Ok(())
}

async fn put_off(world: World) -> Result<()> {
    let uid = published(&world, "one", vec![schedule("a", 100)]).await?;
    let stored = only(&world, &uid).await?;
    let next = Schedule { revision: stored.revision + 1, ..stored };
    world.workflows.save_schedule(&next, Some(at(130))).await?;
    assert!(world.due.due(at(129), 10).await?.is_empty());
    let item = world.due.due(at(130), 10).await?.remove(0);
    assert_eq!((item.since, item.sweep_at), (at(100), at(130)));
    assert_eq!(item.what, next.message(at(100)));
    Ok(())
}

async fn deleted(world: World) -> Result<()> {
    let uid = published(&world, "one", vec![schedule("a", 100), schedule("b", 100)]).await?;
    let job = workflow_job(1, &uid)?;
    assert_eq!(world.workflows.delete("story", &uid, None, job).await?, WorkflowDeleted::Done);
    assert_eq!(crons(&world, &uid).await?, [""; 0]);
    let due = world.due.due(at(100), 10).await?;
    assert!(due.iter().all(|item| !matches!(item.what, Message::ScheduleV1 { .. })), "{due:?}");
    Ok(())
}
