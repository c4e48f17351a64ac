//! The runs being computed, in a small file beside the database: it is read when the next process
//! starts, if this one dies.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use flowgate_core::computing::Computing;
use flowgate_core::id::RunId;

use crate::folder::open_private;

/// One run id, filled up with spaces.
const SLOT: usize = 64;

#[derive(Clone)]
pub struct ComputingFile {
    slots: Arc<Mutex<Slots>>,
}

struct Slots {
    file: File,
    taken: Vec<bool>,
}

struct Mark {
    slots: Arc<Mutex<Slots>>,
    slot: usize,
}

impl ComputingFile {
    /// Opens the file. Also returns the runs that the last process computed when it died.
    pub(crate) fn open(path: &Path) -> Result<(Self, Vec<RunId>)> {
        let open = || -> std::io::Result<_> {
            let mut file = open_private(path)?;
            let mut marks = String::new();
            file.read_to_string(&mut marks)?;
            file.set_len(0)?;
            Ok((file, marks))
        };
        let (file, marks) =
            open().with_context(|| format!("{} could not be opened", path.display()))?;
        let runs = marks.split_whitespace().filter_map(RunId::parse).collect();
        let slots = Arc::new(Mutex::new(Slots { file, taken: Vec::new() }));
        Ok((Self { slots }, runs))
    }
}

impl Computing for ComputingFile {
    fn mark(&self, run: &RunId) -> Box<dyn Send> {
        let mut slots = lock(&self.slots);
        let slot = slots.taken.iter().position(|taken| !taken).unwrap_or(slots.taken.len());
        if slot == slots.taken.len() {
            slots.taken.push(false);
        }
        slots.taken[slot] = true;
        slots.write(slot, run.as_str());
        Box::new(Mark { slots: self.slots.clone(), slot })
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        let mut slots = lock(&self.slots);
        slots.taken[self.slot] = false;
        slots.write(self.slot, "");
    }
}

impl Slots {
    fn write(&mut self, slot: usize, text: &str) {
        let at = SeekFrom::Start((slot * SLOT) as u64);
        let line = format!("{text:<width$}\n", width = SLOT - 1);
        let written = self.file.seek(at).and_then(|_| self.file.write_all(line.as_bytes()));
        if let Err(error) = written {
            // Without its mark a run that kills its process is not found to be poison.
            tracing::warn!(error = &error as &dyn std::error::Error, "could not mark a run");
        }
    }
}

fn lock(slots: &Mutex<Slots>) -> MutexGuard<'_, Slots> {
    slots.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(n: u8) -> RunId {
        RunId::parse(&format!("run_{}", "0".repeat(31) + &n.to_string())).unwrap()
    }

    #[test]
    fn the_next_process_finds_what_was_being_computed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("computing");
        let (file, before) = ComputingFile::open(&path).unwrap();
        assert!(before.is_empty());
        let (first, second) = (file.mark(&run(1)), file.mark(&run(2)));
        drop(first);
        let third = file.mark(&run(3));
        let (_, found) = ComputingFile::open(&path).unwrap();
        assert_eq!(found, [run(3), run(2)]);
        drop((second, third));
        assert!(ComputingFile::open(&path).unwrap().1.is_empty());
    }
}
