//! Takes one run to its end: steps the engine, performs its calls, records what must outlive a crash.
//!
//! [`Driver::next`] is pulled. Who pulls differs by home: a task of the server's, a Lambda's response body, the worker.

mod phase;
mod calls;
mod recorder;
mod replay;
mod heartbeat;
mod hand_over;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use flowgate_app::event::Event;
use flowgate_app::finish::run_start;
use flowgate_app::id::RunId;
use flowgate_app::idempotency::{Claim, Claims};
use flowgate_app::lease::{Held, Written};
use flowgate_app::metric;
use flowgate_app::platform::App;
use flowgate_app::registry::Registered;
use flowgate_app::run::{Checkpoint, Created, Dialect, Finished, Mode, NewRun, RunHead, RunRecord, RunState, StartMark};
use flowgate_app::time::Timestamp;
use flowgate_engine::run::Completion;
use flowgate_engine::{Call, CallId, CallResult, Recorded, Run, RunError, RunEvent, Step, Workflow};
use flowgate_outbound::Outbound;
use tokio::sync::watch;

use self::calls::{Calls, FromCall};
use self::recorder::EventRecorder;
use self::replay::{Replay, attempt_place};
use crate::Runner;

pub use self::phase::PanicEnd;

/// How often a detached run's lease is renewed.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// How often an attached run looks for a cancel that another process asked for.
const CANCEL_LOOK: Duration = Duration::from_secs(5);
/// Attached runs do not renew their lease: it ends this long after the last moment they may use.
const LEASE_MARGIN: Duration = Duration::from_secs(10);
/// Events are stored in batches, at most one a second.
const EVENT_BATCH: Duration = Duration::from_secs(1);

/// What a run tells whoever pulls it.
#[derive(Debug)]
pub enum Progress {
    Event(Event),
    /// The end is committed.
    Ended(Box<RunRecord>),
    /// It goes on detached.
    HandedOver(Box<RunRecord>),
    /// Its idempotency key was there before: nothing was started.
    Repeated(Claim),
    /// Another run has the id that its caller chose: nothing was started.
    IdTaken,
    /// Another owner has it, or the store does not answer: what is stored decides.
    Lost,
}

pub struct Driver {
    app: Arc<App>,
    outbound: Arc<Outbound>,
    head: Arc<RunHead>,
    held: Held,
    mode: Mode,
    run: Run,
    replay: Replay,
    recorder: EventRecorder,
    calls: Calls,
    /// Asked for by the engine, not out yet.
    ready: Vec<(CallId, Call)>,
    /// Recorded in memory: an attached run writes them when it is handed over.
    unwritten: Vec<Checkpoint>,
    next_order: u64,
    started_at: Timestamp,
    /// `Some` until the run's first write.
    unborn: Option<Unborn>,
    /// When its caller's wait is over.
    leave_at: Option<Timestamp>,
    /// `Some` once it is leaving: when the calls that are out are given up.
    leaving_until: Option<Timestamp>,
    /// When this process must have let go of the run.
    end_by: Option<Timestamp>,
    /// This owner has sent something out.
    launched: bool,
    /// Events go into the log as they are told; else only if the run is handed over.
    logged: bool,
    next_look: Timestamp,
    next_batch: Timestamp,
    registered: Registered,
    stopping: watch::Receiver<bool>,
    outbox: VecDeque<Progress>,
    over: bool,
}

/// What the first write of an attached run needs beside its head.
struct Unborn {
    lease_until: Timestamp,
    claims: Claims,
}

impl Driver {
    /// A new run that a caller waits for. Nothing is written before it needs the outside or has ended.
    pub(crate) fn attached(runner: &Runner, head: Arc<RunHead>, workflow: Arc<Workflow>, wait: Duration, claims: Claims) -> Self {
        let now = head.created_at;
        let held = Held { run: head.id.clone(), fence: 1, owner: runner.app.owner_token() };
        let lease_until = now + wait + runner.app.settings.drain + LEASE_MARGIN;
        let registered = runner.app.running.enter(&head.id);
        let mut driver = Self::new(runner, head, workflow, held, Mode::Attached, now, registered);
        driver.unborn = Some(Unborn { lease_until, claims });
        driver.leave_at = Some(now + wait);
        driver
    }

    /// A detached run that was claimed: goes on after what is recorded.
    pub(crate) async fn detached(
        runner: &Runner,
        held: Held,
        record: &RunRecord,
        workflow: Arc<Workflow>,
        registered: Registered,
    ) -> Result<Self> {
        let started_at = record.started_at.unwrap_or(record.head.created_at);
        let mut driver = Self::new(runner, record.head.clone(), workflow, held, Mode::Detached, started_at, registered);
        // The first owner finds nothing: no reads.
        if driver.held.fence > 1 {
            driver.replay = Replay::load(&*driver.app.ports.runs, driver.run_id()).await?;
            let events = driver.app.all_events(driver.run_id()).await?;
            driver.recorder.go_on_after(events, |place| driver.replay.has(place), driver.app.now());
        }
        Ok(driver)
    }

    fn new(
        runner: &Runner,
        head: Arc<RunHead>,
        workflow: Arc<Workflow>,
        held: Held,
        mode: Mode,
        started_at: Timestamp,
        registered: Registered,
    ) -> Self {
        let (app, outbound) = (runner.app.clone(), runner.outbound.clone());
        let now = app.now();
        Self {
            run: Run::new(workflow, run_start(&head, started_at)),
            replay: Replay::default(),
            recorder: EventRecorder::new(held.fence),
            calls: Calls::default(),
            ready: Vec::new(),
            unwritten: Vec::new(),
            next_order: 0,
            started_at,
            unborn: None,
            leave_at: None,
            leaving_until: None,
            end_by: app.end_by(),
            launched: false,
            logged: mode == Mode::Detached,
            next_look: now + if mode == Mode::Attached { CANCEL_LOOK } else { HEARTBEAT },
            next_batch: now + EVENT_BATCH,
            registered,
            stopping: app.stopping(),
            outbox: VecDeque::new(),
            over: false,
            app,
            outbound,
            head,
            held,
            mode,
        }
    }

    /// Somebody listens: events are told and kept.
    pub(crate) fn watched(mut self) -> Self {
        self.recorder.watch();
        self.logged = true;
        self
    }

    pub(crate) fn head(&self) -> &Arc<RunHead> {
        &self.head
    }

    pub(crate) fn run_id(&self) -> &RunId {
        &self.head.id
    }

    /// How the run is ended if driving it panics.
    pub(crate) fn panic_end(&self) -> PanicEnd {
        PanicEnd { app: self.app.clone(), head: self.head.clone(), held: self.held.clone() }
    }

    /// Computes as far as it goes alone. `true`: to the end.
    pub(crate) fn needs_nothing(&mut self) -> bool {
        self.pump() == Pumped::Done
    }

    /// What the run tells next; `None` after its last word.
    pub async fn next(&mut self) -> Option<Progress> {
        while self.outbox.is_empty() && !self.over {
            if let Err(error) = self.advance().await {
                tracing::error!(run.id = %self.head.id, error = format!("{error:#}"), "the run was given up: its store did not answer");
                self.lose();
            }
        }
        self.outbox.pop_front()
    }

    async fn advance(&mut self) -> Result<()> {
        match self.pump() {
            Pumped::Done => self.end().await,
            Pumped::Waiting if self.replay.goes_on() => {
                self.feed_recorded();
                Ok(())
            }
            Pumped::Waiting if self.leaving_until.is_some() && self.calls.is_empty() => self.hand_over().await,
            Pumped::Waiting => self.go_on().await,
        }
    }

    async fn go_on(&mut self) -> Result<()> {
        if let Some(unborn) = self.unborn.take() {
            self.begin(unborn).await?;
        }
        if !self.over && self.leaving_until.is_none() {
            self.launch().await?;
        }
        // What is to be told does not wait for what comes next.
        if self.over || !self.outbox.is_empty() { Ok(()) } else { self.pause().await }
    }

    fn pump(&mut self) -> Pumped {
        loop {
            match self.run.step() {
                Step::Emit(event) => self.tell(event),
                Step::Perform(id, call) => self.ready.push((id, call)),
                Step::Wait(_) => return Pumped::Waiting,
                Step::Done => return Pumped::Done,
            }
        }
    }

    fn tell(&mut self, event: RunEvent) {
        if let Some(event) = self.recorder.tell(event, self.app.now()) {
            self.outbox.push_back(Progress::Event(event));
        }
    }

    /// Replays one recorded result, in the order it was consumed.
    fn feed_recorded(&mut self) {
        match self.replay.next(&mut self.ready) {
            Ok((id, checkpoint)) => {
                self.next_order = checkpoint.order + 1;
                let ended_at_ms = checkpoint.ended_at.map(|at| at.millis());
                if checkpoint.place == id.place() {
                    let recorded = Recorded {
                        has_spoken: self.recorder.has_said(id.place()),
                        result: checkpoint.result,
                        attempts: checkpoint.attempts,
                        ended_at_ms,
                    };
                    self.run.complete_recorded(&id, recorded);
                } else {
                    let ended_at_ms = ended_at_ms.unwrap_or(self.started_at.millis());
                    self.run.complete(&id, checkpoint.result, ended_at_ms);
                }
            }
            Err(why) => {
                self.replay = Replay::default();
                self.run.abort(RunError { code: "nondeterministic".to_owned(), message: why, node: None });
            }
        }
    }

    /// The first write of an attached run.
    async fn begin(&mut self, unborn: Unborn) -> Result<()> {
        let owner = Some(self.held.owner.clone());
        let run = NewRun { head: self.head.clone(), mode: Mode::Attached, owner, due_at: unborn.lease_until, claims: unborn.claims };
        let created = self.app.ports.runs.create(run).await;
        self.app.after_first_write(&self.head, &created).await;
        match created? {
            Created::Created => {}
            Created::Repeated(claim) => self.say_last(Progress::Repeated(claim)),
            Created::IdTaken => self.say_last(Progress::IdTaken),
        }
        Ok(())
    }

    /// Sends out what is ready, if there is time for it.
    async fn launch(&mut self) -> Result<()> {
        if !self.has_time_for_what_is_ready() {
            return self.part().await;
        }
        for (id, call) in std::mem::take(&mut self.ready) {
            if !call.delay.is_zero() {
                self.calls.rest(id, call);
                continue;
            }
            self.launched = true;
            match self.mark(&id, &call).await? {
                StartMark::Marked => self.calls.start(&self.app, &self.outbound, &self.head, id, call),
                StartMark::AlreadyStarted => self.calls.end_as_interrupted(id, call),
                StartMark::Lost => {
                    self.lose();
                    break;
                }
            }
        }
        Ok(())
    }

    /// An owner that has done nothing yet starts what is ready however long it may take: no other would have more time for it.
    fn has_time_for_what_is_ready(&self) -> bool {
        // Past its caller's wait a run of Sim's is ended: to part from the caller before that would only end it sooner.
        let ends_with_its_wait = self.mode == Mode::Attached && self.head.dialect == Dialect::Sim;
        let Some(end_by) = self.end_by.filter(|_| self.launched && !ends_with_its_wait) else { return true };
        let now = self.app.now();
        self.ready.iter().all(|(_, call)| now + call.delay + call.timeout <= end_by)
    }

    /// Waits for whatever comes first.
    async fn pause(&mut self) -> Result<()> {
        let wake_in = self.next_wake().since(self.app.now());
        let woken = tokio::select! {
            biased;
            true = told_to_stop(&mut self.stopping), if self.leaving_until.is_none() => Woken::Stopping,
            () = self.registered.woken() => Woken::CancelAsked,
            from_call = self.calls.next() => Woken::Call(from_call),
            () = tokio::time::sleep(wake_in) => Woken::Time,
        };
        match woken {
            Woken::Stopping => self.leave(),
            Woken::CancelAsked => self.look().await?,
            Woken::Call(FromCall::Said(id, chunk)) => self.run.progress(&id, chunk),
            Woken::Call(FromCall::Rested(id, call)) => self.ready.push((id, *call)),
            Woken::Call(FromCall::Ended { id, input_hash, result }) => self.settle(id, input_hash, result).await?,
            Woken::Time => self.tick().await?,
        }
        Ok(())
    }

    fn next_wake(&self) -> Timestamp {
        let batch = (self.logged && self.recorder.has_unwritten()).then_some(self.next_batch);
        let leave =
            if self.leaving_until.is_some() { self.leaving_until } else { [self.leave_at, self.end_by].into_iter().flatten().min() };
        [Some(self.next_look), Some(self.head.deadline_at), batch, leave].into_iter().flatten().min().unwrap_or(self.next_look)
    }

    /// A call has ended. What it said is told first, its result is durable before anything that depends on it goes out.
    async fn settle(&mut self, id: CallId, input_hash: String, result: CallResult) -> Result<()> {
        while let Some((id, chunk)) = self.calls.chunk_at_hand() {
            self.run.progress(&id, chunk);
        }
        self.pump();
        let ended_at = self.app.now();
        let place = match self.run.complete(&id, result.clone(), ended_at.millis()) {
            Completion::Final => id.place().to_owned(),
            // Or the next owner would begin with the first attempt again.
            Completion::Retrying => attempt_place(&id),
            Completion::Ignored => return Ok(()),
        };
        let checkpoint =
            Checkpoint { place, order: self.next_order, input_hash, attempts: id.attempt() + 1, result, ended_at: Some(ended_at) };
        self.next_order += 1;
        match self.mode {
            Mode::Attached => self.unwritten.push(checkpoint),
            Mode::Detached => {
                let events = self.recorder.take_unwritten();
                let written = self.app.ports.runs.checkpoint(&self.held, checkpoint, events).await?;
                self.unless_lost(written);
            }
        }
        Ok(())
    }

    /// Some time has come.
    async fn tick(&mut self) -> Result<()> {
        let now = self.app.now();
        if now >= self.head.deadline_at {
            self.calls.give_up();
            self.run.abort(RunError {
                code: "timeout".to_owned(),
                message: "the run did not end before its deadline".to_owned(),
                node: None,
            });
        } else if self.leaving_until.is_some_and(|until| now >= until) {
            self.hand_over().await?;
        } else if self.leaving_until.is_none() && [self.leave_at, self.end_by].into_iter().flatten().any(|at| now >= at) {
            self.part().await?;
        } else if now >= self.next_look {
            self.look().await?;
        } else if self.logged && now >= self.next_batch {
            self.write_events().await?;
        }
        Ok(())
    }

    async fn write_events(&mut self) -> Result<()> {
        self.next_batch = self.app.now() + EVENT_BATCH;
        let events = self.recorder.take_unwritten();
        if !events.is_empty() {
            let written = self.app.ports.runs.append_events(&self.held, events).await?;
            self.unless_lost(written);
        }
        Ok(())
    }

    /// Commits the end. Whoever finishes first wins; what is stored is what is told.
    async fn end(&mut self) -> Result<()> {
        self.calls.close().await;
        let (record, ending) = self.ending()?;
        let deliveries: Vec<_> = ending.deliveries.iter().map(|delivery| delivery.id.clone()).collect();
        let last = match self.unborn.take() {
            Some(unborn) => {
                let run = NewRun {
                    head: self.head.clone(),
                    mode: Mode::Attached,
                    owner: None,
                    due_at: unborn.lease_until,
                    claims: unborn.claims,
                };
                let created = self.app.ports.runs.create_ended(run, ending).await;
                self.app.after_first_write(&self.head, &created).await;
                match created? {
                    Created::Created => Progress::Ended(Box::new(record)),
                    Created::Repeated(claim) => Progress::Repeated(claim),
                    Created::IdTaken => Progress::IdTaken,
                }
            }
            None => match self.app.ports.runs.finish(&self.held, ending).await? {
                Finished::Finished => Progress::Ended(Box::new(record)),
                Finished::Already(stored) => Progress::Ended(stored),
                Finished::Lost => Progress::Lost,
            },
        };
        if let Progress::Ended(ended) = &last {
            self.app.after_end(ended, deliveries).await;
        }
        self.say_last(last);
        Ok(())
    }

    fn record(&self, state: RunState) -> RunRecord {
        RunRecord {
            head: self.head.clone(),
            state,
            mode: self.mode,
            fence: self.held.fence,
            owner: None,
            due_at: None,
            cancel_requested: false,
            barren_claims: 0,
            started_at: Some(self.started_at),
            end: None,
            wiped: false,
        }
    }

    fn unless_lost(&mut self, written: Written) {
        if written == Written::Lost {
            self.lose();
        }
    }

    fn lose(&mut self) {
        metric::owner_lost(&self.head);
        self.calls.give_up();
        self.say_last(Progress::Lost);
    }

    fn say_last(&mut self, progress: Progress) {
        // Nothing is told that may not be stored: the log is what counts then, and a run that never began has no events.
        if matches!(progress, Progress::Repeated(_) | Progress::IdTaken | Progress::Lost) {
            self.outbox.clear();
        }
        self.outbox.push_back(progress);
        self.over = true;
    }
}

enum Woken {
    Stopping,
    CancelAsked,
    Call(FromCall),
    Time,
}

/// Pends for good where the platform is gone.
async fn told_to_stop(stopping: &mut watch::Receiver<bool>) -> bool {
    if stopping.wait_for(|stopping| *stopping).await.is_err() {
        std::future::pending::<()>().await;
    }
    true
}

#[derive(PartialEq, Eq)]
enum Pumped {
    Waiting,
    Done,
}
