//! The platform's ports on one SQLite file, for a deployment that is one process.
//!
//! One thread makes all writes and commits them in groups (`writer`). Reads have their own
//! connections (`readers`).

mod deliveries;
mod due;
mod folder;
mod intact;
mod keys;
mod limits;
mod overload;
mod page;
mod queue;
mod readers;
mod receivers;
mod retention;
mod row;
mod run_values;
mod runs;
mod schema;
mod secrets;
mod turns;
mod workflows;
mod writer;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use rusqlite::Connection;

pub use limits::LocalLimits;
pub use queue::LocalQueue;
pub use turns::{Places, Turn};

use folder::Folder;
use readers::Readers;
use writer::Writer;

/// Every port that stores something, on one folder. Clones share it; dropping the last one closes
/// the file and unlocks the folder.
#[derive(Clone)]
pub struct Local {
    inner: Arc<Inner>,
}

/// Fields drop in this order: the folder is unlocked only after the file is closed.
struct Inner {
    readers: Readers,
    writer: Writer,
    folder: Folder,
}

impl Local {
    /// Opens the folder, or creates it. Fails, naming the folder, if another process has it open,
    /// or if its database is not whole.
    pub fn open(dir: &Path) -> Result<Self> {
        let mut folder = Folder::open(dir)?;
        let file = folder.database()?;
        let connection = schema::open(&file)
            .with_context(|| format!("{} could not be opened", file.display()))?;
        let writer = Writer::start(connection)?;
        let readers = Readers::start(&file)?;
        Ok(Self { inner: Arc::new(Inner { readers, writer, folder }) })
    }

    /// Whether the database is still the file that was opened, at its place. One that was moved or
    /// deleted takes writes that nobody will find again.
    pub fn is_in_place(&self) -> bool {
        self.inner.folder.is_in_place()
    }

    /// Runs `op` in a group of writes. `Ok` means that it is on disk; the writes of a failed `op`
    /// are rolled back.
    async fn write<T: Send + 'static>(
        &self,
        op: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.inner.writer.write(op).await
    }

    /// Runs a read. It sees every write that was answered before.
    async fn query<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.inner.readers.query(query).await
    }
}

#[cfg(test)]
mod tests {
    use flowgate_core::secret::Secrets;
    use flowgate_core::time::Timestamp;

    use super::*;

    #[tokio::test]
    async fn what_was_written_is_there_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let local = Local::open(dir.path()).unwrap();
        Secrets::put(&local, "NAME", "value", Timestamp(1)).await.unwrap();
        drop(local);

        let again = Local::open(dir.path()).unwrap();
        assert_eq!(Secrets::get(&again, "NAME").await.unwrap().as_deref(), Some("value"));
    }

    #[tokio::test]
    async fn a_full_disk_is_an_error_and_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let local = Local::open(dir.path()).unwrap();
        Secrets::put(&local, "KEPT", "value", Timestamp(1)).await.unwrap();
        limit_pages(&local, 64).await;
        let refused = Secrets::put(&local, "BIG", &"x".repeat(1 << 20), Timestamp(1)).await;
        assert!(format!("{:#}", refused.unwrap_err()).contains("full"));

        limit_pages(&local, 1 << 20).await;
        Secrets::put(&local, "BIG", &"x".repeat(1 << 20), Timestamp(1)).await.unwrap();
        assert_eq!(Secrets::list(&local).await.unwrap().len(), 2);
        assert_eq!(Secrets::get(&local, "KEPT").await.unwrap().as_deref(), Some("value"));
    }

    async fn limit_pages(local: &Local, pages: i64) {
        local
            .write(move |connection| Ok(connection.pragma_update(None, "max_page_count", pages)?))
            .await
            .unwrap();
    }
}
