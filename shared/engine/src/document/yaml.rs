//! Parses YAML into a tree of values with their positions.

use std::collections::HashMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Error, Spanned};

use super::{ParseError, Read};
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
            ParseError { line: line.max(1), column: column.max(1), message: message(&error) }
        })?;
    let mut places = HashMap::new();
    let root = flatten(tree, &mut String::new(), &mut places);
    Ok((root, places))
}

/// The message without the position, which is separate.
fn message(error: &Error) -> String {
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
            shortened(text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message))
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

fn flatten(
    tree: Spanned<Tree>,
    pointer: &mut String,
    places: &mut HashMap<String, (u32, u32)>,
) -> Value {
    if pointer.len() <= MAX_POINTER {
        places.insert(
            pointer.clone(),
            (clamp(tree.referenced.line()), clamp(tree.referenced.column())),
        );
    }
    let outer = pointer.len();
    let mut descend = |segment: &str, tree: Spanned<Tree>| {
        push_segment(pointer, segment);
        let value = flatten(tree, pointer, places);
        pointer.truncate(outer);
        value
    };
    match tree.value {
        Tree::Scalar(value) => value,
        Tree::List(items) => items
            .into_iter()
            .enumerate()
            .map(|(index, item)| descend(&index.to_string(), item))
            .collect(),
        Tree::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(key, field)| {
                    let value = descend(&key, field);
                    (key, value)
                })
                .collect::<Map<_, _>>(),
        ),
    }
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
