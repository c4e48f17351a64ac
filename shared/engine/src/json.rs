//! Strict JSON for everything that comes from outside.
//!
//! The number rule: an integer is kept exactly if it lies in `i64::MIN..=u64::MAX` and refused
//! otherwise; a number with a fraction or an exponent is a finite double.

use std::fmt;
use std::ops::Range;

use serde_json::{Map, Number, Value};

pub const MAX_DEPTH: usize = 64;
pub const MAX_VALUES: usize = 100_000;
/// Positions are not kept below this depth: with long keys they would take more memory than the
/// text.
pub(crate) const MAX_POINTER: usize = 512;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at line {line}, column {column}")]
pub struct JsonError {
    pub reason: JsonReason,
    /// Counted from 1.
    pub line: u32,
    /// In characters, counted from 1.
    pub column: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonReason {
    NotUtf8,
    Syntax(&'static str),
    TooDeep,
    TooManyValues,
    DuplicateKey(String),
    NumberOutOfRange,
}

impl fmt::Display for JsonReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 => f.write_str("text is not UTF-8"),
            Self::Syntax(expected) => f.write_str(expected),
            Self::TooDeep => write!(f, "nested deeper than {MAX_DEPTH} levels"),
            Self::TooManyValues => write!(f, "more than {MAX_VALUES} values"),
            Self::DuplicateKey(key) => write!(f, "key {key:?} is given twice"),
            Self::NumberOutOfRange => f.write_str("number is out of range"),
        }
    }
}

pub fn parse(text: &[u8]) -> Result<Value, JsonError> {
    match std::str::from_utf8(text) {
        Ok(text) => Parser::new(text, None).document().map(|(value, _)| value),
        Err(error) => {
            let valid = String::from_utf8_lossy(&text[..error.valid_up_to()]);
            Err(error_at(&valid, valid.len(), JsonReason::NotUtf8))
        }
    }
}

/// A JSON pointer, and the bytes of the text that its value takes.
pub(crate) type Found = (String, Range<usize>);

/// Returns the value and, for each value inside it, where it stands. In the order of the text.
pub(crate) fn parse_with_places(text: &str) -> Result<(Value, Vec<Found>), JsonError> {
    let places = Places { pointer: String::new(), found: Vec::new() };
    Parser::new(text, Some(places)).document()
}

/// Returns the length of the compact JSON, without rendering it.
pub fn size(value: &Value) -> usize {
    crate::weight::Weight::of(value).json
}

/// Whether lists and objects lie inside one another more often than this.
pub(crate) fn is_deeper_than(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(_) | Value::Object(_) if levels == 0 => true,
        Value::Array(items) => items.iter().any(|item| is_deeper_than(item, levels - 1)),
        Value::Object(fields) => fields.values().any(|field| is_deeper_than(field, levels - 1)),
        _ => false,
    }
}

/// Escapes one segment of a JSON pointer.
pub fn push_segment(pointer: &mut String, segment: &str) {
    pointer.push('/');
    if !segment.contains(['~', '/']) {
        return pointer.push_str(segment);
    }
    for character in segment.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

/// Returns the line and column, both counted from 1, of a byte in a text.
pub(crate) fn line_and_column(text: &str, at: usize) -> (u32, u32) {
    let before = &text[..at.min(text.len())];
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

pub(crate) fn number_size(number: &Number) -> usize {
    struct Counter(usize);
    impl fmt::Write for Counter {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 += text.len();
            Ok(())
        }
    }
    if let Some(whole) = number.as_u64() {
        return 1 + whole.checked_ilog10().map_or(0, |digits| digits as usize);
    }
    let mut counter = Counter(0);
    // Writing into a counter cannot fail.
    let _ = fmt::Write::write_fmt(&mut counter, format_args!("{number}"));
    counter.0
}

pub(crate) fn string_size(text: &str) -> usize {
    // The sum of a chunk fits into a byte: so the compiler adds many bytes at a time.
    let of_chunk = |chunk: &[u8]| chunk.iter().map(|byte| escape_size(*byte)).sum::<u8>();
    let escapes: usize = text.as_bytes().chunks(32).map(of_chunk).map(usize::from).sum();
    2 + text.len() + escapes
}

/// How many bytes longer the character is in JSON. Without branches.
fn escape_size(byte: u8) -> u8 {
    let is_control = u8::from(byte < 0x20);
    let is_short = u8::from(matches!(byte, 0x08 | 0x09 | 0x0a | 0x0c | 0x0d));
    5 * is_control - 4 * is_short + u8::from(byte == b'"') + u8::from(byte == b'\\')
}

fn error_at(text: &str, at: usize, reason: JsonReason) -> JsonError {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let (line, column) = line_and_column(text, at);
    JsonError { reason, line, column }
}

struct Places {
    pointer: String,
    found: Vec<Found>,
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    values: usize,
    depth: usize,
    places: Option<Places>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, places: Option<Places>) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0, values: 0, depth: 0, places }
    }

    fn document(mut self) -> Result<(Value, Vec<Found>), JsonError> {
        let parsed = self.value().and_then(|value| {
            self.skip_space();
            if self.at == self.bytes.len() {
                Ok(value)
            } else {
                Err(JsonReason::Syntax("unexpected text after the value"))
            }
        });
        match parsed {
            Ok(value) => Ok((value, self.places.map(|places| places.found).unwrap_or_default())),
            Err(reason) => Err(error_at(self.text, self.at, reason)),
        }
    }

    fn value(&mut self) -> Result<Value, JsonReason> {
        self.skip_space();
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(JsonReason::TooManyValues);
        }
        let place = self.note_start();
        let value = self.value_here()?;
        if let (Some(places), Some(place)) = (&mut self.places, place) {
            places.found[place].1.end = self.at;
        }
        Ok(value)
    }

    /// Returns the index of the value's place, if positions are wanted.
    fn note_start(&mut self) -> Option<usize> {
        let places = self.places.as_mut().filter(|places| places.pointer.len() <= MAX_POINTER)?;
        places.found.push((places.pointer.clone(), self.at..self.at));
        Some(places.found.len() - 1)
    }

    fn value_here(&mut self) -> Result<Value, JsonReason> {
        match self.bytes.get(self.at) {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(Value::String),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => Err(JsonReason::Syntax("expected a JSON value")),
            None => Err(JsonReason::Syntax("expected a JSON value, found the end")),
        }
    }

    fn nested(
        &mut self,
        read: fn(&mut Self) -> Result<Value, JsonReason>,
    ) -> Result<Value, JsonReason> {
        if self.depth == MAX_DEPTH {
            return Err(JsonReason::TooDeep);
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Result<Value, JsonReason> {
        let mut fields = Map::new();
        self.skip_space();
        if self.eat(b'}') {
            return Ok(Value::Object(fields));
        }
        loop {
            self.skip_space();
            let key_at = self.at;
            if self.bytes.get(self.at) != Some(&b'"') {
                return Err(JsonReason::Syntax("expected a key in double quotes"));
            }
            let key = self.string()?;
            if fields.contains_key(&key) {
                self.at = key_at;
                return Err(JsonReason::DuplicateKey(key));
            }
            self.skip_space();
            if !self.eat(b':') {
                return Err(JsonReason::Syntax("expected `:` after the key"));
            }
            let value = self.within(|pointer| push_segment(pointer, &key))?;
            fields.insert(key, value);
            self.skip_space();
            if self.eat(b'}') {
                return Ok(Value::Object(fields));
            }
            if !self.eat(b',') {
                return Err(JsonReason::Syntax("expected `,` or `}`"));
            }
        }
    }

    fn array(&mut self) -> Result<Value, JsonReason> {
        let mut items = Vec::new();
        self.skip_space();
        if self.eat(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            let index = items.len();
            items.push(self.within(|pointer| push_segment(pointer, &index.to_string()))?);
            self.skip_space();
            if self.eat(b']') {
                return Ok(Value::Array(items));
            }
            if !self.eat(b',') {
                return Err(JsonReason::Syntax("expected `,` or `]`"));
            }
        }
    }

    /// Parses a value one level down. Keeps its pointer only if positions are wanted.
    fn within(&mut self, descend: impl FnOnce(&mut String)) -> Result<Value, JsonReason> {
        let Some(places) = &mut self.places else { return self.value() };
        let outer = places.pointer.len();
        descend(&mut places.pointer);
        let value = self.value();
        if let Some(places) = &mut self.places {
            places.pointer.truncate(outer);
        }
        value
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonReason> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(JsonReason::Syntax("expected a JSON value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, JsonReason> {
        let start = self.at;
        let negative = self.eat(b'-');
        if self.eat(b'0') {
            if self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
                return Err(JsonReason::Syntax("a number cannot start with 0"));
            }
        } else {
            self.digits()?;
        }
        let mut whole = true;
        if self.eat(b'.') {
            whole = false;
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            whole = false;
            let _signed = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        let text = &self.text[start..self.at];
        let number = match (whole && text != "-0", negative) {
            (true, true) => text.parse::<i64>().ok().map(Number::from),
            (true, false) => text.parse::<u64>().ok().map(Number::from),
            (false, _) => text.parse::<f64>().ok().and_then(Number::from_f64),
        };
        number.map(Value::Number).ok_or_else(|| {
            self.at = start;
            JsonReason::NumberOutOfRange
        })
    }

    fn digits(&mut self) -> Result<(), JsonReason> {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(JsonReason::Syntax("expected a digit")) }
    }

    fn string(&mut self) -> Result<String, JsonReason> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let start = self.at;
            while self
                .bytes
                .get(self.at)
                .is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f))
            {
                self.at += 1;
            }
            text.push_str(&self.text[start..self.at]);
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => return Err(JsonReason::Syntax("control character in a string")),
                None => return Err(JsonReason::Syntax("string is not closed")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonReason> {
        self.at += 2;
        Ok(match self.bytes.get(self.at - 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(JsonReason::Syntax("unknown escape in a string")),
        })
    }

    fn unicode(&mut self) -> Result<char, JsonReason> {
        const LONE: JsonReason = JsonReason::Syntax("half of a surrogate pair in a string");
        let first = self.hex4()?;
        if !(0xd800..0xe000).contains(&first) {
            return char::from_u32(first).ok_or(LONE);
        }
        if first >= 0xdc00 || !self.eat(b'\\') || !self.eat(b'u') {
            return Err(LONE);
        }
        let second = self.hex4()?;
        if !(0xdc00..0xe000).contains(&second) {
            return Err(LONE);
        }
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)).ok_or(LONE)
    }

    fn hex4(&mut self) -> Result<u32, JsonReason> {
        let digits = self
            .bytes
            .get(self.at..self.at + 4)
            .ok_or(JsonReason::Syntax("unfinished escape in a string"))?;
        let mut code = 0;
        for digit in digits {
            let digit = char::from(*digit)
                .to_digit(16)
                .ok_or(JsonReason::Syntax("expected four hexadecimal digits"))?;
            code = code * 16 + digit;
        }
        self.at += 4;
        Ok(code)
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }
}

#[cfg(test)]
mod tests;
