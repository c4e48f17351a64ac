//! The data folder: private to its user, and to one process at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

pub(crate) const DATABASE: &str = "flowgate.db";

/// Holds the folder's lock until it is dropped; the system frees it when the process dies.
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        create_private_dir(path)
            .with_context(|| format!("the data folder {} could not be made", path.display()))?;
        let lock = open_private(&path.join("lock"))
            .with_context(|| format!("the data folder {} could not be opened", path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                bail!("the data folder {} is in use by another process", path.display())
            }
            Err(TryLockError::Error(error)) => Err(error)
                .with_context(|| format!("the data folder {} could not be locked", path.display())),
        }
    }

    pub(crate) fn computing(&self) -> PathBuf {
        self.path.join("computing")
    }

    /// Returns the database's path; creates the file, private, if it is missing. SQLite gives its
    /// side files the same mode.
    pub(crate) fn database(&self) -> Result<PathBuf> {
        let file = self.path.join(DATABASE);
        open_private(&file).with_context(|| format!("{} could not be opened", file.display()))?;
        Ok(file)
    }
}

/// An existing folder keeps its mode: it may be shared on purpose, and its files are private
/// anyway.
fn create_private_dir(path: &Path) -> std::io::Result<()> {
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
