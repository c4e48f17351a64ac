//! Turns at something of which there are few: one holder after the other, so that a long queue of
//! one does not delay the others.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::memory::Holder;

pub struct Turns {
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    free: usize,
    /// The holders that wait, in the order of their turns. Each stands here once.
    order: VecDeque<Holder>,
    /// Never an empty queue.
    queues: HashMap<Holder, VecDeque<oneshot::Sender<Turn>>>,
}

/// A turn. Dropping it passes it on.
pub struct Turn {
    /// `None` once it has been passed on.
    turns: Option<Arc<Turns>>,
}

impl Turns {
    pub fn new(concurrent: usize) -> Arc<Self> {
        let waiting = Waiting { free: concurrent, ..Waiting::default() };
        Arc::new(Self { waiting: Mutex::new(waiting) })
    }

    /// Waits for the holder's turn. Dropping the future gives up the place in the queue.
    pub async fn take(self: &Arc<Self>, holder: &Holder) -> Turn {
        let passed = {
            let mut waiting = self.lock();
            if waiting.free > 0 {
                waiting.free -= 1;
                return Turn { turns: Some(self.clone()) };
            }
            let (pass, passed) = oneshot::channel();
            if !waiting.queues.contains_key(holder) {
                waiting.order.push_back(holder.clone());
            }
            waiting.queues.entry(holder.clone()).or_default().push_back(pass);
            passed
        };
        passed.await.expect("whoever waits is passed a turn while the queue exists")
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Takes the next in line: of the holder whose turn it is, the one who waits longest.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        let holder = self.order.pop_front()?;
        let queue = self.queues.get_mut(&holder)?;
        let next = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&holder);
        } else {
            self.order.push_back(holder);
        }
        next
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(turns) = self.turns.take() else { return };
        loop {
            let next = {
                let mut waiting = turns.lock();
                let next = waiting.next();
                if next.is_none() {
                    waiting.free += 1;
                }
                next
            };
            let Some(next) = next else { return };
            // Without its receiver the turn comes back, and the next in line gets it.
            let Err(mut back) = next.send(Turn { turns: Some(turns.clone()) }) else { return };
            back.turns = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn settle() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn holders_take_turns_however_long_their_queues_are() {
        let turns = Turns::new(1);
        let (many, few) = (Holder::of_key(Some("many")), Holder::of_key(Some("few")));
        let first = turns.take(&many).await;
        let served = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for holder in [&many, &many, &many, &few] {
            let (turns, holder, served) = (turns.clone(), holder.clone(), served.clone());
            tasks.push(tokio::spawn(async move {
                let _turn = turns.take(&holder).await;
                served.lock().unwrap().push(holder);
            }));
            settle().await;
        }
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*served.lock().unwrap(), [many.clone(), few, many.clone(), many]);
        assert_eq!(turns.lock().free, 1);
    }

    #[tokio::test]
    async fn who_left_the_queue_gets_no_turn() {
        let turns = Turns::new(1);
        let holder = Holder::of_key(None);
        let first = turns.take(&holder).await;
        let left = tokio::spawn({
            let (turns, holder) = (turns.clone(), holder.clone());
            async move { drop(turns.take(&holder).await) }
        });
        settle().await;
        left.abort();
        let _ = left.await;
        drop(first);
        assert_eq!(turns.lock().free, 1);
        drop(turns.take(&holder).await);
    }
}
