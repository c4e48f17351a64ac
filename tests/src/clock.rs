//! A clock that the test controls: hours pass when the test moves it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use flowgate_core::clock::Clock;
use flowgate_core::time::Timestamp;
use tokio::sync::watch;

pub struct TestClock {
    now: watch::Sender<Timestamp>,
    /// How many sleepers wake at each time.
    sleepers: Mutex<BTreeMap<Timestamp, usize>>,
}

impl TestClock {
    pub fn new(now: Timestamp) -> Self {
        Self { now: watch::Sender::new(now), sleepers: Mutex::default() }
    }

    /// Sets the time, but never moves it back.
    pub fn set(&self, now: Timestamp) {
        self.now.send_modify(|time| *time = now.max(*time));
    }

    /// Moves to the time at which the next sleeper wakes. Returns `false` if nobody sleeps.
    pub fn wake_next(&self) -> bool {
        self.next_wake().inspect(|until| self.set(*until)).is_some()
    }

    /// Returns when the next sleeper wakes.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.sleepers().first_key_value().map(|(until, _)| *until)
    }

    /// Returns how many sleep.
    pub fn sleeping(&self) -> usize {
        self.sleepers().values().sum()
    }

    fn sleepers(&self) -> MutexGuard<'_, BTreeMap<Timestamp, usize>> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    async fn sleep(&self, duration: Duration) {
        let sleeper = Sleeper::new(self, self.now() + duration);
        // This cannot end early: `self` holds the sender.
        let _ = self.now.subscribe().wait_for(|now| *now >= sleeper.until).await;
    }
}

/// A sleeper, counted until it wakes or is dropped.
struct Sleeper<'a> {
    clock: &'a TestClock,
    until: Timestamp,
}

impl<'a> Sleeper<'a> {
    fn new(clock: &'a TestClock, until: Timestamp) -> Self {
        *clock.sleepers().entry(until).or_default() += 1;
        Self { clock, until }
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        let mut sleepers = self.clock.sleepers();
        let left = sleepers.get_mut(&self.until).map_or(0, |count| {
            *count -= 1;
            *count
        });
        if left == 0 {
            sleepers.remove(&self.until);
        }
    }
}
