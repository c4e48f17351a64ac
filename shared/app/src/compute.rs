//! Work that keeps a processor busy, away from the threads that answer requests.

use std::panic::resume_unwind;
use std::sync::Arc;

use flowgate_core::memory::Holder;
use flowgate_core::turns::Turns;

/// A piece of work should not take much longer than this; then others have their turn.
pub const SLICE: std::time::Duration = std::time::Duration::from_millis(10);

/// As many threads as there are processors, in turn for each holder.
#[derive(Clone)]
pub struct Compute {
    turns: Arc<Turns>,
}

impl Default for Compute {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self { turns: Turns::new(processors) }
    }
}

impl Compute {
    /// Does the work on a thread of its own when it is the holder's turn. Panics if the work does.
    pub async fn run<T: Send + 'static>(
        &self,
        holder: &Holder,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let turn = self.turns.take(holder).await;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        match done.await {
            Ok(done) => done,
            Err(error) => resume_unwind(error.into_panic()),
        }
    }
}
