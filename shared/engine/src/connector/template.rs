//! Templates of a connector: JSON with references and operators, filled in from the node's fields
//! and from what the vendor answered.
//!
//! One reference alone keeps its type. What refers to something absent (or null) is left out, and
//! so are the lists and objects that this empties.

use serde_json::{Map, Value};

use super::operator::Operator;
use super::read::{Names, Reader};
use crate::expr::cel::Counted;
use crate::expr::reference::{PathStep, Piece, parse_path, push_step, scan};
use crate::expr::scope::follow;
use crate::json::push_segment;
use crate::kind::NodeError;
use crate::weight::Weight;

/// The key of an object whose fields go into the object around it.
const SPREAD: &str = "...";
/// The name of the secret that the node uses, in headers and addresses alone.
pub(super) const LOGIN: &str = "login";

#[derive(Debug)]
pub(super) enum Template {
    Literal(Value),
    Text(Vec<Part>),
    List(Vec<Template>),
    /// A field without a name is spread.
    Object(Vec<(Option<String>, Template)>),
    Operator(Box<Operator>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    Text(String),
    Reference(Reference),
    Login,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reference {
    pub root: String,
    pub path: Vec<PathStep>,
    /// `<in.path...>`: several segments of a path.
    pub is_rest: bool,
}

impl Template {
    pub(super) fn read(reader: &mut Reader, value: &Value, path: &str, names: &Names) -> Self {
        match value {
            Value::String(text) => Self::of_text(parts(reader, text, path, names, false)),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                let item = |(at, item)| Self::read(reader, item, &format!("{path}/{at}"), names);
                Self::List(items.map(item).collect())
            }
            Value::Object(fields) => Self::read_object(reader, fields, path, names),
            other => Self::Literal(other.clone()),
        }
    }

    fn of_text(parts: Vec<Part>) -> Self {
        match parts.as_slice() {
            [] => Self::Literal("".into()),
            [Part::Text(text)] => Self::Literal(text.clone().into()),
            _ => Self::Text(parts),
        }
    }

    fn read_object(
        reader: &mut Reader,
        fields: &Map<String, Value>,
        path: &str,
        names: &Names,
    ) -> Self {
        if let Some((name, argument)) = fields.iter().find(|(name, _)| name.starts_with('$')) {
            if fields.len() > 1 {
                reader.error(path, format!("`{name}` is an operator and stands alone"));
            }
            return Operator::read(reader, name, argument, path, names);
        }
        if fields.is_empty() {
            return Self::Literal(Value::Object(Map::new()));
        }
        let mut read = Vec::with_capacity(fields.len());
        for (name, field) in fields {
            let mut path = path.to_owned();
            push_segment(&mut path, name);
            let field = Self::read(reader, field, &path, names);
            read.push(((name != SPREAD).then(|| name.clone()), field));
        }
        Self::Object(read)
    }

    /// Returns the value; `None` if it is absent.
    pub(super) fn fill(&self, values: &Values<'_>) -> Result<Option<Value>, NodeError> {
        Ok(match self {
            Self::Literal(value) => Some(value.clone()),
            Self::Text(parts) => values.text(parts)?,
            Self::List(items) => {
                let mut filled = Vec::with_capacity(items.len());
                for item in items {
                    filled.extend(item.fill(values)?);
                }
                (!filled.is_empty() || items.is_empty()).then_some(Value::Array(filled))
            }
            Self::Object(fields) => fill_object(fields, values)?,
            Self::Operator(operator) => operator.apply(values)?,
        })
    }

    /// Returns what it gives as text; `None` if it is absent.
    pub(super) fn fill_text(&self, values: &Values<'_>) -> Result<Option<String>, NodeError> {
        Ok(self.fill(values)?.map(|value| text_of(&value)))
    }
}

fn fill_object(
    fields: &[(Option<String>, Template)],
    values: &Values<'_>,
) -> Result<Option<Value>, NodeError> {
    let mut object = Map::new();
    let mut has_any = false;
    for (name, field) in fields {
        let Some(value) = field.fill(values)? else { continue };
        has_any = true;
        match (name, value) {
            (Some(name), value) => drop(object.insert(name.clone(), value)),
            (None, Value::Object(spread)) => object.extend(spread),
            (None, _) => {
                return Err(NodeError::new("invalid_field", "what is spread must be an object"));
            }
        }
    }
    Ok(has_any.then_some(Value::Object(object)))
}

/// Inside text, a string stands as it is, anything else as compact JSON.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The values that references read, the innermost name last.
pub(super) struct Values<'v> {
    outer: Option<&'v Values<'v>>,
    named: Vec<(&'v str, &'v Value)>,
    /// What has been made of references so far.
    counted: &'v std::cell::RefCell<Counted>,
    /// What ids are made of: the same whenever this call of this run is planned.
    pub(super) seed: &'v str,
}

impl<'v> Values<'v> {
    pub(super) fn new(
        named: Vec<(&'v str, &'v Value)>,
        counted: &'v std::cell::RefCell<Counted>,
        seed: &'v str,
    ) -> Self {
        Self { outer: None, named, counted, seed }
    }

    pub(super) fn with(&'v self, named: Vec<(&'v str, &'v Value)>) -> Values<'v> {
        Values { outer: Some(self), named, counted: self.counted, seed: self.seed }
    }

    pub(super) fn find(&self, name: &str) -> Option<&Value> {
        let own = self.named.iter().rev().find(|(known, _)| *known == name);
        match (own, self.outer) {
            (Some((_, value)), _) => Some(value),
            (None, Some(outer)) => outer.find(name),
            (None, None) => None,
        }
    }

    /// Returns what a reference reads; `None` for null and what is not there.
    pub(super) fn read(&self, reference: &Reference) -> Option<&Value> {
        let found = follow(self.find(&reference.root)?, &reference.path)?;
        (!found.is_null()).then_some(found)
    }

    /// Counts what is made of a value, before it is made.
    pub(super) fn count(&self, value: &Value) -> Result<(), NodeError> {
        self.counted.borrow_mut().add(Weight::of(value))
    }

    pub(super) fn count_text(&self, bytes: usize) -> Result<(), NodeError> {
        self.counted.borrow_mut().add(Weight { json: bytes, memory: bytes })
    }

    fn text(&self, parts: &[Part]) -> Result<Option<Value>, NodeError> {
        if let [Part::Reference(reference)] = parts {
            let Some(value) = self.read(reference) else { return Ok(None) };
            self.count(value)?;
            return Ok(Some(value.clone()));
        }
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Reference(reference) => {
                    let Some(value) = self.read(reference) else { return Ok(None) };
                    self.count(value)?;
                    text.push_str(&text_of(value));
                }
                // Refused where templates are read.
                Part::Login => {}
            }
        }
        Ok(Some(Value::String(text)))
    }
}

/// Reads a text with references. `<login>` is for headers and addresses.
pub(super) fn parts(
    reader: &mut Reader,
    text: &str,
    path: &str,
    names: &Names,
    has_login: bool,
) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for piece in scan(text) {
        let part = match piece {
            Piece::Text(text) => Part::Text(text.to_owned()),
            Piece::Secret(name) => {
                let message = format!("{{{{{name}}}}}: a connector's secret is the node's `login`");
                reader.error(path, message);
                continue;
            }
            Piece::Reference(found) => {
                let inner = &found.source[1..found.source.len() - 1];
                match inner == LOGIN {
                    true if has_login => Part::Login,
                    true => {
                        let message = "<login> stands in `auth`, and in addresses with \
                                       `auth: {type: url}`";
                        reader.error(path, message);
                        continue;
                    }
                    false => match reference(reader, inner, path, names) {
                        Some(reference) => Part::Reference(reference),
                        None => continue,
                    },
                }
            }
        };
        match (parts.last_mut(), part) {
            (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
            (_, part) => parts.push(part),
        }
    }
    parts
}

/// Reads what stands between `<` and `>`.
pub(super) fn reference(
    reader: &mut Reader,
    written: &str,
    path: &str,
    names: &Names,
) -> Option<Reference> {
    let (inner, is_rest) = match written.strip_suffix("...") {
        Some(inner) => (inner, true),
        None => (written, false),
    };
    let end = inner.find(['.', '[']).unwrap_or(inner.len());
    let (root, rest) = inner.split_at(end);
    let Some(steps) = parse_path(rest) else {
        reader.error(
            path,
            format!(
                "<{written}> is no reference: names that are no words are \
                                    quoted, as in <in.data[\"First name\"]>"
            ),
        );
        return None;
    };
    names.check(reader, root, &steps, written, path)?;
    Some(Reference { root: root.to_owned(), path: steps, is_rest })
}

impl Reference {
    /// As it is written.
    pub(super) fn written(&self) -> String {
        let mut text = format!("<{}", self.root);
        self.path.iter().for_each(|step| push_step(&mut text, step));
        text.push('>');
        text
    }
}
