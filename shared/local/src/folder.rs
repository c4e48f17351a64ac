//! The data folder: private to its user, and to one process at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{intact, schema};

pub(crate) const DATABASE: &str = "flowgate.db";

/// Holds the folder's lock until it is dropped; the system frees it when the process dies.
pub(crate) struct Folder {
    path: PathBuf,
    /// The folder itself: nobody deletes it by tidying up.
    _lock: File,
    /// What earlier releases lock. A file can be deleted, so that it alone would not do.
    _lock_file: File,
    database: Option<Identity>,
}

/// What distinguishes a file from one that took its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity(u64, u64);

impl Folder {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        create_private_dir(path)
            .with_context(|| format!("the data folder {} could not be made", path.display()))?;
        let opened = || format!("the data folder {} could not be opened", path.display());
        let lock = File::open(path).with_context(opened)?;
        take(&lock, path)?;
        let lock_file = open_private(&path.join("lock")).with_context(opened)?;
        take(&lock_file, path)?;
        Ok(Self { path: path.to_owned(), _lock: lock, _lock_file: lock_file, database: None })
    }

    pub(crate) fn computing(&self) -> PathBuf {
        self.path.join("computing")
    }

    pub(crate) fn files(&self) -> PathBuf {
        self.path.join("files")
    }

    /// Returns the database's path; creates the file, private, if it is missing. SQLite gives its
    /// side files the same mode.
    pub(crate) fn database(&mut self) -> Result<PathBuf> {
        let file = self.path.join(DATABASE);
        if !intact::exists(&file)? {
            create(&file).with_context(|| format!("{} could not be created", file.display()))?;
        }
        open_private(&file).with_context(|| format!("{} could not be opened", file.display()))?;
        self.database = identity(&file);
        Ok(file)
    }

    /// See [`crate::Local::is_in_place`].
    pub(crate) fn is_in_place(&self) -> bool {
        identity(&self.path.join("flowgate.db")) == self.database
    }
}

fn take(lock: &File, path: &Path) -> Result<()> {
    match lock.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            bail!("the data folder {} is in use by another process", path.display())
        }
        Err(TryLockError::Error(error)) => Err(error)
            .with_context(|| format!("the data folder {} could not be locked", path.display())),
    }
}

/// Creates the database under another name first: an empty file is never taken for a new one, so
/// none may be left by a crash.
fn create(file: &Path) -> Result<()> {
    let new = intact::beside(file, ".new");
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(intact::beside(&new, suffix));
    }
    open_private(&new)?;
    // Closing the only connection moves all of the log into the file.
    drop(schema::open(&new)?);
    File::open(&new)?.sync_all()?;
    put_in_place(&new, file)?;
    Ok(())
}

/// Gives a file whose content is on the disk its name. The name is on the disk afterwards: a power
/// cut leaves the whole file under it, or none.
pub(crate) fn put_in_place(new: &Path, file: &Path) -> std::io::Result<()> {
    std::fs::rename(new, file)?;
    sync_parent(file)
}

/// A name is on the disk once its folder is.
pub(crate) fn sync_parent(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

#[cfg(unix)]
fn identity(file: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    file.metadata().ok().map(|found| Identity(found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn identity(_: &Path) -> Option<Identity> {
    None
}

/// An existing folder keeps its mode: it may be shared on purpose, and its files are private
/// anyway.
pub(crate) fn create_private_dir(path: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

pub(crate) fn open_private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_opener_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        let first = Folder::open(&path).unwrap();
        let refused = Folder::open(&path).map(|_| ()).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("the data folder {} is in use by another process", path.display())
        );
        drop(first);
        Folder::open(&path).unwrap();
    }

    #[test]
    fn a_deleted_lock_file_lets_nobody_in() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        let _first = Folder::open(&path).unwrap();
        std::fs::remove_file(path.join("lock")).unwrap();
        let refused = Folder::open(&path).map(|_| ()).unwrap_err();
        assert!(refused.to_string().ends_with("is in use by another process"), "{refused}");
    }

    #[test]
    fn what_is_not_a_whole_database_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let check = |content: &[u8], expected: &str| {
            let path = dir.path().join(expected.replace(' ', "-"));
            let file = path.join("flowgate.db");
            std::fs::create_dir(&path).unwrap();
            std::fs::write(&file, content).unwrap();
            let refused = Folder::open(&path).unwrap().database().map(|_| ()).unwrap_err();
            let said = refused.to_string();
            assert!(said.contains(expected) && said.contains("restore it from a backup"), "{said}");
            assert_eq!(std::fs::read(&file).unwrap(), content);
        };
        let whole = dir.path().join("whole");
        let file = Folder::open(&whole).unwrap().database().unwrap();
        let whole = std::fs::read(file).unwrap();
        check(b"", "is empty");
        check(b"something else altogether", "is not a database");
        check(&[0; 8192], "not a database of flowgate");
        check(&whole[..whole.len() - 1], "is cut off");
        check(&whole[..8192], "cut off: it has 8192 of");
    }

    #[test]
    fn a_log_without_its_database_is_not_a_new_folder() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("flowgate.db-wal"), "frames").unwrap();
        let refused = Folder::open(dir.path()).unwrap().database().map(|_| ()).unwrap_err();
        assert!(refused.to_string().contains("is missing"), "{refused}");
    }

    #[test]
    fn a_crash_while_the_database_is_made_leaves_none() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("flowgate.db.new"), "half").unwrap();
        Folder::open(dir.path()).unwrap().database().unwrap();
        assert!(!dir.path().join("flowgate.db.new").exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_database_that_was_moved_or_replaced_is_missed() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(dir.path()).unwrap();
        let file = folder.database().unwrap();
        assert!(folder.is_in_place());
        let copy = intact::beside(&file, ".copy");
        std::fs::copy(&file, &copy).unwrap();
        std::fs::rename(&copy, &file).unwrap();
        assert!(!folder.is_in_place(), "another file is in its place");
        std::fs::remove_file(&file).unwrap();
        assert!(!folder.is_in_place());
    }

    #[cfg(unix)]
    #[test]
    fn folder_and_files_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        let file = Folder::open(&path).unwrap().database().unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&file)), (0o700, 0o600));
    }

    #[test]
    fn a_file_in_the_place_of_the_folder_is_a_clear_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        std::fs::write(&path, "").unwrap();
        let refused = Folder::open(&path).map(|_| ()).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("the data folder {} could not be made", path.display())
        );
    }
}
