//! Works on jobs that run many runs again: counts them, then begins one after the other.

use std::time::Duration;

use anyhow::Result;
use flowgate_app::access::Caller;
use flowgate_app::error::{Error, What};
use flowgate_app::hops;
use flowgate_app::id::RunId;
use flowgate_app::idempotency::{IdempotencyKey, IdempotencyRow, UniqueRows};
use flowgate_app::job::{Job, JobId, Reruns, Task};
use flowgate_app::key::Scope;
use flowgate_app::lease::Written;
use flowgate_app::page::PageRequest;
use flowgate_app::reruns::group_of;
use flowgate_app::run::{DRAFT, Include, RunFilter, RunHead, RunRecord};
use flowgate_app::work::Message;

use crate::Runner;
use crate::rerun::Rerun;
use crate::start::{How, InputFiles, ResponseMode, WhenWaitEnds};

/// Runs that a step begins, and how long it leaves the queue to others then.
const RUNS_PER_STEP: usize = 20;
const PAUSE: Duration = Duration::from_millis(500);
/// Runs that a step counts.
const COUNTED_PER_STEP: usize = 100;
/// The row that makes each run begin again once outlasts the job.
const ONCE: Duration = Duration::from_secs(30 * 24 * 3600);
const MAX_FAILURE: usize = 500;

/// What became of a run that was to begin again.
enum Attempt {
    /// Now, or by an earlier try of the same step.
    Begun,
    Failed(Error),
    /// The key's limits, or the platform's capacity, are reached.
    Later(Duration),
}

impl Runner {
    /// Processes a `JobV1` message: a step of the job, recorded. Whoever loses the write stops:
    /// another worker does the same job.
    pub async fn work_on_job(&self, id: &JobId) -> Result<()> {
        let Some(job) = self.app.due_job(id).await? else { return Ok(()) };
        let Task::RerunV1(reruns) = job.task.clone() else { return self.app.work_on_job(id).await };
        let step = self.step(Job { revision: job.revision + 1, ..job }, &reruns);
        let next = hops::within(reruns.hops + 1, step).await?;
        if self.app.save_job(&next).await? == Written::Lost {
            return Ok(());
        }
        if let Some(due_at) = next.due_at {
            let (message, group) = (Message::JobV1 { job: id.clone() }, group_of(&next));
            if due_at <= self.app.now() {
                self.app.send(message, &group).await;
            } else {
                self.app.send_later(message, &group, due_at).await;
            }
        }
        Ok(())
    }

    async fn step(&self, job: Job, reruns: &Reruns) -> Result<Job> {
        if job.progress.total.is_none() {
            return self.count(job, reruns).await;
        }
        match self.app.asker(reruns).await {
            Ok(caller) => self.begin_some(job, reruns, &caller).await,
            Err(error @ (Error::Internal(_) | Error::Overloaded { .. })) => Err(error.into()),
            // Without the key, nobody asks any more.
            Err(error) => Ok(self.given_up(job, &error)),
        }
    }

    async fn count(&self, mut job: Job, reruns: &Reruns) -> Result<Job> {
        let (runs, cursor) =
            self.some_runs(&job, reruns, COUNTED_PER_STEP, Include::default()).await?;
        job.progress.counted += runs.len() as u64;
        if cursor.is_none() {
            job.progress.total = Some(job.progress.counted);
        }
        job.progress.after_run = cursor;
        job.due_at = Some(self.app.now());
        Ok(job)
    }

    async fn begin_some(&self, mut job: Job, reruns: &Reruns, caller: &Caller) -> Result<Job> {
        let (runs, cursor) = self.some_runs(&job, reruns, RUNS_PER_STEP, Include::ALL).await?;
        let mut pause = PAUSE;
        for run in &runs {
            if self.is_of_job(&job, run).await? {
                continue;
            }
            match self.begin_again(&job, reruns, caller, run).await? {
                Attempt::Begun => job.progress.done += 1,
                Attempt::Failed(error) => {
                    job.progress.failed += 1;
                    job.progress.last_failure = Some(words(&error));
                }
                Attempt::Later(wait) => {
                    pause = wait.max(PAUSE);
                    job.due_at = Some(self.app.now() + pause);
                    return Ok(job);
                }
            }
            job.progress.after_run = Some(run.head.id.to_string());
        }
        if cursor.is_none() {
            return Ok(job.ended(self.app.now()));
        }
        job.progress.after_run = cursor;
        job.due_at = Some(self.app.now() + pause);
        Ok(job)
    }

    /// Returns runs of the job in the order of their creation, and where the next ones begin.
    async fn some_runs(
        &self,
        job: &Job,
        reruns: &Reruns,
        limit: usize,
        include: Include,
    ) -> Result<(Vec<RunRecord>, Option<String>)> {
        let selection = flowgate_app::run::Selection {
            state: reruns.state,
            user: reruns.user.clone(),
            code: reruns.code.clone(),
            node: reruns.node.clone(),
            created_from: reruns.created_from,
            created_before: Some(reruns.created_before),
            ..Default::default()
        };
        let filter = RunFilter { oldest_first: true, complete: true, include, ..selection.into() };
        let page = PageRequest { limit, cursor: job.progress.after_run.clone() };
        let mut found = self.app.ports.runs.list(&reruns.uid, filter, page).await?;
        found.items.retain(|run| run.state.has_ended() && is_meant(&run.head, reruns));
        Ok((found.items, found.next_cursor))
    }

    async fn begin_again(
        &self,
        job: &Job,
        reruns: &Reruns,
        caller: &Caller,
        origin: &RunRecord,
    ) -> Result<Attempt> {
        let (from, version) = (reruns.from.clone(), reruns.version.clone());
        let rerun = Rerun { from, version, all: None, input: None };
        let begun = async {
            caller.require(Scope::Run, &reruns.workflow_id, What::Run)?;
            let (head, program) = self.repeated_head(caller, origin, rerun).await?;
            let unique_rows =
                UniqueRows { idempotency: Some(self.once(job, origin)), run_id: None };
            let when_wait_ends = WhenWaitEnds::Detach;
            let files = InputFiles::default();
            let how = How { mode: ResponseMode::Detach, when_wait_ends, unique_rows, files };
            self.admit_and_start(caller, head, program, how).await
        };
        match begun.await {
            Ok(_) => Ok(Attempt::Begun),
            Err(Error::RateLimited { retry_after, .. } | Error::Overloaded { retry_after }) => {
                Ok(Attempt::Later(retry_after))
            }
            Err(error @ Error::Internal(_)) => Err(error.into()),
            Err(error) => Ok(Attempt::Failed(error)),
        }
    }

    /// Whether the job began this run itself, in a process whose clock is behind.
    async fn is_of_job(&self, job: &Job, run: &RunRecord) -> Result<bool> {
        let Some(origin) = &run.head.origin else { return Ok(false) };
        let key = once_key(job, &origin.run);
        let begun = self.app.ports.runs.idempotency(&key, self.app.now()).await?;
        Ok(begun.is_some_and(|begun| begun.run == run.head.id))
    }

    fn once(&self, job: &Job, origin: &RunRecord) -> IdempotencyRow {
        IdempotencyRow {
            key: once_key(job, &origin.head.id),
            body_hash: String::new(),
            expires_at: self.app.now() + ONCE,
        }
    }

    fn given_up(&self, mut job: Job, error: &Error) -> Job {
        let Some(total) = job.progress.total else { return job.ended(self.app.now()) };
        job.progress.failed = total.saturating_sub(job.progress.done);
        job.progress.last_failure = Some(words(error));
        job.ended(self.app.now())
    }
}

/// Drafts and parts were tries: they run again only where the draft itself is to be tried.
fn is_meant(head: &RunHead, reruns: &Reruns) -> bool {
    reruns.version.as_deref() == Some(DRAFT) || (!head.is_draft() && head.part.is_whole())
}

/// Each run begins again once in a job.
fn once_key(job: &Job, origin: &RunId) -> IdempotencyKey {
    IdempotencyKey { scope: format!("job/{}", job.id.as_str()), key: origin.to_string() }
}

fn words(error: &Error) -> String {
    let text = match error {
        Error::BadInput(problems) => {
            let first = problems.first();
            first.map_or_else(
                || error.to_string(),
                |first| format!("{} {}", first.pointer, first.message),
            )
        }
        error => error.to_string(),
    };
    text.chars().take(MAX_FAILURE).collect()
}
