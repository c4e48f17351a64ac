//! JSON Schemas of authors: bounded when they are published, and again for each value, so that no
//! value of a caller keeps a processor busy.

use std::collections::HashMap;

use jsonschema::{PatternOptions, Validator};
use serde_json::{Map, Value};

use crate::json;
use crate::pattern;
use crate::problem::shortened;

const MAX_SCHEMA_BYTES: usize = 256 << 10;
const MAX_DEPTH: usize = 32;
/// Steps of one validation: a keyword's look at a value. Half a million take a tenth of a second.
const MAX_STEPS: usize = 500_000;
/// With so few steps all errors can be listed; with more, only the first.
const MAX_STEPS_OF_LIST: usize = 10_000;
const MAX_ERRORS: usize = 20;
/// Steps per state of a pattern and kilobyte of text.
const TEXT_PER_STEP: usize = 1 << 10;

/// Applied to the same value.
const IN_PLACE: [&str; 3] = ["not", "if", "then"];
const IN_PLACE_LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
/// Applied to each item, property, or name of one.
const OF_EACH: [&str; 7] = [
    "items",
    "additionalItems",
    "unevaluatedItems",
    "contains",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
];
/// Whose target is known only while a value is validated.
const DYNAMIC: [&str; 2] = ["$dynamicRef", "$recursiveRef"];

#[derive(Debug)]
pub struct Schema {
    written: Value,
    validator: Validator,
    /// The number of states of each pattern.
    states: HashMap<String, usize>,
}

/// A place in a value, and what is wrong there.
pub struct Misfit {
    pub pointer: String,
    pub reason: String,
}

impl Schema {
    /// Refuses a schema that is too large, too deep, is not JSON Schema, or refers to other
    /// documents.
    pub fn compile(schema: &Value) -> Result<Self, String> {
        if !schema.is_object() {
            return Err("`schema` must be an object (JSON Schema)".into());
        }
        if json::size(schema) > MAX_SCHEMA_BYTES {
            return Err(format!("a schema is at most {MAX_SCHEMA_BYTES} bytes"));
        }
        let mut states = HashMap::new();
        check(schema, schema, 0, &mut states)?;
        // A linear-time regex engine: no caller's text makes a pattern take exponential time.
        let validator = jsonschema::options()
            .with_pattern_options(PatternOptions::regex())
            .build(schema)
            .map_err(|error| {
                format!("`schema` is not a valid JSON Schema: {}", shortened(&error.to_string()))
            })?;
        // The cheapest value must not be too costly already.
        let schema = Self { written: schema.clone(), validator, states };
        match schema.steps(&Value::Null) {
            Some(_) => Ok(schema),
            None => Err("`schema` takes too many steps for any value".into()),
        }
    }

    /// Returns what does not fit: nothing, the first misfit, or the first ones.
    pub fn misfits(&self, value: &Value) -> Vec<Misfit> {
        self.misfits_within(value, &mut { MAX_STEPS })
    }

    /// The same for several values, which share an allowance of steps.
    pub(crate) fn misfits_within(&self, value: &Value, allowance: &mut usize) -> Vec<Misfit> {
        let (taken, steps) = self.steps_within(value, MAX_STEPS.min(*allowance));
        *allowance -= taken;
        let Some(steps) = steps else {
            let reason = "it is too large or too deep to be checked".to_owned();
            return vec![Misfit { pointer: String::new(), reason }];
        };
        if self.validator.is_valid(value) {
            return Vec::new();
        }
        let misfit = |error: jsonschema::ValidationError<'_>| Misfit {
            pointer: error.instance_path().to_string(),
            reason: shortened(&error.masked().to_string()),
        };
        if steps > MAX_STEPS_OF_LIST {
            return self.validator.validate(value).err().map(misfit).into_iter().collect();
        }
        self.validator.iter_errors(value).take(MAX_ERRORS).map(misfit).collect()
    }

    /// Counts the steps that the validation takes at most; `None` if they are too many.
    fn steps(&self, value: &Value) -> Option<usize> {
        self.steps_within(value, MAX_STEPS).1
    }

    /// Returns what the count took, and the steps unless they are more than `max`.
    fn steps_within(&self, value: &Value, max: usize) -> (usize, Option<usize>) {
        let mut counter = Counter { root: &self.written, states: &self.states, left: max };
        match counter.count(&self.written, value, 0) {
            Some(()) => (max - counter.left, Some(max - counter.left)),
            None => (max, None),
        }
    }
}

/// Checks the schema's depth, patterns and references, before anything compiles them. Notes the
/// states of its patterns.
fn check(
    root: &Value,
    schema: &Value,
    depth: usize,
    states: &mut HashMap<String, usize>,
) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("`schema` is nested deeper than {MAX_DEPTH} levels"));
    }
    match schema {
        Value::Array(items) => {
            items.iter().try_for_each(|item| check(root, item, depth + 1, states))
        }
        Value::Object(fields) => {
            check_references(root, fields, depth)?;
            note_patterns(fields, states)?;
            fields.values().try_for_each(|field| check(root, field, depth + 1, states))
        }
        _ => Ok(()),
    }
}

fn check_references(root: &Value, fields: &Map<String, Value>, depth: usize) -> Result<(), String> {
    if let Some(keyword) = DYNAMIC.iter().find(|keyword| fields.contains_key(**keyword)) {
        return Err(format!("`schema` must not use {keyword}"));
    }
    if depth > 0 && fields.get("$id").is_some_and(Value::is_string) {
        return Err("`schema` must not contain a second `$id`".to_owned());
    }
    if let Some(Value::String(reference)) = fields.get("$ref")
        && target(root, reference).is_none()
    {
        return Err(format!("`schema` refers to {reference:?}; only `#` and `#/…` are allowed"));
    }
    Ok(())
}

fn note_patterns(
    fields: &Map<String, Value>,
    states: &mut HashMap<String, usize>,
) -> Result<(), String> {
    let one = fields.get("pattern").and_then(Value::as_str);
    let names = fields.get("patternProperties").and_then(Value::as_object);
    let names = names.into_iter().flat_map(|names| names.keys().map(String::as_str));
    for pattern in one.into_iter().chain(names) {
        states.insert(pattern.to_owned(), pattern::states(pattern)?);
    }
    Ok(())
}

fn target<'s>(root: &'s Value, reference: &str) -> Option<&'s Value> {
    root.pointer(reference.strip_prefix('#')?)
}

/// Follows a validation without its short cuts: no validation takes more steps than this.
struct Counter<'s> {
    root: &'s Value,
    states: &'s HashMap<String, usize>,
    left: usize,
}

impl<'s> Counter<'s> {
    fn spend(&mut self, steps: usize) -> Option<()> {
        self.left = self.left.checked_sub(steps)?;
        Some(())
    }

    fn count(&mut self, schema: &'s Value, value: &Value, depth: usize) -> Option<()> {
        self.spend(1)?;
        // Deeper than any value: the schema refers to itself without going on to a part.
        if depth > MAX_DEPTH + json::MAX_DEPTH {
            return None;
        }
        let Value::Object(schema) = schema else { return Some(()) };
        self.spend(schema.len())?;
        self.own_keywords(schema, value)?;
        self.in_place(schema, value, depth + 1)?;
        self.parts(schema, value, depth + 1)
    }

    /// Keywords that look at the value alone.
    fn own_keywords(&mut self, schema: &Map<String, Value>, value: &Value) -> Option<()> {
        for keyword in ["enum", "required"] {
            if let Some(Value::Array(items)) = schema.get(keyword) {
                self.spend(items.len())?;
            }
        }
        if let (Some(Value::Bool(true)), Value::Array(items)) = (schema.get("uniqueItems"), value) {
            // Sorted, by values that may be large.
            self.spend(items.len() + json::size(value) / TEXT_PER_STEP)?;
        }
        if let (Some(Value::String(pattern)), Value::String(text)) = (schema.get("pattern"), value)
        {
            self.pattern(pattern, text.len())?;
        }
        Some(())
    }

    fn pattern(&mut self, pattern: &str, text: usize) -> Option<()> {
        let states = self.states.get(pattern)?;
        self.spend(states.saturating_mul(text) / TEXT_PER_STEP)
    }

    fn in_place(
        &mut self,
        schema: &'s Map<String, Value>,
        value: &Value,
        depth: usize,
    ) -> Option<()> {
        if let Some(Value::String(reference)) = schema.get("$ref") {
            let referred = target(self.root, reference)?;
            self.count(referred, value, depth)?;
        }
        for keyword in IN_PLACE.iter().chain(["else"].iter()) {
            if let Some(inner) = schema.get(*keyword) {
                self.count(inner, value, depth)?;
            }
        }
        for keyword in IN_PLACE_LISTS {
            if let Some(Value::Array(list)) = schema.get(keyword) {
                list.iter().try_for_each(|inner| self.count(inner, value, depth).ok_or(())).ok()?;
            }
        }
        for keyword in ["dependentSchemas", "dependencies"] {
            if let Some(Value::Object(inner)) = schema.get(keyword) {
                inner
                    .values()
                    .try_for_each(|inner| self.count(inner, value, depth).ok_or(()))
                    .ok()?;
            }
        }
        Some(())
    }

    /// Keywords that go on to the parts of the value.
    fn parts(&mut self, schema: &'s Map<String, Value>, value: &Value, depth: usize) -> Option<()> {
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.of_each(schema, item, depth)?;
                    for keyword in ["prefixItems", "items"] {
                        if let Some(Value::Array(list)) = schema.get(keyword)
                            && let Some(inner) = list.get(index)
                        {
                            self.count(inner, item, depth)?;
                        }
                    }
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields {
                    self.of_each(schema, field, depth)?;
                    self.property(schema, name, field, depth)?;
                }
            }
            _ => {}
        }
        Some(())
    }

    fn of_each(
        &mut self,
        schema: &'s Map<String, Value>,
        part: &Value,
        depth: usize,
    ) -> Option<()> {
        for keyword in OF_EACH {
            if let Some(inner) = schema.get(keyword).filter(|inner| inner.is_object()) {
                self.count(inner, part, depth)?;
            }
        }
        Some(())
    }

    fn property(
        &mut self,
        schema: &'s Map<String, Value>,
        name: &str,
        field: &Value,
        depth: usize,
    ) -> Option<()> {
        if let Some(inner) = schema.get("properties").and_then(|properties| properties.get(name)) {
            self.count(inner, field, depth)?;
        }
        if let Some(Value::Object(patterns)) = schema.get("patternProperties") {
            for (pattern, inner) in patterns {
                self.pattern(pattern, name.len())?;
                self.count(inner, field, depth)?;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use cpu_time::ThreadTime;
    use serde_json::json;

    use super::*;

    fn misfits(schema: &Value, value: &Value) -> Vec<String> {
        let misfits = Schema::compile(schema).unwrap().misfits(value);
        misfits.into_iter().map(|misfit| format!("{} {}", misfit.pointer, misfit.reason)).collect()
    }

    #[test]
    fn values_are_checked() {
        let schema = json!({"type": "array", "items": {"type": "integer"}, "maxItems": 3});
        assert!(misfits(&schema, &json!([1, 2])).is_empty());
        assert_eq!(misfits(&schema, &json!(["a", 2, "b"])).len(), 2);
        // The first error only, of a value with many.
        let many: Value = (0..20_000).map(|_| json!("a")).collect();
        assert_eq!(misfits(&schema, &many).len(), 1);
    }

    #[test]
    fn a_tree_refers_to_itself() {
        let schema = json!({
            "$ref": "#/$defs/tree",
            "$defs": {"tree": {"properties": {
                "name": {"type": "string"},
                "children": {"items": {"$ref": "#/$defs/tree"}}
            }}}
        });
        let tree = json!({"name": "a", "children": [{"name": "b", "children": []}]});
        assert!(misfits(&schema, &tree).is_empty());
        assert_eq!(misfits(&schema, &json!({"children": [{"name": 1}]})).len(), 1);
    }

    /// Each of them took seconds or for ever.
    #[test]
    fn what_would_take_long_is_refused() {
        let twice = |inner: Value| json!({"anyOf": [inner, inner]});
        let mut defs = serde_json::Map::new();
        for n in 0..30 {
            let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
            defs.insert(format!("d{n}"), twice(next));
        }
        defs.insert("d30".to_owned(), json!({"type": "string"}));
        let doubling = json!({"$ref": "#/$defs/d0", "$defs": defs});
        assert!(Schema::compile(&doubling).unwrap_err().contains("too many steps"));

        let endless = json!({"$ref": "#"});
        assert!(Schema::compile(&endless).unwrap_err().contains("too many steps"));
        for keyword in DYNAMIC {
            assert!(Schema::compile(&json!({keyword: "#"})).unwrap_err().contains(keyword));
        }

        let down = json!({"$defs": {"a": twice(json!({"items": {"$ref": "#/$defs/a"}}))},
            "$ref": "#/$defs/a"});
        let deep = (0..60).fold(json!(1), |inner, _| json!([inner]));
        let began = ThreadTime::now();
        assert!(misfits(&down, &deep)[0].contains("too large or too deep"));
        assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());

        let slow = json!({"pattern": "(a|b)*a(a|b){500}"});
        assert!(misfits(&slow, &json!("ab".repeat(1_000_000)))[0].contains("too large"));
    }

    #[test]
    fn a_deep_schema_is_refused() {
        let deep = (0..40).fold(json!({}), |inner, _| json!({"not": inner}));
        assert!(Schema::compile(&deep).unwrap_err().contains("nested deeper"));
        let other = json!({"$ref": "https://example.com/schema"});
        assert!(Schema::compile(&other).unwrap_err().contains("refers to"));
    }
}
