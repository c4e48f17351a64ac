//! JavaScript, as far as an importer must know it: what is code and what is text.

use std::collections::HashSet;
use std::ops::Range;

use flowgate_engine::expr::reference::readable;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Code,
    /// In single or double quotes, with the quotes.
    String,
    /// A part of a template: from a backtick or `}` to a backtick or `${`, with these.
    Template,
    Regex,
    Comment,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub kind: Kind,
    pub range: Range<usize>,
}

/// Takes code apart. The tokens follow each other without a gap; code that stands together is one.
pub(crate) fn tokens(code: &str) -> Vec<Token> {
    let mut lexer = Lexer { code, at: 0, tokens: Vec::new(), braces: Vec::new(), no_regex_to: 0 };
    lexer.run();
    lexer.tokens
}

/// A string literal in which nothing is read as a reference or a secret.
pub(crate) fn string(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted
        .replace('<', "\\u003c")
        .replace("{{", "\\u007b\\u007b")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

/// Writes code so that nothing in it is read as a reference or a secret but `references`, which
/// stand in it with their brackets.
pub(crate) fn escaped(code: &str, references: &[&str]) -> String {
    let references: HashSet<&str> = references.iter().copied().collect();
    let is_reference = |range: &Range<usize>| {
        let inner = code[range.clone()].strip_prefix('<').and_then(|text| text.strip_suffix('>'));
        inner.is_some_and(|inner| references.contains(inner))
    };
    let found: Vec<Range<usize>> =
        readable(code).into_iter().filter(|range| !is_reference(range)).collect();
    if found.is_empty() {
        return code.to_owned();
    }
    let tokens = tokens(code);
    let mut written = String::new();
    let mut plain = 0;
    for range in found {
        let at = tokens.partition_point(|token| token.range.end <= range.start);
        let kind = tokens.get(at).map_or(Kind::Code, |token| token.kind);
        let is_text = matches!(kind, Kind::String | Kind::Template | Kind::Regex);
        written.push_str(&code[plain..range.start]);
        written.push_str(match (is_text, code.as_bytes()[range.start]) {
            (true, b'<') => "\\x3c",
            (true, _) => "\\x7b",
            (false, b'<') => "< ",
            (false, _) => "{ ",
        });
        plain = range.start + 1;
    }
    written.push_str(&code[plain..]);
    written
}

struct Lexer<'c> {
    code: &'c str,
    at: usize,
    tokens: Vec<Token>,
    /// The open braces; `true` for those of `${`.
    braces: Vec<bool>,
    /// Up to here, no regular expression ends: a line is searched once.
    no_regex_to: usize,
}

impl Lexer<'_> {
    fn run(&mut self) {
        while let Some(character) = self.rest().chars().next() {
            match character {
                '"' | '\'' => self.string(character),
                '`' => self.template(1),
                '/' if self.rest().starts_with("//") => {
                    let end = self.rest().find('\n').unwrap_or(self.rest().len());
                    self.push(Kind::Comment, end);
                }
                '/' if self.rest().starts_with("/*") => {
                    let end = self.rest()[2..].find("*/").map(|at| at + 4);
                    self.push(Kind::Comment, end.unwrap_or(self.rest().len()));
                }
                '/' if self.at >= self.no_regex_to && self.is_regex_next() => self.regex(),
                '}' if self.braces.pop() == Some(true) => self.template(1),
                '{' => {
                    self.braces.push(false);
                    self.push(Kind::Code, 1);
                }
                other => self.push(Kind::Code, other.len_utf8()),
            }
        }
    }

    fn rest(&self) -> &str {
        &self.code[self.at..]
    }

    fn push(&mut self, kind: Kind, length: usize) {
        let range = self.at..self.at + length;
        self.at = range.end;
        match self.tokens.last_mut() {
            Some(last) if kind == Kind::Code && last.kind == Kind::Code => {
                last.range.end = range.end
            }
            _ => self.tokens.push(Token { kind, range }),
        }
    }

    fn string(&mut self, quote: char) {
        let mut escaped = false;
        let end = self.rest().char_indices().skip(1).find(|(_, character)| {
            let ends = !escaped && (*character == quote || *character == '\n');
            escaped = !escaped && *character == '\\';
            ends
        });
        let length = end.map_or(self.rest().len(), |(at, _)| at + 1);
        self.push(Kind::String, length);
    }

    /// A part of a template, whose first character opens it.
    fn template(&mut self, opened: usize) {
        let mut at = opened;
        while let Some(step) = self.rest()[at..].find(['`', '\\', '$']) {
            at += step;
            match &self.rest()[at..] {
                rest if rest.starts_with('`') => return self.push(Kind::Template, at + 1),
                rest if rest.starts_with("${") => {
                    self.braces.push(true);
                    return self.push(Kind::Template, at + 2);
                }
                rest if rest.starts_with('\\') => {
                    at += 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
                }
                _ => at += 1,
            }
        }
        self.push(Kind::Template, self.rest().len());
    }

    fn regex(&mut self) {
        let (mut escaped, mut in_class) = (false, false);
        let end = self.rest().char_indices().skip(1).find(|(_, character)| {
            let ends = !escaped && !in_class && *character == '/' || *character == '\n';
            match character {
                '[' if !escaped => in_class = true,
                ']' if !escaped => in_class = false,
                _ => {}
            }
            escaped = !escaped && *character == '\\';
            ends
        });
        match end {
            Some((at, '/')) => self.push(Kind::Regex, at + 1),
            end => {
                self.no_regex_to = end.map_or(self.code.len(), |(at, _)| self.at + at);
                self.push(Kind::Code, 1);
            }
        }
    }

    /// Whether a slash begins a regular expression, by what stands before it.
    fn is_regex_next(&self) -> bool {
        let meaningful = self.tokens.iter().rev().find(|token| {
            token.kind != Kind::Comment && !self.code[token.range.clone()].trim_end().is_empty()
        });
        let Some(token) = meaningful else { return true };
        if token.kind != Kind::Code {
            return token.kind == Kind::Template && self.code[token.range.clone()].ends_with("${");
        }
        let before = self.code[token.range.clone()].trim_end();
        let word = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').next();
        match word.filter(|word| !word.is_empty()) {
            Some(word) => KEYWORDS.contains(&word),
            None => !before.ends_with([')', ']', '}']),
        }
    }
}

/// Words that a value may follow.
const KEYWORDS: [&str; 10] =
    ["return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "else"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_text_are_told_apart() {
        let check = |code: &str, expected: &[(Kind, &str)]| {
            let found: Vec<(Kind, &str)> =
                tokens(code).into_iter().map(|token| (token.kind, &code[token.range])).collect();
            assert_eq!(found, expected, "{code}");
        };
        use Kind::*;
        check("a / b / c", &[(Code, "a / b / c")]);
        check("f(/a[/]\\/b/g)", &[(Code, "f("), (Regex, "/a[/]\\/b/"), (Code, "g)")]);
        check("return /x/", &[(Code, "return "), (Regex, "/x/")]);
        check(
            "x = 'it\\'s' // é\n+1",
            &[(Code, "x = "), (String, "'it\\'s'"), (Code, " "), (Comment, "// é"), (Code, "\n+1")],
        );
        check(
            "`a${ {b: `c`} }d`",
            &[
                (Template, "`a${"),
                (Code, " {b: "),
                (Template, "`c`"),
                (Code, "} "),
                (Template, "}d`"),
            ],
        );
        check("/* \"", &[(Comment, "/* \"")]);
        check("'x", &[(String, "'x")]);
    }

    #[test]
    fn a_line_without_an_end_is_searched_once() {
        assert_eq!(tokens(&"=/[".repeat(1_000_000)).len(), 1);
        let kinds: Vec<Kind> = tokens("=/[=/[\n=/x/").into_iter().map(|token| token.kind).collect();
        assert_eq!(kinds, [Kind::Code, Kind::Regex]);
    }

    #[test]
    fn code_means_the_same_without_what_looks_like_a_reference() {
        let check = |code: &str, expected: &str| {
            let escaped = escaped(code, &["api.n"]);
            assert_eq!(escaped, expected, "{code}");
            let left = readable(&escaped);
            assert!(left.iter().all(|range| &escaped[range.clone()] == "<api.n>"), "{escaped}");
        };
        check("return <api.n> + '<x.y>'", "return <api.n> + '\\x3cx.y>'");
        check("if (a <b.c && d> e) {}", "if (a < b.c && d> e) {}");
        check("`{{NAME}} ${ {{A}} }`", "`\\x7b{NAME}} ${ { {A}} }`");
        check("/<a.b>/", "/\\x3ca.b>/");
        check("// <a.b>\n1", "// < a.b>\n1");
        assert_eq!(string("<a.b>\n{{C}}"), "\"\\u003ca.b>\\n\\u007b\\u007bC}}\"");
    }
}
