//! Takes the known fields out of a JSON object, and reports everything that is wrong at once.

#[cfg(feature = "starts")]
mod starts;

use std::collections::HashSet;

use flowgate_app::error::FieldProblem;
use flowgate_app::{Error, Result};
use serde_json::{Map, Value};

/// What is left of an object, and what was wrong with what was taken. An optional field that is
/// `null` counts as left out.
pub(crate) struct Fields {
    left: Map<String, Value>,
    /// Keys of `left` that are no longer there. Removing each on its own would move all that follow
    /// it, each time.
    taken: HashSet<String>,
    /// Where the object stands in the body.
    pointer: String,
    problems: Vec<FieldProblem>,
}

impl Fields {
    /// Of a whole body.
    pub(crate) fn of_body(body: Value) -> Result<Self> {
        match body {
            Value::Object(left) => Ok(Self::at(String::new(), left)),
            other => Err(Error::bad_field(
                "",
                format!("the body must be a JSON object, not {}", kind_of(&other)),
            )),
        }
    }

    fn at(pointer: String, left: Map<String, Value>) -> Self {
        Self { left, taken: HashSet::new(), pointer, problems: Vec::new() }
    }

    pub(crate) fn take(&mut self, key: &str) -> Option<Value> {
        if self.taken.contains(key) {
            return None;
        }
        let value = self.left.get_mut(key)?.take();
        self.taken.insert(key.to_owned());
        Some(value)
    }

    pub(crate) fn take_string(&mut self, key: &str) -> Option<String> {
        self.take_as(key, "a string", |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
    }

    pub(crate) fn take_bool(&mut self, key: &str) -> Option<bool> {
        self.take_as(key, "true or false", |value| value.as_bool())
    }

    pub(crate) fn take_integer(&mut self, key: &str) -> Option<u64> {
        self.take_as(key, "an integer from 0", |value| value.as_u64())
    }

    pub(crate) fn take_object(&mut self, key: &str) -> Option<Map<String, Value>> {
        self.take_as(key, "an object", |value| match value {
            Value::Object(object) => Some(object),
            _ => None,
        })
    }

    pub(crate) fn take_list(&mut self, key: &str) -> Option<Vec<Value>> {
        self.take_as(key, "an array", |value| match value {
            Value::Array(items) => Some(items),
            _ => None,
        })
    }

    /// Reports the field if it is left out.
    pub(crate) fn require<T>(
        &mut self,
        key: &str,
        take: fn(&mut Self, &str) -> Option<T>,
    ) -> Option<T> {
        let problems = self.problems.len();
        let taken = take(self, key);
        if taken.is_none() && self.problems.len() == problems {
            self.problem(key, "is required");
        }
        taken
    }

    /// Reads an object inside this one; unknown keys of it are refused.
    pub(crate) fn within<T>(
        &mut self,
        key: &str,
        object: Map<String, Value>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let mut inner = Self::at(self.pointer_to(key), object);
        let found = read(&mut inner);
        inner.refuse_left();
        self.problems.append(&mut inner.problems);
        found
    }

    pub(crate) fn problem(&mut self, key: &str, message: impl Into<String>) {
        self.problems.push(FieldProblem { pointer: self.pointer_to(key), message: message.into() });
    }

    pub(crate) fn item_problem(&mut self, key: &str, index: usize, message: impl Into<String>) {
        self.part_problem(key, &index.to_string(), message);
    }

    /// Of a field or an item inside the value of `key`.
    pub(crate) fn part_problem(&mut self, key: &str, part: &str, message: impl Into<String>) {
        let pointer = format!("{}/{}", self.pointer_to(key), escaped(part));
        self.problems.push(FieldProblem { pointer, message: message.into() });
    }

    /// Of what nobody took yet.
    pub(crate) fn names(&self) -> Vec<String> {
        self.left.keys().filter(|key| !self.taken.contains(*key)).cloned().collect()
    }

    /// Refuses keys that nobody took, and whatever else was wrong.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.refuse_left();
        if self.problems.is_empty() { Ok(()) } else { Err(Error::BadInput(self.problems)) }
    }

    /// Passes over keys that nobody took; refuses whatever else was wrong.
    pub(crate) fn finish_known(self) -> Result<()> {
        if self.problems.is_empty() { Ok(()) } else { Err(Error::BadInput(self.problems)) }
    }

    fn take_as<T>(
        &mut self,
        key: &str,
        wanted: &str,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(key).filter(|value| !value.is_null())?;
        let kind = kind_of(&value);
        let taken = read(value);
        if taken.is_none() {
            self.problem(key, format!("must be {wanted}, not {kind}"));
        }
        taken
    }

    fn refuse_left(&mut self) {
        for key in self.names() {
            self.problem(&key, "is not a known field");
        }
    }

    fn pointer_to(&self, key: &str) -> String {
        format!("{}/{}", self.pointer, escaped(key))
    }
}

/// A name as a JSON Pointer has it.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// As messages name it.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
