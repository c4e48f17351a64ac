//! What became of each step of a file.

use serde::Serialize;

use crate::draft::Origin;
use crate::keys;
use crate::system::System;
use crate::text::shortened;

const MAX_NOTES: usize = 20;
const MAX_SHOWN: usize = 200;

/// What became of a file. Every step of it is listed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub system: System,
    pub mapped: usize,
    pub approximated: usize,
    pub unsupported: usize,
    pub entries: Vec<Entry>,
}

/// What became of one step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// The id of the workflow that it belongs to now.
    pub workflow: String,
    /// The step's id in the file.
    pub node: String,
    pub name: String,
    /// The step's type in the file.
    #[serde(rename = "type")]
    pub kind: String,
    pub outcome: Outcome,
    /// The kinds of the nodes that it became. Empty if it became a part of something else.
    pub became: Vec<String>,
    /// What differs, and what has to be done by hand.
    pub notes: Vec<String>,
}

/// Ordered from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It does the same.
    Mapped,
    /// It does nearly the same; the notes say what differs.
    Approximated,
    /// It does not do what it did: a function throws in its place, or a part of it is left out.
    Unsupported,
}

impl Entry {
    pub(crate) fn of(origin: &Origin) -> Self {
        Self {
            workflow: String::new(),
            node: shown(&origin.id, MAX_SHOWN),
            name: shown(&origin.name, MAX_SHOWN),
            kind: shown(&origin.kind, MAX_SHOWN),
            outcome: Outcome::Mapped,
            became: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Notes a kind of node that the step became.
    pub(crate) fn became(&mut self, kind: &str) {
        if !self.became.iter().any(|known| known == kind) {
            self.became.push(kind.to_owned());
        }
    }

    /// Notes what people should know although the step does the same.
    pub(crate) fn note(&mut self, note: impl AsRef<str>) {
        if self.notes.len() == MAX_NOTES {
            return;
        }
        let note = shown(note.as_ref(), 2 * MAX_SHOWN);
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Notes what differs.
    pub(crate) fn approximated(&mut self, note: impl AsRef<str>) {
        self.outcome = self.outcome.max(Outcome::Approximated);
        self.note(note);
    }

    /// Notes what is missing.
    pub(crate) fn unsupported(&mut self, note: impl AsRef<str>) {
        self.outcome = Outcome::Unsupported;
        self.note(note);
    }

    pub(crate) fn of_workflow(self, id: &str) -> Self {
        Self { workflow: id.to_owned(), ..self }
    }
}

impl Report {
    pub(crate) fn of(system: System, entries: Vec<Entry>) -> Self {
        let count = |outcome| entries.iter().filter(|entry| entry.outcome == outcome).count();
        Self {
            system,
            mapped: count(Outcome::Mapped),
            approximated: count(Outcome::Approximated),
            unsupported: count(Outcome::Unsupported),
            entries,
        }
    }
}

/// The beginning of a text of the file, without keys. Much more than is shown is looked at, so that
/// no key is cut in two.
fn shown(text: &str, max: usize) -> String {
    let mut text = shortened(text, 10 * max);
    keys::mask_text(&mut text);
    shortened(&text, max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_entry_shows_a_key() {
        let key = "sk-0123456789abcdef0";
        let origin = Origin { id: key.into(), name: format!("use {key}"), ..Origin::default() };
        let mut entry = Entry::of(&origin);
        entry.note(format!("{} {key}", "x".repeat(390)));
        assert_eq!((&*entry.node, &*entry.name), ("***", "use ***"));
        assert!(!entry.notes[0].contains("sk-"), "{:?}", entry.notes);
    }
}
