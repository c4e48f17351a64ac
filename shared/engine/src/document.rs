//! The workflow as people write it, in YAML or JSON, with the position of every value.

mod duration;
mod yaml;

use std::collections::HashMap;

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
    /// JSON pointer to line and column, both counted from 1.
    places: HashMap<String, (u32, u32)>,
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
        let (root, places) = read(text)?;
        if has_long_key(&root) {
            return Err(ParseError {
                line: 1,
                column: 1,
                message: format!("a key has at most {MAX_KEY_BYTES} bytes"),
            });
        }
        match root {
            Value::Object(root) => Ok(Self { root, places }),
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

    /// Returns a problem at the position of `path` or its nearest ancestor.
    pub fn problem(&self, severity: Severity, path: &str, message: String) -> Problem {
        let place = std::iter::successors(Some(path), |path| {
            path.rsplit_once('/').map(|(parent, _)| parent)
        })
        .find_map(|path| self.places.get(path).copied());
        Problem {
            severity,
            path: path.to_owned(),
            line: place.map(|p| p.0),
            column: place.map(|p| p.1),
            message,
        }
    }
}

type Read = (Value, HashMap<String, (u32, u32)>);

/// Tries strict JSON first if the text looks like it: YAML reads most of JSON, but not its
/// surrogate pairs.
fn read(text: &str) -> Result<Read, ParseError> {
    if !text.trim_start().starts_with('{') {
        return yaml::read(text);
    }
    match json::parse_with_places(text) {
        Ok((value, found)) => Ok((value, with_lines(text, found))),
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
fn with_lines(text: &str, found: Vec<(String, usize)>) -> HashMap<String, (u32, u32)> {
    let (mut line, mut column, mut at) = (1, 1, 0);
    let mut places = HashMap::with_capacity(found.len());
    for (pointer, offset) in found {
        for character in text[at..offset].chars() {
            (line, column) = if character == '\n' { (line + 1, 1) } else { (line, column + 1) };
        }
        at = offset;
        places.insert(pointer, (line, column));
    }
    places
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
        check("a: b: c", "mapping values are not allowed in this context (line 1, column 5)");
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
