//! Read-only connections on their own threads: a slow query blocks neither the writer nor the
//! runtime.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::overload::{Waiting, classified};

/// Those of everybody.
pub(crate) const READERS: usize = 3;
/// Those of reads that take long, such as a search of all vectors of a store.
pub(crate) const SEARCHERS: usize = 1;

type Query = Box<dyn FnOnce(&Connection) + Send>;

pub(crate) struct Readers {
    /// `None` only during drop.
    queries: Option<Sender<Query>>,
    threads: Vec<JoinHandle<()>>,
    waiting: Waiting,
}

impl Readers {
    pub(crate) fn start(file: &Path, count: usize) -> Result<Self> {
        let (queries, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let mut threads = Vec::with_capacity(count);
        for _ in 0..count {
            let connection = crate::schema::open_reader(file)?;
            let waiting = Arc::clone(&waiting);
            threads.push(
                std::thread::Builder::new()
                    .name("flowgate-reader".into())
                    .spawn(move || serve(&connection, &waiting))?,
            );
        }
        Ok(Self { queries: Some(queries), threads, waiting: Waiting::default() })
    }

    pub(crate) async fn query<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let place = self.waiting.enter()?;
        let run = move |connection: &Connection| {
            let outcome = catch_unwind(AssertUnwindSafe(|| query(connection)))
                .unwrap_or_else(|_| Err(anyhow!("the read panicked")));
            // The caller may be gone.
            let _ = reply.send(outcome);
            drop(place);
        };
        let queries = self.queries.as_ref().context("the store is closed")?;
        queries.send(Box::new(run)).map_err(|_| anyhow!("the store's readers have stopped"))?;
        answer.await.context("the store's readers have stopped")?.map_err(classified)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queries = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn serve(connection: &Connection, waiting: &Mutex<Receiver<Query>>) {
    loop {
        // Holds the lock while it waits; the other threads wait for the lock.
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(query) = next else { return };
        query(connection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_and_a_write_are_errors_and_the_readers_go_on() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.db");
        let _writer = crate::schema::open(&file).unwrap();
        let readers = Readers::start(&file, READERS).unwrap();
        for _ in 0..2 * READERS {
            let panicked = readers.query(|_| -> Result<()> { panic!("on purpose") }).await;
            assert_eq!(panicked.unwrap_err().to_string(), "the read panicked");
            assert!(
                readers
                    .query(|connection| Ok(connection.execute("DELETE FROM runs", [])?))
                    .await
                    .is_err()
            );
        }
        let count = readers.query(|connection| {
            Ok(connection.query_row("SELECT count(*) FROM runs", [], |row| row.get::<_, i64>(0))?)
        });
        assert_eq!(count.await.unwrap(), 0);
    }
}
