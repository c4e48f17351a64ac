//! The loops that replace SQS and the timer: they handle messages, sweep due rows, and delete
//! expired runs.

use std::sync::Arc;
use std::time::Duration;

use flowgate_app::App;
use flowgate_core::work::Message;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinHandle, JoinSet};

use flowgate_local::Local;
use flowgate_runner::Runner;

/// Each run holds its values in memory; further runs wait their turn.
const MAX_CONCURRENT_RUNS: usize = 512;
/// A limit of their own, so that deliveries never wait for runs.
const MAX_CONCURRENT_DELIVERIES: usize = 64;
/// An erasure deletes page by page: one at a time leaves the disk to the runs.
const MAX_CONCURRENT_JOBS: usize = 1;
const SWEEP_EVERY: Duration = Duration::from_secs(1);
const SWEEP_LIMIT: usize = 1_000;
const FORGET_EVERY: Duration = Duration::from_secs(3600);

pub(super) struct Loops {
    messages: JoinHandle<JoinSet<()>>,
    stop_messages: Arc<tokio::sync::Notify>,
    timers: JoinSet<()>,
}

pub(super) fn start(
    runner: &Arc<Runner>,
    local: &Local,
    messages: mpsc::UnboundedReceiver<Message>,
) -> Loops {
    let stop_messages = Arc::new(tokio::sync::Notify::new());
    let mut timers = JoinSet::new();
    timers.spawn(sweep(runner.app.clone()));
    timers.spawn(forget(runner.app.clone(), local.clone()));
    Loops {
        messages: tokio::spawn(work(runner.clone(), messages, stop_messages.clone())),
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
    mut messages: mpsc::UnboundedReceiver<Message>,
    stop: Arc<tokio::sync::Notify>,
) -> JoinSet<()> {
    let (runs, deliveries, jobs) = (
        Arc::new(Semaphore::new(MAX_CONCURRENT_RUNS)),
        Arc::new(Semaphore::new(MAX_CONCURRENT_DELIVERIES)),
        Arc::new(Semaphore::new(MAX_CONCURRENT_JOBS)),
    );
    let mut in_hand = JoinSet::new();
    loop {
        let message = tokio::select! {
            biased;
            () = stop.notified() => return in_hand,
            Some(_) = in_hand.join_next() => continue,
            message = messages.recv() => message,
        };
        let Some(message) = message else { return in_hand };
        let turn = match message {
            Message::RunV1 { .. } => runs.clone(),
            Message::WebhookV1 { .. } => deliveries.clone(),
            Message::JobV1 { .. } => jobs.clone(),
        };
        in_hand.spawn(handle(runner.clone(), turn, message));
    }
}

async fn handle(runner: Arc<Runner>, turn: Arc<Semaphore>, message: Message) {
    let Ok(_turn) = turn.acquire().await else { return };
    if let Err(error) = runner.handle(&message).await {
        tracing::warn!(
            ?message,
            error = format!("{error:#}"),
            "could not handle a message; its due row brings it back"
        );
    }
}

async fn sweep(app: Arc<App>) {
    loop {
        if let Err(error) = app.sweep(SWEEP_LIMIT).await {
            tracing::warn!(error = format!("{error:#}"), "could not sweep due rows");
        }
        app.ports.clock.sleep(SWEEP_EVERY).await;
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
