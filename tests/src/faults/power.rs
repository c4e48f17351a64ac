//! A disk as it may lie after a power cut, from a record of what a process wrote and synced.
//!
//! What was synced is there. Of what was not, each write may be missing, whole, or torn at its
//! sectors, in any combination; names in the folder change in order, but later than they were
//! changed. `faults/powercut/shim.c` makes the record.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::seed::Random;

const SECTOR: u64 = 512;
const HEAD: usize = 19;

/// Builds the shim into the folder, with the C compiler that the build of SQLite needs too.
pub fn build_shim(folder: &Path) -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("faults/powercut/shim.c");
    let library = folder.join("powercut.so");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let mut command = Command::new(&compiler);
    command.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source);
    let built = command.args(["-ldl", "-lpthread"]).status();
    ensure!(built.with_context(|| compiler)?.success(), "the shim could not be built");
    Ok(library)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Write,
    Truncate,
    Sync,
    Create,
    Unlink,
    Rename,
}

#[derive(Debug)]
struct Operation {
    kind: Kind,
    path: String,
    offset: u64,
    /// In the record.
    data: Range<usize>,
}

/// What a process did to its folder, in order.
pub struct Record {
    bytes: Vec<u8>,
    operations: Vec<Operation>,
}

impl Record {
    /// A record that ends within an operation is read up to there.
    pub fn parse(bytes: Vec<u8>) -> Result<Self> {
        let (mut operations, mut at) = (Vec::new(), 0);
        while let Some(head) = bytes.get(at..at + HEAD) {
            let number = |range: Range<usize>| -> Result<usize> {
                let mut wide = [0; 8];
                wide[..range.len()].copy_from_slice(&head[range]);
                Ok(usize::try_from(u64::from_ne_bytes(wide))?)
            };
            let (path_length, offset, data_length) =
                (number(1..3)?, number(3..11)?, number(11..19)?);
            let path = at + HEAD..at + HEAD + path_length;
            let data = path.end..path.end + data_length;
            let Some(name) = bytes.get(path.clone()).filter(|_| data.end <= bytes.len()) else {
                break;
            };
            let kind = match head[0] {
                1 => Kind::Write,
                2 => Kind::Truncate,
                3 => Kind::Sync,
                4 => Kind::Create,
                5 => Kind::Unlink,
                6 => Kind::Rename,
                other => bail!("the record holds an operation {other}"),
            };
            at = data.end;
            let path = String::from_utf8(name.to_vec())?;
            operations.push(Operation { kind, path, offset: offset as u64, data });
        }
        Ok(Self { bytes, operations })
    }

    pub fn len(&self) -> usize {
        self.operations.len()
    }

    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the record of the first `operations` ends.
    pub fn end_of(&self, operations: usize) -> usize {
        self.operations[..operations].last().map_or(0, |operation| operation.data.end)
    }

    pub fn syncs(&self) -> usize {
        self.operations.iter().filter(|operation| operation.kind == Kind::Sync).count()
    }
}

/// What happens to a file between two syncs of it.
#[derive(Debug, Clone)]
enum Change {
    Write(u64, Range<usize>),
    Truncate(u64),
}

#[derive(Debug, Default, Clone)]
struct File {
    synced: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Renaming {
    Create(String, usize),
    Unlink(String),
    Rename(String, String),
}

type Names = BTreeMap<String, usize>;

/// The disk after the first operations of a record.
pub struct Disk<'a> {
    record: &'a Record,
    done: usize,
    files: Vec<File>,
    names: Names,
    synced_names: Names,
    unsynced_names: Vec<Renaming>,
    /// `false`: a disk that ignores syncs, to prove that a test would notice.
    pub honours_sync: bool,
}

impl<'a> Disk<'a> {
    pub fn new(record: &'a Record) -> Self {
        Self {
            record,
            done: 0,
            files: Vec::new(),
            names: Names::new(),
            synced_names: Names::new(),
            unsynced_names: Vec::new(),
            honours_sync: true,
        }
    }

    /// Goes on until the first `operations` are done.
    pub fn go_to(&mut self, operations: usize) {
        let record = self.record;
        for operation in &record.operations[self.done..operations] {
            self.apply(operation);
        }
        self.done = operations;
    }

    fn apply(&mut self, operation: &Operation) {
        // It is mapped into memory, and made anew from the log when a file is opened.
        if operation.path.ends_with("-shm") {
            return;
        }
        let path = &operation.path;
        match operation.kind {
            Kind::Create => {
                self.files.push(File::default());
                self.name(Renaming::Create(path.clone(), self.files.len() - 1));
            }
            Kind::Unlink => self.name(Renaming::Unlink(path.clone())),
            Kind::Rename => {
                let to = String::from_utf8_lossy(&self.record.bytes[operation.data.clone()]);
                self.name(Renaming::Rename(path.clone(), to.into_owned()));
            }
            Kind::Write => {
                self.change(path, Change::Write(operation.offset, operation.data.clone()))
            }
            Kind::Truncate => self.change(path, Change::Truncate(operation.offset)),
            Kind::Sync if !self.honours_sync => {}
            Kind::Sync if path.is_empty() => {
                self.synced_names = self.names.clone();
                self.unsynced_names.clear();
            }
            Kind::Sync => {
                let Some(file) = self.names.get(path) else { return };
                let file = &mut self.files[*file];
                for change in std::mem::take(&mut file.unsynced) {
                    change.apply(&mut file.synced, &self.record.bytes, None);
                }
            }
        }
    }

    fn name(&mut self, renaming: Renaming) {
        renaming.apply(&mut self.names);
        self.unsynced_names.push(renaming);
    }

    fn change(&mut self, path: &str, change: Change) {
        if let Some(file) = self.names.get(path) {
            self.files[*file].unsynced.push(change);
        }
    }

    /// Writes the folder as a power cut may leave it now.
    pub fn cut(&self, folder: &Path, random: &mut Random) -> Result<()> {
        let mut names = self.synced_names.clone();
        let kept = random.below(self.unsynced_names.len() as u64 + 1);
        for renaming in self.unsynced_names.iter().take(usize::try_from(kept)?) {
            renaming.apply(&mut names);
        }
        // Sometimes all or nothing of what was not synced is there.
        let chance = [0, 50, 50, 90, 100][usize::try_from(random.below(5))?];
        for (name, file) in names {
            let File { mut synced, unsynced } = self.files[file].clone();
            for change in unsynced {
                if random.percent(chance) {
                    change.apply(&mut synced, &self.record.bytes, None);
                } else if random.percent(chance) {
                    change.apply(&mut synced, &self.record.bytes, Some(random));
                }
            }
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
            std::fs::write(path, synced)?;
        }
        Ok(())
    }
}

impl Renaming {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Create(name, file) => drop(names.insert(name.clone(), *file)),
            Self::Unlink(name) => drop(names.remove(name)),
            Self::Rename(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
        }
    }
}

impl Change {
    /// With `torn`, only some sectors of a write arrive.
    fn apply(&self, content: &mut Vec<u8>, record: &[u8], torn: Option<&mut Random>) {
        let (offset, data) = match self {
            Self::Truncate(length) => {
                if torn.is_none() {
                    content.resize(*length as usize, 0);
                }
                return;
            }
            Self::Write(offset, data) => (*offset, &record[data.clone()]),
        };
        let mut draw = torn;
        let (mut at, end) = (offset, offset + data.len() as u64);
        while at < end {
            let next = ((at / SECTOR + 1) * SECTOR).min(end);
            if draw.as_mut().is_none_or(|random| random.percent(50)) {
                let part = &data[(at - offset) as usize..(next - offset) as usize];
                if content.len() < next as usize {
                    content.resize(next as usize, 0);
                }
                content[at as usize..next as usize].copy_from_slice(part);
            }
            at = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(operations: &[(u8, &str, u64, &[u8])]) -> Record {
        let mut bytes = Vec::new();
        for (kind, path, offset, data) in operations {
            bytes.push(*kind);
            bytes.extend((path.len() as u16).to_ne_bytes());
            bytes.extend(offset.to_ne_bytes());
            bytes.extend((data.len() as u64).to_ne_bytes());
            bytes.extend(path.bytes());
            bytes.extend(*data);
        }
        Record::parse(bytes).unwrap()
    }

    #[test]
    fn what_was_synced_is_there_and_the_rest_may_be() {
        let (old, new) = ([1; 1024], [2; 1024]);
        let record = record(&[
            (4, "a", 0, &[]),
            (1, "a", 0, &old),
            (3, "a", 0, &[]),
            (3, "", 0, &[]),
            (1, "a", 0, &new),
            (4, "b", 0, &[]),
        ]);
        let mut disk = Disk::new(&record);
        disk.go_to(record.len());
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let folder = tempfile::tempdir().unwrap();
            disk.cut(folder.path(), &mut Random(seed)).unwrap();
            let content = std::fs::read(folder.path().join("a")).unwrap();
            assert_eq!(content.len(), 1024);
            seen.insert((content[0], content[512], folder.path().join("b").exists()));
        }
        let all = [1, 2].map(|a| [1, 2].map(|b| [(a, b, false), (a, b, true)]));
        assert_eq!(seen, all.into_iter().flatten().flatten().collect());
    }
}
