//! Files: a row each, and their bytes in a folder beside the database.

mod folder;

use std::collections::BTreeSet;
use std::ops::Range;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use flowgate_core::file::{
    FileId, FileLink, FileOwner, FileRecord, FileRef, FileWriter, Files, MAX_OWNERS, NewFile,
    Received, Shared,
};
use flowgate_core::id::RunId;
use flowgate_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::Local;
use crate::row::{Key, file_id, file_key, run_key};
pub(crate) use folder::FileFolder;
use folder::Incoming;

#[async_trait]
impl Files for Local {
    async fn create(&self, file: NewFile) -> Result<Box<dyn FileWriter>> {
        let incoming = self.incoming(&file.id).await?;
        let row = NewRow::new(&file, 0, "")?;
        self.write(move |connection| row.insert(connection)).await?;
        let NewFile { id, name, media_type, .. } = file;
        let file = FileRef { id, name, media_type, size: 0, sha256: String::new() };
        Ok(Box::new(LocalWriter { local: self.clone(), file, is_announced: false, incoming }))
    }

    async fn announce(&self, file: NewFile, size: u64, sha256: &str) -> Result<()> {
        let row = NewRow::new(&file, size, sha256)?;
        self.write(move |connection| row.insert(connection)).await
    }

    async fn upload_link(&self, _: &FileRecord) -> Result<Option<FileLink>> {
        Ok(None)
    }

    async fn receive(&self, record: &FileRecord) -> Result<Box<dyn FileWriter>> {
        let incoming = self.incoming(&record.file.id).await?;
        let (local, file) = (self.clone(), record.file.clone());
        Ok(Box::new(LocalWriter { local, file, is_announced: true, incoming }))
    }

    async fn find(&self, id: &FileId) -> Result<Option<FileRecord>> {
        let key = file_key(id)?;
        self.query(move |connection| read_row(connection, key)).await
    }

    async fn of_run(&self, id: &FileId, run: &RunId) -> Result<Option<FileRecord>> {
        let (key, run) = (file_key(id)?, run_key(run)?);
        self.query(move |connection| {
            let sql = "SELECT 1 FROM file_owners WHERE run = ?1 AND file = ?2";
            let owns = connection.prepare_cached(sql)?.exists(params![run, key])?;
            if owns { read_row(connection, key) } else { Ok(None) }
        })
        .await
    }

    async fn read(&self, id: &FileId, range: Range<u64>) -> Result<Option<Vec<u8>>> {
        let (folder, key) = (self.inner.files.clone(), file_key(id)?);
        blocking(move || folder.read(key, range)).await
    }

    async fn link(&self, _: &FileRecord) -> Result<Option<FileLink>> {
        Ok(None)
    }

    async fn share(&self, id: &FileId, run: &RunId, now: Timestamp) -> Result<Shared> {
        let (file, run) = (file_key(id)?, run_key(run)?);
        self.write(move |connection| share(connection, file, run, now)).await
    }

    async fn share_all(&self, from: &RunId, to: &RunId, now: Timestamp) -> Result<()> {
        let (from, to) = (run_key(from)?, run_key(to)?);
        self.write(move |connection| {
            let mut select =
                connection.prepare_cached("SELECT file FROM file_owners WHERE run = ?1")?;
            let files: Vec<Key> =
                select.query_map([from], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            for file in files {
                share(connection, file, to, now)?;
            }
            Ok(())
        })
        .await
    }

    async fn has_run_of(&self, id: &FileId, workflows: Option<&BTreeSet<String>>) -> Result<bool> {
        let (key, limit) = (file_key(id)?, i64::try_from(MAX_OWNERS)?);
        let workflows = workflows.cloned();
        self.query(move |connection| {
            let sql = "SELECT r.workflow_uid FROM file_owners o JOIN runs r ON r.id = o.run AND \
                       r.wiped = 0 WHERE o.file = ?1 LIMIT ?2";
            let mut select = connection.prepare_cached(sql)?;
            let mut rows = select.query(params![key, limit])?;
            while let Some(row) = rows.next()? {
                let uid: String = row.get(0)?;
                if workflows.as_ref().is_none_or(|uids| uids.contains(&uid)) {
                    return Ok(true);
                }
            }
            Ok(false)
        })
        .await
    }

    async fn collect(&self, id: &FileId, now: Timestamp) -> Result<bool> {
        let key = file_key(id)?;
        let goes = self.write(move |connection| settle(connection, key, now)).await?;
        if goes {
            let folder = self.inner.files.clone();
            blocking(move || folder.delete(key)).await?;
            let sql = "DELETE FROM files WHERE id = ?1 AND going = 1";
            self.erase(move |connection| Ok(connection.execute(sql, [key])?)).await?;
        }
        Ok(goes)
    }
}

impl Local {
    async fn incoming(&self, id: &FileId) -> Result<Option<Incoming>> {
        let (folder, key) = (self.inner.files.clone(), file_key(id)?);
        blocking(move || folder.incoming(key)).await.map(Some)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.context("a thread for files died")?
}

/// A row ready to be bound.
struct NewRow {
    key: Key,
    name: String,
    media_type: String,
    size: i64,
    sha256: String,
    owner: FileOwner,
    created_at: Timestamp,
}

impl NewRow {
    fn new(file: &NewFile, size: u64, sha256: &str) -> Result<Self> {
        Ok(Self {
            key: file_key(&file.id)?,
            name: file.name.clone(),
            media_type: file.media_type.clone(),
            size: size.try_into()?,
            sha256: sha256.to_owned(),
            owner: file.owner.clone(),
            created_at: file.created_at,
        })
    }

    fn insert(&self, connection: &Connection) -> Result<()> {
        let Self { key, name, media_type, size, sha256, owner, created_at } = self;
        let mut insert = connection.prepare_cached(
            "INSERT INTO files (id, name, type, size, sha256, made_by, created_at, look_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        let (made_by, look_at) = (owner.as_text(), owner.owns_until(*created_at).0);
        insert.execute(params![
            key,
            name,
            media_type,
            size,
            sha256,
            made_by,
            created_at.0,
            look_at
        ])?;
        if let FileOwner::Run(run) = owner {
            own(connection, *key, run_key(run)?, *created_at)?;
        }
        Ok(())
    }
}

fn own(connection: &Connection, file: Key, run: Key, since: Timestamp) -> Result<()> {
    let sql =
        "INSERT INTO file_owners (run, file, since) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    connection.prepare_cached(sql)?.execute(params![run, file, since.0])?;
    Ok(())
}

fn share(connection: &Connection, file: Key, run: Key, now: Timestamp) -> Result<Shared> {
    let until = FileOwner::Uploader(None).owns_until(now).0;
    let sql = "UPDATE files SET look_at = max(coalesce(look_at, 0), ?2) WHERE id = ?1 AND \
               whole = 1 AND going = 0";
    if connection.prepare_cached(sql)?.execute(params![file, until])? == 0 {
        return Ok(Shared::Unknown);
    }
    own(connection, file, run, now)?;
    Ok(Shared::Shared)
}

/// Returns whether the file goes: then it is marked. Else it is due when its owners may be gone.
fn settle(connection: &Connection, key: Key, now: Timestamp) -> Result<bool> {
    let Some((record, going)) = read_any(connection, key)? else { return Ok(false) };
    if going {
        return Ok(true);
    }
    let mut owners = connection.prepare_cached(
        "SELECT max(r.id IS NOT NULL AND r.wiped = 0), max(CASE WHEN r.id IS NULL THEN o.since END)
        FROM file_owners o LEFT JOIN runs r ON r.id = o.run WHERE o.file = ?1",
    )?;
    let (is_of_a_run, not_stored): (Option<bool>, Option<i64>) =
        owners.query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let uploader = match record.made_by {
        FileOwner::Uploader(_) => Some(record.made_by.owns_until(record.created_at)),
        FileOwner::Run(_) => None,
    };
    let starting =
        not_stored.map(|since| Timestamp(since) + flowgate_core::file::RUN_STORED_WITHIN);
    let look_at = uploader.max(starting).filter(|until| *until > now);
    let goes = is_of_a_run != Some(true) && look_at.is_none();
    let sql = "UPDATE files SET going = ?2, look_at = ?3 WHERE id = ?1";
    let look_at = if goes { Some(now.0) } else { look_at.map(|at| at.0) };
    connection.prepare_cached(sql)?.execute(params![key, goes, look_at])?;
    Ok(goes)
}

fn read_row(connection: &Connection, key: Key) -> Result<Option<FileRecord>> {
    Ok(read_any(connection, key)?.and_then(|(record, going)| (!going).then_some(record)))
}

fn read_any(connection: &Connection, key: Key) -> Result<Option<(FileRecord, bool)>> {
    let mut select = connection.prepare_cached(
        "SELECT name, type, size, sha256, whole, made_by, created_at, going FROM files
        WHERE id = ?1",
    )?;
    let read = |row: &Row<'_>| {
        let file = FileRef {
            id: file_id(key),
            name: row.get(0)?,
            media_type: row.get(1)?,
            size: u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0),
            sha256: row.get(3)?,
        };
        let made_by = FileOwner::of_text(&row.get::<_, String>(5)?);
        let created_at = Timestamp(row.get(6)?);
        Ok((FileRecord { file, made_by, created_at, is_whole: row.get(4)? }, row.get(7)?))
    };
    Ok(select.query_row([key], read).optional()?)
}

/// Writes into a file of its own, which gets its name only when it is whole.
struct LocalWriter {
    local: Local,
    /// Size and hash are those announced, if any were.
    file: FileRef,
    is_announced: bool,
    /// `None`: a write failed.
    incoming: Option<Incoming>,
}

#[async_trait]
impl FileWriter for LocalWriter {
    async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let mut incoming = self.incoming.take().context("the file could not be written")?;
        if incoming.holds(bytes) {
            self.incoming = Some(incoming);
            return Ok(());
        }
        let bytes = bytes.to_vec();
        let write = move || incoming.write(&bytes).map(|()| incoming);
        self.incoming = Some(blocking(write).await?);
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<Received> {
        let incoming = self.incoming.take().context("the file could not be written")?;
        let announced = self.is_announced.then(|| (self.file.size, self.file.sha256.clone()));
        let stored = blocking(move || incoming.finish(announced)).await?;
        let Some((size, sha256)) = stored else { return Ok(Received::Differs) };
        let file = FileRef { size, sha256, ..self.file };
        let (key, row) = (file_key(&file.id)?, file.clone());
        let written = self.local.write(move |connection| {
            let sql =
                "UPDATE files SET size = ?2, sha256 = ?3, whole = 1 WHERE id = ?1 AND going = 0";
            let size = i64::try_from(row.size)?;
            Ok(connection.prepare_cached(sql)?.execute(params![key, size, row.sha256])?)
        });
        if written.await? == 0 {
            // It may have been collected before the bytes got their name.
            let folder = self.local.inner.files.clone();
            blocking(move || folder.delete(key)).await?;
            bail!("the file's row has expired");
        }
        Ok(Received::Whole(file))
    }
}
