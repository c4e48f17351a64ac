//! Jobs: erasures that take many steps and survive a crash, and the port that stores them.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::lease::Written;
use crate::page::{Page, PageRequest};
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
    pub erases: Erases,
    pub created_at: Timestamp,
    /// When its next step is due; `None` once it has ended.
    pub due_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
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

/// What a job deletes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Erases {
    /// The runs of one user that were created before the job, in every workflow.
    UserV1 { user: String },
    /// The runs and versions of a workflow that was deleted.
    WorkflowV1 { workflow_id: String, uid: String },
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
