//! Keys that stood in a file in clear.

use std::collections::{HashMap, HashSet};
use std::fmt;

use flowgate_engine::literal_key;

const MAX_NAME: usize = 48;
const MAX_SECRETS: usize = 200;

/// A key that stood in the file. The document has its name instead.
#[derive(Debug, Clone)]
pub struct FoundSecret {
    pub name: String,
    pub value: HiddenValue,
    /// The hosts that it was sent to, as far as the file says so literally.
    pub hosts: Vec<String>,
    /// JSON pointer into the file.
    pub place: String,
}

/// Text that no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct HiddenValue(String);

impl HiddenValue {
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for HiddenValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The secrets of a file, each with a name of its own.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    found: Vec<FoundSecret>,
    /// Those that are stored already.
    stored: HashSet<String>,
    taken: HashSet<String>,
    /// The names of secrets whose values the file does not hold, by what it calls them.
    unset: HashMap<String, String>,
    suffix: String,
}

impl Secrets {
    pub(crate) fn avoiding(taken: &[String], suffix: &str) -> Self {
        let stored: HashSet<String> = taken.iter().cloned().collect();
        let (taken, suffix) = (stored.clone(), suffix.to_owned());
        Self { stored, taken, suffix, ..Self::default() }
    }

    /// Keeps a key apart from the document, and returns the name that stands for it: `{{NAME}}`.
    /// The same key has one name, wherever it stands.
    pub(crate) fn add(
        &mut self,
        wanted: &str,
        value: &str,
        host: Option<&str>,
        place: &str,
    ) -> String {
        let index = self.found.iter().position(|known| known.value.0 == value);
        let index = index.unwrap_or_else(|| {
            let name = self.fresh(wanted);
            let (value, place) = (HiddenValue(value.to_owned()), place.to_owned());
            self.found.push(FoundSecret { name, value, hosts: Vec::new(), place });
            self.found.len() - 1
        });
        let secret = &mut self.found[index];
        if let Some(host) = host.filter(|host| !secret.hosts.iter().any(|known| known == host)) {
            secret.hosts.push(host.to_owned());
        }
        secret.name.clone()
    }

    pub(crate) fn is_stored(&self, name: &str) -> bool {
        self.stored.contains(name)
    }

    /// The name of a secret that is to be set by hand, and is stored nowhere. What is called the
    /// same has one name.
    pub(crate) fn unset(&mut self, wanted: &str) -> String {
        if let Some(name) = self.unset.get(wanted) {
            return name.clone();
        }
        let name = self.fresh(wanted);
        self.unset.insert(wanted.to_owned(), name.clone());
        name
    }

    /// Whether there is room for another one. A file with more holds something else.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= MAX_SECRETS
    }

    pub(crate) fn found(self) -> Vec<FoundSecret> {
        self.found
    }

    fn fresh(&mut self, wanted: &str) -> String {
        let base = format!("{}{}", secret_name(wanted), self.suffix);
        let numbered = (2..).map(|n| format!("{base}_{n}"));
        let mut candidates = std::iter::once(base.clone()).chain(numbered);
        let name = candidates.find(|name| !self.taken.contains(name)).unwrap_or(base);
        self.taken.insert(name.clone());
        name
    }
}

/// Capital letters, digits and `_`.
pub(crate) fn secret_name(text: &str) -> String {
    let mut name = String::new();
    for character in text.chars().take(4 * MAX_NAME) {
        match character {
            'a'..='z' | 'A'..='Z' => name.push(character.to_ascii_uppercase()),
            '0'..='9' if !name.is_empty() => name.push(character),
            _ if !name.is_empty() && !name.ends_with('_') => name.push('_'),
            _ => {}
        }
    }
    name.truncate(MAX_NAME);
    let name = name.trim_end_matches('_');
    if name.is_empty() { "IMPORTED_KEY".to_owned() } else { name.to_owned() }
}

/// Returns the parts of a text that are keys, by the name of their field (`api_key`,
/// `authorization`) or by their look (`sk-…`).
pub(crate) fn keys_in(field: &str, text: &str) -> Vec<String> {
    literal_key::keys_in(text, [field, "headers"])
}
