//! Jobs: erasures and reruns that take many steps and survive a crash, and the port that stores
//! them.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::lease::Written;
use crate::page::{Page, PageRequest};
use crate::run::RunState;
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
#[serde(tag = "type")]
pub enum Task {
    /// Deletes the runs of one user that were created before the job, in every workflow.
    UserV1 { user: String },
    /// Deletes the runs and versions of a workflow that was deleted.
    WorkflowV1 { workflow_id: String, uid: String },
    /// Runs a workflow's runs again.
    RerunV1(Reruns),
}

/// Which runs of a workflow run again, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reruns {
    pub workflow_id: String,
    pub uid: String,
    /// Who asked: its rights and limits count. `None` for the operator's own credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Only runs that ended like this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<RunState>,
    /// Only runs of this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Only runs that failed with this code, or at this node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_from: Option<Timestamp>,
    /// At the latest when the job was created, so that it never repeats its own runs.
    pub created_before: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How many runs led to this, each by starting the next.
    #[serde(default, skip_serializing_if = "is_none_yet")]
    pub hops: u32,
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
    /// Every workflow that there is was begun; those that were deleted follow.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub past_workflows: bool,
    /// Runs that began again so far, and those that could not.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub done: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: u64,
    /// Why the last of them could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
    /// The runs that are to begin again; `None` until they are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Those counted so far.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub counted: u64,
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
