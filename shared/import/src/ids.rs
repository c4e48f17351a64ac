//! Ids and names of nodes: the source's own where our rules allow.

use std::collections::{HashMap, HashSet};

use flowgate_engine::compile::is_id;
use flowgate_engine::expr::reference::normalise;

/// Names that references read as something else.
const RESERVED: [&str; 5] = ["api", "variable", "output", "loop", "parallel"];
const RESERVED_WORKFLOWS: [&str; 3] = ["import", "invoke", "validate"];
const MAX_ID: usize = 64;
/// Leaves room for a number.
const MAX_SLUG: usize = 56;
const MAX_NAME: usize = 200;

/// The ids and names that are in use in one document, and which node a step of the source became.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    by_source: HashMap<String, String>,
    used: HashSet<String>,
    /// How nodes are called in references, by their ids.
    names: HashMap<String, String>,
}

impl Ids {
    /// Makes the id of a step: `wanted` if it can be one, else one that resembles it. The step is
    /// found by `source` from now on.
    pub(crate) fn claim(&mut self, source: &str, wanted: &str) -> String {
        let id = self.fresh(wanted);
        self.by_source.insert(source.to_owned(), id.clone());
        id
    }

    /// Makes an id for a node that the source has no step for.
    pub(crate) fn fresh(&mut self, wanted: &str) -> String {
        let base = if is_id(wanted) { wanted.to_owned() } else { slug(wanted) };
        let numbered = (2..).map(|n| format!("{}_{n}", cut(&base, MAX_SLUG)));
        let mut candidates = std::iter::once(base.clone()).chain(numbered);
        let is_free = |id: &String| {
            let id = normalise(id);
            !RESERVED.contains(&&*id) && !self.used.contains(&id)
        };
        let id = candidates.find(is_free).unwrap_or(base);
        self.used.insert(normalise(&id));
        id
    }

    /// Keeps the name of a node if no other node is called so. Returns whether it was kept.
    pub(crate) fn name(&mut self, id: &str, name: &str) -> bool {
        let plain = normalise(name);
        let is_own = plain == normalise(id);
        if plain.is_empty() || name.len() > MAX_NAME || RESERVED.contains(&&*plain) {
            return false;
        }
        if !is_own && !self.used.insert(plain.clone()) {
            return false;
        }
        if plain.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) && plain.len() < 100
        {
            self.names.insert(id.to_owned(), plain);
        }
        true
    }

    /// Returns the id of the node that a step of the source became.
    pub(crate) fn of(&self, source: &str) -> Option<&str> {
        self.by_source.get(source).map(String::as_str)
    }

    /// Returns what references call a node: its name if it can stand in one, else its id.
    pub(crate) fn spoken<'i>(&'i self, id: &'i str) -> &'i str {
        self.names.get(id).map_or(id, String::as_str)
    }
}

/// ASCII letters, digits and `_`, beginning with a letter or a digit.
pub(crate) fn slug(text: &str) -> String {
    let mut slug = String::new();
    for character in text.chars().take(4 * MAX_ID) {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' => slug.push(character.to_ascii_lowercase()),
            _ if !slug.is_empty() && !slug.ends_with('_') => slug.push('_'),
            _ => {}
        }
    }
    let slug = cut(slug.trim_end_matches('_'), MAX_SLUG).trim_end_matches('_');
    if slug.is_empty() { "node".to_owned() } else { slug.to_owned() }
}

/// Makes the id of a workflow: the source's own if it can be one, else one of its name.
pub(crate) fn workflow_id(wanted: &str, name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let is_usable = |id: &str| is_id(id) && !RESERVED_WORKFLOWS.contains(&id);
    let base = match is_usable(wanted) {
        true => wanted.to_owned(),
        false => match slug(if wanted.is_empty() { name } else { wanted }).replace('_', "-") {
            slug if slug == "node" || !is_usable(&slug) => "workflow".to_owned(),
            slug => slug,
        },
    };
    let numbered = (2..).map(|n| format!("{}-{n}", cut(&base, MAX_SLUG)));
    let mut candidates = std::iter::once(base.clone()).chain(numbered);
    candidates.find(|id| !is_taken(id)).unwrap_or(base)
}

fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}
