//! Jobs: erasures and reruns that take many steps and survive a crash, and the port that stores
//! them.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::id::RunId;
use crate::identity::Identity;
use crate::lease::Written;
use crate::page::{Page, PageRequest};
use crate::run::{RunState, Selection};
use crate::time::Timestamp;

/// `job_` and 32 hex digits, which begin with its time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(Arc<str>);

impl JobId {
    pub fn new(uuid: uuid::Uuid) -> Self {
        Self(format!("job_{}", uuid.simple()).into())
    }

    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("job_")?;
        let hex = digits.len() == 32
            && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        hex.then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub id: JobId,
    #[serde(rename = "erases")]
    pub task: Task,
    pub created_at: Timestamp,
    /// When its next step is due; `None` once it has ended.
    pub due_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// It ended before it had done all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_cancelled: bool,
    /// Counts its writes. [`Jobs::save`] applies the next one alone.
    pub revision: u64,
    pub progress: Progress,
}

impl Job {
    /// It goes on with this list.
    #[must_use]
    pub fn walking(mut self, uid: String) -> Self {
        (self.progress.uid, self.progress.after_run) = (Some(uid), None);
        self
    }

    /// Another round, from the start.
    #[must_use]
    pub fn again_at(self, at: Timestamp) -> Self {
        let progress = Progress { deleted: self.progress.deleted, ..Progress::default() };
        Self { due_at: Some(at), progress, ..self }
    }

    #[must_use]
    pub fn ended(self, at: Timestamp) -> Self {
        Self { due_at: None, ended_at: Some(at), ..self }
    }
}

/// What a job does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", from = "StoredTask")]
pub enum Task {
    /// Deletes the runs of one user that were created before the job, in every workflow.
    UserV1 { user: String },
    /// Deletes the runs and versions of a workflow that was deleted.
    WorkflowV1 { workflow_id: String, uid: String },
    /// Does the same with many runs.
    BulkV1(Box<Bulk>),
}

/// The same as it was stored, also by earlier releases.
#[derive(Deserialize)]
#[serde(tag = "type")]
enum StoredTask {
    UserV1 { user: String },
    WorkflowV1 { workflow_id: String, uid: String },
    BulkV1(Box<Bulk>),
    RerunV1(Box<Reruns>),
}

impl From<StoredTask> for Task {
    fn from(stored: StoredTask) -> Self {
        match stored {
            StoredTask::UserV1 { user } => Self::UserV1 { user },
            StoredTask::WorkflowV1 { workflow_id, uid } => Self::WorkflowV1 { workflow_id, uid },
            StoredTask::BulkV1(bulk) => Self::BulkV1(bulk),
            StoredTask::RerunV1(reruns) => Self::BulkV1(Box::new((*reruns).into())),
        }
    }
}

/// What is done with many runs, and with which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bulk {
    pub action: Action,
    /// Whose runs; `None`: those of every workflow that whoever asked may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Identity>,
    /// These runs and no others; empty: those of the selection.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RunId>,
    /// `created_before` is at the latest when the job was created, so that it never repeats its own
    /// runs.
    #[serde(default)]
    pub selection: Selection,
    /// Who asked: its rights and limits count. `None` for the operator's own credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// How many runs led to this, each by starting the next.
    #[serde(default, skip_serializing_if = "is_none_yet")]
    pub hops: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Action {
    /// Runs that have ended run again.
    Replay(Replay),
    /// Runs that have not ended are cancelled.
    Cancel,
}

/// How runs run again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// This node, and what depends on it, is made anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Everything is made anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anew: bool,
    /// Instead of each run's own version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// So many of the new runs go on at a time; `None`: as many as the limits of the key allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_a_time: Option<u32>,
}

/// What earlier releases stored of a job that runs a workflow's runs again.
#[derive(Deserialize)]
struct Reruns {
    workflow_id: String,
    uid: String,
    key_id: Option<String>,
    state: Option<RunState>,
    user: Option<String>,
    code: Option<String>,
    node: Option<String>,
    created_from: Option<Timestamp>,
    created_before: Timestamp,
    from: Option<String>,
    version: Option<String>,
    #[serde(default)]
    hops: u32,
}

impl From<Reruns> for Bulk {
    fn from(stored: Reruns) -> Self {
        let Reruns { workflow_id, uid, key_id, state, user, code, node, .. } = stored;
        let Reruns { created_from, created_before, from, version, hops, .. } = stored;
        let replay = Replay { from, version, ..Replay::default() };
        let created_before = Some(created_before);
        let of = Selection {
            state,
            user,
            code,
            node,
            created_from,
            created_before,
            ..Selection::default()
        };
        Self {
            action: Action::Replay(replay),
            workflow: Some(Identity { id: workflow_id, uid }),
            runs: Vec::new(),
            selection: of,
            key_id,
            hops,
        }
    }
}

/// How far it is. It walks lists: what it has passed is not read again in the same round.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Runs deleted so far.
    pub deleted: u64,
    /// Runs that this round found in flight. They are deleted in a later one.
    pub in_flight: u64,
    /// The list that it walks, and the cursor in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_run: Option<String>,
    /// The workflow, and the deleted workflow, that it has begun last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_workflow: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_job: Option<String>,
    /// Every workflow that there is was begun; for an erasure those that were deleted follow.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub past_workflows: bool,
    /// Runs that began again or were cancelled so far, and those that could not.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub done: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: u64,
    /// Why the last of them could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
    /// The runs of the job; `None` until they are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Those counted so far.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub counted: u64,
    /// How many of the runs that the job names it has passed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub passed: u64,
    /// New runs that went on when it looked last, if only some may at a time; and how often it has
    /// waited for them in vain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub under_way: Vec<RunId>,
    #[serde(default, skip_serializing_if = "is_none_yet")]
    pub waited: u32,
}

impl Progress {
    /// From the first run on again.
    pub fn rewind(&mut self) {
        (self.uid, self.after_run, self.after_workflow) = (None, None, None);
        (self.past_workflows, self.passed) = (false, 0);
    }
}

fn is_none_yet(hops: &u32) -> bool {
    *hops == 0
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What the store does with a job, and when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// When the sweeper sends its message again, should its worker die; `None` once it has ended.
    pub sweep_at: Option<Timestamp>,
    /// When it may be deleted; set once it has ended.
    pub expires_at: Option<Timestamp>,
}

/// Jobs. A due row backs each until it has ended.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Put-if-absent. [`crate::workflow::Workflows::delete`] creates those of deleted workflows.
    async fn create(&self, job: Job) -> Result<()>;
    async fn read(&self, id: &JobId) -> Result<Option<Job>>;
    /// Stores the job if the stored one is of the revision before it.
    async fn save(&self, job: &Job, times: Times) -> Result<Written>;
    /// Returns jobs that have not ended, oldest first.
    async fn open(&self, page: PageRequest) -> Result<Page<Job>>;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_of_an_earlier_release_goes_on() {
        let stored = json!({
            "type": "RerunV1", "workflow_id": "w", "uid": "u", "key_id": "k", "state": "failed",
            "code": "timeout", "created_before": 7, "from": "call", "hops": 1,
        });
        let Task::BulkV1(bulk) = serde_json::from_value(stored).unwrap() else { panic!() };
        assert_eq!(bulk.workflow, Some(Identity { id: "w".into(), uid: "u".into() }));
        assert_eq!(bulk.selection.code.as_deref(), Some("timeout"));
        assert_eq!(bulk.selection.created_before, Some(Timestamp(7)));
        assert_eq!((bulk.key_id.as_deref(), bulk.hops), (Some("k"), 1));
        let Action::Replay(replay) = &bulk.action else { panic!() };
        assert_eq!(replay.from.as_deref(), Some("call"));
        let again = serde_json::to_value(Task::BulkV1(bulk.clone())).unwrap();
        assert_eq!(serde_json::from_value::<Task>(again).unwrap(), Task::BulkV1(bulk));
    }
}
