//! Which call computes next: a fixed number of places, shared fairly between groups.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

const MAX_WAITING: usize = 1_024;
const MAX_WAITING_PER_GROUP: usize = 256;

pub(super) struct Queue {
    state: Mutex<State>,
    /// How many places one group may have. It can keep every core busy, but others find a place.
    share: usize,
}

struct State {
    free: usize,
    /// How many places each group has now.
    busy: HashMap<Arc<str>, usize>,
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    group: Arc<str>,
    turn: oneshot::Sender<Place>,
}

/// The right to use one child. Dropping it lets the next call in.
pub(super) struct Place {
    queue: Arc<Queue>,
    group: Arc<str>,
}

impl Queue {
    pub(super) fn new(places: usize) -> Arc<Self> {
        let state = State { free: places, busy: HashMap::new(), waiting: VecDeque::new() };
        Arc::new(Self { state: Mutex::new(state), share: (places / 2).max(1) })
    }

    /// Waits for a place. Returns `None` if none is free within `max_wait`, or if too many calls
    /// wait already.
    #[expect(
        clippy::disallowed_methods,
        reason = "a place is free when a process has computed, whatever the clock says"
    )]
    pub(super) async fn enter(
        self: &Arc<Self>,
        group: &Arc<str>,
        max_wait: Duration,
    ) -> Option<Place> {
        let (turn, place) = oneshot::channel();
        if !self.lock().push(Waiting { group: Arc::clone(group), turn }) {
            return None;
        }
        self.serve();
        tokio::time::timeout(max_wait, place).await.ok()?.ok()
    }

    /// Gives free places to those whose turn it is.
    fn serve(self: &Arc<Self>) {
        // Collected first: the lock must be free when a place is refused and frees itself.
        let served: Vec<Waiting> = {
            let mut state = self.lock();
            std::iter::from_fn(|| state.next(self.share)).collect()
        };
        for Waiting { group, turn } in served {
            let _ = turn.send(Place { queue: Arc::clone(self), group });
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, new: Waiting) -> bool {
        self.waiting.retain(|waiting| !waiting.turn.is_closed());
        let of_group = self.waiting.iter().filter(|waiting| waiting.group == new.group).count();
        let has_room = self.waiting.len() < MAX_WAITING && of_group < MAX_WAITING_PER_GROUP;
        if has_room {
            self.waiting.push_back(new);
        }
        has_room
    }

    /// Takes the call whose group has the fewest places, the oldest first.
    fn next(&mut self, share: usize) -> Option<Waiting> {
        if self.free == 0 {
            return None;
        }
        let candidates = self.waiting.iter().enumerate().filter_map(|(at, waiting)| {
            let busy = self.busy.get(&waiting.group).copied().unwrap_or_default();
            (busy < share && !waiting.turn.is_closed()).then_some((busy, at))
        });
        let (_, at) = candidates.min()?;
        let next = self.waiting.remove(at)?;
        self.free -= 1;
        *self.busy.entry(Arc::clone(&next.group)).or_default() += 1;
        Some(next)
    }

    fn leave(&mut self, group: &Arc<str>) {
        self.free += 1;
        if let Some(busy) = self.busy.get_mut(group) {
            *busy -= 1;
            if *busy == 0 {
                self.busy.remove(group);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.queue.lock().leave(&self.group);
        self.queue.serve();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: Duration = Duration::ZERO;
    const LONG: Duration = Duration::from_secs(60);

    fn group(name: &str) -> Arc<str> {
        name.into()
    }

    /// Starts to wait, and returns the task when the call stands in the queue.
    async fn wait(queue: &Arc<Queue>, name: &str) -> tokio::task::JoinHandle<Option<Place>> {
        let (queue, name) = (Arc::clone(queue), group(name));
        let task = tokio::spawn(async move { queue.enter(&name, LONG).await });
        tokio::task::yield_now().await;
        task
    }

    #[tokio::test]
    async fn a_group_never_has_all_places() {
        let queue = Queue::new(4);
        let first = queue.enter(&group("a"), AT_ONCE).await.unwrap();
        let _second = queue.enter(&group("a"), AT_ONCE).await.unwrap();
        assert!(queue.enter(&group("a"), AT_ONCE).await.is_none(), "its share is two of four");
        let _neighbour = queue.enter(&group("b"), AT_ONCE).await.unwrap();
        drop(first);
        assert!(queue.enter(&group("a"), AT_ONCE).await.is_some());
    }

    #[tokio::test]
    async fn a_free_place_goes_to_the_group_that_has_the_fewest() {
        let queue = Queue::new(4);
        let mut places = Vec::new();
        for name in ["a", "a", "b", "b"] {
            places.push(queue.enter(&group(name), AT_ONCE).await.unwrap());
        }
        let mut flood = Vec::new();
        for _ in 0..100 {
            flood.push(wait(&queue, "a").await);
        }
        let late = wait(&queue, "c").await;
        drop(places.swap_remove(0));
        let place = late.await.unwrap();
        assert_eq!(&*place.unwrap().group, "c", "it came last, behind a hundred of another");
    }

    #[tokio::test]
    async fn within_a_group_the_oldest_is_first() {
        let queue = Queue::new(1);
        let place = queue.enter(&group("a"), AT_ONCE).await.unwrap();
        let older = wait(&queue, "a").await;
        let newer = wait(&queue, "a").await;
        drop(place);
        let place = older.await.unwrap().unwrap();
        assert!(!newer.is_finished());
        drop(place);
        assert!(newer.await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_call_that_is_given_up_leaves_the_queue_and_its_place() {
        let queue = Queue::new(1);
        let place = queue.enter(&group("a"), AT_ONCE).await.unwrap();
        for _ in 0..MAX_WAITING_PER_GROUP {
            wait(&queue, "a").await.abort();
        }
        tokio::task::yield_now().await;
        let next = wait(&queue, "a").await;
        drop(place);
        assert!(next.await.unwrap().is_some());
    }

    #[tokio::test]
    async fn the_queue_is_bounded_for_each_group_and_for_all() {
        let queue = Queue::new(1);
        let _place = queue.enter(&group("a"), AT_ONCE).await.unwrap();
        let mut waiting = Vec::new();
        for name in ["a", "b", "c", "d"] {
            for _ in 0..MAX_WAITING_PER_GROUP {
                waiting.push(wait(&queue, name).await);
            }
            assert!(queue.enter(&group(name), LONG).await.is_none(), "without a wait");
        }
        assert!(queue.enter(&group("e"), LONG).await.is_none(), "without a wait");
        waiting.iter().for_each(|task| task.abort());
    }
}
