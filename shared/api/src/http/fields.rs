//! Takes the known fields out of a JSON object, and tells of everything that is wrong with them at once.

use std::collections::HashSet;

use flowgate_app::error::FieldProblem;
use flowgate_app::{Error, Result};
use serde_json::{Map, Value};

/// What is left of an object, and what was wrong with what was taken. An optional field that is `null` counts as left out.
pub(crate) struct Fields {
    left: Map<String, Value>,
    /// Keys of `left` that are no longer there. To remove each on its own would move all that come after it, each time.
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
            other => Err(Error::bad_field("", format!("the body must be a JSON object, not {}", kind_of(&other)))),
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
    pub(crate) fn require<T>(&mut self, key: &str, take: fn(&mut Self, &str) -> Option<T>) -> Option<T> {
        let problems = self.problems.len();
        let taken = take(self, key);
        if taken.is_none() && self.problems.len() == problems {
            self.problem(key, "is required");
        }
        taken
    }

    /// Reads an object inside this one; unknown keys of it are refused.
    pub(crate) fn within<T>(&mut self, key: &str, object: Map<String, Value>, read: impl FnOnce(&mut Self) -> T) -> T {
        let mut inner = Self::at(self.pointer_to(key), object);
        let found = read(&mut inner);
        inner.refuse_left();
        self.problems.append(&mut inner.problems);
        found
    }

    /// Reads each object of a list; unknown keys of them are refused. `read` gives `None` where it reported a problem.
    pub(crate) fn each<T>(&mut self, key: &str, items: Vec<Value>, read: impl Fn(&mut Self) -> Option<T>) -> Vec<T> {
        let mut found = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let place = format!("{}/{index}", self.pointer_to(key));
            match item {
                Value::Object(left) => {
                    let mut inner = Self::at(place, left);
                    found.extend(read(&mut inner));
                    inner.refuse_left();
                    self.problems.append(&mut inner.problems);
                }
                other => {
                    self.problems.push(FieldProblem { pointer: place, message: format!("must be an object, not {}", kind_of(&other)) })
                }
            }
        }
        found
    }

    pub(crate) fn problem(&mut self, key: &str, message: impl Into<String>) {
        self.problems.push(FieldProblem { pointer: self.pointer_to(key), message: message.into() });
    }

    pub(crate) fn item_problem(&mut self, key: &str, index: usize, message: impl Into<String>) {
        self.problems.push(FieldProblem { pointer: format!("{}/{index}", self.pointer_to(key)), message: message.into() });
    }

    /// Of what nobody took yet.
    pub(crate) fn names(&self) -> Vec<String> {
        self.left.keys().filter(|key| !self.taken.contains(*key)).cloned().collect()
    }

    /// Where the object itself stands.
    pub(crate) fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Refuses keys that nobody took, and whatever else was wrong.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.refuse_left();
        if self.problems.is_empty() { Ok(()) } else { Err(Error::BadInput(self.problems)) }
    }

    /// What nobody took, in the caller's order.
    pub(crate) fn finish_with_rest(mut self) -> Result<Map<String, Value>> {
        self.left.retain(|key, _| !self.taken.contains(key));
        if self.problems.is_empty() { Ok(self.left) } else { Err(Error::BadInput(self.problems)) }
    }

    fn take_as<T>(&mut self, key: &str, wanted: &str, read: impl FnOnce(Value) -> Option<T>) -> Option<T> {
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
        format!("{}/{}", self.pointer, key.replace('~', "~0").replace('/', "~1"))
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(result: Result<()>) -> Vec<String> {
        match result {
            Err(Error::BadInput(problems)) => {
                problems.into_iter().map(|problem| format!("{} {}", problem.pointer, problem.message)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn tells_all_that_is_wrong_at_once() {
        let mut fields = Fields::of_body(json!({ "user": 3, "save": "no", "extra/~": 1, "n": null })).unwrap();
        assert_eq!(fields.take_string("user"), None);
        assert_eq!(fields.take_bool("save"), None);
        assert_eq!(fields.take_integer("n"), None);
        assert_eq!(fields.require("url", Fields::take_string), None);
        assert_eq!(
            problems(fields.finish()),
            [
                "/user must be a string, not a number",
                "/save must be true or false, not a string",
                "/url is required",
                "/extra~1~0 is not a known field"
            ]
        );
    }

    #[test]
    fn names_fields_inside_lists_and_objects() {
        let mut fields =
            Fields::of_body(json!({ "webhook": [{ "url": "x" }, { "methd": 1 }, 5], "options": { "save": 1, "x": 2 } })).unwrap();
        let hooks = fields.take_list("webhook").unwrap();
        let hooks = fields.each("webhook", hooks, |hook| hook.require("url", Fields::take_string));
        assert_eq!(hooks, ["x"]);
        let options = fields.take_object("options").unwrap();
        fields.within("options", options, |options| options.take_bool("save"));
        assert_eq!(
            problems(fields.finish()),
            [
                "/webhook/1/url is required",
                "/webhook/1/methd is not a known field",
                "/webhook/2 must be an object, not a number",
                "/options/save must be true or false, not a number",
                "/options/x is not a known field",
            ]
        );
    }

    #[test]
    fn takes_many_in_little_time() {
        let many: Map<String, Value> = (0..50_000).map(|n| (format!("h{n}"), json!(n))).collect();
        let mut fields = Fields::of_body(Value::Object(many)).unwrap();
        let began = std::time::Instant::now();
        for name in fields.names() {
            assert!(fields.take(&name).is_some());
            assert!(fields.take(&name).is_none());
        }
        assert!(fields.finish_with_rest().unwrap().is_empty());
        // One by one it took most of a minute.
        assert!(began.elapsed().as_secs() < 5);
    }

    #[test]
    fn leaves_the_rest_in_order() {
        let mut fields = Fields::of_body(json!({ "b": 1, "stream": true, "a": 2, "c": 3 })).unwrap();
        assert_eq!(fields.take_bool("stream"), Some(true));
        let rest = fields.finish_with_rest().unwrap();
        assert_eq!(rest.keys().collect::<Vec<_>>(), ["b", "a", "c"]);
    }
}
