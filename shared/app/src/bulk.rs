//! The same with many runs, as a job: accepted here; whoever can start runs does it.

use std::time::Duration;

use flowgate_core::group::Group;
use flowgate_core::hops;
use flowgate_core::id::RunId;
use flowgate_core::job::{Action, Bulk, Job, Replay, Task};
use flowgate_core::key::Scope;
use flowgate_core::lease::Written;
use flowgate_core::page::PageRequest;
use flowgate_core::run::{DRAFT, Selection};
use flowgate_core::work::Message;
use flowgate_core::workflow::Identity;

use crate::access::Caller;
use crate::error::{Error, FieldProblem, Result, What};
use crate::platform::App;

/// A page of open jobs, and of workflows.
const PER_PAGE: usize = 100;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct BulkRequest {
    pub action: Action,
    /// Only runs of this workflow.
    pub workflow: Option<String>,
    /// These runs; empty: those of the selection.
    pub runs: Vec<RunId>,
    pub selection: Selection,
    /// JSON Pointer to the version that replaces each run's own.
    pub version_pointer: &'static str,
}

impl App {
    /// Accepts a job that does the same with many runs: with those that exist now.
    pub async fn bulk(&self, caller: &Caller, request: BulkRequest) -> Result<Job> {
        let BulkRequest { action, workflow, runs, mut selection, version_pointer } = request;
        let workflow = self.bulk_workflow(caller, &action, workflow.as_deref()).await?;
        if let Action::Replay(replay) = &action {
            // Its runs are one further.
            if hops::current() + 1 >= hops::MAX_HOPS {
                return Err(Error::LoopDetected);
            }
            if let Some(workflow) = &workflow {
                self.check_replay(caller, workflow, replay, version_pointer).await?;
            }
        }
        let now = self.now();
        selection.created_before = Some(selection.created_before.unwrap_or(now).min(now));
        let key_id = caller.key_id().map(str::to_owned);
        let bulk = Bulk { action, workflow, runs, selection, key_id, hops: hops::current() };
        self.require_no_other(&bulk).await?;
        let job = self.new_job(Task::BulkV1(Box::new(bulk)), Duration::ZERO);
        self.ports.jobs.create(job.clone()).await?;
        self.send(Message::JobV1 { job: job.id.clone() }, &group_of(&job)).await;
        Ok(job)
    }

    async fn bulk_workflow(
        &self,
        caller: &Caller,
        action: &Action,
        workflow: Option<&str>,
    ) -> Result<Option<Identity>> {
        let scopes: &[Scope] = match action {
            Action::Replay(_) => &[Scope::Run, Scope::Read],
            Action::Cancel => &[Scope::Cancel],
        };
        let Some(id) = workflow else {
            // The job would outlive a token.
            if matches!(caller, Caller::Token(_)) {
                return Err(Error::NotFound(What::Workflow));
            }
            return scopes.iter().try_for_each(|scope| caller.require_scope(*scope)).map(|()| None);
        };
        for scope in scopes {
            caller.require(*scope, id, What::Workflow)?;
        }
        let uid = self.cached_workflow(id).await?.uid.clone();
        Ok(Some(Identity { id: id.to_owned(), uid }))
    }

    /// Without a version, each run has its own.
    async fn check_replay(
        &self,
        caller: &Caller,
        workflow: &Identity,
        replay: &Replay,
        version_pointer: &str,
    ) -> Result<()> {
        let mut problems = Vec::new();
        let mut wrong = |pointer: &str, message: &str| {
            problems
                .push(FieldProblem { pointer: pointer.to_owned(), message: message.to_owned() });
        };
        let target = match replay.version.as_deref() {
            None => None,
            Some(DRAFT) => Some(self.draft(caller, &workflow.id).await?.0.workflow),
            Some(version) => {
                let known = self.compiled(&workflow.uid, version).await?;
                if known.is_none() {
                    wrong(version_pointer, "is no version of the workflow");
                }
                known
            }
        };
        if let (Some(target), Some(from)) = (target, &replay.from)
            && target.downstream(from).is_none()
        {
            wrong("/from", "names no node of that version");
        }
        if problems.is_empty() { Ok(()) } else { Err(Error::BadInput(problems)) }
    }

    /// Two jobs over the same runs would begin each of them twice.
    async fn require_no_other(&self, bulk: &Bulk) -> Result<()> {
        if bulk.action == Action::Cancel {
            return Ok(());
        }
        let mut cursor = None;
        loop {
            let page = PageRequest { limit: PER_PAGE, cursor };
            let open = self.ports.jobs.open(page).await?;
            for job in open.items {
                if let Task::BulkV1(other) = &job.task
                    && other.key_id == bulk.key_id
                    && share_runs(other, bulk)
                {
                    return Err(Error::AlreadyRerunning(job.id));
                }
            }
            let Some(next) = open.next_cursor else { return Ok(()) };
            cursor = Some(next);
        }
    }

    /// Returns the next workflow that the caller may use with the scope, in the order of ids.
    pub async fn next_workflow(
        &self,
        caller: &Caller,
        scope: Scope,
        after: Option<&str>,
    ) -> Result<Option<Identity>> {
        let mut cursor = after.map(str::to_owned);
        loop {
            let page = PageRequest { limit: PER_PAGE, cursor };
            let found = self.ports.workflows.identities(page).await?;
            let may_use =
                |found: &Identity| caller.require(scope, &found.id, What::Workflow).is_ok();
            if let Some(next) = found.items.into_iter().find(may_use) {
                return Ok(Some(next));
            }
            if found.next_cursor.is_none() {
                return Ok(None);
            }
            cursor = found.next_cursor;
        }
    }

    /// Stops a job. Runs that it has begun go on.
    pub async fn cancel_job(&self, caller: &Caller, id: &str) -> Result<Job> {
        loop {
            let job = self.read_job(caller, id).await?;
            let Task::BulkV1(bulk) = &job.task else {
                return Err(Error::NotFound(What::Job));
            };
            if caller.require_platform(Scope::Author).is_err() {
                require_of_job(caller, Scope::Cancel, bulk)?;
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
    pub async fn asker(&self, bulk: &Bulk) -> Result<Caller> {
        match &bulk.key_id {
            None => Ok(Caller::Admin),
            Some(key) => Ok(Caller::Key(self.live_key(key).await?)),
        }
    }
}

/// A job over one workflow belongs to its callers; any other to the key that asked for it.
pub(crate) fn require_of_job(caller: &Caller, scope: Scope, bulk: &Bulk) -> Result<()> {
    match &bulk.workflow {
        Some(workflow) => caller.require(scope, &workflow.id, What::Job),
        None if matches!(caller, Caller::Key(_)) && caller.key_id() == bulk.key_id.as_deref() => {
            caller.require_scope(scope)
        }
        None => Err(Error::NotFound(What::Job)),
    }
}

/// Whether two replays may concern the same runs. One that names its runs is compared with others
/// that do.
fn share_runs(one: &Bulk, other: &Bulk) -> bool {
    match (one.runs.is_empty(), other.runs.is_empty()) {
        _ if one.action == Action::Cancel => false,
        (false, false) => one.runs.iter().any(|run| other.runs.contains(run)),
        (true, true) => match (&one.workflow, &other.workflow) {
            (Some(one), Some(other)) => one.uid == other.uid,
            _ => true,
        },
        _ => false,
    }
}

/// A job takes its turn with the runs of whoever asked.
pub fn group_of(job: &Job) -> Group {
    match &job.task {
        Task::BulkV1(bulk) => Group::of_key(bulk.key_id.as_deref()),
        Task::UserV1 { .. } | Task::WorkflowV1 { .. } => Group::default(),
    }
}
