//! Drives one run to its end: steps the engine, performs its calls, stores what must outlive a
//! crash.
//!
//! [`Driver::next`] is polled by the host's task if a caller waits, else by the worker.

mod phase;
mod computation;
mod launch;
mod memory;
mod calls;
mod recorder;
mod replay;
mod reuse;
mod heartbeat;
mod pauses;
mod budget;
mod waiting;
mod clock;
mod hand_over;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use flowgate_app::children::Program;
use flowgate_app::clock::Clock;
use flowgate_app::event::Event;
use flowgate_app::id::RunId;
use flowgate_app::idempotency::{EarlierRun, UniqueRows};
use flowgate_app::lease::{Lease, Written};
use flowgate_app::memory::{Charge, Holder};
use flowgate_app::overload::Overloaded;
use flowgate_app::registry::Registered;
use flowgate_app::run::{Checkpoint, Mode, RunHead, RunRecord};
use flowgate_app::time::Timestamp;
use flowgate_app::{App, deadline, metric};
use flowgate_engine::run::Completion;
use flowgate_engine::{Call, CallId, RunEvent, Step, Workflow};
use flowgate_outbound::Outbound;
use tokio::sync::watch;

use self::calls::{Calls, EndedCall, FromCall};
use self::computation::{Computation, Ended};
use self::memory::MAX_UNWRITTEN;
use self::pauses::Pauses;
use self::phase::{Attachment, PendingStart, Phase, Wait};
use self::recorder::EventRecorder;
use self::replay::{Replay, attempt_place};
use self::reuse::Reuse;
use crate::Runner;

pub(crate) use self::memory::DRIVER_BYTES;
pub(crate) use self::phase::CallerWait;
pub use self::phase::PanicEnd;

/// An attached run does not renew its lease, which ends this long after the run must be released.
const LEASE_MARGIN: Duration = Duration::from_secs(10);
/// The minimum interval between two batches of stored events.
const EVENT_BATCH: Duration = Duration::from_secs(1);

/// What a run reports to the caller of [`Driver::next`].
#[derive(Debug)]
pub enum Progress {
    Event(Event),
    /// The end is committed.
    Ended(Box<RunRecord>),
    /// Cancelled: the caller's wait was over first, and the run was to end with it.
    Overdue(Box<RunRecord>),
    /// The run continues detached.
    HandedOver(Box<RunRecord>),
    /// An earlier request used its idempotency key. Nothing was started.
    Repeated(EarlierRun),
    /// Another run has the id that its caller chose. Nothing was started.
    IdTaken,
    /// The process has no memory for it, or the store no capacity for its first write. Nothing was
    /// started.
    Overloaded(Overloaded),
    /// Another owner has the run, or the store failed: the stored run decides.
    Lost,
}

pub struct Driver {
    app: Arc<App>,
    outbound: Arc<Outbound>,
    head: Arc<RunHead>,
    lease: Lease,
    phase: Phase,
    attachment: Attachment,
    run: Computation,
    holder: Holder,
    replay: Replay,
    /// What the run's origin has recorded.
    reuse: Reuse,
    workflow: Arc<Workflow>,
    recorder: EventRecorder,
    calls: Calls,
    pauses: Pauses,
    /// The answers to the run's questions that this owner knows of.
    answers: u64,
    /// There may be more.
    has_new_answers: bool,
    /// Planned by the engine, not launched yet.
    ready: Vec<(CallId, Call)>,
    next_order: u64,
    started_at: Timestamp,
    /// When this process must have released the run.
    end_by: Option<Timestamp>,
    next_heartbeat: Timestamp,
    /// The last reading of the clock.
    seen: Timestamp,
    next_batch: Timestamp,
    registered: Registered,
    stopping: watch::Receiver<bool>,
    outbox: VecDeque<Progress>,
}

impl Driver {
    /// A new run that a caller waits for. Writes nothing until it makes an outside call or ends.
    pub(crate) fn attached(
        runner: &Runner,
        head: Arc<RunHead>,
        program: &Program,
        wait: CallerWait,
        unique_rows: UniqueRows,
        charge: Charge,
    ) -> Self {
        let now = head.created_at;
        let lease = Lease { run: head.id.clone(), fence: 1, owner: runner.app.owner_token() };
        let until = now + wait.max;
        let lease_until = until + runner.app.settings.drain + LEASE_MARGIN;
        let write_by = deadline::current();
        let phase = Phase::NotStored(PendingStart { lease_until, unique_rows, write_by });
        let attachment = Attachment::Attached(Wait {
            until,
            when_it_ends: wait.when_it_ends,
            unwritten: Vec::new(),
            unwritten_bytes: 0,
        });
        let registered = runner.app.running.register(&head.id);
        Self::new(
            runner,
            head,
            program,
            now,
            Setup { lease, phase, attachment, registered, charge },
        )
    }

    /// A claimed detached run. Continues after what is recorded.
    pub(crate) async fn detached(
        runner: &Runner,
        lease: Lease,
        record: &RunRecord,
        program: &Program,
        registered: Registered,
        charge: Charge,
    ) -> Result<Self> {
        let head = record.head.clone();
        let started_at = record.started_at.unwrap_or(head.created_at);
        let setup = Setup {
            lease,
            phase: Phase::Running,
            attachment: Attachment::Detached,
            registered,
            charge,
        };
        let mut driver = Self::new(runner, head, program, started_at, setup);
        driver.answers = record.answers;
        // The first owner finds nothing recorded, so it skips these reads.
        if driver.lease.fence > 1 {
            driver.replay = Replay::load(driver.app.ports.runs.clone(), driver.run_id()).await?;
            let (app, id) = (driver.app.clone(), driver.head.id.clone());
            app.each_event(&id, |event| driver.recorder.note_stored(event)).await?;
            driver.recorder.reset_lost(|place| driver.replay.has(place), app.now());
        }
        Ok(driver)
    }

    fn new(
        runner: &Runner,
        head: Arc<RunHead>,
        program: &Program,
        started_at: Timestamp,
        setup: Setup,
    ) -> Self {
        let app = runner.app.clone();
        let now = app.now();
        Self {
            run: Computation::new(program.run(&head, started_at), setup.charge),
            holder: head.holder(),
            replay: Replay::default(),
            reuse: Reuse::default(),
            workflow: program.workflow.clone(),
            recorder: EventRecorder::new(setup.lease.fence, &head.part),
            calls: Calls::default(),
            pauses: Pauses::default(),
            answers: 0,
            has_new_answers: false,
            ready: Vec::new(),
            next_order: 0,
            started_at,
            end_by: app.end_by(),
            next_heartbeat: now + heartbeat::interval(setup.attachment.mode()),
            next_batch: now + EVENT_BATCH,
            seen: now,
            stopping: app.stopping(),
            outbox: VecDeque::new(),
            outbound: runner.outbound.clone(),
            app,
            head,
            lease: setup.lease,
            phase: setup.phase,
            attachment: setup.attachment,
            registered: setup.registered,
        }
    }

    /// Reports events to a listener, and stores them as they occur.
    pub(crate) fn watched(mut self) -> Self {
        self.recorder.watch();
        self
    }

    pub(crate) fn head(&self) -> &Arc<RunHead> {
        &self.head
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.app.ports.clock.clone()
    }

    pub(crate) fn run_id(&self) -> &RunId {
        &self.head.id
    }

    /// Returns what ends the run if driving it panics.
    pub(crate) fn panic_end(&self) -> PanicEnd {
        PanicEnd { app: self.app.clone(), head: self.head.clone(), lease: self.lease.clone() }
    }

    /// Computes until the run waits. Returns whether it is done, without any outside call.
    pub(crate) async fn completes_without_calls(&mut self) -> bool {
        loop {
            match self.pump().await {
                Ended::Paused => {}
                ended => return ended != Ended::Waiting,
            }
        }
    }

    /// Returns the next progress; `None` after the last.
    pub async fn next(&mut self) -> Option<Progress> {
        while self.outbox.is_empty() && !self.is_over() {
            if let Err(error) = self.advance().await {
                tracing::error!(
                    run.id = %self.head.id,
                    error = format!("{error:#}"),
                    "the run was abandoned: its store failed"
                );
                self.lose();
            }
        }
        self.outbox.pop_front()
    }

    async fn advance(&mut self) -> Result<()> {
        match self.pump().await {
            Ended::Done => self.finish().await,
            Ended::Paused => self.store_before_events().await,
            Ended::Refused(overloaded) => self.refuse(overloaded).await,
            Ended::Waiting if self.replay.has_more() => self.feed_recorded().await,
            Ended::Waiting if self.take_over().await? => Ok(()),
            Ended::Waiting if self.is_draining() && self.calls.is_empty() => self.hand_over().await,
            Ended::Waiting => self.proceed().await,
        }
    }

    async fn proceed(&mut self) -> Result<()> {
        if self.app.now() >= self.deadline() {
            self.time_out();
            return Ok(());
        }
        self.store_if_new().await?;
        if matches!(self.phase, Phase::Running) {
            self.launch().await?;
        }
        // Report pending progress before waiting for more.
        if self.is_over() || !self.outbox.is_empty() || self.end_pauses().await? {
            return Ok(());
        }
        if self.should_park() {
            self.park().await
        } else if self.asks_beside_calls() {
            self.leave_caller().await
        } else {
            self.pause().await
        }
    }

    async fn store_if_new(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.phase, Phase::Running) {
            Phase::NotStored(start) => self.store(start).await?,
            stored => self.phase = stored,
        }
        Ok(())
    }

    /// A listener gets the first event of a long computation before its end, but not before the
    /// run's first write.
    async fn store_before_events(&mut self) -> Result<()> {
        if self.recorder.is_watched() { self.store_if_new().await } else { Ok(()) }
    }

    /// Computes one slice, and takes its steps.
    async fn pump(&mut self) -> Ended {
        let beside = self.bytes_beside();
        let slice = self.run.slice(&self.app, &self.head.id, &self.holder, beside).await;
        for step in slice.steps {
            match step {
                Step::Emit(event) => self.record_event(event),
                Step::Perform(id, call) => {
                    self.pauses.note_asked(&call);
                    self.ready.push((id, *call));
                }
                Step::Drop(id) => self.drop_pause(&id),
                Step::Wait(_) | Step::Done => {}
            }
        }
        slice.ended
    }

    fn record_event(&mut self, event: RunEvent) {
        if let Some(event) = self.recorder.record(event, self.app.now()) {
            self.outbox.push_back(Progress::Event(event));
        }
    }

    /// Returns whether events are stored as they occur, and not only at a hand-over.
    fn is_logged(&self) -> bool {
        self.recorder.is_watched() || self.attachment.mode() == Mode::Detached
    }

    /// Waits for the next event and handles it.
    async fn pause(&mut self) -> Result<()> {
        self.follow_clock();
        let (clock, wake_in) =
            (self.app.ports.clock.clone(), self.next_wake().since(self.app.now()));
        let is_draining = self.is_draining();
        let woken = tokio::select! {
            biased;
            true = until_stopped(&mut self.stopping), if !is_draining => Woken::Stopping,
            () = self.registered.woken() => Woken::CancelRequested,
            from_call = self.calls.next() => Woken::Call(from_call),
            () = clock.sleep(wake_in) => Woken::Time,
        };
        match woken {
            Woken::Stopping => self.drain(),
            Woken::CancelRequested => self.heartbeat().await?,
            Woken::Call(FromCall::Due(id, call)) => self.ready.push((id, *call)),
            Woken::Call(FromCall::Chunk(id, chunk)) => self.run.progress(&id, chunk),
            Woken::Call(FromCall::Ended(ended)) => self.settle(ended).await?,
            Woken::Time => self.tick().await?,
        }
        Ok(())
    }

    fn next_wake(&self) -> Timestamp {
        let batch = (self.is_logged() && self.recorder.has_unwritten()).then_some(self.next_batch);
        let always = self.next_heartbeat.min(self.deadline());
        [batch, self.release_at(), self.pauses.earliest()]
            .into_iter()
            .flatten()
            .fold(always, Timestamp::min)
    }

    /// Handles the end of a call. Records its chunks first. Its result is durable before any call
    /// that depends on it goes out.
    async fn settle(&mut self, ended: EndedCall) -> Result<()> {
        let EndedCall { id, input_hash, started_at, result, memory: _memory } = ended;
        let result = result?;
        while let Some((id, chunk)) = self.calls.try_chunk() {
            self.run.progress(&id, chunk);
        }
        self.pump().await;
        self.count_spending(&id, &result).await?;
        let ended_at = self.app.now();
        let place = match self.run.complete(&id, result.clone(), ended_at.millis()) {
            Completion::Final => id.place().to_owned(),
            // Otherwise the next owner would start with the first attempt again.
            Completion::Retrying => attempt_place(&id),
            Completion::Ignored => return Ok(()),
        };
        let checkpoint = Checkpoint {
            place,
            order: self.next_order,
            input_hash,
            attempts: id.attempt() + 1,
            result,
            started_at,
            ended_at: Some(ended_at),
            is_reused: false,
        };
        self.next_order += 1;
        self.keep(checkpoint).await
    }

    /// Keeps a result: an attached run's in memory, another's in the store.
    async fn keep(&mut self, checkpoint: Checkpoint) -> Result<()> {
        match &mut self.attachment {
            Attachment::Attached(wait) => {
                wait.keep(checkpoint);
                if wait.unwritten_bytes > MAX_UNWRITTEN {
                    self.write_results().await?;
                }
            }
            Attachment::Detached => {
                let events = self.recorder.take_unwritten();
                let written =
                    self.app.ports.runs.checkpoint(&self.lease, checkpoint, events).await?;
                self.unless_lost(written);
            }
        }
        Ok(())
    }

    /// Handles whichever timer is due.
    async fn tick(&mut self) -> Result<()> {
        self.follow_clock();
        let now = self.app.now();
        if now >= self.deadline() {
            self.time_out();
        } else if self.release_at().is_some_and(|at| now >= at) {
            if self.is_draining() { self.hand_over().await? } else { self.give_back().await? }
        } else if now >= self.next_heartbeat {
            self.heartbeat().await?;
        } else if self.is_logged() && now >= self.next_batch {
            self.write_events().await?;
        }
        Ok(())
    }

    async fn write_events(&mut self) -> Result<()> {
        self.next_batch = self.app.now() + EVENT_BATCH;
        let events = self.recorder.take_unwritten();
        if !events.is_empty() {
            let written = self.app.ports.runs.append_events(&self.lease, events).await?;
            self.unless_lost(written);
        }
        Ok(())
    }

    fn unless_lost(&mut self, written: Written) {
        if written == Written::Lost {
            self.lose();
        }
    }

    /// Gives the run up: another owner has it, or its store failed.
    fn lose(&mut self) {
        metric::owner_lost(&self.app.meter, &self.head);
        self.calls.abort();
        self.finish_with(Progress::Lost);
    }

    fn finish_with(&mut self, last: Progress) {
        // Drop progress that may not be stored: the log counts, and a run that never started has no
        // events.
        if !matches!(last, Progress::Ended(_) | Progress::Overdue(_) | Progress::HandedOver(_)) {
            self.outbox.clear();
        }
        self.outbox.push_back(last);
        self.phase = Phase::Over;
    }
}

/// What a driver starts with.
struct Setup {
    lease: Lease,
    phase: Phase,
    attachment: Attachment,
    registered: Registered,
    charge: Charge,
}

#[expect(clippy::large_enum_variant, reason = "it is handled as soon as it is there")]
enum Woken {
    Stopping,
    CancelRequested,
    Call(FromCall),
    Time,
}

/// Never resolves if the platform is gone.
async fn until_stopped(stopping: &mut watch::Receiver<bool>) -> bool {
    if stopping.wait_for(|stopping| *stopping).await.is_err() {
        std::future::pending::<()>().await;
    }
    true
}
