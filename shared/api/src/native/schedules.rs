//! The schedules of a workflow, as its page shows them.

use flowgate_app::schedule::{LastTick, Schedule as Stored};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::time::Time;

/// When the active version starts by itself.
#[derive(Serialize, ToSchema)]
#[schema(as = WorkflowSchedule)]
pub(super) struct Schedule {
    cron: String,
    #[schema(examples("Europe/Berlin"))]
    timezone: String,
    /// `skip` or `queue`: what a tick does while the run before has not ended.
    overlap: &'static str,
    /// The next tick, or one that waits; null if it never comes again.
    #[schema(required)]
    next_at: Option<Time>,
    /// The last tick; null before the first one.
    #[schema(required)]
    last: Option<Tick>,
}

/// What the last tick of a schedule did.
#[derive(Serialize, ToSchema)]
#[schema(as = WorkflowScheduleTick)]
struct Tick {
    at: Time,
    /// The last run that was started, by this tick or by one before.
    #[schema(required)]
    run_id: Option<String>,
    /// Why this tick started no run; null if it did.
    #[schema(required)]
    skipped: Option<String>,
}

impl From<Stored> for Schedule {
    fn from(stored: Stored) -> Self {
        let timetable = stored.set.timetable;
        Self {
            cron: timetable.cron,
            timezone: timetable.timezone,
            overlap: timetable.overlap.as_str(),
            next_at: stored.next_at.map(Into::into),
            last: stored.last.map(Into::into),
        }
    }
}

impl From<LastTick> for Tick {
    fn from(last: LastTick) -> Self {
        let run_id = last.run.map(|run| run.as_str().to_owned());
        Self { at: last.at.into(), run_id, skipped: last.skipped }
    }
}
