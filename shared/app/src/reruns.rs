//! Running many runs again, as a job: accepted here, done where runs can start.

use std::time::Duration;

use flowgate_core::group::Group;
use flowgate_core::hops;
use flowgate_core::job::{Job, Reruns, Task};
use flowgate_core::key::Scope;
use flowgate_core::lease::Written;
use flowgate_core::page::PageRequest;
use flowgate_core::run::{DRAFT, RunState};
use flowgate_core::time::Timestamp;
use flowgate_core::work::Message;

use crate::access::Caller;
use crate::error::{Error, FieldProblem, Result, What};
use crate::platform::App;

/// A page of open jobs.
const OPEN_JOBS: usize = 100;

/// Which runs of a workflow are to run again, and how.
#[derive(Debug, Clone, Default)]
pub struct RerunRequest {
    /// Only runs in this state; `None`: every run that has ended.
    pub state: Option<RunState>,
    pub user: Option<String>,
    /// Only runs that failed with this code.
    pub code: Option<String>,
    /// Only runs that failed at this node.
    pub node: Option<String>,
    pub created_from: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
    pub from: Option<String>,
    pub version: Option<String>,
}

impl App {
    /// Accepts a job that runs the workflow's runs again: those that exist now.
    pub async fn rerun_all(
        &self,
        caller: &Caller,
        workflow_id: &str,
        request: RerunRequest,
    ) -> Result<Job> {
        caller.require(Scope::Run, workflow_id, What::Workflow)?;
        caller.require(Scope::Read, workflow_id, What::Workflow)?;
        // Its runs are one further.
        if hops::current() + 1 >= hops::MAX_HOPS {
            return Err(Error::LoopDetected);
        }
        let record = self.cached_workflow(workflow_id).await?;
        let version = request.version.as_deref();
        let mut problems = Vec::new();
        let mut wrong = |pointer: &str, message: &str| {
            problems
                .push(FieldProblem { pointer: pointer.to_owned(), message: message.to_owned() });
        };
        if request.state.is_some_and(|state| !state.has_ended()) {
            wrong("/state", "must be succeeded, failed or cancelled");
        }
        let workflow = match version {
            None => None,
            Some(DRAFT) => Some(self.draft(caller, workflow_id).await?.0.workflow),
            Some(version) => {
                let known = self.compiled(&record.uid, version).await?;
                if known.is_none() {
                    wrong("/version", "is no version of the workflow");
                }
                known
            }
        };
        // Without a version, each run has its own.
        if let (Some(workflow), Some(from)) = (workflow, &request.from)
            && workflow.downstream(from).is_none()
        {
            wrong("/from", "names no node of that version");
        }
        if !problems.is_empty() {
            return Err(Error::BadInput(problems));
        }
        let now = self.now();
        let reruns = Reruns {
            workflow_id: workflow_id.to_owned(),
            uid: record.uid.clone(),
            key_id: caller.key_id().map(str::to_owned),
            state: request.state,
            user: request.user,
            code: request.code,
            node: request.node,
            created_from: request.created_from,
            created_before: request.created_before.unwrap_or(now).min(now),
            from: request.from,
            version: request.version,
            hops: hops::current(),
        };
        self.require_no_other(&reruns).await?;
        let job = self.new_job(Task::RerunV1(reruns), Duration::ZERO);
        self.ports.jobs.create(job.clone()).await?;
        self.send(Message::JobV1 { job: job.id.clone() }, &group_of(&job)).await;
        Ok(job)
    }

    /// Two jobs over the same runs would begin each of them twice.
    async fn require_no_other(&self, reruns: &Reruns) -> Result<()> {
        let mut cursor = None;
        loop {
            let page = PageRequest { limit: OPEN_JOBS, cursor };
            let open = self.ports.jobs.open(page).await?;
            for job in open.items {
                if let Task::RerunV1(other) = &job.task
                    && (&other.uid, &other.key_id) == (&reruns.uid, &reruns.key_id)
                {
                    return Err(Error::AlreadyRerunning(job.id));
                }
            }
            let Some(next) = open.next_cursor else { return Ok(()) };
            cursor = Some(next);
        }
    }

    /// Stops a job of reruns. Runs that it has begun go on.
    pub async fn cancel_job(&self, caller: &Caller, id: &str) -> Result<Job> {
        loop {
            let job = self.read_job(caller, id).await?;
            let Task::RerunV1(reruns) = &job.task else {
                return Err(Error::NotFound(What::Job));
            };
            if caller.require_platform(Scope::Author).is_err() {
                caller.require(Scope::Cancel, &reruns.workflow_id, What::Job)?;
            }
            if job.ended_at.is_some() {
                return Err(Error::JobEnded);
            }
            let revision = job.revision + 1;
            let cancelled = Job { is_cancelled: true, revision, ..job.ended(self.now()) };
            if self.save_job(&cancelled).await? == Written::Written {
                return Ok(cancelled);
            }
        }
    }

    /// Returns who asked for a job, with the rights that they have now.
    pub async fn asker(&self, reruns: &Reruns) -> Result<Caller> {
        match &reruns.key_id {
            None => Ok(Caller::Admin),
            Some(key) => Ok(Caller::Key(self.live_key(key).await?)),
        }
    }
}

/// A job takes its turn with the runs of whoever asked.
pub fn group_of(job: &Job) -> Group {
    match &job.task {
        Task::RerunV1(reruns) => Group::of_key(reruns.key_id.as_deref()),
        Task::UserV1 { .. } | Task::WorkflowV1 { .. } => Group::default(),
    }
}
