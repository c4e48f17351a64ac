//! JavaScript in tokens: enough to find references and the end of an expression.

use std::ops::Range;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Number,
    /// With its quotes; of a template literal, each stretch of text between the `${…}`.
    Text,
    Pattern,
    Comment,
    Sign,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    pub at: Range<usize>,
}

/// Reads as much of the code as `ends_before` allows: it is asked before each sign outside of all
/// brackets. Returns the tokens, and where the reading ended.
pub(super) fn read(code: &str, ends_before: impl Fn(&str) -> bool) -> (Vec<Token>, usize) {
    let mut lexer = Lexer { code, at: 0, tokens: Vec::new(), open: Vec::new(), no_pattern_to: 0 };
    while let Some(next) = lexer.code[lexer.at..].chars().next() {
        if lexer.open.is_empty() && ends_before(&lexer.code[lexer.at..]) {
            break;
        }
        lexer.step(next);
    }
    (lexer.tokens, lexer.at)
}

pub(super) fn tokens(code: &str) -> Vec<Token> {
    read(code, |_| false).0
}

struct Lexer<'a> {
    code: &'a str,
    at: usize,
    tokens: Vec<Token>,
    /// The brackets that are open; `$` for the `${` of a template literal.
    open: Vec<char>,
    /// Up to here, no regular expression ends: a stretch is searched once.
    no_pattern_to: usize,
}

impl Lexer<'_> {
    fn step(&mut self, next: char) {
        let rest = &self.code[self.at..];
        match next {
            c if c.is_whitespace() => self.at += c.len_utf8(),
            c if is_of_word(c) && !c.is_ascii_digit() => self.take(Kind::Word, word_length(rest)),
            c if c.is_ascii_digit() => self.take(Kind::Number, number_length(rest)),
            '"' | '\'' => self.take(Kind::Text, text_length(rest, next)),
            '`' => self.template(1),
            '/' if rest.starts_with("//") => {
                self.take(Kind::Comment, rest.find('\n').unwrap_or(rest.len()))
            }
            '/' if rest.starts_with("/*") => {
                self.take(Kind::Comment, rest.find("*/").map_or(rest.len(), |end| end + 2))
            }
            '/' if self.at >= self.no_pattern_to && self.pattern_may_begin() => self.pattern(),
            '}' if self.open.last() == Some(&'$') => {
                self.open.pop();
                self.template(1);
            }
            _ => self.sign(next),
        }
    }

    fn pattern(&mut self) {
        match pattern_length(&self.code[self.at..]) {
            Ok(length) => self.take(Kind::Pattern, length),
            Err(searched) => {
                self.no_pattern_to = self.at + searched;
                self.take(Kind::Sign, 1);
            }
        }
    }

    fn take(&mut self, kind: Kind, length: usize) {
        self.tokens.push(Token { kind, at: self.at..self.at + length });
        self.at += length;
    }

    fn sign(&mut self, sign: char) {
        match sign {
            '(' | '[' | '{' => self.open.push(sign),
            ')' | ']' | '}' => {
                self.open.pop();
            }
            _ => {}
        }
        let length = if self.code[self.at..].starts_with("?.") { 2 } else { sign.len_utf8() };
        self.take(Kind::Sign, length);
    }

    /// Reads the text of a template literal up to its end or the next `${`.
    fn template(&mut self, begin: usize) {
        let rest = &self.code[self.at..];
        let mut escaped = false;
        for (at, c) in rest.char_indices().skip(begin) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '`' => return self.take(Kind::Text, at + 1),
                '$' if rest[at..].starts_with("${") => {
                    self.open.push('$');
                    return self.take(Kind::Text, at + 2);
                }
                _ => {}
            }
        }
        self.take(Kind::Text, rest.len());
    }

    /// A `/` behind a value divides; elsewhere it begins a regular expression.
    fn pattern_may_begin(&self) -> bool {
        let before = self.tokens.iter().rev().find(|token| token.kind != Kind::Comment);
        let Some(before) = before else { return true };
        let text = &self.code[before.at.clone()];
        match before.kind {
            Kind::Word => matches!(text, "return" | "typeof" | "case" | "in" | "of" | "delete"),
            Kind::Sign => !matches!(text, ")" | "]" | "}"),
            Kind::Text => text.ends_with("${"),
            _ => false,
        }
    }
}

pub(super) fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}

fn word_length(text: &str) -> usize {
    text.find(|c| !is_of_word(c)).unwrap_or(text.len())
}

fn number_length(text: &str) -> usize {
    text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_')))
        .unwrap_or(text.len())
}

/// A text that its line does not end is as long as the line.
fn text_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\n' => return at,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// A longer one is not looked for, so that a line of slashes is read in time.
const MAX_PATTERN: usize = 500;

/// The length of the regular expression at the beginning of the text, or how far none ends.
fn pattern_length(text: &str) -> Result<usize, usize> {
    let (mut escaped, mut in_class) = (false, false);
    let mut searched = 1;
    for (at, c) in text.char_indices().skip(1).take(MAX_PATTERN) {
        searched = at;
        match c {
            '\n' => break,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            '/' if !in_class => {
                let end = at + 1;
                return Ok(end + word_length(&text[end..]));
            }
            _ => {}
        }
    }
    Err(searched)
}

/// Returns the code in a form in which nothing resembles a reference `<x.y>` or a secret `{{X}}` of
/// a workflow document, and which means the same.
pub(super) fn shielded(code: &str) -> String {
    let mut safe = String::with_capacity(code.len() + 16);
    let mut end = 0;
    for token in tokens(code) {
        safe.push_str(&code[end..token.at.start]);
        end = token.at.end;
        let text = &code[token.at];
        match token.kind {
            Kind::Text | Kind::Pattern => shield_text(&mut safe, text, token.kind),
            Kind::Comment => safe.push_str(&text.replace('<', "< ").replace("{{", "{ {")),
            _ if text == "<" && code[end..].starts_with(is_of_word) => safe.push_str("< "),
            _ if text == "{" && code[end..].starts_with('{') => safe.push_str("{ "),
            _ => safe.push_str(text),
        }
    }
    safe.push_str(&code[end..]);
    safe
}

/// In a tagged template (`String.raw`) the escapes would show; nobody writes HTML there.
fn shield_text(safe: &mut String, text: &str, kind: Kind) {
    let mut characters = text.chars().peekable();
    let mut escaped = false;
    while let Some(c) = characters.next() {
        let next = characters.peek().copied();
        let opens = c == '<' && next.is_some_and(is_of_word);
        let begins_group = kind == Kind::Pattern && safe.ends_with("(?");
        match c {
            '<' if opens && !escaped && !begins_group => safe.push_str("\\x3c"),
            '{' if next == Some('{') && !escaped && !safe.ends_with('$') => {
                safe.push_str("\\x7b");
            }
            _ => safe.push(c),
        }
        escaped = c == '\\' && !escaped;
    }
}
