//! Which runs are meant: by a list, by a job.

use serde::{Deserialize, Serialize};

use super::record::{RunRecord, RunState};
use crate::time::Timestamp;

/// Conditions on runs. A run is meant if it meets all that are set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<RunState>,
    /// The user of their start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Only failed runs, whose error has this code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Only failed runs, whose error names this node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The version that they started with, or [`DRAFT`](super::DRAFT).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The id of the key that started them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Only runs that have ended, this long or longer after they started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_duration_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_before: Option<Timestamp>,
}

impl Selection {
    /// Returns the state of the runs that it selects, if they are of one.
    pub fn only_state(&self) -> Option<RunState> {
        self.state.or(self.is_of_failures().then_some(RunState::Failed))
    }

    pub(super) fn is_of_failures(&self) -> bool {
        self.code.is_some() || self.node.is_some()
    }

    /// Whether the run meets every condition but those on its time.
    pub fn matches(&self, run: &RunRecord) -> bool {
        let error = run.end.as_ref().and_then(|end| end.error.as_ref());
        let (code, node) =
            (error.map(|error| error.code.as_str()), error.and_then(|error| error.node.as_deref()));
        let is_long = |least: u64| run.duration_ms().is_some_and(|duration| duration >= least);
        self.only_state().is_none_or(|state| state == run.state)
            && is_one(self.user.as_ref(), run.head.user.as_deref())
            && is_one(self.code.as_ref(), code)
            && is_one(self.node.as_ref(), node)
            && is_one(self.version.as_ref(), Some(&run.head.version))
            && is_one(self.key.as_ref(), run.head.key_id.as_deref())
            && self.min_duration_ms.is_none_or(is_long)
    }
}

fn is_one(wanted: Option<&String>, given: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| given == Some(wanted))
}
