//! What people write that our Python does not have, in other words that mean the same.

use super::imports::is_of_word;
use super::source::{item_length, without_texts};

/// How long the pattern of a replacement may be.
const MAX_PATTERN: usize = 4_000;

/// The code in words that our Python has; the functions that it needs go to `needed`.
pub(super) fn reworded(code: &str, needed: &mut Vec<&'static str>) -> String {
    let code = code.replace("\r\n", "\n");
    let code = each(&code, ".utcnow()", |_, _, at| Some(Change::at(at, ".now()")));
    let code = calls(&code, ".fromtimestamp(", "+fromtimestamp", needed);
    let code = calls(&code, ".utcfromtimestamp(", "+fromtimestamp", needed);
    let code = methods(&code, ".isprintable()", "+isprintable", needed);
    let code = each(&code, "str.", unbound);
    let code = each(&code, "re.sub(", |code, bare, at| {
        let window = &bare[at.end..bare.floor_char_boundary(at.end + MAX_PATTERN)];
        let begin = at.end + item_length(window) + 1;
        let replacement = code.get(begin..)?.trim_start();
        let prefix = replacement.find(|c: char| !"rRfFbBuU".contains(c))?;
        let is_text = replacement[prefix..].starts_with(['"', '\'']);
        if is_text {
            return None;
        }
        needed.push("+sub");
        Some(Change::at(at, "_sub("))
    });
    let bare = without_texts(&code);
    let lines = code.split('\n').zip(bare.split('\n')).map(|(line, bare)| {
        assigned(line, bare).or_else(|| deleted(line, bare)).unwrap_or_else(|| line.to_owned())
    });
    lines.collect::<Vec<_>>().join("\n")
}

struct Place {
    start: usize,
    end: usize,
}

struct Change {
    start: usize,
    end: usize,
    by: String,
}

impl Change {
    fn at(place: &Place, by: &str) -> Self {
        Self { start: place.start, end: place.end, by: by.to_owned() }
    }
}

/// Changes the places where something is code, and no part of a longer word.
fn each(
    code: &str,
    wanted: &str,
    mut change: impl FnMut(&str, &str, &Place) -> Option<Change>,
) -> String {
    if !code.contains(wanted) {
        return code.to_owned();
    }
    let bare = without_texts(code);
    let (mut made, mut done) = (String::new(), 0);
    for (start, _) in bare.match_indices(wanted) {
        let before = bare[..start].chars().next_back();
        let is_apart = wanted.starts_with('.') || before.is_none_or(|c| !is_of_word(c) && c != '.');
        if !is_apart || start < done {
            continue;
        }
        let place = Place { start, end: start + wanted.len() };
        let Some(change) = change(code, &bare, &place).filter(|change| change.start >= done) else {
            continue;
        };
        made.push_str(&code[done..change.start]);
        made.push_str(&change.by);
        done = change.end;
    }
    made.push_str(&code[done..]);
    made
}

/// The names with points between them that stand before a place.
fn owner(bare: &str, at: usize) -> &str {
    let is_of_path = |c: char| is_of_word(c) || c == '.';
    let begin = bare[..at].rfind(|c: char| !is_of_path(c));
    let begin =
        begin.map_or(0, |begin| begin + bare[begin..].chars().next().map_or(1, char::len_utf8));
    &bare[begin..at]
}

/// `datetime.fromtimestamp(` as a call of our function.
fn calls(code: &str, wanted: &str, by: &'static str, needed: &mut Vec<&'static str>) -> String {
    each(code, wanted, |_, bare, at| {
        let owner = owner(bare, at.start);
        if owner.is_empty() {
            return None;
        }
        needed.push(by);
        Some(Change { start: at.start - owner.len(), end: at.end, by: format!("_{}(", &by[1..]) })
    })
}

/// `name.isprintable()` as a call of our function with the name.
fn methods(code: &str, wanted: &str, by: &'static str, needed: &mut Vec<&'static str>) -> String {
    each(code, wanted, |_, bare, at| {
        let owner = owner(bare, at.start);
        let is_name = !owner.is_empty() && !owner.starts_with('.');
        if !is_name {
            return None;
        }
        needed.push(by);
        let by = format!("_{}({owner})", &by[1..]);
        Some(Change { start: at.start - owner.len(), end: at.end, by })
    })
}

/// `str.strip`, passed on as a function.
fn unbound(_: &str, bare: &str, at: &Place) -> Option<Change> {
    let rest = &bare[at.end..];
    let length = rest.find(|c: char| !is_of_word(c)).unwrap_or(rest.len());
    let is_passed = rest[length..].trim_start().starts_with([',', ')']);
    let by = format!("(lambda text: text.{}())", &rest[..length]);
    (is_passed && length > 0).then_some(Change { start: at.start, end: at.end + length, by })
}

/// `a[i], a[j] = a[j], a[i]`: our Python only takes a list apart into names.
fn assigned(line: &str, bare: &str) -> Option<String> {
    let (left, right) = bare.split_once(" = ")?;
    let (targets, indent) = (&line[..left.len()], line.len() - line.trim_start().len());
    let mut parts = Vec::new();
    let mut at = indent;
    while at < targets.len() {
        let end = at + item_length(&left[at..]);
        parts.push(targets[at..end].trim());
        at = end + 1;
    }
    let is_target = |part: &&str| part.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let is_plain = parts.len() > 1
        && parts.iter().all(is_target)
        && parts.iter().any(|part| part.contains(['[', '.']))
        && is_whole(right);
    if !is_plain {
        return None;
    }
    let names: Vec<String> = (0..parts.len()).map(|at| format!("_part_{at}")).collect();
    let (indent, value) = (&line[..indent], &line[left.len() + 3..]);
    let mut made = format!("{indent}{} = {value}", names.join(", "));
    for (part, name) in parts.iter().zip(&names) {
        made.push_str(&format!("\n{indent}{part} = {name}"));
    }
    Some(made)
}

/// `del items[at]`, which is a statement that our Python lacks.
fn deleted(line: &str, bare: &str) -> Option<String> {
    let end = bare.trim_end().len();
    let indent = line.len() - line.trim_start().len();
    let target = bare[..end].trim_start().strip_prefix("del ")?;
    let begin = end - target.len();
    let is_single = item_length(target) == target.len() && is_whole(target);
    if is_single && target.chars().all(is_of_word) {
        return Some(format!("{}{target} = None", &line[..indent]));
    }
    let open = target.rfind('[')?;
    let key = target[open + 1..].strip_suffix(']')?;
    let is_plain = is_single && !key.contains([']', ':']) && open > 0;
    let (items, key) = (&line[begin..begin + open], &line[begin + open + 1..end - 1]);
    is_plain.then(|| format!("{}{items}.pop({key})", &line[..indent]))
}

/// Whether brackets that are opened here are closed here, too.
fn is_whole(bare: &str) -> bool {
    let count = |signs: [char; 3]| bare.matches(signs).count();
    count(['(', '[', '{']) == count([')', ']', '}']) && !bare.trim_end().ends_with('\\')
}
