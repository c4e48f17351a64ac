//! The workflow as people write it, in YAML or JSON, with the position of every value.

mod duration;
mod quote;
mod yaml;

use std::collections::HashMap;
use std::ops::Range;

use serde_json::{Map, Value};

use crate::json;
use crate::problem::{Problem, Severity};

pub(crate) use duration::parse as parse_duration;

/// Far above what anybody writes by hand.
pub const MAX_DOCUMENT_BYTES: usize = 1 << 20;

/// Bounded because every pointer below a key repeats it.
const MAX_KEY_BYTES: usize = 256;

#[derive(Debug, Clone)]
pub struct Document {
    root: Map<String, Value>,
    /// By JSON pointer.
    places: HashMap<String, Place>,
    /// Pointers to keys that cut off the text before them, and messages.
    cut_off: Vec<(String, String)>,
}

/// Where a value stands in the text. Counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: u32,
    pub column: u32,
    /// The line that its last character is on.
    pub last_line: u32,
}

/// The text is neither YAML nor JSON, or is not an object. All other errors are [`Problem`]s.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (line {line}, column {column})")]
pub struct ParseError {
    pub line: u32,
    pub column: u32,
    pub message: String,
}

impl Document {
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.len() > MAX_DOCUMENT_BYTES {
            let message = format!(
                "a workflow document is at most {MAX_DOCUMENT_BYTES} bytes, this one has {}",
                text.len()
            );
            return Err(ParseError { line: 1, column: 1, message });
        }
        let Read { root, places, cut_off } = read(text)?;
        if has_long_key(&root) {
            return Err(ParseError {
                line: 1,
                column: 1,
                message: format!("a key has at most {MAX_KEY_BYTES} bytes"),
            });
        }
        match root {
            Value::Object(root) => Ok(Self { root, places, cut_off }),
            _ => Err(ParseError {
                line: 1,
                column: 1,
                message: "a workflow document is an object with fields such as `nodes`".into(),
            }),
        }
    }

    pub fn root(&self) -> &Map<String, Value> {
        &self.root
    }

    /// The texts that YAML has cut off at a comma: where, and what to write.
    pub(crate) fn cut_off(&self) -> &[(String, String)] {
        &self.cut_off
    }

    /// Returns a problem at the position of `path` or its nearest ancestor.
    pub fn problem(&self, severity: Severity, path: &str, message: String) -> Problem {
        let place = self.place(path);
        Problem {
            severity,
            path: path.to_owned(),
            line: place.map(|place| place.line),
            column: place.map(|place| place.column),
            message,
        }
    }

    /// Returns where `path`, or its nearest ancestor whose place is known, stands.
    pub(crate) fn place(&self, path: &str) -> Option<Place> {
        let mut around = std::iter::successors(Some(path), |path| {
            path.rsplit_once('/').map(|(parent, _)| parent)
        });
        around.find_map(|path| self.places.get(path).copied())
    }
}

/// Reads YAML or JSON that is no workflow document, within the same bounds but that of its bytes.
pub fn read_value(text: &str) -> Result<Value, ParseError> {
    read(text).map(|read| read.root)
}

/// A document that was read.
#[derive(Debug, Default)]
struct Read {
    root: Value,
    places: HashMap<String, Place>,
    cut_off: Vec<(String, String)>,
}

const MAX_CUT_OFF: usize = 100;

impl Read {
    fn note_cut_off(&mut self, object: &str, key: &str, before: &str, text: &str) {
        if self.cut_off.len() == MAX_CUT_OFF || text.len() > MAX_KEY_BYTES {
            return;
        }
        let message = format!(
            "`{key}` has no value; if it belongs to `{before}`, put the text in quotes: \
             `{before}: {}`",
            quote::quoted(text)
        );
        let mut path = object.to_owned();
        json::push_segment(&mut path, key);
        self.cut_off.push((path, message));
    }
}

/// Tries strict JSON first if the text looks like it: YAML reads most of JSON, but not its
/// surrogate pairs.
fn read(text: &str) -> Result<Read, ParseError> {
    if !text.trim_start().starts_with('{') {
        return yaml::read(text);
    }
    match json::parse_with_places(text) {
        Ok((root, found)) => {
            Ok(Read { root, places: with_lines(text, found), cut_off: Vec::new() })
        }
        Err(json_error) => yaml::read(text).map_err(|yaml_error| {
            let looks_like_json = text.trim_start()[1..].trim_start().starts_with('"');
            if !looks_like_json {
                return yaml_error;
            }
            ParseError {
                line: json_error.line,
                column: json_error.column,
                message: json_error.reason.to_string(),
            }
        }),
    }
}

fn has_long_key(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_long_key),
        Value::Object(fields) => {
            fields.iter().any(|(key, field)| key.len() > MAX_KEY_BYTES || has_long_key(field))
        }
        _ => false,
    }
}

/// Positions are in text order, so that one pass finds all lines and columns.
fn with_lines(text: &str, found: Vec<(String, Range<usize>)>) -> HashMap<String, Place> {
    let lines = Lines::of(text);
    let (mut line, mut column, mut at) = (1, 1, 0);
    let mut places = HashMap::with_capacity(found.len());
    for (pointer, Range { start, end }) in found {
        for character in text[at..start].chars() {
            (line, column) = if character == '\n' { (line + 1, 1) } else { (line, column + 1) };
        }
        at = start;
        places.insert(pointer, Place { line, column, last_line: lines.line_of_end(end) });
    }
    places
}

/// The lines of a text.
struct Lines {
    /// Where each line but the last ends.
    ends: Vec<usize>,
}

impl Lines {
    fn of(text: &str) -> Self {
        Self { ends: text.match_indices('\n').map(|(at, _)| at).collect() }
    }

    /// Returns the line of the character before `end`.
    fn line_of_end(&self, end: usize) -> u32 {
        let before = self.ends.partition_point(|newline| *newline + 1 < end);
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(document: &Document, path: &str) -> (u32, u32) {
        let problem = document.problem(Severity::Error, path, String::new());
        (problem.line.unwrap(), problem.column.unwrap())
    }

    #[test]
    fn yaml_and_json_mean_the_same() {
        let yaml = Document::parse(
            "name: A\nnodes:\n  - id: x\n    type: template\n    n: [1, -2, 1.5, true, null]\n",
        )
        .unwrap();
        let json = Document::parse(
            "{\"name\":\"A\",\n\
             \"nodes\":[{\"id\":\"x\",\"type\":\"template\",\"n\":[1,-2,1.5,true,null]}]}",
        )
        .unwrap();
        assert_eq!(yaml.root(), json.root());
        assert_eq!(place(&yaml, "/nodes/0/type"), (4, 11));
        assert_eq!(place(&yaml, "/nodes/0/missing"), (3, 5));
        assert_eq!(place(&json, "/nodes/0/id"), (2, 16));
        assert_eq!(place(&json, "/nodes/7/x"), (2, 9));
    }

    #[test]
    fn yes_and_no_are_words() {
        let document = Document::parse("name: no\nsave: true\n").unwrap();
        assert_eq!(document.root()["name"], "no");
        assert_eq!(document.root()["save"], true);
    }

    /// A postcode or a telephone number is no number.
    #[test]
    fn what_would_lose_its_meaning_as_a_number_is_text() {
        let check = |written: &str, expected: Value| {
            let yaml = format!("a: {written}\nl: [{written}, {{ k: {written} }}]\nend: 1\n");
            let document = Document::parse(&yaml).unwrap();
            let root = document.root();
            assert_eq!(root["a"], expected, "{written}");
            assert_eq!(root["l"], serde_json::json!([expected, { "k": expected }]), "{written}");
        };
        for text in [
            "01234",
            "00",
            "007.5",
            "-007",
            "+491701234567",
            "+5",
            "01_234",
            "yes",
            "no",
            "on",
            "off",
            "y",
            "2024-01-02",
            "1:30",
            "0x",
            "1_0_",
            "a01",
        ] {
            check(text, text.into());
        }
        for (written, number) in [
            ("0", "0"),
            ("-0", "0"),
            ("0.5", "0.5"),
            ("10", "10"),
            ("1_000", "1000"),
            ("0x1F", "31"),
            ("0o17", "15"),
            ("0b11", "3"),
            ("1e3", "1000.0"),
            ("-1.5", "-1.5"),
        ] {
            check(written, serde_json::from_str(number).unwrap());
        }
        for written in ["\"01234\"", "'01234'"] {
            check(written, "01234".into());
        }
        let alias = Document::parse("é: 😀\na: &z 01234\nb: *z\nc: |\n  012\n").unwrap();
        assert_eq!((&alias.root()["b"], &alias.root()["c"]), (&"01234".into(), &"012\n".into()));
    }

    #[test]
    fn mistakes_in_flow_style_are_corrected() {
        let corrected = |text: &str| {
            let error = Document::parse(text).unwrap_err();
            let quoted = error.message.split_once("put the text in quotes: ").map(|(_, text)| text);
            quoted
                .map(str::to_owned)
                .unwrap_or(format!("{}:{} {}", error.line, error.column, error.message))
        };
        for (text, expected) in [
            ("a: { prompt: Hello: world }", "`prompt: \"Hello: world\"`"),
            ("a: 1\nb:\n  - { id: x, t: Dear <api.n>: hi }", "`t: \"Dear <api.n>: hi\"`"),
            ("a: { t: Dear <x.y>: hi, k: 1 }", "`t: \"Dear <x.y>: hi\"`"),
            ("a: { u: https://x/{{KEY}} }", "`u: \"https://x/{{KEY}}\"`"),
            ("a: {{KEY}}", "`a: \"{{KEY}}\"`"),
            ("a: { x: {{KEY}} }", "`x: \"{{KEY}}\"`"),
            ("a: { u: https://x?a[]=1 }", "`u: \"https://x?a[]=1\"`"),
            ("a: { x: @y }", "`x: \"@y\"`"),
            ("a: `x` \"y\"", "`a: \"`x` \\\"y\\\"\"`"),
            ("a: %x", "`a: \"%x\"`"),
            ("a: *x*", "`a: \"*x*\"`"),
            ("a: { t: see #4 }", "`t: \"see #4\"`"),
            ("a: 'it's'", "`a: \"it's\"`"),
            ("a: { p: \"Hi\" there }", "`p: \"Hi\\\" there\"`"),
            ("a: - b", "`a: \"- b\"`"),
            ("é: 😀\na: {ü: 1, x: @y }", "`x: \"@y\"`"),
            ("a: { x: 1", "1:4 unclosed bracket '{'"),
            (
                "- a\nb: 1",
                "2:1 while parsing a block collection, did not find expected '-' indicator",
            ),
        ] {
            assert_eq!(corrected(text), expected, "{text}");
        }
    }

    #[test]
    fn hostile_lines_are_read_in_time() {
        for text in [
            "a: ".to_owned() + &"{".repeat(900_000),
            "a: ".to_owned() + &"[{ x: ".repeat(150_000),
            "a: b: ".to_owned() + &", c: ".repeat(150_000),
            "a: ".to_owned() + &"`, ".repeat(300_000),
            format!("a: &a +0.{}\nb: [{}]", "0".repeat(500_000), "*a,".repeat(20_000)),
        ] {
            if let Err(error) = Document::parse(&text) {
                assert!(error.message.len() < 2_000, "{}", error.message.len());
            }
        }
    }

    #[test]
    fn json_surrogates_are_read() {
        let document = Document::parse(r#"{"name": "\ud83d\ude00"}"#).unwrap();
        assert_eq!(document.root()["name"], "😀");
    }

    #[test]
    fn refuses_what_is_not_a_document() {
        for text in [
            "",
            "[1]",
            "text",
            "a: b: c",
            "a: 1\na: 2",
            "{\"a\":1,\"a\":2}",
            "{\"a\":",
            "a: *x",
            "x: 340282366920938463463374607431768211455",
        ] {
            let error = Document::parse(text).unwrap_err();
            assert!(error.line >= 1 && error.column >= 1, "{text}: {error}");
        }
        let error = Document::parse("name: x\nnodes: [\n").unwrap_err();
        assert!(error.line >= 2, "{error}");
        assert!(Document::parse(&"#".repeat(MAX_DOCUMENT_BYTES + 1)).is_err());
    }

    #[test]
    fn parse_failures_say_what_and_where() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Document::parse(text).unwrap_err().to_string(), expected, "{text}")
        };
        check("a: 1\na: 2", "key \"a\" is given twice (line 2, column 1)");
        check("{\"a\":1,\"a\":2}", "key \"a\" is given twice (line 1, column 8)");
        check(
            "a: b: c",
            "mapping values are not allowed in this context; put the text in quotes: `a: \"b: c\"` \
             (line 1, column 5)",
        );
        check("nodes: [\n", "unclosed bracket '[' (line 1, column 8)");
        check(
            "a: 1\n---\nb: 2",
            "a document is one object, nested at most 64 levels, with at most 100000 values after \
             aliases are filled in (line 2, column 1)",
        );
        check(
            "- a",
            "a workflow document is an object with fields such as `nodes` (line 1, column 1)",
        );
    }

    #[test]
    fn bounds_depth_and_aliases() {
        let deep = format!("a: {}{}", "[".repeat(100), "]".repeat(100));
        assert!(Document::parse(&deep).is_err());
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned()
            + &('b'..='j')
                .fold((String::new(), 'a'), |(text, last), name| {
                    (
                        format!(
                            "{text}{name}: &{name} [{}]\n",
                            vec![format!("*{last}"); 10].join(",")
                        ),
                        name,
                    )
                })
                .0;
        assert!(Document::parse(&bomb).is_err());
    }

    /// On any thread that a caller may have.
    #[test]
    fn the_deepest_document_needs_little_stack() {
        let nested =
            |levels: usize| format!("a: {}x{}", "{ a: [".repeat(levels), "] }".repeat(levels));
        let small = std::thread::Builder::new().stack_size(256 << 10);
        let read = move || [31, 32, 5_000].map(|levels| Document::parse(&nested(levels)).is_ok());
        assert_eq!(small.spawn(read).unwrap().join().unwrap(), [true, false, false]);
    }

    #[test]
    fn aliases_and_merges_are_read() {
        let document =
            Document::parse("base: &b { x: 1 }\nuse: *b\nmore: { <<: *b, y: 2 }\n").unwrap();
        assert_eq!(document.root()["use"]["x"], 1);
        assert_eq!(document.root()["more"]["x"], 1);
    }
}
