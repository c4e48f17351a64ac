//! Deletes runs: one, those of a user, and those of a workflow that was deleted.

use std::time::Duration;

use flowgate_core::group::Group;
use flowgate_core::job::{Job, JobId, Progress, Task, Times};
use flowgate_core::key::Scope;
use flowgate_core::lease::Written;
use flowgate_core::page::PageRequest;
use flowgate_core::run::{Deleted, RunFilter, Selection};
use flowgate_core::work::Message;
use flowgate_core::workflow::WorkflowDeleted;

use crate::access::Caller;
use crate::bulk::require_of_job;
use crate::error::{Error, Result, What};
use crate::platform::App;

/// When the runs of a deleted workflow begin to go. One that is in flight goes once it has ended.
const RUNS_GRACE: Duration = Duration::from_secs(14 * 24 * 3600);
/// When its versions go: by then each run that has pinned one, also as a child, has ended (7 days
/// at most, and 30 days of waiting), and its webhooks are delivered or exhausted (76 hours).
const VERSIONS_GRACE: Duration = Duration::from_secs(41 * 24 * 3600);
/// Lists may lag behind the rows: the last round begins this long after the job.
const LIST_LAG: Duration = Duration::from_secs(5);
/// Runs in flight are looked at again.
const NEXT_ROUND: Duration = Duration::from_secs(60);
/// How long a job that has ended can be read.
const JOB_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);
/// Runs per step, versions per step, and steps per message: a worker has other work.
const RUNS_PER_STEP: usize = 50;
const VERSIONS_PER_STEP: usize = 100;
/// Sessions, and stores of knowledge, per step.
const KEPT_PER_STEP: usize = 50;
const STEPS_PER_MESSAGE: usize = 20;
const MAX_USER: usize = 256;

impl App {
    /// Deletes an ended run, its deliveries, events, checkpoints and its trace. Webhooks that are
    /// still to be sent are not.
    pub async fn delete_run(&self, caller: &Caller, id: &str) -> Result<()> {
        let record = self.run_for(caller, Scope::Author, id).await?;
        match self.ports.runs.delete(&record.head.id).await? {
            Deleted::Deleted => Ok(()),
            Deleted::Open => Err(Error::NotEnded),
            Deleted::Unknown => Err(Error::NotFound(What::Run)),
        }
    }

    /// Accepts a job that deletes every run of the user that exists now.
    pub async fn erase_user(&self, caller: &Caller, user: &str) -> Result<Job> {
        caller.require_platform(Scope::Author)?;
        if user.is_empty() || user.len() > MAX_USER {
            return Err(Error::bad_field("/user", format!("must have 1 to {MAX_USER} bytes")));
        }
        let job = self.new_job(Task::UserV1 { user: user.to_owned() }, Duration::ZERO);
        self.ports.jobs.create(job.clone()).await?;
        let audit = self.audit(caller, "user.erased", job.id.as_str());
        self.ports.keys.note(audit).await?;
        self.send(Message::JobV1 { job: job.id.clone() }, &Group::default()).await;
        Ok(job)
    }

    /// Returns a job: one over runs to whoever reads them, others to who may erase.
    pub async fn read_job(&self, caller: &Caller, id: &str) -> Result<Job> {
        let job = match JobId::parse(id) {
            Some(id) => self.ports.jobs.read(&id).await?,
            None => None,
        };
        let is_seen = job.as_ref().is_some_and(|job| match &job.task {
            Task::BulkV1(bulk) => require_of_job(caller, Scope::Read, bulk).is_ok(),
            Task::UserV1 { .. } | Task::WorkflowV1 { .. } => false,
        });
        if !is_seen {
            caller.require_platform(Scope::Author)?;
        }
        job.ok_or(Error::NotFound(What::Job))
    }

    /// Deletes the workflow: callers and authors see it no more. A job deletes the rest later.
    /// With `if_match` only if its draft has this etag.
    pub async fn delete_workflow(
        &self,
        caller: &Caller,
        id: &str,
        if_match: Option<&str>,
    ) -> Result<()> {
        caller.require(Scope::Author, id, What::Workflow)?;
        let uid = self.read_workflow(caller, id).await?.uid;
        match self.delete_uid(id, &uid, if_match).await? {
            WorkflowDeleted::Done => Ok(()),
            WorkflowDeleted::Stale => Err(Error::Stale),
            WorkflowDeleted::Unknown => Err(Error::NotFound(What::Workflow)),
        }
    }

    /// Deletes a workflow if it still has this uid.
    pub(crate) async fn delete_uid(
        &self,
        id: &str,
        uid: &str,
        if_match: Option<&str>,
    ) -> Result<WorkflowDeleted> {
        let task = Task::WorkflowV1 { workflow_id: id.to_owned(), uid: uid.to_owned() };
        let job = self.new_job(task, RUNS_GRACE);
        let deleted = self.ports.workflows.delete(id, uid, if_match, job).await?;
        self.workflow_cache.forget(id);
        Ok(deleted)
    }

    /// Processes a `JobV1` message of an erasure: some steps of the job, each recorded. Whoever
    /// loses a write stops: another worker does the same job.
    pub async fn work_on_job(&self, id: &JobId) -> anyhow::Result<()> {
        for _ in 0..STEPS_PER_MESSAGE {
            let Some(job) = self.due_job(id).await? else { return Ok(()) };
            let next = self.step_of(job).await?;
            if self.save_job(&next).await? == Written::Lost {
                return Ok(());
            }
        }
        self.send(Message::JobV1 { job: id.clone() }, &Group::default()).await;
        Ok(())
    }

    /// Returns the job if its next step is due.
    pub async fn due_job(&self, id: &JobId) -> anyhow::Result<Option<Job>> {
        let job = self.ports.jobs.read(id).await?;
        let now = self.now();
        Ok(job.filter(|job| job.due_at.is_some_and(|due| due <= now)))
    }

    /// Records a step of a job.
    pub async fn save_job(&self, next: &Job) -> anyhow::Result<Written> {
        let now = self.now();
        let times = Times {
            sweep_at: next.due_at.map(|due| if due > now { due } else { now + NEXT_ROUND }),
            expires_at: next.ended_at.map(|at| at + JOB_RETENTION),
        };
        self.ports.jobs.save(next, times).await
    }

    pub(crate) fn new_job(&self, task: Task, grace: Duration) -> Job {
        let now = self.now();
        Job {
            id: JobId::new(self.new_uuid(now)),
            task,
            created_at: now,
            due_at: Some(now + grace),
            ended_at: None,
            is_cancelled: false,
            revision: 1,
            progress: Progress::default(),
        }
    }

    async fn step_of(&self, job: Job) -> anyhow::Result<Job> {
        let job = Job { revision: job.revision + 1, ..job };
        match (job.task.clone(), job.progress.uid.clone()) {
            (Task::WorkflowV1 { uid, .. }, None) => Ok(job.walking(uid)),
            (Task::UserV1 { .. }, None) => self.next_list(job).await,
            // Whoever can start runs does these.
            (Task::BulkV1(_), _) => Ok(job),
            (task, Some(uid)) => {
                let user = match task {
                    Task::UserV1 { user } => Some(user),
                    Task::WorkflowV1 { .. } | Task::BulkV1(_) => None,
                };
                self.delete_some(job, uid, user).await
            }
        }
    }

    /// Deletes a page of runs of one list.
    async fn delete_some(
        &self,
        mut job: Job,
        uid: String,
        user: Option<String>,
    ) -> anyhow::Result<Job> {
        // A deleted workflow starts no runs. A user's new ones are no part of the job.
        let created_before = user.as_ref().map(|_| job.created_at + Duration::from_millis(1));
        let selection = Selection { user, created_before, ..Selection::default() };
        let filter = RunFilter { oldest_first: true, complete: true, ..selection.into() };
        let page = PageRequest { limit: RUNS_PER_STEP, cursor: job.progress.after_run.take() };
        let found = self.ports.runs.list(&uid, filter, page).await?;
        for run in &found.items {
            match self.ports.runs.delete(&run.head.id).await? {
                Deleted::Deleted => job.progress.deleted += 1,
                Deleted::Open => job.progress.in_flight += 1,
                Deleted::Unknown => {}
            }
        }
        job.progress.after_run = found.next_cursor;
        if job.progress.after_run.is_some() {
            return Ok(job);
        }
        let user = match &job.task {
            Task::UserV1 { user } => Some(user.as_str()),
            _ => None,
        };
        let sessions = self.ports.sessions.delete_some(&uid, user, KEPT_PER_STEP).await?;
        let stores = self.ports.knowledge.delete_some(&uid, user, KEPT_PER_STEP).await?;
        if sessions == KEPT_PER_STEP || stores == KEPT_PER_STEP {
            return Ok(job);
        }
        match job.task {
            Task::UserV1 { .. } => {
                job.progress.uid = None;
                Ok(job)
            }
            Task::WorkflowV1 { .. } => self.end_of_workflow(job, &uid).await,
            Task::BulkV1(_) => Ok(job),
        }
    }

    /// Versions go last: runs in flight need them, also those of other workflows.
    async fn end_of_workflow(&self, job: Job, uid: &str) -> anyhow::Result<Job> {
        let (now, versions_go) = (self.now(), job.created_at + VERSIONS_GRACE);
        if job.progress.in_flight > 0 {
            return Ok(job.again_at(now + NEXT_ROUND));
        }
        if now < versions_go {
            return Ok(job.again_at(versions_go));
        }
        let deleted = self.ports.workflows.delete_versions(uid, VERSIONS_PER_STEP).await?;
        Ok(if deleted < VERSIONS_PER_STEP { job.ended(now) } else { job })
    }

    /// The next workflow's list, those of deleted workflows after all others; then the round ends.
    async fn next_list(&self, mut job: Job) -> anyhow::Result<Job> {
        if !job.progress.past_workflows {
            let page = PageRequest { limit: 1, cursor: job.progress.after_workflow.clone() };
            let mut found = self.ports.workflows.list(page).await?;
            if let Some(workflow) = found.items.pop() {
                job.progress.after_workflow = Some(workflow.id);
                return Ok(job.walking(workflow.uid));
            }
            // A page may be empty and not the last.
            job.progress.past_workflows = found.next_cursor.is_none();
            job.progress.after_workflow = found.next_cursor;
            return Ok(job);
        }
        let page = PageRequest { limit: 1, cursor: job.progress.after_job.clone() };
        let mut found = self.ports.jobs.open(page).await?;
        if let Some(other) = found.items.pop() {
            job.progress.after_job = Some(other.id.as_str().to_owned());
            return Ok(match other.task {
                Task::WorkflowV1 { uid, .. } => job.walking(uid),
                Task::UserV1 { .. } | Task::BulkV1(_) => job,
            });
        }
        if found.next_cursor.is_some() {
            job.progress.after_job = found.next_cursor;
            return Ok(job);
        }
        let (now, settled) = (self.now(), job.created_at + LIST_LAG);
        if job.progress.in_flight > 0 {
            return Ok(job.again_at(now + NEXT_ROUND));
        }
        Ok(if now < settled { job.again_at(settled) } else { job.ended(now) })
    }
}
