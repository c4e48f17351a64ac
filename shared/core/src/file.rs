//! Files: bytes that are too large to be values, who owns them, and the port that stores both.
//!
//! A run reads only files that it owns: those of its input, those that its calls made, and those
//! that a rerun took over. The row is written before the bytes and is due until both are gone, so
//! that a crash in between leaves nothing for good.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;

pub use flowgate_engine::file::{
    ANY_TYPE, FileId, FileRef, MAX_FILE, clean_name, is_name, read_media_type,
};

use crate::id::RunId;
use crate::time::Timestamp;

/// How long an upload waits for a run that uses it.
pub const UPLOAD_KEPT: Duration = Duration::from_secs(24 * 3600);
/// By then a run that was given a file is stored, or was never started.
pub const RUN_STORED_WITHIN: Duration = Duration::from_secs(24 * 3600);

/// Runs of a file that are looked at for a caller: their rows, without what they were given.
pub const MAX_OWNERS: usize = 10_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileOwner {
    Run(RunId),
    /// An upload of this key; `None`: of the operator.
    Uploader(Option<String>),
}

/// A file whose bytes follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    pub id: FileId,
    pub name: String,
    pub media_type: String,
    pub owner: FileOwner,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRecord {
    pub file: FileRef,
    /// Who made it.
    pub made_by: FileOwner,
    pub created_at: Timestamp,
    /// Its bytes are stored whole. `false`: an announced upload that has not come.
    pub is_whole: bool,
}

/// Where a caller sends the bytes of an announced upload, or reads those of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLink {
    pub url: String,
    /// Headers that the request must have.
    pub headers: Vec<(String, String)>,
    pub expires_at: Timestamp,
}

/// Takes the bytes of a file, at most [`MAX_FILE`]. Dropped before its end, nothing is left of them
/// but a row that expires.
#[async_trait]
pub trait FileWriter: Send {
    /// Holds at most a few MB of what it was given.
    async fn write(&mut self, bytes: &[u8]) -> Result<()>;
    /// `Ok` means that bytes and row are durable.
    async fn finish(self: Box<Self>) -> Result<Received>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    Whole(FileRef),
    /// Size or hash are not those that were announced. Nothing was kept.
    Differs,
}

/// Whether a run got a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    Shared,
    /// Unknown, not whole, or on its way out.
    Unknown,
}

/// Files. Runs that are wiped or deleted own nothing: their files are due then.
#[async_trait]
pub trait Files: Send + Sync {
    /// Stores the row of a file of this owner, and returns what takes its bytes.
    async fn create(&self, file: NewFile) -> Result<Box<dyn FileWriter>>;
    /// Stores the row of an upload that comes by itself, with all that is known of it.
    async fn announce(&self, file: NewFile, size: u64, sha256: &str) -> Result<()>;
    /// Returns where the bytes of an announced upload go. `None`: through this process.
    async fn upload_link(&self, file: &FileRecord) -> Result<Option<FileLink>>;
    /// Returns what takes the bytes of an announced upload through this process.
    async fn receive(&self, file: &FileRecord) -> Result<Box<dyn FileWriter>>;
    /// Returns the row. Looks for the bytes of an announced upload, if they were not found yet.
    async fn find(&self, id: &FileId) -> Result<Option<FileRecord>>;
    /// Returns the file if the run owns it.
    async fn of_run(&self, id: &FileId, run: &RunId) -> Result<Option<FileRecord>>;
    /// Returns the bytes in this range, fewer at the end. `None`: there are none.
    async fn read(&self, id: &FileId, range: Range<u64>) -> Result<Option<Vec<u8>>>;
    /// A link to the bytes for a caller who may read the file. `None`: this process sends them.
    async fn link(&self, file: &FileRecord) -> Result<Option<FileLink>>;
    /// Makes the run an owner. Before the run is stored: it is looked for
    /// [`RUN_STORED_WITHIN`] later. Safe to repeat.
    async fn share(&self, id: &FileId, run: &RunId, now: Timestamp) -> Result<Shared>;
    /// Makes the run `to` an owner of all that `from` owns: a rerun.
    async fn share_all(&self, from: &RunId, to: &RunId, now: Timestamp) -> Result<()>;
    /// Returns whether a run owns the file that is stored, not wiped, and of one of these workflows
    /// (by their uids; `None`: of any). Looks at no more than [`MAX_OWNERS`] of its runs.
    async fn has_run_of(&self, id: &FileId, workflows: Option<&BTreeSet<String>>) -> Result<bool>;
    /// Deletes the file, bytes first, if nobody owns it: no run that is stored and not wiped, and
    /// no uploader within [`UPLOAD_KEPT`]. Else it is due again when that may change. Safe to
    /// repeat. Returns whether it is gone.
    async fn collect(&self, id: &FileId, now: Timestamp) -> Result<bool>;
}

/// A header `content-disposition` that saves the file under its name. Nothing in the name can end
/// the header or its quotes.
pub fn attachment(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|character| match character {
            '"' | '\\' | '%' => '_',
            ' '..='~' => character,
            _ => '_',
        })
        .collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

impl FileOwner {
    /// How it is stored.
    pub fn as_text(&self) -> String {
        match self {
            Self::Run(run) => run.to_string(),
            Self::Uploader(Some(key)) => format!("key {key}"),
            Self::Uploader(None) => "admin".to_owned(),
        }
    }

    pub fn of_text(text: &str) -> Self {
        match (RunId::parse(text), text.strip_prefix("key ")) {
            (Some(run), _) => Self::Run(run),
            (None, key) => Self::Uploader(key.map(str::to_owned)),
        }
    }

    /// Until when it owns a file by itself.
    pub fn owns_until(&self, created_at: Timestamp) -> Timestamp {
        match self {
            Self::Run(_) => created_at + RUN_STORED_WITHIN,
            Self::Uploader(_) => created_at + UPLOAD_KEPT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_header() {
        let check = |name: &str, expected: &str| assert_eq!(attachment(name), expected);
        check("a b.png", "attachment; filename=\"a b.png\"; filename*=UTF-8''a%20b.png");
        check(
            "\"\r\nx: \u{fc}",
            "attachment; filename=\"___x: _\"; filename*=UTF-8''%22%0D%0Ax%3A%20%C3%BC",
        );
    }

    #[test]
    fn owners_are_read_as_they_were_written() {
        let run = RunId::parse(&format!("run_{:032x}", 7)).unwrap();
        for owner in [
            FileOwner::Run(run),
            FileOwner::Uploader(None),
            FileOwner::Uploader(Some("abc".to_owned())),
            FileOwner::Uploader(Some("admin".to_owned())),
        ] {
            assert_eq!(FileOwner::of_text(&owner.as_text()), owner);
        }
    }
}
