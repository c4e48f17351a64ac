//! Schedules: when a workflow's active version starts by itself. Their rows are written with the
//! version that they belong to ([`crate::workflow::Workflows`]).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::group::Group;
use crate::id::RunId;
use crate::time::Timestamp;
use crate::work::Message;

/// As the document has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timetable {
    pub cron: String,
    /// An IANA name.
    pub timezone: String,
    pub input: Arc<Value>,
    pub overlap: Overlap,
}

/// What happens to a tick while the run of the one before has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It starts no run.
    Skip,
    /// It waits for that run. Of several that wait, the last one starts a run.
    Queue,
}

impl Overlap {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Queue => "queue",
        }
    }
}

/// A schedule of a version that is to become active.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSchedule {
    pub timetable: Timetable,
    pub next_at: Timestamp,
}

/// A schedule of the active version, as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    pub uid: String,
    /// Its position in the document.
    pub number: u32,
    pub set: ScheduleOf,
    /// `None`: it never comes again.
    pub next_at: Option<Timestamp>,
    /// Kept when another version becomes active.
    pub last: Option<LastTick>,
    /// Counts its writes. [`crate::workflow::Workflows::save_schedule`] applies the next one alone.
    pub revision: u64,
}

/// What does not change while its version is active.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScheduleOf {
    pub workflow_id: String,
    pub version: String,
    pub timetable: Timetable,
}

/// The last tick that was decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastTick {
    pub at: Timestamp,
    /// The last run that was started, by this tick or by one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Why this tick started no run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

impl Schedule {
    pub fn message(&self, tick: Timestamp) -> Message {
        Message::ScheduleV1 { uid: self.uid.clone(), schedule: self.number, tick }
    }

    /// The schedules of one workflow are one group.
    pub fn group(uid: &str) -> Group {
        Group::new(uid)
    }
}
