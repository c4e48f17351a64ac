//! What only the bodies of starts have: flags, lists of objects, keys of the caller's own.

use flowgate_app::error::FieldProblem;
use flowgate_app::{Error, Result};
use serde_json::{Map, Value};

use super::{Fields, kind_of};

impl Fields {
    /// An object of strings, in the caller's order.
    pub(crate) fn take_strings(&mut self, key: &str) -> Option<Vec<(String, String)>> {
        let object = self.take_object(key)?;
        Some(self.within(key, object, |object| {
            let names = object.names().into_iter();
            let value =
                |name: String| object.require(&name, Self::take_string).map(|value| (name, value));
            names.filter_map(value).collect()
        }))
    }

    /// Reads each object of a list; unknown keys of them are refused. `read` gives `None` where it
    /// reported a problem.
    pub(crate) fn each<T>(
        &mut self,
        key: &str,
        items: Vec<Value>,
        read: impl Fn(&mut Self) -> Option<T>,
    ) -> Vec<T> {
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
                other => self.problems.push(FieldProblem {
                    pointer: place,
                    message: format!("must be an object, not {}", kind_of(&other)),
                }),
            }
        }
        found
    }

    /// Where the object itself stands.
    pub(crate) fn pointer(&self) -> &str {
        &self.pointer
    }

    /// What nobody took, in the caller's order.
    pub(crate) fn finish_with_rest(mut self) -> Result<Map<String, Value>> {
        self.left.retain(|key, _| !self.taken.contains(key));
        if self.problems.is_empty() { Ok(self.left) } else { Err(Error::BadInput(self.problems)) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(result: Result<()>) -> Vec<String> {
        match result {
            Err(Error::BadInput(problems)) => problems
                .into_iter()
                .map(|problem| format!("{} {}", problem.pointer, problem.message))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn tells_all_that_is_wrong_at_once() {
        let mut fields =
            Fields::of_body(json!({ "user": 3, "save": "no", "extra/~": 1, "n": null })).unwrap();
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
        let mut fields = Fields::of_body(json!({
            "webhook": [{ "url": "x" }, { "methd": 1 }, 5], "options": { "save": 1, "x": 2 }
        }))
        .unwrap();
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
        let mut fields =
            Fields::of_body(json!({ "b": 1, "stream": true, "a": 2, "c": 3 })).unwrap();
        assert_eq!(fields.take_bool("stream"), Some(true));
        let rest = fields.finish_with_rest().unwrap();
        assert_eq!(rest.keys().collect::<Vec<_>>(), ["b", "a", "c"]);
    }
}
