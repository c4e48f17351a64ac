//! A queue in memory in which groups take turns: the next message is that of the group whose turn
//! it is, and no group takes all places.

use std::collections::{HashMap, HashSet, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Error, Result};
use flowgate_core::group::Group;
use flowgate_core::overload::Overloaded;
use flowgate_core::work::Message;
use tokio::sync::Notify;

/// Messages hold ids only, and each has a due row behind it.
const MAX_WAITING: usize = 200_000;
/// A group takes a further place only while it holds at most this many times the free ones. So
/// some stay free for the next group, however many there are.
const SHARE_OF_FREE: usize = 3;

/// How many messages may be in hand.
#[derive(Debug, Clone, Copy)]
pub struct Places {
    pub all: usize,
    pub per_group: usize,
}

pub(crate) struct Turns {
    places: Places,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    waiting: HashMap<Group, VecDeque<Message>>,
    /// The groups with a message that waits, the next one first.
    round: VecDeque<Group>,
    /// A message that waits already is not queued again.
    known: HashSet<Message>,
    in_hand: HashMap<Group, usize>,
    taken: usize,
}

/// A message in hand. Dropping it frees its place.
pub struct Turn {
    pub message: Message,
    group: Group,
    turns: Arc<Turns>,
}

impl Turns {
    pub(crate) fn new(places: Places) -> Arc<Self> {
        Arc::new(Self { places, state: Mutex::default(), changed: Notify::new() })
    }

    pub(crate) fn push(&self, message: Message, group: &Group) -> Result<()> {
        let mut state = self.lock();
        if state.known.len() >= MAX_WAITING {
            let retry_after = std::time::Duration::from_secs(1);
            return Err(Error::msg("the queue is full").context(Overloaded { retry_after }));
        }
        state.push(message, group);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for the next message that has a place.
    pub(crate) async fn next(self: &Arc<Self>) -> Turn {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(turn) = self.try_next() {
                return turn;
            }
            changed.await;
        }
    }

    pub(crate) fn try_next(self: &Arc<Self>) -> Option<Turn> {
        let (message, group) = self.lock().pop(self.places)?;
        Some(Turn { message, group, turns: self.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, message: Message, group: &Group) {
        if !self.known.insert(message.clone()) {
            return;
        }
        let waiting = self.waiting.entry(group.clone()).or_default();
        if waiting.is_empty() {
            self.round.push_back(group.clone());
        }
        waiting.push_back(message);
    }

    fn pop(&mut self, places: Places) -> Option<(Message, Group)> {
        let position = self.round.iter().position(|group| self.has_place(group, places))?;
        let group = self.round.remove(position)?;
        let waiting = self.waiting.get_mut(&group)?;
        let message = waiting.pop_front()?;
        if waiting.is_empty() {
            self.waiting.remove(&group);
        } else {
            self.round.push_back(group.clone());
        }
        self.known.remove(&message);
        *self.in_hand.entry(group.clone()).or_default() += 1;
        self.taken += 1;
        Some((message, group))
    }

    fn has_place(&self, group: &Group, places: Places) -> bool {
        let held = self.in_hand.get(group).copied().unwrap_or(0);
        let free = places.all.saturating_sub(self.taken);
        free > 0 && held < places.per_group && held < SHARE_OF_FREE * free
    }

    fn free(&mut self, group: &Group) {
        self.taken -= 1;
        if let Some(held) = self.in_hand.get_mut(group) {
            *held -= 1;
            if *held == 0 {
                self.in_hand.remove(group);
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.lock().free(&self.group);
        self.turns.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use flowgate_core::id::RunId;

    use super::*;

    fn message(n: u32) -> Message {
        Message::RunV1 { run: RunId::parse(&format!("run_{n:032x}")).unwrap() }
    }

    fn turns(all: usize, per_group: usize) -> Arc<Turns> {
        Turns::new(Places { all, per_group })
    }

    fn groups(taken: &[Turn]) -> String {
        taken.iter().map(|turn| turn.group.as_str()).collect()
    }

    #[test]
    fn a_backlog_waits_for_itself_alone() {
        let turns = turns(100, 100);
        for n in 0..1_000 {
            turns.push(message(n), &Group::new("a")).unwrap();
        }
        let mut taken: Vec<Turn> = std::iter::from_fn(|| turns.try_next()).collect();
        assert_eq!(taken.len(), 75, "some places stay free");
        turns.push(message(1_000), &Group::new("b")).unwrap();
        assert_eq!(turns.try_next().unwrap().group.as_str(), "b", "another group has its place");

        // Once more are free, the groups take turns.
        for n in 2_000..2_010 {
            turns.push(message(n), &Group::new("b")).unwrap();
        }
        taken.truncate(40);
        let next: Vec<Turn> = (0..6).map(|_| turns.try_next().unwrap()).collect();
        assert_eq!(groups(&next), "ababab");
    }

    #[test]
    fn a_group_holds_no_more_than_it_may_and_gets_its_places_back() {
        let turns = turns(100, 4);
        for n in 0..10 {
            turns.push(message(n), &Group::new("a")).unwrap();
            turns.push(message(n), &Group::new("a")).unwrap();
        }
        let mut taken: Vec<Turn> = std::iter::from_fn(|| turns.try_next()).collect();
        assert_eq!(taken.len(), 4);
        for _ in 4..10 {
            taken.remove(0);
            taken.push(turns.try_next().unwrap());
            assert!(turns.try_next().is_none());
        }
        drop(taken);
        assert!(turns.try_next().is_none(), "what waits already is not queued again");
        assert!(turns.lock().in_hand.is_empty() && turns.lock().taken == 0);
    }

    #[tokio::test]
    async fn a_message_that_comes_later_wakes_whoever_waits() {
        let turns = turns(1, 1);
        turns.push(message(1), &Group::default()).unwrap();
        let first = turns.next().await;
        turns.push(message(2), &Group::default()).unwrap();
        let waiting = tokio::spawn({
            let turns = turns.clone();
            async move { turns.next().await.message.clone() }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert_eq!(waiting.await.unwrap(), message(2));
    }
}
