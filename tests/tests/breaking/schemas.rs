//! Compares schemas: what callers send must still be taken, and what they read must still be such.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// Who writes a value of the schema.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Direction {
    /// The caller. The schema may only grow.
    Sent,
    /// The server. The schema may only shrink.
    Read,
}

pub(crate) struct Comparison<'a> {
    pub old: &'a Value,
    pub new: &'a Value,
    found: BTreeSet<(String, String)>,
    /// Pairs of named schemas that have been reached: they may contain themselves.
    seen: BTreeSet<(Direction, String, String)>,
}

/// The keywords that bound a value, and whether a larger bound lets more values in.
const BOUNDS: [(&str, bool); 6] = [
    ("minimum", false),
    ("minLength", false),
    ("minItems", false),
    ("maximum", true),
    ("maxLength", true),
    ("maxItems", true),
];

impl<'a> Comparison<'a> {
    pub(crate) fn new(old: &'a Value, new: &'a Value) -> Self {
        Self { old, new, found: BTreeSet::new(), seen: BTreeSet::new() }
    }

    pub(crate) fn finish(self) -> BTreeSet<(String, String)> {
        self.found
    }

    pub(crate) fn note(&mut self, place: &str, what: &str) {
        self.found.insert((place.to_owned(), what.to_owned()));
    }

    /// Compares two schemas that may be references, choices, or both.
    pub(crate) fn schemas(&mut self, direction: Direction, place: &str, old: &Value, new: &Value) {
        let (olds, news) = (choices(old), choices(new));
        let is_any = |choices: &[Value]| choices.iter().any(|choice| kind(choice) == "anything");
        let (wide, narrow, documents) = match direction {
            Direction::Sent => (&news, &olds, (self.old, self.new)),
            Direction::Read => (&olds, &news, (self.new, self.old)),
        };
        if is_any(wide) {
            return;
        }
        for choice in narrow {
            match partner(choice, wide, documents) {
                None => self.note(place, &misfit(direction, &kind(choice))),
                Some(other) if direction == Direction::Sent => {
                    self.single(direction, place, choice, other);
                }
                Some(other) => self.single(direction, place, other, choice),
            }
        }
    }

    /// Neither is a choice. Fields of named schemas have the name as their place, wherever they are
    /// used.
    fn single(&mut self, direction: Direction, place: &str, old: &Value, new: &Value) {
        if let (Some(before), Some(after)) = (name_of(old), name_of(new)) {
            if self.seen.insert((direction, before.to_owned(), after.to_owned())) {
                let schema =
                    |document: &Value, name: &str| document["components"]["schemas"][name].clone();
                let (before, after) = (schema(self.old, before), schema(self.new, after));
                let name = name_of(old).unwrap_or_default().to_owned();
                self.schemas(direction, &name, &before, &after);
            }
            return;
        }
        let old = flat(old, self.old);
        let new = flat(new, self.new);
        if choices(&old).len() > 1 || choices(&new).len() > 1 {
            return self.schemas(direction, place, &old, &new);
        }
        self.values(direction, place, &old, &new);
        self.fields(direction, place, &old, &new);
        for part in ["items", "additionalProperties"] {
            if old[part].is_object() && new[part].is_object() {
                self.schemas(direction, &format!("{place}[]"), &old[part], &new[part]);
            }
        }
    }

    fn values(&mut self, direction: Direction, place: &str, old: &Value, new: &Value) {
        let (wide, narrow) = match direction {
            Direction::Sent => (new, old),
            Direction::Read => (old, new),
        };
        match (wide["enum"].as_array(), narrow["enum"].as_array()) {
            (Some(_), None) => self.note(place, "has other values than those of its enum"),
            (Some(wide), Some(narrow)) => {
                for value in narrow.iter().filter(|value| !wide.contains(value)) {
                    self.note(place, &misfit(direction, &value.to_string()));
                }
            }
            (None, _) => {}
        }
        for keyword in ["format", "pattern"] {
            if !wide[keyword].is_null() && wide[keyword] != narrow[keyword] {
                self.note(place, &format!("has another {keyword}"));
            }
        }
        if direction == Direction::Sent {
            self.bounds(place, old, new);
        }
    }

    fn bounds(&mut self, place: &str, old: &Value, new: &Value) {
        for (bound, larger_is_wider) in BOUNDS {
            let Some(limit) = new[bound].as_f64() else { continue };
            let fits = |old: f64| if larger_is_wider { old <= limit } else { old >= limit };
            if !old[bound].as_f64().is_some_and(fits) {
                self.note(place, &format!("has a narrower `{bound}`"));
            }
        }
    }

    fn fields(&mut self, direction: Direction, place: &str, old: &Value, new: &Value) {
        let empty = Map::new();
        let before = old["properties"].as_object().unwrap_or(&empty);
        let after = new["properties"].as_object().unwrap_or(&empty);
        for (name, field) in before {
            let place = format!("{place}.{name}");
            let Some(other) = after.get(name) else {
                self.note(&place, "is removed");
                continue;
            };
            match (direction, is_required(old, name), is_required(new, name)) {
                (Direction::Sent, false, true) => self.note(&place, "is required now"),
                (Direction::Read, true, false) => self.note(&place, "may be missing now"),
                _ => {}
            }
            self.schemas(direction, &place, field, other);
        }
        let is_closed = |schema: &Value| schema["additionalProperties"] == false;
        if direction == Direction::Sent && is_closed(new) && !is_closed(old) {
            self.note(place, "no longer takes unknown fields");
        }
        for name in after.keys().filter(|name| !before.contains_key(*name)) {
            if direction == Direction::Sent && is_required(new, name) {
                self.note(&format!("{place}.{name}"), "is new and required");
            }
        }
    }
}

fn misfit(direction: Direction, what: &str) -> String {
    match direction {
        Direction::Sent => format!("no longer takes {what}"),
        Direction::Read => format!("may be {what} now"),
    }
}

fn is_required(schema: &Value, name: &str) -> bool {
    schema["required"].as_array().is_some_and(|names| names.iter().any(|other| other == name))
}

fn name_of(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/components/schemas/")
}

/// The alternatives of a schema: those of `oneOf` and `anyOf`, and one for each of its types.
fn choices(schema: &Value) -> Vec<Value> {
    for keyword in ["oneOf", "anyOf"] {
        if let Some(list) = schema[keyword].as_array() {
            return list.iter().flat_map(choices).collect();
        }
    }
    match schema["type"].as_array() {
        None => vec![schema.clone()],
        Some(types) => types.iter().map(|of_type| with_type(schema, of_type)).collect(),
    }
}

/// Bounds and values of a schema of several types are not those of `null`.
fn with_type(schema: &Value, of_type: &Value) -> Value {
    if of_type == "null" {
        return json!({ "type": "null" });
    }
    let mut one = schema.clone();
    one["type"] = of_type.clone();
    one
}

/// By what a caller distinguishes the alternatives: the name, the tag, or the type.
fn kind(schema: &Value) -> String {
    if let Some(name) = name_of(schema) {
        return name.to_owned();
    }
    if let Some(tag) = tag_of(schema) {
        return tag;
    }
    match schema["type"].as_str() {
        Some(name) => name.to_owned(),
        None if schema["properties"].is_object() || schema["allOf"].is_array() => {
            "object".to_owned()
        }
        None if schema["enum"].is_array() => "string".to_owned(),
        None => "anything".to_owned(),
    }
}

/// A required field of one value distinguishes an alternative from the others.
fn tag_of(schema: &Value) -> Option<String> {
    let tags =
        schema["properties"].as_object()?.iter().filter(|(name, _)| is_required(schema, name));
    let mut tags = tags.filter_map(|(name, field)| Some((name, field["enum"].as_array()?)));
    let (name, values) = tags.find(|(_, values)| values.len() == 1)?;
    Some(format!("{name}={}", values[0]))
}

/// The alternative of the other side that takes the place of this one: the same, one of the same
/// kind, or the only one of the same type. A schema that merely got a name is no other.
fn partner<'a>(
    choice: &Value,
    others: &'a [Value],
    documents: (&Value, &Value),
) -> Option<&'a Value> {
    let wanted = kind(choice);
    let is_kin = |other: &&Value| {
        let kind = kind(other);
        kind == wanted || (wanted == "integer" && kind == "number")
    };
    let found = others.iter().find(|other| *other == choice).or_else(|| others.iter().find(is_kin));
    found.or_else(|| {
        let (document, other_document) = documents;
        let wanted = &flat(choice, document)["type"];
        let mut alike =
            others.iter().filter(|other| &flat(other, other_document)["type"] == wanted);
        alike.next().filter(|_| alike.next().is_none())
    })
}

/// Follows the reference, and joins the fields of `allOf`.
fn flat(schema: &Value, document: &Value) -> Value {
    if let Some(name) = name_of(schema) {
        return flat(&document["components"]["schemas"][name], document);
    }
    let Some(parts) = schema["allOf"].as_array() else { return schema.clone() };
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for part in parts.iter().map(|part| flat(part, document)) {
        properties.extend(part["properties"].as_object().cloned().unwrap_or_default());
        required.extend(part["required"].as_array().cloned().unwrap_or_default());
    }
    json!({ "type": "object", "properties": properties, "required": required })
}
