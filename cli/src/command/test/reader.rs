//! Reads a file of cases: every problem is noted, with its place.

use flowgate_engine::json::push_segment;
use flowgate_engine::{Document, Severity};
use serde_json::{Map, Value};

use crate::problems::Problem;

pub(super) struct Reader<'d> {
    document: &'d Document,
    pub problems: Vec<Problem>,
}

impl<'d> Reader<'d> {
    pub(super) fn new(document: &'d Document) -> Self {
        Self { document, problems: Vec::new() }
    }

    pub(super) fn error(&mut self, path: &str, message: impl Into<String>) {
        let problem = self.document.problem(Severity::Error, path, message.into());
        self.problems.push(problem.into());
    }

    /// The problems by their place, each once: several cases may share a mistake.
    pub(super) fn in_order(mut self) -> Vec<Problem> {
        let key =
            |found: &Problem| (found.line, found.column, found.path.clone(), found.message.clone());
        self.problems.sort_by_key(key);
        self.problems.dedup_by_key(|found| key(found));
        self.problems
    }

    /// Returns the fields of an object, and notes those that it cannot have.
    pub(super) fn object<'v>(
        &mut self,
        value: &'v Value,
        path: &str,
        fields: &[&str],
    ) -> Option<&'v Map<String, Value>> {
        let object = self.map(value, path)?;
        for name in object.keys().filter(|name| !fields.contains(&name.as_str())) {
            let message = format!("unknown field `{name}`; there are {}", fields.join(", "));
            self.error(&below(path, name), message);
        }
        Some(object)
    }

    /// Returns an object whose fields have names of the author's own.
    pub(super) fn map<'v>(
        &mut self,
        value: &'v Value,
        path: &str,
    ) -> Option<&'v Map<String, Value>> {
        let object = value.as_object();
        if object.is_none() {
            self.error(path, "must be an object");
        }
        object
    }

    pub(super) fn list<'v>(&mut self, value: &'v Value, path: &str) -> &'v [Value] {
        value.as_array().map_or_else(
            || {
                self.error(path, "must be a list");
                Default::default()
            },
            Vec::as_slice,
        )
    }

    /// Returns the text of a field, if it is given.
    pub(super) fn text(
        &mut self,
        object: &Map<String, Value>,
        name: &str,
        path: &str,
    ) -> Option<String> {
        match object.get(name)? {
            Value::String(text) => Some(text.clone()),
            _ => {
                self.error(&below(path, name), "must be text");
                None
            }
        }
    }

    /// Returns the texts of a list, if it is given.
    pub(super) fn texts(
        &mut self,
        object: &Map<String, Value>,
        name: &str,
        path: &str,
    ) -> Vec<(String, String)> {
        let path = below(path, name);
        let Some(value) = object.get(name) else { return Vec::new() };
        let mut texts = Vec::new();
        for (index, item) in self.list(value, &path).iter().enumerate() {
            let place = format!("{path}/{index}");
            match item.as_str() {
                Some(text) => texts.push((text.to_owned(), place)),
                None => self.error(&place, "must be text"),
            }
        }
        texts
    }
}

/// The pointer to a field of what is at `path`.
pub(super) fn below(path: &str, name: &str) -> String {
    let mut path = path.to_owned();
    push_segment(&mut path, name);
    path
}
