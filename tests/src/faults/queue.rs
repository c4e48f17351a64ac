//! A queue that duplicates, delays and reorders its messages. Every copy arrives, once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::clock::Clock;
use flowgate_core::group::Group;
use flowgate_core::time::Timestamp;
use flowgate_core::work::{Message, Queue};
use tokio::sync::watch;

use super::life::Activity;
use super::seed::Random;
use crate::clock::TestClock;

/// What the queue does to each message.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    pub copies: usize,
    /// Each copy arrives after up to this long.
    pub max_delay: Duration,
    pub reorders: bool,
    /// Messages sent for later than this are forgotten: their due rows bring them back.
    pub max_later: Duration,
}

impl Default for Weather {
    fn default() -> Self {
        Self {
            copies: 1,
            max_delay: Duration::ZERO,
            reorders: false,
            max_later: Duration::from_secs(900),
        }
    }
}

struct Waiting {
    visible_at: Timestamp,
    order: u64,
    message: Message,
}

struct State {
    random: Random,
    waiting: Vec<Waiting>,
    sent: usize,
}

pub struct WeatheredQueue {
    weather: Weather,
    clock: Arc<TestClock>,
    activity: Arc<Activity>,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

impl WeatheredQueue {
    pub fn new(
        seed: u64,
        weather: Weather,
        clock: Arc<TestClock>,
        activity: Arc<Activity>,
    ) -> Self {
        let random = Random(seed ^ 0x9);
        Self {
            weather,
            clock,
            activity,
            state: Mutex::new(State { random, waiting: Vec::new(), sent: 0 }),
            changed: watch::Sender::new(0),
        }
    }

    /// Waits for a message.
    pub async fn receive(&self) -> Message {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let next = match self.take() {
                Ok(message) => return message,
                Err(next) => next,
            };
            let until_next = async {
                match next {
                    Some(at) => self.clock.sleep(at.since(self.clock.now())).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                // Cannot fail: `self` holds the sender.
                _ = changed.changed() => {}
                () = until_next => {}
            }
        }
    }

    /// How many messages were sent, copies left out.
    pub fn sent(&self) -> usize {
        self.state().sent
    }

    /// Takes a message that is visible, or returns when the next one will be.
    fn take(&self) -> Result<Message, Option<Timestamp>> {
        let (mut state, now) = (self.state(), self.clock.now());
        let visible = (0..state.waiting.len()).filter(|at| state.waiting[*at].visible_at <= now);
        let first = visible.min_by_key(|at| state.waiting[*at].order);
        match first {
            Some(at) => {
                self.activity.next();
                Ok(state.waiting.swap_remove(at).message)
            }
            None => Err(state.waiting.iter().map(|waiting| waiting.visible_at).min()),
        }
    }

    fn put(&self, message: &Message, at: Timestamp) {
        let mut state = self.state();
        state.sent += 1;
        for _ in 0..self.weather.copies {
            let delay = state.random.below(self.weather.max_delay.as_secs() + 1);
            let order = state.random.number() >> 1;
            let order = if self.weather.reorders { order } else { self.activity.next() };
            let visible_at = at + Duration::from_secs(delay);
            state.waiting.push(Waiting { visible_at, order, message: message.clone() });
        }
        drop(state);
        self.changed.send_modify(|changes| *changes += 1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Queue for WeatheredQueue {
    async fn send(&self, message: Message, _: &Group) -> Result<()> {
        self.put(&message, self.clock.now());
        Ok(())
    }

    async fn send_later(&self, message: Message, _: &Group, at: Timestamp) -> Result<()> {
        if at.since(self.clock.now()) <= self.weather.max_later {
            self.put(&message, at);
        }
        Ok(())
    }
}
