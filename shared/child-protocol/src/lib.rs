//! The messages between a process and the child that runs its untrusted code: frames of JSON over
//! the child's stdin and stdout, each after its length in four bytes, big-endian.
//!
//! The child says [`Hello`] once it is caged. Then it answers each [`Request`] with one [`Reply`].
//! The bytes of a document follow its request in a frame of their own.

mod document;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use document::{Document, Layout, MAX_DOCUMENT_BYTES, Reading, Selector};

/// The file name of the second executable, without the system's suffix.
pub const PROGRAM: &str = "flowgate-child";
/// The first argument that turns a program into the child. The second one is its parent's process
/// id.
pub const ARGUMENT: &str = "__flowgate-child";

pub const MAX_HELLO_BYTES: usize = 4 * 1024;
pub const MAX_REQUEST_BYTES: usize = 32 * 1024 * 1024;
pub const MAX_STDOUT_BYTES: usize = 64 * 1024;
pub const MAX_MESSAGE_CHARS: usize = 2_000;

/// The child ends with this code where the memory of a call does not suffice.
pub const OUT_OF_MEMORY: i32 = 65;

/// Differs if the sources of the child differ. A parent refuses a child of another build, so a
/// half-finished upgrade, or one executable of two rebuilt, is noticed at the first call.
pub const BUILD: u64 = hash(&[
    include_bytes!("lib.rs"),
    include_bytes!("document.rs"),
    include_bytes!("../../child/src/cage.rs"),
    include_bytes!("../../child/src/cage/linux.rs"),
    include_bytes!("../../child/src/cage/other.rs"),
    include_bytes!("../../child/src/document.rs"),
    include_bytes!("../../child/src/document/css.rs"),
    include_bytes!("../../child/src/document/docx.rs"),
    include_bytes!("../../child/src/document/html.rs"),
    include_bytes!("../../child/src/document/pdf.rs"),
    include_bytes!("../../child/src/document/select.rs"),
    include_bytes!("../../child/src/document/sniff.rs"),
    include_bytes!("../../child/src/document/table.rs"),
    include_bytes!("../../child/src/document/text.rs"),
    include_bytes!("../../child/src/document/tree.rs"),
    include_bytes!("../../child/src/document/workbook.rs"),
    include_bytes!("../../child/src/javascript.rs"),
    include_bytes!("../../child/src/javascript/integers.rs"),
    include_bytes!("../../child/src/javascript/tests.rs"),
    include_bytes!("../../child/src/javascript/web.rs"),
    include_bytes!("../../child/src/lib.rs"),
    include_bytes!("../../child/src/main.rs"),
    include_bytes!("../../child/src/memory.rs"),
    include_bytes!("../../child/src/prelude.js"),
    include_bytes!("../../child/src/python.rs"),
    include_bytes!("../../child/src/python/source.rs"),
    include_bytes!("../../child/src/python/value.rs"),
    include_bytes!("../../child/src/watchdog.rs"),
    include_bytes!("../../child/src/web.js"),
]);

#[derive(Debug, Serialize, Deserialize)]
pub struct Hello {
    pub build: u64,
    pub layers: Layers,
}

/// What holds a child in. Each layer is in addition to the others: a kernel may lack some.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layers {
    /// The kernel kills the child when its parent dies.
    pub parent_death: bool,
    pub not_dumpable: bool,
    pub no_new_privileges: bool,
    pub landlock: Landlock,
    /// Memory, open files, processes and the size of files.
    pub limits: bool,
    pub seccomp: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Landlock {
    Absent,
    /// Files, but not all of the network and signals: an older kernel.
    Partial,
    Full,
}

impl Layers {
    /// Returns the names of the layers, and whether each of them holds.
    fn named(&self) -> [(&'static str, bool); 6] {
        [
            ("parent death signal", self.parent_death),
            ("not dumpable", self.not_dumpable),
            ("no new privileges", self.no_new_privileges),
            ("landlock", self.landlock != Landlock::Absent),
            ("limits", self.limits),
            ("seccomp", self.seccomp),
        ]
    }

    /// Returns the names of the layers that hold.
    pub fn holding(&self) -> Vec<&'static str> {
        self.named().into_iter().filter(|(_, holds)| *holds).map(|(name, _)| name).collect()
    }

    /// Returns the names of the layers that this system refused.
    pub fn missing(&self) -> Vec<&'static str> {
        self.named().into_iter().filter(|(_, holds)| !holds).map(|(name, _)| name).collect()
    }
}

/// One call. It names its language, so that one child can serve all of them. `Json` borrows on both
/// sides: large values are not copied.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request<'a, Json> {
    #[serde(borrow)]
    Javascript(Code<'a, Json>),
    #[serde(borrow)]
    Python(Python<'a, Json>),
    Document(Document),
}

/// Python binds the variables of its code, and gives `arguments` to the function `main`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Python<'a, Json> {
    #[serde(borrow)]
    pub code: Code<'a, Json>,
    /// An object.
    pub arguments: Json,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Code<'a, Json> {
    #[serde(borrow)]
    pub code: Cow<'a, str>,
    /// An object. Each of its fields becomes a variable.
    pub variables: Json,
    pub now_ms: i64,
    pub seed: u64,
    pub timeout_ms: u64,
    pub max_result_bytes: usize,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// `result` is JSON text, which the child does not check.
    Done {
        result: String,
        stdout: String,
    },
    Failed {
        message: String,
        line: Option<u32>,
    },
    /// The document cannot be read. The code is one of those that calls fail with.
    Unreadable {
        code: String,
        message: String,
    },
    OutOfMemory,
    OutOfTime,
    TooLarge,
}

/// Returns the size of the largest reply that an honest child sends. JSON escapes each byte of the
/// result at most twice (it is JSON already), and each byte of the printed text at most six times.
pub const fn max_reply_bytes(max_result_bytes: usize) -> usize {
    2 * max_result_bytes + 6 * MAX_STDOUT_BYTES + 1024
}

/// FNV-1a.
const fn hash(files: &[&[u8]]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut file = 0;
    while file < files.len() {
        let mut at = 0;
        while at < files[file].len() {
            hash = (hash ^ files[file][at] as u64).wrapping_mul(0x0100_0000_01b3);
            at += 1;
        }
        file += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn names(folder: &Path, before: &str) -> BTreeSet<String> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        entries
            .flat_map(|entry| {
                let name = format!("{before}{}", entry.file_name().to_str().unwrap());
                match entry.file_type().unwrap().is_dir() {
                    true => names(&entry.path(), &format!("{name}/")),
                    false => [name].into(),
                }
            })
            .collect()
    }

    #[test]
    fn the_build_covers_every_file_of_the_child() {
        let child = Path::new(env!("CARGO_MANIFEST_DIR")).join("../child/src");
        let included = include_str!("lib.rs")
            .lines()
            .filter_map(|line| line.trim().strip_prefix("include_bytes!(\"../../child/src/"))
            .map(|rest| rest.split('"').next().unwrap().to_owned());
        assert_eq!(included.collect::<BTreeSet<_>>(), names(&child, ""));
    }

    #[test]
    fn a_changed_byte_changes_the_build() {
        assert_ne!(hash(&[b"one", b"two"]), hash(&[b"one", b"twp"]));
    }

    /// The bound counts on it.
    #[test]
    fn the_largest_reply_fits() {
        let result = format!("\"{}\"", "\\\"".repeat(500_000));
        let max = max_reply_bytes(result.len());
        let reply = Reply::Done { result, stdout: "\u{1}".repeat(MAX_STDOUT_BYTES) };
        assert!(serde_json::to_vec(&reply).unwrap().len() <= max);
        let message = "\u{1}".repeat(MAX_MESSAGE_CHARS);
        let reply = Reply::Failed { message, line: Some(u32::MAX) };
        assert!(serde_json::to_vec(&reply).unwrap().len() <= max_reply_bytes(0));
    }

    #[test]
    fn layers_are_named_as_they_hold() {
        let layers = Layers {
            parent_death: true,
            not_dumpable: true,
            no_new_privileges: true,
            landlock: Landlock::Partial,
            limits: true,
            seccomp: false,
        };
        assert_eq!(layers.missing(), ["seccomp"]);
        assert_eq!(layers.holding().len(), 5);
    }
}
