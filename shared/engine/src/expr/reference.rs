//! Finds `<node.path[0]["x y"]>` references and `{{NAME}}` secrets in the author's text, once, at
//! compile.
//!
//! Text that arrives through a reference is never scanned, so that no text of a caller or model
//! becomes a reference.

use std::ops::Range;

/// A part of a field as the author wrote it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece<'a> {
    Text(&'a str),
    /// Has the form of a reference; whether it is one depends on the existing nodes.
    Reference(ReferenceText<'a>),
    Secret(&'a str),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReferenceText<'a> {
    /// With its angle brackets.
    pub source: &'a str,
    pub node: &'a str,
    /// Empty for what only resembles a reference: a bare `<word>`, an address such as
    /// `<joe@x.org>`, a path that cannot be read such as `<fetch.First Name>`. All of it is `node`.
    pub path: Vec<PathStep>,
    /// Where `source` begins in the field.
    pub at: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathStep {
    Field(String),
    Item(usize),
}

/// No node has a longer name, and no search for a closing `>` goes further.
const MAX_REFERENCE: usize = 256;

pub(crate) fn scan(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut plain, mut at) = (0, 0);
    while let Some(step) = text[at..].find(['<', '{']) {
        at += step;
        let found =
            if text.as_bytes()[at] == b'<' { reference(text, at) } else { secret(&text[at..]) };
        let Some((piece, length)) = found else {
            at += 1;
            continue;
        };
        if plain < at {
            pieces.push(Piece::Text(&text[plain..at]));
        }
        pieces.push(piece);
        at += length;
        plain = at;
    }
    if plain < text.len() {
        pieces.push(Piece::Text(&text[plain..]));
    }
    pieces
}

/// Returns the parts of a text that a field would read as a secret or a reference, or take for a
/// mistake in one. A text without any means itself.
pub fn readable(text: &str) -> Vec<Range<usize>> {
    let mut at = 0;
    let mut found = Vec::new();
    for piece in scan(text) {
        let (length, is_read) = match piece {
            Piece::Text(text) => (text.len(), false),
            Piece::Secret(name) => (name.len() + 4, true),
            Piece::Reference(reference) => {
                let is_word = reference.path.is_empty() && !reference.node.contains(['.', '[']);
                (reference.source.len(), !is_word)
            }
        };
        if is_read {
            found.push(at..at + length);
        }
        at += length;
    }
    found
}

/// Normalizes a name for comparison: lower case, without spaces and dots.
pub fn normalise(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace() && *c != '.').flat_map(char::to_lowercase).collect()
}

fn reference(text: &str, at: usize) -> Option<(Piece<'_>, usize)> {
    let end = text.floor_char_boundary(at + MAX_REFERENCE);
    let window = &text[at + 1..end];
    let (node, path, length) = exact(window).or_else(|| near(window))?;
    let source = &text[at..at + 1 + length];
    Some((Piece::Reference(ReferenceText { source, node, path, at }), source.len()))
}

type Found<'a> = (&'a str, Vec<PathStep>, usize);

/// A reference as it must be written, and its length with the closing `>`.
fn exact(text: &str) -> Option<Found<'_>> {
    let (node, mut rest) = text.split_at(text.find(['.', '[', '<', '>', '\n', '"', '\''])?);
    if !is_node_name(node) {
        return None;
    }
    let mut path = Vec::new();
    while !rest.starts_with('>') {
        let (step, after) = step(rest)?;
        path.push(step);
        rest = after;
    }
    (!path.is_empty()).then(|| (node, path, text.len() - rest.len() + 1))
}

/// What only resembles a reference: a bare word, an address, or a name with a path that cannot be
/// read.
fn near(text: &str) -> Option<Found<'_>> {
    let end = text.find(['<', '>', '\n', '{'])?;
    let inner = &text[..end];
    let is_near =
        text[end..].starts_with('>') && (resembles_reference(inner) || begins_with_name(inner));
    is_near.then(|| (inner, Vec::new(), end + 1))
}

fn is_node_name(name: &str) -> bool {
    let starts = name.chars().next().is_some_and(|c| c.is_alphanumeric() || c == '_');
    starts
        && !name.ends_with(' ')
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' '))
}

/// `.name`, `[0]`, `["any name"]` and sequences of them.
pub fn parse_path(mut path: &str) -> Option<Vec<PathStep>> {
    let mut steps = Vec::new();
    while !path.is_empty() {
        let (next, rest) = step(path)?;
        steps.push(next);
        path = rest;
    }
    Some(steps)
}

/// Takes `.name`, `[0]`, `["any name"]` or `['any name']` from the text.
fn step(text: &str) -> Option<(PathStep, &str)> {
    if let Some(rest) = text.strip_prefix('.') {
        let end = rest.find(|c| !is_of_identifier(c)).unwrap_or(rest.len());
        return (end > 0).then(|| (PathStep::Field(rest[..end].to_owned()), &rest[end..]));
    }
    let rest = text.strip_prefix('[')?;
    if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let (name, rest) = quoted(&rest[1..], quote)?;
        return Some((PathStep::Field(name), rest.strip_prefix(']')?));
    }
    let (digits, rest) = rest.split_once(']')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((PathStep::Item(digits.parse().ok()?), rest))
}

/// Takes text up to its closing quote. `\"`, `\'` and `\\` stand for the second character.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\n' => return None,
            '\\' => {
                let (_, escaped) = characters.next()?;
                name.push(Some(escaped).filter(|c| matches!(c, '"' | '\'' | '\\'))?);
            }
            _ if character == quote => return Some((name, &text[at + 1..])),
            _ => name.push(character),
        }
    }
    None
}

fn is_of_identifier(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '$')
}

/// Writes a step as authors write it: `.name` if it can be, else `["any name"]`.
pub fn push_step(text: &mut String, step: &PathStep) {
    match step {
        PathStep::Item(index) => text.push_str(&format!("[{index}]")),
        PathStep::Field(name) if !name.is_empty() && name.chars().all(is_of_identifier) => {
            text.push('.');
            text.push_str(name);
        }
        PathStep::Field(name) => {
            let name = name.replace('\\', "\\\\").replace('"', "\\\"");
            text.push_str(&format!("[\"{name}\"]"));
        }
    }
}

/// Reads a path that is not written as it must be: what it most likely means.
pub(crate) fn loose_path(mut text: &str) -> Vec<PathStep> {
    let mut path = Vec::new();
    while !text.is_empty() {
        if let Some((exact, rest)) = step(text)
            && (rest.is_empty() || rest.starts_with(['.', '[']))
        {
            path.push(exact);
            text = rest;
            continue;
        }
        let in_brackets = text.starts_with('[');
        let rest = &text[1..];
        let end = match in_brackets {
            true => rest.find(']').unwrap_or(rest.len()),
            false => rest.find(['.', '[']).unwrap_or(rest.len()),
        };
        let name = rest[..end].trim_matches(|c: char| c.is_whitespace() || "\"'[]".contains(c));
        if !name.is_empty() {
            path.push(PathStep::Field(name.to_owned()));
        }
        let rest = &rest[end..];
        text = &rest[rest.find(['.', '[']).unwrap_or(rest.len())..];
    }
    path
}

/// Returns whether a node could be meant, by the text before the first `.` or `[`.
fn begins_with_name(inner: &str) -> bool {
    inner.find(['.', '[']).is_some_and(|split| is_node_name(inner[..split].trim_end()))
}

/// Returns whether the text is a bare word or an address, which is always left as it is, but worth
/// a warning if it resembles something that exists.
fn resembles_reference(inner: &str) -> bool {
    let starts = inner.chars().next().is_some_and(char::is_alphanumeric);
    starts
        && inner
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '@' | '+' | '[' | ']'))
}

/// Returns whether code can hardly mean anything but a reference by it: in `a <b.c && d> e` the
/// brackets are comparisons.
pub(crate) fn is_near_in_code(inner: &str) -> bool {
    let is_of_path = |c: char| is_of_identifier(c) || " .[]\"'@".contains(c);
    let is_operator = |word: &str| matches!(word, "in" | "instanceof" | "of" | "as" | "-");
    inner.contains(['.', '['])
        && inner.chars().all(is_of_path)
        && !inner.split([' ', '.', '[', ']']).any(is_operator)
}

fn secret(text: &str) -> Option<(Piece<'_>, usize)> {
    let inner = text.strip_prefix("{{")?;
    let end = inner.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))?;
    let name = &inner[..end];
    let valid = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && inner[end..].starts_with("}}");
    valid.then(|| (Piece::Secret(name), end + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let shown: Vec<String> = scan(text)
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) => format!("text {text}"),
                Piece::Secret(name) => format!("secret {name}"),
                Piece::Reference(found) if found.path.is_empty() => format!("like {}", found.node),
                Piece::Reference(found) => {
                    assert_eq!(&text[found.at..found.at + found.source.len()], found.source);
                    let path: String = found
                        .path
                        .iter()
                        .map(|step| match step {
                            PathStep::Field(name) => format!("/{name}"),
                            PathStep::Item(index) => format!("/#{index}"),
                        })
                        .collect();
                    format!("ref {}{path}", found.node)
                }
            })
            .collect();
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn finds_references_and_secrets() {
        check("", &[]);
        check("<draft.content>", &["ref draft/content"]);
        check("a <x.y[0][12].z> b", &["text a ", "ref x/y/#0/#12/z", "text  b"]);
        check("<loop.results[3]>", &["ref loop/results/#3"]);
        check("<My Agent.content>", &["ref My Agent/content"]);
        check("<größe.länge>", &["ref größe/länge"]);
        check("<x[0]>", &["ref x/#0"]);
        check("Bearer {{TOKEN_1}}!", &["text Bearer ", "secret TOKEN_1", "text !"]);
        check("{{A}}{{_b}}", &["secret A", "secret _b"]);
        check("<a.b><c.d>", &["ref a/b", "ref c/d"]);
        check("<<a.b>>", &["text <", "ref a/b", "text >"]);
        check("{{{A}}}", &["text {", "secret A", "text }"]);
    }

    #[test]
    fn steps_that_are_no_identifiers_are_quoted() {
        check(r#"<fetch.data["First Name"]>"#, &["ref fetch/data/First Name"]);
        check(r#"a<x["@id"][0].y['z z'].w>b"#, &["text a", "ref x/@id/#0/y/z z/w", "text b"]);
        check(r#"<x["a\"b\\c\'d"]>"#, &[r#"ref x/a"b\c'd"#]);
        check("<x['it\\'s']>", &["ref x/it's"]);
        check(r#"<x["a > b < c {{D}}"]> {{E}}"#, &["ref x/a > b < c {{D}}", "text  ", "secret E"]);
        check(r#"<x[""]><x["é😀"]>"#, &["ref x/", "ref x/é😀"]);
        for text in [
            r#"<x["a]>"#,
            r#"<x["a"b]>"#,
            r#"<x["a\nb"]>"#,
            r#"<x.["a"]>"#,
            r#"<x["a"].>"#,
            "<x['a\"]>",
        ] {
            check(text, &[&format!("like {}", &text[1..text.len() - 1])]);
        }
        check("<x[\"a\nb\"]>", &["text <x[\"a\nb\"]>"]);
        let long = "a".repeat(250);
        check(&format!("<x['{long}']>"), &[&format!("text <x['{long}']>")]);
    }

    #[test]
    fn what_is_not_written_as_it_must_be_is_read_loosely() {
        let check = |path: &str, expected: &str| {
            let mut right = String::new();
            loose_path(path).iter().for_each(|step| push_step(&mut right, step));
            assert_eq!(right, expected, "{path}");
        };
        check(".data.First Name", ".data[\"First Name\"]");
        check(".data[First Name][0].x", ".data[\"First Name\"][0].x");
        check(".data.@id ", ".data[\"@id\"]");
        check("..a.", ".a");
        check(".[\"a\"].b", ".a.b");
        check("[\"a]", ".a");
        check("[a\\]", "[\"a\\\\\"]");
        check(".", "");
        check("[", "");
        check("[99999999999999999999999]", ".99999999999999999999999");
    }

    #[test]
    fn readable_parts_are_what_no_text_may_hold_by_chance() {
        let check = |text: &str, expected: &[&str]| {
            let found: Vec<&str> = readable(text).into_iter().map(|range| &text[range]).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("Hello <b>you</b> {{ x }} a < b", &[]);
        check("é {{KEY}} <x.y> <x.First Name>", &["{{KEY}}", "<x.y>", "<x.First Name>"]);
        check("{{{A}}} <joe@x.org>", &["{{A}}", "<joe@x.org>"]);
    }

    #[test]
    fn leaves_other_text_alone() {
        for text in [
            "a < b && c > d",
            "{{1A}}",
            "{{ A }}",
            "{{A}",
            "{{",
            "<",
            ">",
            "<>",
            "<.x>",
            "<x.>",
            "<x..y>",
            "<x.y",
            "<x[a]>",
            "<x[]>",
            "</div>",
            "<a href=\"x.y\">",
            "<p class='a.b'>",
            "<x.y\n>",
            "< x.y>",
            "<x .y>",
            "😀<😀>",
            "<x[99999999999999999999999]>",
            "{\"a\": {\"b\": 1}}",
        ] {
            if matches!(
                text,
                "<x.>" | "<x..y>" | "<x[a]>" | "<x[]>" | "<x[99999999999999999999999]>" | "<x .y>"
            ) {
                check(text, &[&format!("like {}", &text[1..text.len() - 1])]);
            } else if !text.is_empty() {
                check(text, &[&format!("text {text}")]);
            }
        }
        check("if (a <b.c && d> e)", &["text if (a ", "like b.c && d", "text  e)"]);
        check("<joe@x.org>", &["like joe@x.org"]);
        check("<br>", &["like br"]);
        check(&format!("<{}.x>", "a".repeat(300)), &[&format!("text <{}.x>", "a".repeat(300))]);
    }

    #[test]
    fn long_text_of_brackets_is_quick() {
        let text = "<".repeat(1 << 20);
        assert_eq!(scan(&text).len(), 1);
        let text = "{".repeat(1 << 20);
        assert_eq!(scan(&text).len(), 1);
    }

    #[test]
    fn names_are_compared_without_case_spaces_and_dots() {
        assert_eq!(normalise("My Agent v1.2"), "myagentv12");
        assert_eq!(normalise("ÄRGER"), "ärger");
    }
}
