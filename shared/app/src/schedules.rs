//! Schedules: checked when a document is, and moved from tick to tick.

use std::sync::Arc;
use std::time::Duration;

use flowgate_core::lease::Written;
use flowgate_core::memory::Holder;
use flowgate_core::schedule::{LastTick, NewSchedule, Overlap, Schedule, Timetable};
use flowgate_core::time::Timestamp;
use flowgate_engine::document::Document;
use flowgate_engine::schedule as written;
use flowgate_engine::{Problem, Severity, Workflow};

use crate::error::Result;
use crate::platform::App;
use crate::timetable::{Ticks, Wrong};

/// When a tick that waits for a run is looked at again.
const QUEUE_INTERVAL: Duration = Duration::from_secs(30);

impl App {
    /// Returns what is wrong with the times of a document's schedules.
    pub(crate) async fn schedule_problems(
        &self,
        holder: &Holder,
        document: &Document,
        workflow: &Workflow,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut report = |path: &str, field: &str, message: String| {
            let path = format!("{path}/{field}");
            problems.push(document.problem(Severity::Error, &path, message));
        };
        for (schedule, next) in self.next_ticks(holder, workflow).await {
            let path = &schedule.path;
            match next {
                Ok(Some(_)) => {}
                Ok(None) => report(path, "cron", format!("{:?} never comes", schedule.cron)),
                Err(wrong) => wrong.into_iter().for_each(|wrong| match wrong {
                    Wrong::Cron(message) => report(path, "cron", message),
                    Wrong::Timezone(message) => report(path, "timezone", message),
                }),
            }
        }
        problems
    }

    /// Finds the next tick of each schedule; `None` if it never comes. For one that never comes, or
    /// hardly ever, this takes milliseconds.
    async fn next_ticks(
        &self,
        holder: &Holder,
        workflow: &Workflow,
    ) -> Vec<(written::Schedule, std::result::Result<Option<Timestamp>, Vec<Wrong>>)> {
        if workflow.schedules().is_empty() {
            return Vec::new();
        }
        let (schedules, now) = (workflow.schedules().to_vec(), self.now());
        let next = move |schedule: written::Schedule| {
            let ticks = Ticks::parse(&schedule.cron, &schedule.timezone);
            let next = ticks.map(|ticks| ticks.after(now));
            (schedule, next)
        };
        self.compute.run(holder, move || schedules.into_iter().map(next).collect()).await
    }

    /// Returns the schedules of a version that becomes active now. One with the timetable that the
    /// workflow has now keeps its next tick, which may be due. Leaves out what this release cannot
    /// read.
    pub(crate) async fn new_schedules(
        &self,
        uid: &str,
        workflow: &Workflow,
    ) -> anyhow::Result<Vec<NewSchedule>> {
        let next_ticks = self.next_ticks(&Holder::of_workflow(uid), workflow).await;
        if next_ticks.is_empty() {
            return Ok(Vec::new());
        }
        let stored = self.ports.workflows.schedules(uid).await?;
        let mut schedules = Vec::new();
        for (schedule, next) in next_ticks {
            let Ok(Some(next_at)) = next else {
                tracing::warn!(cron = schedule.cron, "a published schedule never comes");
                continue;
            };
            let timetable = timetable(schedule);
            let same = stored.get(schedules.len()).map(|stored| (stored, &stored.set.timetable));
            let same = same.filter(|(_, stored)| has_same_ticks(stored, &timetable));
            let next_at = same.and_then(|(stored, _)| stored.next_at).unwrap_or(next_at);
            schedules.push(NewSchedule { timetable, next_at });
        }
        Ok(schedules)
    }

    /// Returns the schedules of the active version.
    pub async fn schedules(&self, uid: &str) -> Result<Vec<Schedule>> {
        Ok(self.ports.workflows.schedules(uid).await?)
    }

    /// Returns the schedule whose next tick this is; `None` if it has been decided.
    pub async fn due_schedule(
        &self,
        uid: &str,
        number: u32,
        tick: Timestamp,
    ) -> anyhow::Result<Option<Schedule>> {
        let schedules = self.ports.workflows.schedules(uid).await?;
        let is_due = |schedule: &Schedule| {
            schedule.number == number && schedule.next_at == Some(tick) && tick <= self.now()
        };
        Ok(schedules.into_iter().find(is_due))
    }

    /// Returns the last tick until `now`: of those that were missed, it alone starts a run.
    pub fn latest_tick(&self, schedule: &Schedule, first: Timestamp, now: Timestamp) -> Timestamp {
        ticks(schedule).map_or(first, |ticks| ticks.latest(first, now))
    }

    /// Returns whether the run that the schedule started last goes on.
    pub async fn is_under_way(&self, schedule: &Schedule) -> anyhow::Result<bool> {
        let Some(run) = schedule.last.as_ref().and_then(|last| last.run.as_ref()) else {
            return Ok(false);
        };
        let progress = self.ports.runs.progress(run).await?;
        Ok(progress.is_some_and(|progress| !progress.state.has_ended()))
    }

    /// Moves the schedule to its next tick after `from`. Whoever loses the write has nothing left
    /// to do.
    pub async fn decide_tick(
        &self,
        schedule: &Schedule,
        last: LastTick,
        from: Timestamp,
    ) -> anyhow::Result<Written> {
        let from = last.at.max(from);
        let next_at = ticks(schedule).and_then(|ticks| ticks.after(from));
        let revision = schedule.revision + 1;
        let next = Schedule { next_at, last: Some(last), revision, ..schedule.clone() };
        self.ports.workflows.save_schedule(&next, next_at).await
    }

    /// Leaves the tick due: it waits for a run.
    pub async fn queue_tick(&self, schedule: &Schedule) -> anyhow::Result<Written> {
        let next = Schedule { revision: schedule.revision + 1, ..schedule.clone() };
        self.ports.workflows.save_schedule(&next, Some(self.now() + QUEUE_INTERVAL)).await
    }
}

fn timetable(schedule: written::Schedule) -> Timetable {
    let overlap = match schedule.overlap {
        written::Overlap::Skip => Overlap::Skip,
        written::Overlap::Queue => Overlap::Queue,
    };
    let input = Arc::new(schedule.input);
    Timetable { cron: schedule.cron, timezone: schedule.timezone, input, overlap }
}

/// What happens to a tick during a run may differ.
fn has_same_ticks(left: &Timetable, right: &Timetable) -> bool {
    let of = |timetable: &Timetable| Timetable { overlap: Overlap::Skip, ..timetable.clone() };
    of(left) == of(right)
}

fn ticks(schedule: &Schedule) -> Option<Ticks> {
    let Timetable { cron, timezone, .. } = &schedule.set.timetable;
    Ticks::parse(cron, timezone).ok()
}
