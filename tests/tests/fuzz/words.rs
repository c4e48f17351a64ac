//! Pieces from which targets build their values: words that mean something somewhere, and changes
//! of a text that was right.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Text that is special in YAML, JSON, templates, paths, headers or URLs.
pub(crate) const SPECIAL: &[&str] = &[
    "<",
    ">",
    "<<",
    "{{",
    "}}",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "\\",
    "/",
    ".",
    "..",
    ":",
    ": ",
    "- ",
    "#",
    "&a",
    "*a",
    "!!str",
    "!!binary",
    "|",
    ">-",
    "%",
    "@",
    "`",
    "\t",
    "\n",
    "\r\n",
    "\0",
    "\u{85}",
    "\u{2028}",
    "\u{2029}",
    "\u{feff}",
    "\u{202e}",
    "é",
    "ﬀ",
    "😀",
    "\\u0000",
    "\\ud800",
    "~",
    "null",
    "true",
    "yes",
    "0x10",
    "1e400",
    "-0",
    "9007199254740993",
    "1e308",
    ".inf",
    ".nan",
    "<api.x>",
    "<api.input>",
    "<say.content>",
    "<loop.item>",
    "<run.id>",
    "{{SECRET}}",
    "<nobody.x>",
    "<api[",
    "<api.x[0]>",
    "<api.x[99999999999999999999]>",
    "__proto__",
    "%2e%2e",
    "%00",
    "?",
    "&",
    "=",
    "+",
    ",",
    ";",
    "<?",
    "${x}",
    "$ref",
    "---",
    "...",
    "? ",
    "!ruby/object:x",
];

/// A text of special pieces and of any characters between them.
pub(crate) fn odd_text(pieces: usize) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => select(SPECIAL).prop_map(str::to_owned),
        2 => any::<char>().prop_map(String::from),
        2 => "[a-z0-9 ]{1,6}",
    ];
    prop::collection::vec(piece, 0..pieces).prop_map(|pieces| pieces.concat())
}

/// A change of a text, at a place that its length decides.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Insert(Index, String),
    Delete(Index, Index),
    Repeat(Index, Index, u8),
    Truncate(Index),
}

pub(crate) fn changes() -> impl Strategy<Value = Vec<Change>> {
    let index = || any::<Index>();
    let change = prop_oneof![
        4 => (index(), odd_text(3)).prop_map(|(at, text)| Change::Insert(at, text)),
        2 => (index(), index()).prop_map(|(from, to)| Change::Delete(from, to)),
        1 => (index(), index(), 1..4_u8).prop_map(|(from, to, n)| Change::Repeat(from, to, n)),
        1 => index().prop_map(Change::Truncate),
    ];
    prop::collection::vec(change, 0..5)
}

/// Applies the changes; a text never grows beyond some ten thousand bytes.
pub(crate) fn changed(text: &str, changes: &[Change]) -> String {
    const MAX_BYTES: usize = 40_000;
    let mut text = text.to_owned();
    for change in changes {
        match change {
            Change::Insert(at, piece) => text.insert_str(boundary(&text, at), piece),
            Change::Delete(from, to) => {
                let (from, to) = range(&text, from, to);
                text.replace_range(from..to, "");
            }
            Change::Repeat(from, to, n) => {
                let (from, to) = range(&text, from, to);
                let part = text[from..to].repeat(usize::from(*n));
                if text.len() + part.len() < MAX_BYTES {
                    text.insert_str(to, &part);
                }
            }
            Change::Truncate(at) => text.truncate(boundary(&text, at)),
        }
    }
    text
}

/// A short stretch of the text.
fn range(text: &str, from: &Index, to: &Index) -> (usize, usize) {
    let from = boundary(text, from);
    let mut to = (from + to.index(200)).min(text.len());
    while !text.is_char_boundary(to) {
        to -= 1;
    }
    (from, to.max(from))
}

fn boundary(text: &str, at: &Index) -> usize {
    let mut at = at.index(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
