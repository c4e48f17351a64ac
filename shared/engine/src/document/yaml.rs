//! Parses YAML into a tree of values with their positions.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Error, Location, Spanned};

use super::{Lines, ParseError, Place, Read, quote};
use crate::json::{MAX_DEPTH, MAX_POINTER, MAX_VALUES, push_segment};
use crate::problem::shortened;

/// Enough for [`MAX_DEPTH`] levels of a build without optimizations, which takes 35 KiB for each.
const STACK: usize = 16 << 20;

/// Reads on a thread with a stack of known size: the parser recurses, and callers have what their
/// runtime gave them.
pub(super) fn read(text: &str) -> Result<Read, ParseError> {
    std::thread::scope(|scope| {
        let reader = std::thread::Builder::new().stack_size(STACK);
        let reader =
            reader.spawn_scoped(scope, || read_here(text)).map_err(|error| ParseError {
                line: 1,
                column: 1,
                message: format!("there is no thread that could read it: {error}"),
            })?;
        reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn read_here(text: &str) -> Result<Read, ParseError> {
    let tree: Spanned<Tree> =
        serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
            let (line, column) =
                error.location().map_or((1, 1), |at| (clamp(at.line()), clamp(at.column())));
            let (line, column) = (line.max(1), column.max(1));
            ParseError { line, column, message: message(&error, text, line, column) }
        })?;
    let lines = Lines::of(text);
    let mut reader = Reader { text, lines, pointer: String::new(), end: 0, read: Read::default() };
    reader.read.root = reader.flatten(tree);
    Ok(reader.read)
}

/// The message without the position, which is separate.
fn message(error: &Error, document: &str, line: u32, column: u32) -> String {
    match error {
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("key {key:?} is given twice"),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            format!(
                "a document is one object, nested at most {MAX_DEPTH} levels, with at most \
                 {MAX_VALUES} values after aliases are filled in"
            )
        }
        other => {
            let text = other.to_string();
            let message =
                text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
            shortened(message) + &quote::hint(message, document, line, column)
        }
    }
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_VALUES,
            max_documents: 1
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_VALUES },
    }
}

fn clamp(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Turns the tree into JSON.
struct Reader<'t> {
    text: &'t str,
    lines: Lines,
    pointer: String,
    /// Where the value that was read last ends.
    end: usize,
    read: Read,
}

impl Reader<'_> {
    fn flatten(&mut self, tree: Spanned<Tree>) -> Value {
        let place = self.note_start(&tree.referenced);
        self.end = self.end_of(&tree.referenced);
        let written = self.text_from(&tree.defined);
        let value = match tree.value {
            Tree::Scalar(Value::Number(number)) => match number_as_text(written) {
                Some(text) => text.into(),
                None => Value::Number(number),
            },
            Tree::Scalar(value) => value,
            Tree::List(items) => {
                let items = items.into_iter().enumerate();
                let list = items.map(|(index, item)| self.descend(&index.to_string(), item));
                let list = list.collect();
                self.close(&tree.referenced, '[', ']');
                list
            }
            Tree::Object(fields) => {
                let object = self.flatten_object(fields);
                self.close(&tree.referenced, '{', '}');
                object
            }
        };
        if let Some(line) = place
            && let Some(place) = self.read.places.get_mut(&self.pointer)
        {
            place.last_line = self.lines.line_of_end(self.end).max(line);
        }
        value
    }

    /// Returns the line of the value, if its place is kept.
    fn note_start(&mut self, location: &Location) -> Option<u32> {
        if self.pointer.len() > MAX_POINTER {
            return None;
        }
        let (line, column) = (clamp(location.line()), clamp(location.column()));
        self.read.places.insert(self.pointer.clone(), Place { line, column, last_line: line });
        Some(line)
    }

    /// Where a scalar ends; of a list or an object, where it begins.
    fn end_of(&self, location: &Location) -> usize {
        let span = location.span();
        let bytes = span.byte_offset().zip(span.byte_len());
        let range = bytes.and_then(|(at, length)| {
            let at = usize::try_from(at).ok()?;
            Some(at..at + usize::try_from(length).ok()?)
        });
        let written = range.clone().and_then(|range| self.text.get(range));
        range.zip(written).map_or(0, |(range, text)| range.start + text.trim_end().len())
    }

    /// Moves the end behind the bracket that closes a list or an object in flow style.
    fn close(&mut self, location: &Location, opens: char, closes: char) {
        if !self.text_from(location).starts_with(opens) {
            return;
        }
        let mut rest = self.text.get(self.end..).unwrap_or("");
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            let Some(remark) = rest.strip_prefix('#') else { break };
            rest = remark.find('\n').map_or("", |at| &remark[at..]);
        }
        if rest.starts_with(closes) {
            self.end = self.text.len() - rest.len() + closes.len_utf8();
        }
    }

    fn descend(&mut self, segment: &str, tree: Spanned<Tree>) -> Value {
        let outer = self.pointer.len();
        push_segment(&mut self.pointer, segment);
        let value = self.flatten(tree);
        self.pointer.truncate(outer);
        value
    }

    fn flatten_object(&mut self, fields: Vec<(String, Spanned<Tree>)>) -> Value {
        let mut object = Map::new();
        let mut before: Option<(String, String)> = None;
        for (key, field) in fields {
            let is_cut_off = self.is_cut_off(&field);
            let value = self.descend(&key, field);
            match (&mut before, &value) {
                (Some((name, text)), Value::Null) if is_cut_off => {
                    text.push_str(&format!(", {key}"));
                    self.read.note_cut_off(&self.pointer, &key, name, text);
                }
                (_, Value::String(text)) => before = Some((key.clone(), text.clone())),
                _ => before = None,
            }
            object.insert(key, value);
        }
        Value::Object(object)
    }

    /// Whether a key in braces has no colon: `{ prompt: Hello, world }`.
    fn is_cut_off(&self, field: &Spanned<Tree>) -> bool {
        let Tree::Scalar(Value::Null) = field.value else { return false };
        let after = self.text_from(&field.referenced);
        let before = self.text[..self.text.len() - after.len()].trim_end();
        after.trim_start().starts_with([',', '}']) && !before.ends_with(':')
    }

    /// Returns the author's text from a place on; empty if the place is unknown.
    fn text_from(&self, location: &Location) -> &str {
        let offset = location.span().byte_offset().and_then(|at| usize::try_from(at).ok());
        offset.and_then(|at| self.text.get(at..)).unwrap_or("")
    }
}

/// What is longer stays a number: an alias would repeat the text.
const MAX_NUMBER: usize = 64;

/// Returns the text of what is written like a number but loses its meaning as one: a postcode, a
/// telephone number.
fn number_as_text(written: &str) -> Option<&str> {
    let is_of_number = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-._".contains(byte);
    let bytes = written.bytes().take(MAX_NUMBER + 1);
    let length = bytes.take_while(is_of_number).count();
    let written = written.get(..length).filter(|_| length <= MAX_NUMBER)?;
    let digits = written.strip_prefix('-').unwrap_or(written).as_bytes();
    let has_leading_zero =
        digits.first() == Some(&b'0') && digits.get(1).is_some_and(u8::is_ascii_digit);
    (written.starts_with('+') || has_leading_zero).then_some(written)
}

enum Tree {
    Scalar(Value),
    List(Vec<Spanned<Tree>>),
    Object(Vec<(String, Spanned<Tree>)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Tree, E> {
        Err(E::custom(format!("integer {value} is out of range")))
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<Tree, E> {
        Err(E::custom(format!("integer {value} is out of range")))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Tree, E> {
        // An integer too large for 64 bits arrives here, rounded.
        if value.abs() >= 18_446_744_073_709_551_616.0 {
            return Err(E::custom("number is out of range"));
        }
        let number = Number::from_f64(value).ok_or_else(|| E::custom("numbers are finite"))?;
        Ok(Tree::Scalar(Value::Number(number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(field) = fields.next_entry()? {
            list.push(field);
        }
        Ok(Tree::Object(list))
    }
}
