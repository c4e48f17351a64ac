//! The bytes of files: `files/<2 digits>/<32 digits>`, by their id, so that each can be erased by
//! itself. A file gets its name only when it is whole and on the disk.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flowgate_core::file::MAX_FILE;
use flowgate_core::hash::hex;
use sha2::{Digest, Sha256};

use crate::folder::{create_private_dir, open_private, put_in_place, sync_parent};
use crate::row::Key;

/// What is kept in memory before it is written.
const BUFFER: usize = 256 << 10;

#[derive(Debug, Clone)]
pub(crate) struct FileFolder {
    path: PathBuf,
}

impl FileFolder {
    /// Deletes what an earlier process has begun: this one owns the folder.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let new = path.join("new");
        match fs::remove_dir_all(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("{} is in the way", new.display()));
            }
            _ => {}
        }
        Ok(Self { path: path.to_owned() })
    }

    /// The last digits are as random as the first, whoever made the id.
    fn place(&self, key: Key) -> PathBuf {
        self.path.join(hex(&key[15..])).join(hex(&key))
    }

    pub(crate) fn incoming(&self, key: Key) -> Result<Incoming> {
        static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let new = self.path.join("new");
        create_private_dir(&new)
            .with_context(|| format!("the folder {} could not be made", new.display()))?;
        // Two may send the same upload at once.
        let path = new.join(format!("{}-{count}", hex(&key)));
        let file = open_private(&path).context("a file could not be created")?;
        let (hash, buffer) = (Sha256::new(), Vec::new());
        Ok(Incoming { path, place: self.place(key), file, hash, size: 0, buffer })
    }

    pub(crate) fn read(&self, key: Key, range: Range<u64>) -> Result<Option<Vec<u8>>> {
        let mut file = match File::open(self.place(key)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.context("a file could not be opened")?,
        };
        file.seek(SeekFrom::Start(range.start))?;
        let mut bytes = Vec::new();
        file.take(range.end.saturating_sub(range.start)).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    pub(crate) fn delete(&self, key: Key) -> Result<()> {
        let place = self.place(key);
        match fs::remove_file(&place) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            removed => removed.context("a file could not be deleted")?,
        }
        Ok(sync_parent(&place)?)
    }
}

/// Bytes on their way. Dropped before their end, they are deleted.
pub(crate) struct Incoming {
    path: PathBuf,
    place: PathBuf,
    file: File,
    hash: Sha256,
    size: u64,
    buffer: Vec<u8>,
}

impl Incoming {
    /// Takes bytes that fit in the buffer. `false`: they are to be written.
    pub(crate) fn holds(&mut self, bytes: &[u8]) -> bool {
        let held = self.buffer.len() + bytes.len();
        let fits = held <= BUFFER && self.size + held as u64 <= MAX_FILE;
        if fits {
            self.buffer.extend_from_slice(bytes);
        }
        fits
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let held = std::mem::take(&mut self.buffer);
        for part in [&held, bytes] {
            self.size += part.len() as u64;
            anyhow::ensure!(self.size <= MAX_FILE, "a file has more than {MAX_FILE} bytes");
            self.hash.update(part);
            self.file.write_all(part).context("a file could not be written")?;
        }
        Ok(())
    }

    /// Returns size and hash once the file is on the disk. `None`: they are not those announced.
    pub(crate) fn finish(
        mut self,
        announced: Option<(u64, String)>,
    ) -> Result<Option<(u64, String)>> {
        self.write(&[])?;
        let stored = (self.size, hex(&std::mem::take(&mut self.hash).finalize()));
        if announced.is_some_and(|announced| announced != stored) {
            return Ok(None);
        }
        self.file.sync_all().context("a file could not be written")?;
        if let Some(parent) = self.place.parent()
            && !parent.exists()
        {
            create_private_dir(parent)?;
            sync_parent(parent)?;
        }
        put_in_place(&self.path, &self.place).context("a file could not be named")?;
        Ok(Some(stored))
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // Renamed: it is not there.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = [7; 16];

    fn written(folder: &FileFolder, bytes: &[u8]) -> Option<(u64, String)> {
        let mut incoming = folder.incoming(KEY).unwrap();
        incoming.write(bytes).unwrap();
        incoming.finish(None).unwrap()
    }

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let folder = FileFolder::open(&dir.path().join("files")).unwrap();
        let mut incoming = folder.incoming(KEY).unwrap();
        incoming.write(b"half").unwrap();
        assert_eq!(folder.read(KEY, 0..9).unwrap(), None);
        drop(incoming);
        let new = dir.path().join("files/new");
        assert_eq!(fs::read_dir(&new).unwrap().count(), 0);
        assert_eq!(written(&folder, b"whole").unwrap().0, 5);
        assert_eq!(folder.read(KEY, 1..3).unwrap().unwrap(), b"ho");
        assert_eq!(folder.read(KEY, 3..99).unwrap().unwrap(), b"le");
        assert_eq!(folder.read(KEY, 7..9).unwrap().unwrap(), b"");
        folder.delete(KEY).unwrap();
        folder.delete(KEY).unwrap();
        assert_eq!(folder.read(KEY, 0..9).unwrap(), None);
    }

    #[test]
    fn what_a_dead_process_began_is_gone_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("files");
        let folder = FileFolder::open(&path).unwrap();
        let mut incoming = folder.incoming(KEY).unwrap();
        incoming.write(b"half").unwrap();
        std::mem::forget(incoming);
        assert_eq!(fs::read_dir(path.join("new")).unwrap().count(), 1);
        FileFolder::open(&path).unwrap();
        assert!(!path.join("new").exists());
    }

    #[test]
    fn what_was_announced_otherwise_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let folder = FileFolder::open(&dir.path().join("files")).unwrap();
        for announced in [(4, "0".repeat(64)), (3, "0".repeat(64))] {
            let mut incoming = folder.incoming(KEY).unwrap();
            incoming.write(b"abcd").unwrap();
            assert_eq!(incoming.finish(Some(announced)).unwrap(), None);
        }
        assert_eq!(folder.read(KEY, 0..9).unwrap(), None);
    }

    #[test]
    fn no_file_is_larger_than_the_largest() {
        let dir = tempfile::tempdir().unwrap();
        let folder = FileFolder::open(&dir.path().join("files")).unwrap();
        let mut incoming = folder.incoming(KEY).unwrap();
        incoming.size = MAX_FILE - 1;
        incoming.write(b"1").unwrap();
        assert!(incoming.write(b"2").unwrap_err().to_string().contains("more than"));
    }
}
