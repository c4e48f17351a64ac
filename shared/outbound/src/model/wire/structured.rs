//! The subset of JSON Schema that Claude can be held to.
//!
//! Checked against Anthropic's "Structured outputs" and Bedrock's "Get validated JSON results from
//! models". The whole schema is checked when the answer is there; a word that the subset lacks may
//! therefore become a hint.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::strict::REFUSED;
use crate::model::ask::{self, Ask};

const MAX_DEPTH: usize = 32;
const MAX_DEFINITIONS: usize = 100;
const MAX_OPTIONAL: usize = 24;
const MAX_UNIONS: usize = 16;

/// String formats of the subset.
const FORMATS: [&str; 10] =
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];

/// Returns the system text, and the schema for the provider. A schema that the subset cannot
/// express stands in the text instead.
pub(super) fn system_and_schema(ask: &Ask<'_>) -> (String, Option<Value>) {
    let mut system = ask.system();
    let Some(schema) = ask.schema else { return (system, None) };
    let structured = structured(schema);
    if structured.is_none() {
        if !system.is_empty() {
            system.push_str("\n\n");
        }
        system.push_str(&ask::instructions(schema));
    }
    (system, structured)
}

/// Returns the schema in the subset; `None` if it cannot express it.
pub(super) fn structured(schema: &Value) -> Option<Value> {
    let mut rewriting = Rewriting::default();
    let structured = rewriting.rewritten(schema, 0)?;
    let is_fit = structured["type"] == "object"
        && rewriting.optional <= MAX_OPTIONAL
        && rewriting.unions <= MAX_UNIONS
        && rewriting.references_end();
    is_fit.then_some(structured)
}

#[derive(Default)]
struct Rewriting {
    optional: usize,
    unions: usize,
    /// Met outside of the definitions, or in the one at hand.
    references: Vec<String>,
    /// The references of each definition.
    definitions: BTreeMap<String, Vec<String>>,
}

impl Rewriting {
    fn rewritten(&mut self, schema: &Value, depth: usize) -> Option<Value> {
        let schema = schema.as_object()?;
        if depth > MAX_DEPTH {
            return None;
        }
        if let Some(reference) = schema.get("$ref") {
            self.references.push(reference.as_str()?.to_owned());
            return Some(json!({ "$ref": reference }));
        }
        let mut kept = Map::new();
        let mut hints = Vec::new();
        for (word, value) in schema {
            match self.word(word, value, schema, depth)? {
                Word::Kept(word, value) => {
                    kept.insert(word.to_owned(), value);
                }
                Word::Hint => hints.push(format!("{word}: {value}")),
                Word::Dropped => {}
            }
        }
        let has_shape = ["type", "enum", "const", "anyOf"].iter().any(|w| kept.contains_key(*w));
        if !has_shape {
            return None;
        }
        if is_object(&kept) {
            self.close(schema, &mut kept)?;
        }
        add_hints(&mut kept, &hints);
        Some(Value::Object(kept))
    }

    /// Returns `None` for a word without which the schema would mean something else.
    fn word<'w>(
        &mut self,
        word: &'w str,
        value: &Value,
        schema: &Map<String, Value>,
        depth: usize,
    ) -> Option<Word<'w>> {
        let kept = |value| Some(Word::Kept(word, value));
        match word {
            "$schema" | "$id" | "$comment" | "additionalProperties" => Some(Word::Dropped),
            "title" | "description" | "required" => kept(value.clone()),
            "const" if is_plain(value) => kept(value.clone()),
            "enum" if value.as_array()?.iter().all(is_plain) => kept(value.clone()),
            "const" | "enum" => None,
            "type" => {
                self.unions += usize::from(value.is_array());
                kept(value.clone())
            }
            "format" if FORMATS.iter().any(|format| value == format) => kept(value.clone()),
            "minItems" if value == 0 || value == 1 => kept(value.clone()),
            "items" => kept(self.rewritten(value, depth + 1)?),
            "properties" => kept(self.each(value.as_object()?, depth)?),
            "anyOf" => kept(self.options(value, depth)?),
            // An answer that fits two of them is found later.
            "oneOf" if !schema.contains_key("anyOf") => {
                Some(Word::Kept("anyOf", self.options(value, depth)?))
            }
            "$defs" | "definitions" if depth == 0 => kept(self.defined(word, value.as_object()?)?),
            "$defs" | "definitions" | "oneOf" => None,
            refused if REFUSED.contains(&refused) => None,
            _ => Some(Word::Hint),
        }
    }

    fn each(&mut self, properties: &Map<String, Value>, depth: usize) -> Option<Value> {
        let mut property = |(name, property): (&String, &Value)| {
            Some((name.clone(), self.rewritten(property, depth + 1)?))
        };
        properties.iter().map(&mut property).collect::<Option<Map<_, _>>>().map(Value::Object)
    }

    fn options(&mut self, options: &Value, depth: usize) -> Option<Value> {
        self.unions += 1;
        options.as_array()?.iter().map(|option| self.rewritten(option, depth + 1)).collect()
    }

    fn defined(&mut self, word: &str, definitions: &Map<String, Value>) -> Option<Value> {
        let mut rewritten = Map::new();
        for (name, definition) in definitions {
            let outside = std::mem::take(&mut self.references);
            rewritten.insert(name.clone(), self.rewritten(definition, 1)?);
            let inside = std::mem::replace(&mut self.references, outside);
            self.definitions.insert(format!("#/{word}/{name}"), inside);
        }
        Some(Value::Object(rewritten))
    }

    /// Allows the listed properties and no others. An object of free names has no such form.
    fn close(&mut self, schema: &Map<String, Value>, kept: &mut Map<String, Value>) -> Option<()> {
        let is_open = matches!(schema.get("additionalProperties"), Some(more) if more != false);
        let properties = kept.get("properties")?.as_object()?;
        let required = kept.get("required").and_then(Value::as_array);
        let is_listed = |name: &Value| name.as_str().is_some_and(|n| properties.contains_key(n));
        if is_open || !required.is_none_or(|required| required.iter().all(is_listed)) {
            return None;
        }
        self.optional += properties.len().saturating_sub(required.map_or(0, Vec::len));
        kept.insert("additionalProperties".to_owned(), Value::Bool(false));
        Some(())
    }

    /// Whether every reference leads to a definition, and none back to where it stands.
    fn references_end(&self) -> bool {
        let mut open = self.definitions.clone();
        if open.len() > MAX_DEFINITIONS {
            return false;
        }
        let known = |reference: &String| self.definitions.contains_key(reference);
        if !self.references.iter().chain(open.values().flatten()).all(known) {
            return false;
        }
        loop {
            let is_done =
                |references: &Vec<String>| references.iter().all(|r| !open.contains_key(r));
            let done: Vec<String> =
                open.iter().filter(|(_, r)| is_done(r)).map(|(name, _)| name.clone()).collect();
            if done.is_empty() {
                return open.is_empty();
            }
            open.retain(|name, _| !done.contains(name));
        }
    }
}

fn is_object(schema: &Map<String, Value>) -> bool {
    let is_object = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        kind => kind.is_some_and(|kind| kind == "object"),
    };
    is_object || schema.contains_key("properties")
}

fn is_plain(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

enum Word<'w> {
    Kept(&'w str, Value),
    Hint,
    Dropped,
}

/// The model may follow what it is not held to.
fn add_hints(kept: &mut Map<String, Value>, hints: &[String]) {
    if hints.is_empty() {
        return;
    }
    let hints = hints.join(", ");
    let description = match kept.get("description").and_then(Value::as_str) {
        Some(description) => format!("{description} ({hints})"),
        None => hints,
    };
    kept.insert("description".to_owned(), description.into());
}

#[cfg(test)]
mod tests;
