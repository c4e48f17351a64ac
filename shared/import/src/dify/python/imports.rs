//! The imports of a piece of Python: what they bind, and what they become where a module is
//! lacking.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::modules::{leads_to_one, that_has};

/// The modules that are there.
const MODULES: [&str; 11] = [
    "json",
    "re",
    "math",
    "datetime",
    "base64",
    "collections",
    "itertools",
    "functools",
    "dataclasses",
    "typing",
    "asyncio",
];

/// What one name stands for after an import.
struct Binding<'c> {
    name: &'c str,
    path: String,
    /// The import without its other names.
    line: String,
}

/// The imports of one piece of code, line by line.
pub(super) struct Imports<'c> {
    /// How the code goes on where it names something: `time.sleep` for `time`.
    uses: HashMap<&'c str, BTreeSet<&'c str>>,
    seen: HashSet<(String, String)>,
    /// The written modules that it needs.
    pub(super) needed: Vec<&'static str>,
}

impl<'c> Imports<'c> {
    /// Of code without its texts, apart from those that hold expressions.
    pub(super) fn of(bare: &'c str) -> Self {
        let mut uses: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        for line in bare.lines().filter(|line| !is_import(line.trim())) {
            for chain in chains(line) {
                uses.entry(top(chain)).or_default().insert(chain);
            }
        }
        Self { uses, seen: HashSet::new(), needed: Vec::new() }
    }

    /// What stands in the place of a line that imports: nothing else, as far as its modules are
    /// there, or assignments. `Err` if it needs what nobody has.
    pub(super) fn replaced(&mut self, line: &str) -> Result<Option<String>, ()> {
        if !is_import(line) {
            return Ok(None);
        }
        if line.starts_with("from __future__ ") {
            return Ok(Some("pass".to_owned()));
        }
        let bindings = bindings(line);
        if bindings.iter().all(|binding| is_there(&binding.path)) {
            return Ok(None);
        }
        let mut statements = Vec::new();
        for binding in bindings {
            let is_used = self.uses.contains_key(binding.name) || !is_word(binding.name);
            if is_there(&binding.path) {
                statements.push(binding.line);
            } else if is_used {
                self.need(&binding)?;
                statements.push(format!("{} = _{}", binding.name, binding.path));
            }
        }
        match statements.is_empty() {
            true => Ok(Some("pass".to_owned())),
            false => Ok(Some(statements.join("; "))),
        }
    }

    /// Notes the written modules that the uses of a name need, if they have all of it.
    fn need(&mut self, binding: &Binding<'_>) -> Result<(), ()> {
        if !self.seen.insert((binding.name.to_owned(), binding.path.clone())) {
            return Ok(());
        }
        let own = that_has(&binding.path);
        if own.is_none() && !leads_to_one(&binding.path) {
            return Err(());
        }
        self.needed.extend(own.map(|module| module.name));
        for chain in self.uses.get(binding.name).into_iter().flatten() {
            let rest = &chain[binding.name.len()..];
            match that_has(&format!("{}{rest}", binding.path)) {
                Some(module) if self.needed.contains(&module.name) => {}
                Some(module) => self.needed.push(module.name),
                // A variable of the same name.
                None if rest.is_empty() => {}
                None => return Err(()),
            }
        }
        Ok(())
    }
}

fn is_import(line: &str) -> bool {
    line.starts_with("import ") || line.starts_with("from ") && line.contains(" import ")
}

fn is_there(path: &str) -> bool {
    MODULES.contains(&top(path))
}

fn bindings(line: &str) -> Vec<Binding<'_>> {
    if let Some(rest) = line.strip_prefix("import ") {
        return rest.split(',').map(|part| of_import(part.trim())).collect();
    }
    let Some((module, names)) = line.strip_prefix("from ").and_then(|it| it.split_once(" import "))
    else {
        return Vec::new();
    };
    let module = module.trim();
    names.split(',').map(|part| of_from(module, part.trim())).collect()
}

fn of_import(part: &str) -> Binding<'_> {
    let line = format!("import {part}");
    match part.split_once(" as ") {
        Some((path, name)) => Binding { name: name.trim(), path: path.trim().to_owned(), line },
        None => Binding { name: top(part), path: top(part).to_owned(), line },
    }
}

fn of_from<'c>(module: &str, part: &'c str) -> Binding<'c> {
    let (member, name) = part.split_once(" as ").unwrap_or((part, part));
    let path = format!("{module}.{}", member.trim());
    Binding { name: name.trim(), path, line: format!("from {module} import {part}") }
}

pub(super) fn top(path: &str) -> &str {
    path.split('.').next().unwrap_or(path).trim()
}

/// The names in a line with what follows them after points: `time.sleep`.
fn chains(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !is_of_word(c) && c != '.')
        .filter(|chain| chain.starts_with(is_of_word))
        .map(|chain| chain.trim_end_matches('.'))
}

pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_of_word)
}

pub(super) fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
