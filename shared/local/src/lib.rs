//! The platform's ports on one SQLite file, for a deployment that is one process.
//!
//! One thread makes all writes and commits them in groups (`writer`). Reads have their own
//! connections (`readers`).

mod computing;
mod deliveries;
mod due;
mod events;
mod files;
mod folder;
mod group;
mod intact;
mod jobs;
mod schedules;
mod sessions;
mod knowledge;
mod keys;
mod limits;
mod logins;
mod budgets;
mod stats;
mod master_key;
mod overload;
mod page;
mod questions;
mod queue;
mod readers;
mod receivers;
mod results;
mod retention;
mod row;
mod run_values;
mod runs;
mod run_lists;
mod schema;
mod sealing;
mod secrets;
mod turns;
mod wal;
mod wipe;
mod workflows;
mod writer;

use std::path::Path;
use std::sync::{Arc, Weak};

use anyhow::{Context, Result};
use flowgate_core::id::RunId;
use rusqlite::Connection;

pub use computing::ComputingFile;
pub use limits::LocalLimits;
pub use master_key::{MasterKey, VARIABLE as MASTER_KEY_VARIABLE};
pub use queue::LocalQueue;
pub use sealing::{KeyCheck, KeyPlace, check_key};
pub use turns::{Places, Turn};

use files::FileFolder;
use folder::Folder;
use group::Group;
use readers::{READERS, Readers, SEARCHERS};
use sealing::Sealing;
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
    searchers: Readers,
    writer: Writer,
    files: FileFolder,
    computing: ComputingFile,
    /// The runs that the last process computed when it died.
    died_computing: Vec<RunId>,
    sealing: Sealing,
    folder: Folder,
    /// See [`Local::held`].
    held: Arc<()>,
}

impl Local {
    /// The same with the key file beside the database.
    pub fn open(dir: &Path) -> Result<Self> {
        Self::open_sealed(dir, None)
    }

    /// Opens the folder, or creates it. Fails, naming the folder, if another process has it open,
    /// if its database is not whole, or if what is in it was sealed with another key than the given
    /// one and that in its file.
    pub fn open_sealed(dir: &Path, master_key: Option<MasterKey>) -> Result<Self> {
        let mut folder = Folder::open(dir)?;
        let file = folder.database()?;
        let mut connection = schema::open(&file)
            .with_context(|| format!("{} could not be opened", file.display()))?;
        let sealing = sealing::open(&mut connection, dir, master_key)
            .with_context(|| format!("{} could not be opened", file.display()))?;
        let writer = Writer::start(connection)?;
        let readers = Readers::start(&file, READERS)?;
        let searchers = Readers::start(&file, SEARCHERS)?;
        let (computing, died_computing) = ComputingFile::open(&folder.computing())?;
        let files = FileFolder::open(&folder.files())?;
        let held = Arc::new(());
        let inner = Inner {
            readers,
            searchers,
            writer,
            files,
            computing,
            died_computing,
            sealing,
            folder,
            held,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Marks the runs that this process computes.
    pub fn computing(&self) -> ComputingFile {
        self.inner.computing.clone()
    }

    /// Where the key is that seals the secrets of this folder.
    pub fn key_place(&self) -> &KeyPlace {
        &self.inner.sealing.place
    }

    /// Whether the database is still the file that was opened, at its place. One that was moved or
    /// deleted takes writes that nobody will find again.
    pub fn is_in_place(&self) -> bool {
        self.inner.folder.is_in_place()
    }

    /// Has no owner any more once the last clone has been dropped and the folder is unlocked.
    pub fn held(&self) -> Weak<()> {
        Arc::downgrade(&self.inner.held)
    }

    /// Runs `op` in a group of writes. `Ok` means that it is on disk; the writes of a failed `op`
    /// are rolled back. It may run again after that.
    async fn write<T: Send + 'static>(
        &self,
        op: impl Fn(&Group<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.inner.writer.write(op).await
    }

    /// The same for an `op` that deletes what must not be found in the file afterwards: no copy
    /// is left in its side files, a moment later.
    async fn erase<T: Send + 'static>(
        &self,
        op: impl Fn(&Group<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.inner.writer.erase(op).await
    }

    /// Runs a read. It sees every write that was answered before.
    async fn query<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.inner.readers.query(query).await
    }

    /// The same for a read that takes long: other reads do not wait for it.
    async fn search_long<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.inner.searchers.query(query).await
    }
}

#[cfg(test)]
mod tests {
    use flowgate_core::secret::{SecretRecord, Secrets};
    use flowgate_core::time::Timestamp;

    use super::*;

    #[tokio::test]
    async fn what_was_written_is_there_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let local = Local::open(dir.path()).unwrap();
        Secrets::put(&local, "NAME", &SecretRecord::from("value"), Timestamp(1)).await.unwrap();
        drop(local);

        let again = Local::open(dir.path()).unwrap();
        assert_eq!(Secrets::get(&again, "NAME").await.unwrap(), Some("value".into()));
    }

    #[tokio::test]
    async fn searches_keep_nobody_else_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let local = Local::open(dir.path()).unwrap();
        let (go_on, held) = std::sync::mpsc::channel::<()>();
        let held = Arc::new(std::sync::Mutex::new(held));
        let mut searches = Vec::new();
        for _ in 0..2 * READERS {
            let (local, held) = (local.clone(), held.clone());
            searches.push(tokio::spawn(async move {
                local.search_long(move |_| Ok(held.lock().unwrap().recv().is_err())).await
            }));
        }
        tokio::task::yield_now().await;
        for _ in 0..2 * READERS {
            local.query(|_| Ok(())).await.unwrap();
        }
        drop(go_on);
        for search in searches {
            assert!(search.await.unwrap().unwrap());
        }
    }

    /// Neither the pages of the file nor the write-ahead log keep it.
    #[tokio::test]
    async fn what_was_erased_is_soon_in_no_file() {
        const CANARY: &str = "CANARY-erased";
        let dir = tempfile::tempdir().unwrap();
        let local = Local::open(dir.path()).unwrap();
        let is_found = || {
            let files = std::fs::read_dir(dir.path()).unwrap();
            files.into_iter().any(|file| {
                let bytes = std::fs::read(file.unwrap().path()).unwrap();
                bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes())
            })
        };
        let insert = "INSERT INTO key_audit (at, actor, action, key_id) VALUES (1, ?1, '', '')";
        let value = format!("{CANARY} {}", "x".repeat(50_000));
        local.write(move |connection| Ok(connection.execute(insert, [&value])?)).await.unwrap();
        assert!(is_found());
        let erase = |connection: &Group<'_>| Ok(connection.execute("DELETE FROM key_audit", [])?);
        assert_eq!(local.erase(erase).await.unwrap(), 1);
        let began = std::time::Instant::now();
        while is_found() {
            assert!(began.elapsed().as_secs() < 10, "it is still there");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    #[tokio::test]
    async fn a_full_disk_is_an_error_and_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let local = Local::open(dir.path()).unwrap();
        Secrets::put(&local, "KEPT", &SecretRecord::from("value"), Timestamp(1)).await.unwrap();
        limit_pages(&local, 64).await;
        let refused =
            Secrets::put(&local, "BIG", &SecretRecord::from(&*"x".repeat(1 << 20)), Timestamp(1))
                .await;
        assert!(format!("{:#}", refused.unwrap_err()).contains("full"));

        limit_pages(&local, 1 << 20).await;
        Secrets::put(&local, "BIG", &SecretRecord::from(&*"x".repeat(1 << 20)), Timestamp(1))
            .await
            .unwrap();
        assert_eq!(Secrets::list(&local).await.unwrap().len(), 2);
        assert_eq!(Secrets::get(&local, "KEPT").await.unwrap(), Some("value".into()));
    }

    async fn limit_pages(local: &Local, pages: i64) {
        local
            .write(move |connection| Ok(connection.pragma_update(None, "max_page_count", pages)?))
            .await
            .unwrap();
    }
}
