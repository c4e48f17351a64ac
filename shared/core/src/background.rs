//! Work that goes on when whoever asked for it has left. A process that stops or freezes waits for
//! it.

use tokio::sync::watch;

/// The background work of a process. Clones count together.
#[derive(Clone, Default)]
pub struct Background {
    open: watch::Sender<usize>,
}

impl Background {
    /// Runs the work in a task of its own. Dropping the returned handle does not end it.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.open.send_modify(|open| *open += 1);
        let open = OpenWork(self.open.clone());
        tokio::spawn(async move {
            let _open = open;
            work.await
        })
    }

    /// How much of it goes on now.
    pub fn open_now(&self) -> usize {
        *self.open.borrow()
    }

    pub async fn none_left(&self) {
        // Fails only if the sender is gone, and `self` holds it.
        let _ = self.open.subscribe().wait_for(|open| *open == 0).await;
    }
}

/// Counted until it is dropped, even by a panic.
struct OpenWork(watch::Sender<usize>);

impl Drop for OpenWork {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn background_work_is_waited_for_even_if_it_panics() {
        let background = Background::default();
        let (done, mut is_done) = watch::channel(false);
        background.spawn(async move {
            tokio::task::yield_now().await;
            done.send_replace(true);
        });
        background.spawn(async { panic!("on purpose") });
        background.none_left().await;
        assert!(*is_done.borrow_and_update());
    }
}
