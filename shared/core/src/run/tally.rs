//! What an ended run adds to its workflow's rollup.

use super::record::{RunEnd, RunHead, RunState};
use crate::stats::{DRAFT, Ended, Tally, short, without_iterations};
use crate::time::millis;

/// The key of runs that the operator, or a token of it, started.
const ADMIN: &str = "admin";
/// The key of runs that a schedule started.
const SCHEDULE: &str = "schedule";

impl Tally {
    pub fn of(head: &RunHead, end: &RunEnd) -> Self {
        let error = end.error.as_ref();
        let keyless = if head.by_schedule { SCHEDULE } else { ADMIN };
        let version = if head.is_draft() { DRAFT } else { &head.version };
        let failed_node = error.and_then(|error| error.node.as_deref());
        Self {
            workflow_uid: head.workflow_uid.clone(),
            at: end.ended_at,
            ended: match end.state {
                RunState::Succeeded => Ended::Succeeded,
                RunState::Cancelled => Ended::Cancelled,
                RunState::Failed | RunState::Pending | RunState::Running | RunState::Waiting => {
                    Ended::Failed
                }
            },
            version: short(version),
            key: short(head.key_id.as_deref().unwrap_or(keyless)),
            code: error.map(|error| short(&error.code)),
            node: failed_node.map(|node| short(&without_iterations(node))),
            usage: end.usage,
            duration_ms: millis(end.ended_at.since(end.started_at)),
            queued_ms: millis(end.started_at.since(head.created_at)),
        }
    }
}
