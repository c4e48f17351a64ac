//! The life of a process: what it does at the moment, whether it is frozen or dead. Lets the world
//! know when everything waits for time alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use flowgate_core::clock::Clock;
use flowgate_core::time::Timestamp;
use tokio::sync::{Notify, watch};

use crate::clock::TestClock;

/// The timeout of each call of the world's documents. Nothing else sleeps for this long, so a
/// sleeper of this duration is a call in flight.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(97);

/// Numbers everything that happens, in order.
#[derive(Default)]
pub struct Activity {
    stamp: AtomicU64,
    changed: Notify,
}

impl Activity {
    pub fn next(&self) -> u64 {
        self.changed.notify_one();
        self.stamp.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub fn stamp(&self) -> u64 {
        self.stamp.load(Ordering::SeqCst)
    }

    /// Returns when something has happened, or after a millisecond.
    pub async fn changed(&self) {
        let _ = tokio::time::timeout(Duration::from_millis(1), self.changed.notified()).await;
    }
}

pub struct Life {
    pub process: &'static str,
    activity: Arc<Activity>,
    operations: AtomicUsize,
    calls: AtomicUsize,
    attempts: AtomicUsize,
    dead: watch::Sender<bool>,
    frozen: watch::Sender<bool>,
}

impl Life {
    pub fn new(process: &'static str, activity: Arc<Activity>) -> Self {
        Self {
            process,
            activity,
            operations: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
            attempts: AtomicUsize::new(0),
            dead: watch::Sender::new(false),
            frozen: watch::Sender::new(false),
        }
    }

    /// Counts an operation on a port until the guard is dropped.
    pub(super) fn operation(&self) -> Busy<'_> {
        Busy::new(&self.operations, &self.activity)
    }

    /// Counts a call until the guard is dropped.
    fn call(&self) -> Busy<'_> {
        Busy::new(&self.calls, &self.activity)
    }

    pub(super) fn attempt_begins(&self) {
        self.attempts.fetch_add(1, Ordering::SeqCst);
        self.activity.next();
    }

    pub(super) fn attempt_ends(&self) {
        let fewer = |attempts: usize| attempts.checked_sub(1);
        let _ = self.attempts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer);
        self.activity.next();
    }

    /// The operations on ports in flight.
    pub fn in_operation(&self) -> usize {
        self.operations.load(Ordering::SeqCst)
    }

    /// The calls and attempts of deliveries in flight.
    pub fn on_the_network(&self) -> usize {
        self.calls.load(Ordering::SeqCst) + self.attempts.load(Ordering::SeqCst)
    }

    pub fn is_dead(&self) -> bool {
        *self.dead.borrow()
    }

    pub fn kill(&self) {
        self.dead.send_replace(true);
        self.activity.next();
    }

    /// Returns whether the process is neither dead nor frozen.
    pub fn acts(&self) -> bool {
        !self.is_dead() && !*self.frozen.borrow()
    }

    /// Returns when the process dies.
    pub async fn died(&self) {
        // Cannot fail: `self` holds the sender.
        let _ = self.dead.subscribe().wait_for(|dead| *dead).await;
    }

    /// Stops the process, as SIGSTOP does: it does nothing until it is thawed.
    pub fn freeze(&self) {
        self.frozen.send_replace(true);
    }

    pub fn thaw(&self) {
        self.frozen.send_replace(false);
        self.activity.next();
    }

    /// Returns once the process is neither frozen nor dead.
    pub(super) async fn awake(&self) {
        let _ = self.frozen.subscribe().wait_for(|frozen| !*frozen).await;
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
    }
}

pub(super) struct Busy<'a> {
    count: &'a AtomicUsize,
    activity: &'a Activity,
}

impl<'a> Busy<'a> {
    fn new(count: &'a AtomicUsize, activity: &'a Activity) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        activity.next();
        Self { count, activity }
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::SeqCst);
        self.activity.next();
    }
}

/// The world's clock as one process reads it: ahead of the others, or behind them.
pub struct ProcessClock {
    pub base: Arc<TestClock>,
    pub ahead_ms: i64,
    pub life: Arc<Life>,
}

#[async_trait]
impl Clock for ProcessClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.base.now().millis() + self.ahead_ms)
    }

    async fn sleep(&self, duration: Duration) {
        let _call = (duration == CALL_TIMEOUT).then(|| self.life.call());
        self.base.sleep(duration).await;
    }
}
