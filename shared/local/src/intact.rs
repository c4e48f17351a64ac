//! Whether the database file is whole and ours, checked before SQLite opens it: SQLite takes an
//! empty file for a new one, and would start without a workflow, a key or a run.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

const HEADER: usize = 100;
const MAGIC: &[u8] = b"SQLite format 3\0";
const ADVICE: &str = "restore it from a backup, or move the folder away to start anew";

/// Returns whether there is a database. Fails if there is something else, and says what to do.
pub(crate) fn exists(file: &Path) -> Result<bool> {
    let shown = file.display();
    let log = beside(file, "-wal");
    let logged = log.metadata().map_or(0, |log| log.len());
    let Ok(mut opened) = File::open(file) else {
        if logged > 0 {
            bail!("{shown} is missing, but not its log {}: {ADVICE}", log.display());
        }
        return file.try_exists().with_context(|| format!("{shown} could not be read"));
    };
    let length = opened.metadata()?.len();
    if length == 0 {
        bail!("{shown} is empty: {ADVICE}");
    }
    let mut header = [0; HEADER];
    if opened.read_exact(&mut header).is_err() || !header.starts_with(MAGIC) {
        bail!("{shown} is not a database of flowgate: {ADVICE}");
    }
    // With a log, the pages that are missing here may be there.
    let expected = stated_length(&header);
    if length < expected && logged == 0 {
        bail!("{shown} is cut off: it has {length} of {expected} bytes; {ADVICE}");
    }
    Ok(true)
}

pub(crate) fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The size of a page times the number of pages, as the header states them.
fn stated_length(header: &[u8; HEADER]) -> u64 {
    let page = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        bytes => u64::from(bytes),
    };
    page * u64::from(u32::from_be_bytes([header[28], header[29], header[30], header[31]]))
}
