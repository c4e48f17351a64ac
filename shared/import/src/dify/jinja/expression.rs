//! Jinja's expressions, written as JavaScript.

use std::collections::BTreeSet;

use flowgate_engine::expr::reference::PathStep;

use crate::js;

const MAX_DEPTH: usize = 40;

/// Filters and methods, and the function that does the same.
const CALLS: [(&str, &str); 31] = [
    ("length", "length"),
    ("count", "length"),
    ("join", "join"),
    ("default", "fallback"),
    ("d", "fallback"),
    ("tojson", "tojson"),
    ("upper", "upper"),
    ("lower", "lower"),
    ("trim", "trim"),
    ("strip", "trim"),
    ("capitalize", "capitalize"),
    ("replace", "replace"),
    ("first", "first"),
    ("last", "last"),
    ("int", "whole"),
    ("float", "float"),
    ("round", "round"),
    ("string", "text"),
    ("safe", "text"),
    ("list", "list"),
    ("split", "split"),
    ("items", "items"),
    ("keys", "keys"),
    ("values", "values"),
    ("reverse", "reverse"),
    ("get", "get"),
    ("startswith", "startsWith"),
    ("endswith", "endsWith"),
    ("abs", "Math.abs"),
    ("e", "text"),
    ("dictsort", "items"),
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Name(String),
    Number(String),
    Text(String),
    Sign(&'static str),
}

const SIGNS: [&str; 24] = [
    "==", "!=", "<=", ">=", "//", "**", "<", ">", "+", "-", "*", "/", "%", "~", "|", "(", ")", "[",
    "]", "{", "}", ".", ",", ":",
];

/// Collects what the expressions of a template need.
#[derive(Default)]
pub(super) struct Code {
    names: BTreeSet<String>,
}

impl Code {
    pub(super) fn declare(&mut self, name: &str) {
        self.names.insert(name.to_owned());
    }

    pub(super) fn expression(&mut self, text: &str) -> Result<String, String> {
        let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0, code: self };
        let written = parser.whole()?;
        match parser.peek() {
            None => Ok(written),
            Some(token) => Err(format!("`{text}` at {token:?}")),
        }
    }
}

/// A name that can be one in JavaScript, too.
pub(super) fn name(text: &str) -> Result<String, String> {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let is_name = starts && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then(|| text.to_owned()).ok_or_else(|| format!("`{text}` is no name"))
}

/// The variables that code names.
pub(super) fn names_in(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for token in js::tokens(code).iter().filter(|token| token.kind == js::Kind::Code) {
        for part in code[token.range.clone()].split('$').skip(1) {
            let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let name = &part[..end.unwrap_or(part.len())];
            if !name.is_empty() && name != "loop" {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

/// A name with a path, and nothing else.
pub(super) fn plain_path(text: &str) -> Option<(String, Vec<PathStep>)> {
    let tokens = tokens(text).ok()?;
    let (Token::Name(head), mut rest) = tokens.split_first()? else { return None };
    if matches!(head.as_str(), "true" | "false" | "none" | "True" | "False" | "None" | "loop") {
        return None;
    }
    let mut path = Vec::new();
    while !rest.is_empty() {
        rest = match rest {
            [Token::Sign("."), Token::Name(name), rest @ ..] => {
                path.push(PathStep::Field(name.clone()));
                rest
            }
            [Token::Sign("["), Token::Text(name), Token::Sign("]"), rest @ ..] => {
                path.push(PathStep::Field(name.clone()));
                rest
            }
            [Token::Sign("["), Token::Number(number), Token::Sign("]"), rest @ ..] => {
                path.push(PathStep::Item(number.parse().ok()?));
                rest
            }
            _ => return None,
        };
    }
    Some((head.clone(), path))
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        let length = |is: fn(char) -> bool| rest.find(|c: char| !is(c)).unwrap_or(rest.len());
        let used = match first {
            _ if first.is_whitespace() => first.len_utf8(),
            '"' | '\'' => {
                let (text, used) = quoted(rest, first)?;
                tokens.push(Token::Text(text));
                used
            }
            '0'..='9' => {
                let used = length(|c| c.is_ascii_digit() || c == '.');
                let number = rest[..used].trim_end_matches('.');
                number.parse::<f64>().map_err(|_| format!("`{number}` is no number"))?;
                tokens.push(Token::Number(plain_number(number)));
                number.len()
            }
            _ if first.is_ascii_alphabetic() || first == '_' => {
                let used = length(|c| c.is_ascii_alphanumeric() || c == '_');
                tokens.push(Token::Name(rest[..used].to_owned()));
                used
            }
            _ => {
                let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
                let sign = sign.ok_or_else(|| format!("`{first}` is not known"))?;
                tokens.push(Token::Sign(sign));
                sign.len()
            }
        };
        rest = &rest[used..];
    }
    Ok(tokens)
}

/// JavaScript reads `010` in another way.
fn plain_number(number: &str) -> String {
    let plain = number.trim_start_matches('0');
    match plain.is_empty() || plain.starts_with('.') {
        true => format!("0{plain}"),
        false => plain.to_owned(),
    }
}

fn quoted(text: &str, quote: char) -> Result<(String, usize), String> {
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, other)) => value.push(other),
                None => break,
            },
            _ if character == quote => return Ok((value, at + 1)),
            _ => value.push(character),
        }
    }
    Err("a text has no end".into())
}

struct Parser<'c> {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    code: &'c mut Code,
}

type Written = Result<String, String>;

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn word(&mut self, word: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Token::Name(name)) if name == word);
        self.at += usize::from(is_it);
        is_it
    }

    fn sign(&mut self, sign: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(is_it);
        is_it
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        self.sign(sign).then_some(()).ok_or_else(|| format!("`{sign}` is missing"))
    }

    fn call(&self, helper: &str, arguments: &[&str]) -> String {
        format!("{helper}({})", arguments.join(", "))
    }

    fn whole(&mut self) -> Written {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("an expression is too deep".into());
        }
        let mut value = self.or()?;
        if self.word("if") {
            let test = self.or()?;
            let test = self.call("truthy", &[&test]);
            let other = if self.word("else") { self.whole()? } else { "\"\"".to_owned() };
            value = format!("({test} ? {value} : {other})");
        }
        self.depth -= 1;
        Ok(value)
    }

    fn or(&mut self) -> Written {
        let mut value = self.and()?;
        while self.word("or") {
            let other = self.and()?;
            value = self.call("either", &[&value, &other]);
        }
        Ok(value)
    }

    fn and(&mut self) -> Written {
        let mut value = self.not()?;
        while self.word("and") {
            let other = self.not()?;
            value = self.call("both", &[&value, &other]);
        }
        Ok(value)
    }

    fn not(&mut self) -> Written {
        let mut is_not = false;
        while self.word("not") {
            is_not = !is_not;
        }
        let value = self.comparison()?;
        match is_not {
            true => Ok(format!("!{}", self.call("truthy", &[&value]))),
            false => Ok(value),
        }
    }

    fn comparison(&mut self) -> Written {
        let mut value = self.sum()?;
        loop {
            let signs =
                [("==", "==="), ("!=", "!=="), ("<=", "<="), (">=", ">="), ("<", "<"), (">", ">")];
            let found = signs.into_iter().find(|(sign, _)| self.sign(sign));
            if let Some((_, sign)) = found {
                let other = self.sum()?;
                value = format!("({value} {sign} {other})");
            } else if self.word("in") {
                let other = self.sum()?;
                value = self.call("within", &[&value, &other]);
            } else if self.word("not") {
                if !self.word("in") {
                    return Err("`not` without `in`".into());
                }
                let other = self.sum()?;
                value = format!("!{}", self.call("within", &[&value, &other]));
            } else if self.word("is") {
                value = self.test(&value)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn test(&mut self, value: &str) -> Written {
        let is_not = self.word("not");
        let Some(Token::Name(test)) = self.peek().cloned() else {
            return Err("`is` without a test".into());
        };
        self.at += 1;
        let holds = match test.as_str() {
            "defined" => format!("({value} !== undefined)"),
            "undefined" => format!("({value} === undefined)"),
            "none" | "None" => format!("({value} === null)"),
            "string" => format!("(typeof {value} === \"string\")"),
            "number" => format!("(typeof {value} === \"number\")"),
            "sequence" | "iterable" => format!("(Array.isArray({value}))"),
            "mapping" => format!("({value}?.constructor === Object)"),
            other => return Err(format!("the test `{other}` is not known")),
        };
        Ok(if is_not { format!("!{holds}") } else { holds })
    }

    fn sum(&mut self) -> Written {
        let mut value = self.product()?;
        loop {
            if self.sign("~") {
                let other = self.product()?;
                let (value_text, other) =
                    (self.call("text", &[&value]), self.call("text", &[&other]));
                value = format!("({value_text} + {other})");
            } else if self.sign("+") {
                value = format!("({value} + {})", self.product()?);
            } else if self.sign("-") {
                value = format!("({value} - {})", self.product()?);
            } else {
                return Ok(value);
            }
        }
    }

    fn product(&mut self) -> Written {
        let mut value = self.unary()?;
        loop {
            if self.sign("//") {
                value = format!("Math.floor({value} / {})", self.unary()?);
            } else if self.sign("**") {
                value = format!("Math.pow({value}, {})", self.unary()?);
            } else if let Some(sign) = ["*", "/", "%"].into_iter().find(|sign| self.sign(sign)) {
                value = format!("({value} {sign} {})", self.unary()?);
            } else {
                return Ok(value);
            }
        }
    }

    fn unary(&mut self) -> Written {
        if self.sign("-") {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err("an expression is too deep".into());
            }
            return Ok(format!("(-{})", self.unary()?));
        }
        let mut value = self.primary()?;
        loop {
            if self.sign(".") {
                value = self.attribute(&value)?;
            } else if self.sign("[") {
                value = self.index(&value)?;
            } else if self.sign("|") {
                value = self.filter(&value)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn attribute(&mut self, value: &str) -> Written {
        let Some(Token::Name(name) | Token::Number(name)) = self.peek().cloned() else {
            return Err("`.` without a name".into());
        };
        self.at += 1;
        if self.sign("(") {
            let arguments = self.arguments()?;
            return match name.as_str() {
                // Of a text, the separator is the object.
                "join" => Ok(self.call("join", &[&arguments, value])),
                _ => self.applied(&name, value, &arguments),
            };
        }
        let name = js::string(&name);
        Ok(self.call("get", &[value, &name]))
    }

    fn index(&mut self, value: &str) -> Written {
        let from = if self.sign(":") { None } else { Some(self.whole()?) };
        let is_slice = from.is_none() || self.sign(":");
        if !is_slice {
            self.expect("]")?;
            return Ok(self.call("get", &[value, &from.unwrap_or_default()]));
        }
        let from = from.unwrap_or_else(|| "0".to_owned());
        if self.sign("]") {
            return Ok(format!("({value} ?? []).slice({from})"));
        }
        let to = self.whole()?;
        self.expect("]")?;
        Ok(format!("({value} ?? []).slice({from}, {to})"))
    }

    fn filter(&mut self, value: &str) -> Written {
        let Some(Token::Name(name)) = self.peek().cloned() else {
            return Err("`|` without a filter".into());
        };
        self.at += 1;
        let arguments = if self.sign("(") { self.arguments()? } else { String::new() };
        self.applied(&name, value, &arguments)
    }

    fn applied(&mut self, name: &str, value: &str, arguments: &str) -> Written {
        let found = CALLS.iter().find(|(known, _)| *known == name);
        let (_, helper) = found.ok_or_else(|| format!("`{name}` is not known"))?;
        match *helper {
            "startsWith" | "endsWith" => {
                let text = self.call("text", &[value]);
                Ok(format!("{text}.{helper}({arguments})"))
            }
            "Math.abs" => Ok(format!("Math.abs({value})")),
            helper if arguments.is_empty() => Ok(self.call(helper, &[value])),
            helper => Ok(self.call(helper, &[value, arguments])),
        }
    }

    /// What stands between parentheses, the first of which was read.
    fn arguments(&mut self) -> Written {
        let mut arguments = Vec::new();
        while !self.sign(")") {
            // Named arguments stand where ours are in order: `ensure_ascii` and `indent` are those
            // of people.
            arguments.push(self.whole()?);
            if !self.sign(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(arguments.join(", "))
    }

    fn primary(&mut self) -> Written {
        let token = self.peek().cloned().ok_or("an expression has no end")?;
        self.at += 1;
        match token {
            Token::Number(number) => Ok(number),
            Token::Text(text) => Ok(js::string(&text)),
            Token::Name(name) => match name.as_str() {
                "true" | "True" => Ok("true".to_owned()),
                "false" | "False" => Ok("false".to_owned()),
                "none" | "None" => Ok("null".to_owned()),
                "range" if self.sign("(") => {
                    let arguments = self.arguments()?;
                    Ok(self.call("numbers", &[&arguments]))
                }
                _ if self.peek() == Some(&Token::Sign("(")) => {
                    Err(format!("the function `{name}` is not known"))
                }
                _ => {
                    self.code.declare(&name);
                    Ok(format!("${name}"))
                }
            },
            Token::Sign("(") => {
                let value = self.whole()?;
                self.expect(")")?;
                Ok(format!("({value})"))
            }
            Token::Sign("[") => {
                let mut items = Vec::new();
                while !self.sign("]") {
                    items.push(self.whole()?);
                    if !self.sign(",") {
                        self.expect("]")?;
                        break;
                    }
                }
                Ok(format!("[{}]", items.join(", ")))
            }
            Token::Sign(sign) => Err(format!("`{sign}` is not expected")),
        }
    }
}
