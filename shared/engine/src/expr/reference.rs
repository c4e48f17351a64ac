//! Finds `<node.path[0].x>` references and `{{NAME}}` secrets in the author's text, once, at
//! compile.
//!
//! Text that arrives through a reference is never scanned, so that no text of a caller or model
//! becomes a reference.

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
    /// Empty for what only resembles a reference: a bare `<word>` or an address such as
    /// `<joe@x.org>`.
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

/// Normalizes a name for comparison: lower case, without spaces and dots.
pub(crate) fn normalise(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace() && *c != '.').flat_map(char::to_lowercase).collect()
}

fn reference(text: &str, at: usize) -> Option<(Piece<'_>, usize)> {
    let window = &text.as_bytes()[at + 1..text.len().min(at + MAX_REFERENCE)];
    let end = window.iter().position(|byte| matches!(byte, b'<' | b'>' | b'\n' | b'"' | b'\''))?;
    if window[end] != b'>' {
        return None;
    }
    let inner = &text[at + 1..at + 1 + end];
    let source = &text[at..at + end + 2];
    let strict = inner.find(['.', '[']).and_then(|split| {
        let (node, path) = inner.split_at(split);
        is_node_name(node).then(|| parse_path(path)).flatten().map(|path| (node, path))
    });
    let (node, path) = match strict {
        Some(found) => found,
        None if resembles_reference(inner) => (inner, Vec::new()),
        None => return None,
    };
    Some((Piece::Reference(ReferenceText { source, node, path, at }), source.len()))
}

fn is_node_name(name: &str) -> bool {
    let starts = name.chars().next().is_some_and(|c| c.is_alphanumeric() || c == '_');
    starts
        && !name.ends_with(' ')
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' '))
}

/// `.name`, `[0]` and sequences of them.
pub(crate) fn parse_path(mut path: &str) -> Option<Vec<PathStep>> {
    let mut steps = Vec::new();
    while !path.is_empty() {
        if let Some(rest) = path.strip_prefix('[') {
            let (digits, rest) = rest.split_once(']')?;
            if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            steps.push(PathStep::Item(digits.parse().ok()?));
            path = rest;
        } else {
            let rest = path.strip_prefix('.')?;
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let name = &rest[..end];
            if name.is_empty()
                || !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'))
            {
                return None;
            }
            steps.push(PathStep::Field(name.to_owned()));
            path = &rest[end..];
        }
    }
    Some(steps)
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
    fn leaves_other_text_alone() {
        for text in [
            "a < b && c > d",
            "if (a <b.c && d> e)",
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
                "<x.>" | "<x..y>" | "<x[a]>" | "<x[]>" | "<x[99999999999999999999999]>"
            ) {
                check(text, &[&format!("like {}", &text[1..text.len() - 1])]);
            } else if !text.is_empty() {
                check(text, &[&format!("text {text}")]);
            }
        }
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
