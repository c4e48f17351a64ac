//! Python, as far as the importer must know it: what our Python lacks, and how code is written so
//! that nothing in it is read as a reference.

mod idioms;
mod imports;
mod modules;
mod source;

use flowgate_engine::expr::reference::readable;

use imports::{Imports, is_of_word};
use source::{without_plain_texts, without_texts};

/// Code that our Python can run.
pub(super) struct Python {
    code: String,
    modules: Vec<&'static modules::Module>,
}

/// Returns what a piece of code needs that is not there, with its line.
pub(super) fn obstacle(code: &str) -> Option<String> {
    Python::read(code).err()
}

impl Python {
    /// Writes code in words that our Python has, or says what it needs that is not there.
    pub(super) fn read(code: &str) -> Result<Self, String> {
        let mut needed = Vec::new();
        let code = idioms::reworded(code, &mut needed);
        let bare = without_texts(&code);
        let is_pause = |line: &str| line.starts_with("time.sleep(") && line.ends_with(')');
        let named = without_plain_texts(&code);
        let busy = named.lines().filter(|line| !is_pause(line.trim()));
        let busy = busy.collect::<Vec<_>>().join("\n");
        let mut imports = Imports::of(&busy);
        let mut lines = Vec::new();
        for (at, (line, bare)) in code.lines().zip(bare.lines()).enumerate() {
            let why = |why: &str| format!("line {} of its code {why}: `{}`", at + 1, line.trim());
            let new = match is_pause(bare.trim()) {
                // The clock of a run stands still.
                true => Some("pass".to_owned()),
                false => imports
                    .replaced(bare.trim())
                    .map_err(|()| why("needs a module that is not there"))?,
            };
            if let Some(lack) = missing(bare.trim()).or_else(|| formats(line, bare)) {
                return Err(why(lack));
            }
            let indent = &line[..line.len() - line.trim_start().len()];
            lines.push(new.map_or_else(|| line.to_owned(), |new| format!("{indent}{new}")));
        }
        if code.ends_with('\n') {
            lines.push(String::new());
        }
        let code = without_references(&lines.join("\n"));
        needed.append(&mut imports.needed);
        Ok(Self { code, modules: modules::sources(&needed) })
    }

    /// Whether it needs a text that is random in each run.
    pub(super) fn needs_seed(&self) -> bool {
        self.modules.iter().any(|module| module.needs_seed())
    }

    /// The names of the modules that are written before the code.
    pub(super) fn modules(&self) -> Vec<&'static str> {
        self.modules.iter().map(|module| module.name).filter(|name| !name.contains('+')).collect()
    }

    /// The code with what it needs before it; the seed is an expression.
    pub(super) fn written(&self, seed: &str) -> String {
        let mut written = String::new();
        for module in &self.modules {
            written.push_str(&module.source.replace(modules::SEED, seed));
            written.push_str("\n\n\n");
        }
        written.push_str(&self.code);
        written
    }
}

/// Writes code so that nothing in it is read as a reference or a secret.
fn without_references(code: &str) -> String {
    let found = readable(code);
    if found.is_empty() {
        return code.to_owned();
    }
    let bare = without_texts(code);
    let (mut written, mut plain) = (String::new(), 0);
    for range in found {
        let is_code = bare.as_bytes().get(range.start) == code.as_bytes().get(range.start);
        written.push_str(&code[plain..range.start]);
        written.push_str(match (is_code, code.as_bytes()[range.start]) {
            (true, b'<') => "< ",
            (true, _) => "{ ",
            (false, b'<') => "\\x3c",
            (false, _) => "\\x7b",
        });
        plain = range.start + 1;
    }
    written.push_str(&code[plain..]);
    written
}

/// Functions that are not there.
const CALLS: [&str; 13] = [
    "open(",
    "exec(",
    "eval(",
    "__import__(",
    "globals(",
    "input(",
    "callable(",
    "locals(",
    "dir(",
    "vars(",
    "super(",
    "complex(",
    "issubclass(",
];
/// Methods that are not there.
const METHODS: [&str; 16] = [
    ".isprintable(",
    ".maketrans(",
    ".timetuple(",
    ".astimezone(",
    ".isocalendar(",
    ".utcoffset(",
    ".toordinal(",
    ".bit_length(",
    ".to_bytes(",
    ".from_bytes(",
    ".sub(lambda",
    "datetime.combine(",
    "datetime.min",
    "datetime.max",
    "itertools.product(",
    "itertools.combinations(",
];

/// What a line without its texts needs that is not there.
fn missing(line: &str) -> Option<&'static str> {
    let begins = |word: &str| line.starts_with(word);
    if begins("yield") || line.contains("= yield") {
        return Some("yields, which is not supported");
    }
    if begins("del ") || begins("match ") && line.ends_with(':') {
        return Some("is a statement that is not supported");
    }
    if ["@staticmethod", "@classmethod", "@property"].contains(&line) {
        return Some("is a decorator that is not supported");
    }
    let base =
        line.strip_prefix("class ").and_then(|rest| rest.split_once('(')).map(|(_, base)| base);
    if base.is_some_and(|base| !base.starts_with(')')) {
        return Some("inherits, which is not supported");
    }
    let has_more = line.contains("json.dumps(") && line.contains("default=")
        || line.contains("json.loads(") && line.contains("strict=");
    let is_lacking = has_more
        || CALLS.into_iter().any(|call| called(line, call))
        || METHODS.into_iter().any(|method| named(line, method));
    is_lacking.then_some("calls what is not there")
}

/// `"%d" % n`, the old way to format.
fn formats(line: &str, bare: &str) -> Option<&'static str> {
    let is_one =
        |at: usize| bare.as_bytes()[at] == b'%' && line[..at].trim_end().ends_with(['"', '\'']);
    (0..bare.len()).any(is_one).then_some("formats with `%`, which is not supported")
}

/// Whether a line has this, and not as the beginning of a longer word.
fn named(line: &str, name: &str) -> bool {
    let after = |at: usize| line[at + name.len()..].chars().next();
    let mut places = line.match_indices(name);
    name.ends_with('(') && places.next().is_some()
        || places.any(|(at, _)| after(at).is_none_or(|c| !is_of_word(c)))
}

fn called(line: &str, call: &str) -> bool {
    let before = |at: usize| line[..at].chars().next_back();
    line.match_indices(call).any(|(at, _)| before(at).is_none_or(|c| !is_of_word(c) && c != '.'))
}

#[cfg(test)]
mod tests;
