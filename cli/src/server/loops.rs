//! The loops that replace SQS and the timer: they handle messages, sweep due rows, and delete
//! expired runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flowgate_app::App;
use flowgate_app::collector::Signal;
use flowgate_app::time::Timestamp;
use flowgate_local::{Local, LocalQueue, Places, Turn};
use tokio::task::{JoinHandle, JoinSet};

use flowgate_runner::Runner;
use flowgate_runner::deliver::MAX_PER_RECEIVER;

/// Each run holds its values in memory; further runs wait their turn, key by key.
const RUNS: Places = Places { all: 512, per_group: 512 };
/// Attempts, receiver by receiver. One that hangs holds its places for 20 s.
const DELIVERIES: Places = Places { all: 256, per_group: MAX_PER_RECEIVER as usize };
const SWEEP_EVERY: Duration = Duration::from_secs(1);
const SWEEP_LIMIT: usize = 1_000;
/// Due work follows a clock that was set back at least this far.
const SET_BACK: Duration = Duration::from_secs(10);
const FORGET_EVERY: Duration = Duration::from_secs(3600);

pub(super) struct Loops {
    messages: JoinHandle<JoinSet<()>>,
    stop_messages: Arc<tokio::sync::Notify>,
    timers: JoinSet<()>,
}

pub(super) fn queue() -> LocalQueue {
    LocalQueue::new(RUNS, DELIVERIES)
}

pub(super) fn start(runner: &Arc<Runner>, local: &Local, queue: LocalQueue) -> Loops {
    let stop_messages = Arc::new(tokio::sync::Notify::new());
    let mut timers = JoinSet::new();
    timers.spawn(sweep(runner.app.clone(), local.clone()));
    timers.spawn(forget(runner.app.clone(), local.clone()));
    if let Some(telemetry) = runner.app.telemetry(Signal::Metrics) {
        timers.spawn(measure(runner.app.clone(), telemetry.interval()));
    }
    Loops {
        messages: tokio::spawn(work(runner.clone(), queue, stop_messages.clone())),
        stop_messages,
        timers,
    }
}

impl Loops {
    /// Takes no more messages. Messages in hand go on until [`Stopped::finished`].
    pub(super) async fn stop(mut self) -> Stopped {
        self.timers.abort_all();
        self.stop_messages.notify_one();
        Stopped { in_hand: self.messages.await.unwrap_or_default() }
    }
}

/// Loops that take no more messages.
pub(super) struct Stopped {
    in_hand: JoinSet<()>,
}

impl Stopped {
    /// Waits until every message in hand has ended or was handed over.
    pub(super) async fn finished(mut self) {
        while self.in_hand.join_next().await.is_some() {}
    }
}

async fn work(
    runner: Arc<Runner>,
    queue: LocalQueue,
    stop: Arc<tokio::sync::Notify>,
) -> JoinSet<()> {
    let mut in_hand = JoinSet::new();
    loop {
        let turn = tokio::select! {
            biased;
            () = stop.notified() => return in_hand,
            Some(_) = in_hand.join_next() => continue,
            turn = queue.next() => turn,
        };
        in_hand.spawn(handle(runner.clone(), turn));
    }
}

async fn handle(runner: Arc<Runner>, turn: Turn) {
    if let Err(error) = runner.handle(&turn.message).await {
        tracing::warn!(
            message = ?turn.message,
            error = format!("{error:#}"),
            "could not handle a message; its due row brings it back"
        );
    }
}

async fn sweep(app: Arc<App>, local: Local) {
    let mut clock = ClockWatch::new(&app);
    loop {
        if let Some(back) = clock.set_back(&app) {
            tracing::warn!(seconds = back.as_secs(), "the clock was set back; due work follows it");
            if let Err(error) = local.move_due(app.now(), back).await {
                tracing::warn!(error = format!("{error:#}"), "could not move due rows");
            }
        }
        if let Err(error) = app.sweep(SWEEP_LIMIT).await {
            tracing::warn!(error = format!("{error:#}"), "could not sweep due rows");
        }
        app.ports.clock.sleep(SWEEP_EVERY).await;
    }
}

/// Compares the wall clock with one that nobody sets.
struct ClockWatch {
    wall: Timestamp,
    steady: Instant,
}

impl ClockWatch {
    fn new(app: &App) -> Self {
        Self { wall: app.now(), steady: Instant::now() }
    }

    /// Returns by how much the clock was set back since the last call, if it was. A clock that is
    /// corrected by a little, or set forward, needs nothing.
    fn set_back(&mut self, app: &App) -> Option<Duration> {
        let last = std::mem::replace(self, Self::new(app));
        let expected = last.wall + self.steady.duration_since(last.steady);
        Some(expected.since(self.wall)).filter(|back| *back >= SET_BACK)
    }
}

async fn measure(app: Arc<App>, every: Duration) {
    loop {
        app.ports.clock.sleep(every).await;
        app.report_metrics().await;
    }
}

async fn forget(app: Arc<App>, local: Local) {
    loop {
        if let Err(error) = local.forget_expired(app.now()).await {
            tracing::warn!(error = format!("{error:#}"), "could not delete expired runs");
        }
        app.ports.clock.sleep(FORGET_EVERY).await;
    }
}
