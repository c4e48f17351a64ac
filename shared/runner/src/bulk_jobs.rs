//! Works on jobs over many runs: counts them, then takes one after the other.

use std::time::Duration;

use anyhow::Result;
use flowgate_app::access::Caller;
use flowgate_app::bulk::group_of;
use flowgate_app::error::{Error, What};
use flowgate_app::hops;
use flowgate_app::id::RunId;
use flowgate_app::idempotency::{IdempotencyKey, IdempotencyRow, UniqueRows};
use flowgate_app::job::{Action, Bulk, Job, JobId, Replay, Task};
use flowgate_app::key::Scope;
use flowgate_app::lease::Written;
use flowgate_app::page::PageRequest;
use flowgate_app::run::{DRAFT, Include, RunFilter, RunHead, RunRecord, RunState};
use flowgate_app::runs::Cancelled;
use flowgate_app::work::Message;

use crate::Runner;
use crate::rerun::Rerun;
use crate::start::{How, InputFiles, ResponseMode, Started, WhenWaitEnds};

/// Runs that a step takes, and how long it leaves the queue to others then.
const RUNS_PER_STEP: usize = 20;
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause between two looks at new runs that go on.
const LONG_PAUSE: Duration = Duration::from_secs(16);
/// Runs that a step counts.
const COUNTED_PER_STEP: usize = 100;
/// Pages of lists that a step reads: most workflows may have none of the runs.
const PAGES_PER_STEP: usize = 20;
/// The row that makes each run begin again once outlasts the job.
const ONCE: Duration = Duration::from_secs(30 * 24 * 3600);
const MAX_FAILURE: usize = 500;

/// What became of a run of the job.
enum Attempt {
    /// Now, or by an earlier try of the same step. Holds the run that began.
    Done(Option<RunId>),
    /// It is not one of them.
    Passed,
    Failed(Error),
    /// The key's limits, or the platform's capacity, are reached.
    Later(Duration),
}

/// A run that a job comes to.
enum Candidate {
    Run(Box<RunRecord>),
    /// The job names it, but there is none.
    Unknown,
}

/// Some runs, and where the list goes on.
struct Batch {
    candidates: Vec<Candidate>,
    next: Option<String>,
}

/// A step of a job.
struct Step<'s> {
    bulk: &'s Bulk,
    caller: &'s Caller,
}

impl Runner {
    /// Processes a `JobV1` message: a step of the job, recorded. Whoever loses the write stops:
    /// another worker does the same job.
    pub async fn work_on_job(&self, id: &JobId) -> Result<()> {
        let Some(job) = self.app.due_job(id).await? else { return Ok(()) };
        let Task::BulkV1(bulk) = job.task.clone() else { return self.app.work_on_job(id).await };
        let step = self.step(Job { revision: job.revision + 1, ..job }, &bulk);
        let next = hops::within(bulk.hops + 1, step).await?;
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

    async fn step(&self, job: Job, bulk: &Bulk) -> Result<Job> {
        let caller = match self.app.asker(bulk).await {
            Ok(caller) => caller,
            Err(error @ (Error::Internal(_) | Error::Overloaded { .. })) => {
                return Err(error.into());
            }
            // Without the key, nobody asks any more.
            Err(error) => return Ok(self.given_up(job, &error)),
        };
        let step = Step { bulk, caller: &caller };
        if job.progress.total.is_none() {
            self.count(job, &step).await
        } else {
            self.take_some(job, &step).await
        }
    }

    async fn count(&self, mut job: Job, step: &Step<'_>) -> Result<Job> {
        job.due_at = Some(self.app.now());
        if !step.bulk.runs.is_empty() {
            job.progress.total = Some(step.bulk.runs.len() as u64);
            return Ok(job);
        }
        let before = job.progress.counted;
        for _ in 0..PAGES_PER_STEP {
            let include = Include::default();
            let Some(batch) = self.batch(&mut job, step, COUNTED_PER_STEP, include).await? else {
                job.progress.total = Some(job.progress.counted);
                job.progress.rewind();
                break;
            };
            job.progress.counted += batch.candidates.len() as u64;
            pass_page(&mut job, step.bulk, batch.next);
            if job.progress.counted - before >= COUNTED_PER_STEP as u64 {
                break;
            }
        }
        Ok(job)
    }

    async fn take_some(&self, mut job: Job, step: &Step<'_>) -> Result<Job> {
        let mut left = self.room(&mut job, step.bulk).await?;
        if left == 0 {
            let pause = PAUSE * 2_u32.pow(job.progress.waited.min(5));
            job.progress.waited = job.progress.waited.saturating_add(1);
            job.due_at = Some(self.app.now() + pause.min(LONG_PAUSE));
            return Ok(job);
        }
        job.progress.waited = 0;
        for _ in 0..PAGES_PER_STEP {
            let Some(batch) = self.batch(&mut job, step, left, Include::ALL).await? else {
                return Ok(job.ended(self.app.now()));
            };
            for candidate in batch.candidates {
                left -= 1;
                if let Some(wait) = self.take(&mut job, step, candidate).await? {
                    job.due_at = Some(self.app.now() + wait.max(PAUSE));
                    return Ok(job);
                }
            }
            pass_page(&mut job, step.bulk, batch.next);
            if left == 0 {
                break;
            }
        }
        job.due_at = Some(self.app.now() + PAUSE);
        Ok(job)
    }

    /// Does it with one run. Returns how long to wait, if it is not its turn yet.
    async fn take(
        &self,
        job: &mut Job,
        step: &Step<'_>,
        candidate: Candidate,
    ) -> Result<Option<Duration>> {
        let (id, attempt) = match candidate {
            Candidate::Unknown => (None, Attempt::Failed(Error::NotFound(What::Run))),
            Candidate::Run(run) => {
                (Some(run.head.id.to_string()), self.attempt_one(job, step, &run).await?)
            }
        };
        match attempt {
            Attempt::Done(begun) => {
                job.progress.done += 1;
                if step.at_a_time().is_some() {
                    job.progress.under_way.extend(begun);
                }
            }
            Attempt::Passed => {}
            Attempt::Failed(error) => {
                job.progress.failed += 1;
                job.progress.last_failure = Some(words(&error));
            }
            Attempt::Later(wait) => return Ok(Some(wait)),
        }
        if step.bulk.runs.is_empty() {
            job.progress.after_run = id;
        } else {
            job.progress.passed += 1;
        }
        Ok(None)
    }

    /// Returns how many runs the step may take.
    async fn room(&self, job: &mut Job, bulk: &Bulk) -> Result<usize> {
        let Action::Replay(Replay { at_a_time: Some(at_a_time), .. }) = bulk.action else {
            return Ok(RUNS_PER_STEP);
        };
        let mut under_way = Vec::new();
        for run in std::mem::take(&mut job.progress.under_way) {
            let progress = self.app.ports.runs.progress(&run).await?;
            // One that waits for a person may wait for weeks.
            let is_busy = |state: RunState| !state.has_ended() && state != RunState::Waiting;
            if progress.is_some_and(|progress| is_busy(progress.state)) {
                under_way.push(run);
            }
        }
        job.progress.under_way = under_way;
        let room = (at_a_time as usize).saturating_sub(job.progress.under_way.len());
        Ok(room.min(RUNS_PER_STEP))
    }

    /// Returns runs of the job in the order of their creation; `None` after the last.
    async fn batch(
        &self,
        job: &mut Job,
        step: &Step<'_>,
        limit: usize,
        include: Include,
    ) -> Result<Option<Batch>> {
        if !step.bulk.runs.is_empty() {
            return self.named(job, step.bulk, limit).await;
        }
        let Some(uid) = self.list_of(job, step).await? else { return Ok(None) };
        let filter = RunFilter {
            ended: Some(step.bulk.action != Action::Cancel),
            oldest_first: true,
            complete: true,
            include,
            ..step.bulk.selection.clone().into()
        };
        let page = PageRequest { limit, cursor: job.progress.after_run.clone() };
        let found = self.app.ports.runs.list(&uid, filter, page).await?;
        let meant = found.items.into_iter().filter(|run| is_meant(&run.head, &step.bulk.action));
        let candidates = meant.map(|run| Candidate::Run(Box::new(run))).collect();
        Ok(Some(Batch { candidates, next: found.next_cursor }))
    }

    /// Some of the runs that the job names.
    async fn named(&self, job: &Job, bulk: &Bulk, limit: usize) -> Result<Option<Batch>> {
        let passed = usize::try_from(job.progress.passed)?;
        let rest = bulk.runs.get(passed..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let mut candidates = Vec::new();
        for run in rest.iter().take(limit) {
            let record = self.app.ports.runs.read(run).await?;
            candidates.push(record.map_or(Candidate::Unknown, |run| Candidate::Run(Box::new(run))));
        }
        Ok(Some(Batch { candidates, next: None }))
    }

    /// Returns the uid of the list that the job is at; `None` after the last.
    async fn list_of(&self, job: &mut Job, step: &Step<'_>) -> Result<Option<String>> {
        let progress = &mut job.progress;
        if progress.past_workflows {
            return Ok(None);
        }
        if let Some(workflow) = &step.bulk.workflow {
            return Ok(Some(workflow.uid.clone()));
        }
        if let Some(uid) = &progress.uid {
            return Ok(Some(uid.clone()));
        }
        let (scope, after) = (step.scope(), progress.after_workflow.as_deref());
        let Some(next) = self.app.next_workflow(step.caller, scope, after).await? else {
            progress.past_workflows = true;
            return Ok(None);
        };
        (progress.after_workflow, progress.uid) = (Some(next.id), Some(next.uid.clone()));
        Ok(Some(next.uid))
    }

    async fn attempt_one(&self, job: &Job, step: &Step<'_>, run: &RunRecord) -> Result<Attempt> {
        match &step.bulk.action {
            Action::Cancel => self.cancel_one(step, run).await,
            Action::Replay(_) if self.is_of_job(job, run).await? => Ok(Attempt::Passed),
            Action::Replay(replay) => self.begin_again(job, replay, step.caller, run).await,
        }
    }

    async fn cancel_one(&self, step: &Step<'_>, run: &RunRecord) -> Result<Attempt> {
        match self.app.cancel_run(step.caller, run.head.id.as_str()).await {
            Ok(Cancelled::Cancelled(_)) => Ok(Attempt::Done(None)),
            // An earlier try of the same step may have cancelled it.
            Ok(Cancelled::Already(run)) if run.state == RunState::Cancelled => {
                Ok(Attempt::Done(None))
            }
            Ok(Cancelled::Already(run)) => Ok(Attempt::Failed(Error::AlreadyEnded(run.state))),
            Err(Error::Overloaded { retry_after }) => Ok(Attempt::Later(retry_after)),
            Err(error @ Error::Internal(_)) => Err(error.into()),
            Err(error) => Ok(Attempt::Failed(error)),
        }
    }

    async fn begin_again(
        &self,
        job: &Job,
        replay: &Replay,
        caller: &Caller,
        origin: &RunRecord,
    ) -> Result<Attempt> {
        let (from, version) = (replay.from.clone(), replay.version.clone());
        let rerun = Rerun { from, version, all: replay.anew.then_some(true), input: None };
        let begun = async {
            caller.require(Scope::Run, &origin.head.workflow_id, What::Run)?;
            let (head, program) = self.repeated_head(caller, origin, rerun).await?;
            let unique_rows =
                UniqueRows { idempotency: Some(self.once(job, origin)), run_id: None };
            let when_wait_ends = WhenWaitEnds::Detach;
            let files = InputFiles::default();
            let how = How { mode: ResponseMode::Detach, when_wait_ends, unique_rows, files };
            self.admit_and_start(caller, head, program, how).await
        };
        match begun.await.map(|admitted| admitted.started) {
            Ok(Started::Run(run) | Started::Overdue(run) | Started::Repeated(run)) => {
                Ok(Attempt::Done(Some(run.head.id.clone())))
            }
            Ok(Started::Stream(_)) => Ok(Attempt::Done(None)),
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

impl Step<'_> {
    fn at_a_time(&self) -> Option<u32> {
        match &self.bulk.action {
            Action::Replay(replay) => replay.at_a_time,
            Action::Cancel => None,
        }
    }

    /// What the workflows are chosen by; each run asks for more.
    fn scope(&self) -> Scope {
        match &self.bulk.action {
            Action::Replay(_) => Scope::Run,
            Action::Cancel => Scope::Cancel,
        }
    }
}

/// Goes on after a page, or with the next list.
fn pass_page(job: &mut Job, bulk: &Bulk, next: Option<String>) {
    if !bulk.runs.is_empty() {
        return;
    }
    let progress = &mut job.progress;
    if next.is_none() {
        progress.uid = None;
        progress.past_workflows = bulk.workflow.is_some();
    }
    progress.after_run = next;
}

/// Drafts and parts were tries: they run again only where the draft itself is to be tried, or where
/// the job names them.
fn is_meant(head: &RunHead, action: &Action) -> bool {
    match action {
        Action::Replay(replay) => replay.version.as_deref() == Some(DRAFT) || !head.is_draft(),
        Action::Cancel => true,
    }
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
