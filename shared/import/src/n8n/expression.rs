//! n8n's expressions: `=text {{ JavaScript }} text`.

use super::lexer::{self, Kind, Token};

/// A parameter's text as n8n reads it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    Text(String),
    Code(String),
}

/// The most parts that a parameter has. What is behind them is text.
pub(super) const MAX_PARTS: usize = 2_000;

/// Splits a parameter; text that does not begin with `=` is plain.
pub(super) fn split(parameter: &str) -> Vec<Part> {
    let Some(mut rest) = parameter.strip_prefix('=') else {
        return vec![Part::Text(parameter.to_owned())];
    };
    let mut parts = Vec::new();
    // An open bracket or quote lets the reading run to the end: that is done once.
    let mut is_sound = true;
    while let Some(open) = rest.find("{{").filter(|_| parts.len() < MAX_PARTS) {
        let code = &rest[open + 2..];
        let read = is_sound.then(|| lexer::read(code, |rest| rest.starts_with("}}")).1);
        let closed = read.filter(|end| *end < code.len());
        is_sound = closed.is_some();
        let Some(end) = closed.or_else(|| code.find("}}")) else { break };
        if open > 0 {
            parts.push(Part::Text(rest[..open].to_owned()));
        }
        parts.push(Part::Code(code[..end].trim().trim_end_matches(';').trim().to_owned()));
        rest = &code[end + 2..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    parts
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Field(String),
    Item(usize),
}

/// Which of a node's items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Pick {
    Current,
    At(usize),
    Last,
    All,
}

/// Where the value of a reference comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Base {
    /// The item that the node works on.
    Item,
    /// All items of the node's input.
    Input,
    Node {
        name: String,
        pick: Pick,
    },
    /// Files: `$binary`, `$('N').item.binary`.
    Binary {
        node: Option<String>,
    },
    /// `$vars.X`, `$env.X`.
    Setting(String),
    /// `$execution`, `$workflow`, `$runIndex`, `$itemIndex` …
    Run(String),
    /// Cannot be known: `$parameter`, `$credentials`, `$node[computed]` …
    Unknown(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub base: Base,
    pub path: Vec<Step>,
    pub begin: usize,
    pub end: usize,
}

/// The whole code is one reference.
pub(super) fn bare(code: &str) -> Option<Found> {
    let mut code = code.trim();
    while let Some(inner) = code.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        if inner.contains(['(', ')']) {
            break;
        }
        code = inner.trim();
    }
    let found = references(code);
    let [found] = <[Found; 1]>::try_from(found).ok()?;
    (found.begin == 0 && found.end == code.len()).then_some(found)
}

/// All references in the code, in order.
pub(super) fn references(code: &str) -> Vec<Found> {
    let tokens: Vec<Token> =
        lexer::tokens(code).into_iter().filter(|token| token.kind != Kind::Comment).collect();
    let mut reader = Reader { code, tokens: &tokens, at: 0 };
    let mut found = Vec::new();
    while reader.at < tokens.len() {
        match reader.reference() {
            Some(reference) => found.push(reference),
            None => reader.at += 1,
        }
    }
    found
}

/// Reads what a JavaScript literal without computation means.
pub(super) fn literal(code: &str) -> Option<serde_json::Value> {
    let code = code.trim();
    match code {
        "undefined" => return Some(serde_json::Value::Null),
        _ if code.len() > 1 && (code.starts_with('\'') || code.starts_with('"')) => {
            let tokens = lexer::tokens(code);
            return match tokens.as_slice() {
                [only] if only.at.len() == code.len() => unquoted(code).map(Into::into),
                _ => None,
            };
        }
        _ => {}
    }
    serde_json::from_str(code).ok()
}

/// The text in quotes, if its escapes are simple.
pub(super) fn unquoted(text: &str) -> Option<String> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    let inner = text[1..].strip_suffix(quote)?;
    let mut plain = String::new();
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => plain.push(match characters.next()? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                c @ ('"' | '\'' | '`' | '\\' | '/') => c,
                _ => return None,
            }),
            _ => plain.push(c),
        }
    }
    Some(plain)
}

struct Reader<'a> {
    code: &'a str,
    tokens: &'a [Token],
    at: usize,
}

impl Reader<'_> {
    fn text(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", |token| &self.code[token.at.clone()])
    }

    fn kind(&self, ahead: usize) -> Option<Kind> {
        self.tokens.get(self.at + ahead).map(|token| token.kind)
    }

    fn follows_dot(&self) -> bool {
        let before = self.at.checked_sub(1).map(|at| &self.code[self.tokens[at].at.clone()]);
        matches!(before, Some("." | "?."))
    }

    fn reference(&mut self) -> Option<Found> {
        if self.kind(0) != Some(Kind::Word) || self.follows_dot() {
            return None;
        }
        let begin = self.tokens[self.at].at.start;
        let base = self.base()?;
        let path = match base {
            Base::Item | Base::Node { .. } | Base::Setting(_) => self.path(),
            _ => Vec::new(),
        };
        let end = self.tokens[self.at - 1].at.end;
        Some(Found { base, path, begin, end })
    }

    fn base(&mut self) -> Option<Base> {
        match self.text(0) {
            "$json" | "$data" => Some(self.skip(1, Base::Item)),
            "$input" => Some(self.input()),
            "$binary" => Some(self.skip(1, Base::Binary { node: None })),
            "$" | "$items" if self.text(1) == "(" => Some(self.call()),
            "$item" if self.text(1) == "(" && self.text(3) == ")" => {
                let is_node = self.text(4) == "." && self.text(5) == "$node";
                self.at += if is_node { 5 } else { 4 };
                Some(if is_node { self.node_map() } else { Base::Unknown("$item".into()) })
            }
            "$node" => Some(self.node_map()),
            "$vars" | "$env" if self.text(1) == "." => {
                let name = self.text(2).to_owned();
                Some(self.skip(3, Base::Setting(name)))
            }
            word @ ("$execution" | "$workflow" | "$runIndex" | "$itemIndex" | "$prevNode"
            | "$executionId" | "$position") => {
                let mut name = word.to_owned();
                let mut count = 1;
                if self.text(1) == "." && self.text(3) != "(" {
                    name = format!("{name}.{}", self.text(2));
                    count = 3;
                }
                Some(self.skip(count, Base::Run(name)))
            }
            word @ ("$parameter"
            | "$credentials"
            | "$response"
            | "$pageCount"
            | "$request"
            | "$self"
            | "$getWorkflowStaticData"
            | "$evaluateExpression"
            | "$secrets"
            | "$vars"
            | "$env"
            | "$tool") => {
                let name = word.to_owned();
                Some(self.skip(1, Base::Unknown(name)))
            }
            _ => None,
        }
    }

    /// What the code breaks off before is not skipped.
    fn skip_to(&mut self, at: usize) {
        self.at = at.min(self.tokens.len());
    }

    fn skip(&mut self, count: usize, base: Base) -> Base {
        self.skip_to(self.at + count);
        base
    }

    /// `$input.item.json`, `.first().json`, `.all()`, `.params` …
    fn input(&mut self) -> Base {
        let picked = match (self.text(2), self.text(3)) {
            ("item", "." | "?.") if self.text(4) == "json" => Some(5),
            ("first", "(") if self.text(4) == ")" && self.text(6) == "json" => Some(7),
            _ => None,
        };
        match picked {
            Some(count) => self.skip(count, Base::Item),
            None if self.text(2) == "params" => self.skip(3, Base::Unknown("$input.params".into())),
            None => self.skip(1, Base::Input),
        }
    }

    /// `$('N')…` and `$items('N')…`.
    fn call(&mut self) -> Base {
        let is_items = self.text(0) == "$items";
        let name = Some(self.text(2)).filter(|_| self.kind(2) == Some(Kind::Text));
        let name = name.and_then(unquoted);
        let closes = matches!(self.text(3), ")" | ",");
        let Some(name) = name.filter(|_| closes) else {
            return match is_items && self.text(2) == ")" {
                true => self.skip(3, Base::Input),
                false => self.skip(1, Base::Unknown("a node whose name is computed".into())),
            };
        };
        while !matches!(self.text(0), ")" | "") {
            self.at += 1;
        }
        self.skip_to(self.at + 1);
        match is_items {
            true => self.indexed(name),
            false => self.selected(name),
        }
    }

    /// `$node["N"]…`, `$node.N…`.
    fn node_map(&mut self) -> Base {
        let (name, count) = match (self.text(1), self.kind(2)) {
            (".", Some(Kind::Word)) => (Some(self.text(2).to_owned()), 3),
            ("[", Some(Kind::Text)) if self.text(3) == "]" => (unquoted(self.text(2)), 4),
            _ => (None, 1),
        };
        let Some(name) = name else {
            return self.skip(1, Base::Unknown("a node whose name is computed".into()));
        };
        self.skip_to(self.at + count);
        self.of_item(name, Pick::Current)
    }

    /// Behind `$('N')`.
    fn selected(&mut self, name: String) -> Base {
        let (pick, count) = match (self.text(1), self.text(2)) {
            ("item", _) => (Pick::Current, 2),
            ("first" | "itemMatching" | "pairedItem", "(") => {
                let pick = if self.text(1) == "pairedItem" { Pick::Current } else { Pick::At(0) };
                (pick, if self.text(3) == ")" { 4 } else { 5 })
            }
            ("last", "(") => (Pick::Last, if self.text(3) == ")" { 4 } else { 5 }),
            ("all", "(") => {
                let count = if self.text(3) == ")" { 4 } else { 5 };
                self.skip_to(self.at + count);
                return self.indexed(name);
            }
            ("json" | "binary", _) => (Pick::Current, 0),
            ("params" | "context", _) => return Base::Unknown(format!("$('{name}').params")),
            _ => return Base::Node { name, pick: Pick::All },
        };
        self.skip_to(self.at + count);
        self.of_item(name, pick)
    }

    /// Behind a list of items: `[0].json`.
    fn indexed(&mut self, name: String) -> Base {
        let index = self.text(1).parse().ok();
        match (self.text(0), index, self.text(2), self.text(4)) {
            ("[", Some(index), "]", "json") => {
                self.at += 3;
                self.of_item(name, Pick::At(index))
            }
            _ => Base::Node { name, pick: Pick::All },
        }
    }

    /// `.json`, `.data` or `.binary` behind an item.
    fn of_item(&mut self, name: String, pick: Pick) -> Base {
        let is_dot = matches!(self.text(0), "." | "?.");
        match self.text(1) {
            "json" | "data" if is_dot => self.skip(2, Base::Node { name, pick }),
            "binary" if is_dot => self.skip(2, Base::Binary { node: Some(name) }),
            "context" | "parameter" | "runIndex" if is_dot => {
                let what = format!("$node[\"{name}\"].{}", self.text(1));
                self.skip(2, Base::Unknown(what))
            }
            _ => Base::Node { name, pick: Pick::All },
        }
    }

    /// `.a`, `?.b`, `["c d"]`, `[0]`, up to the first that is called.
    fn path(&mut self) -> Vec<Step> {
        let mut path = Vec::new();
        loop {
            let is_optional = self.text(0) == "?.";
            let bracket = usize::from(is_optional && self.text(1) == "[");
            if matches!(self.text(0), "." | "?.") && self.kind(1) == Some(Kind::Word) {
                if self.text(2) == "(" {
                    return path;
                }
                path.push(Step::Field(self.text(1).to_owned()));
                self.at += 2;
            } else if self.text(bracket) == "[" && self.text(bracket + 2) == "]" {
                let inner = self.text(bracket + 1);
                let step = match self.kind(bracket + 1) {
                    Some(Kind::Number) => inner.parse().ok().map(Step::Item),
                    Some(Kind::Text) => unquoted(inner).map(Step::Field),
                    _ => None,
                };
                let Some(step) = step.filter(|_| self.text(bracket + 3) != "(") else {
                    return path;
                };
                path.push(step);
                self.at += bracket + 3;
            } else {
                return path;
            }
        }
    }
}
