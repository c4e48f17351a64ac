//! Reads the fields of one object of the document. What is wrong becomes a problem with its place; reading goes on.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::document::parse_duration;
use crate::json::push_segment;
use crate::problem::{Severity, did_you_mean};
use crate::shape::Shape;
use crate::template::{Template, Text};
use crate::workflow::Compiler;

/// Whether `{{NAME}}` may stand in a field. Only what the way out fills in may hold one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrets {
    Allowed,
    Refused,
}

pub(crate) struct Fields<'c, 'd> {
    pub compiler: &'c mut Compiler<'d>,
    pub scope: usize,
    object: &'d Map<String, Value>,
    path: String,
    known: Vec<&'static str>,
}

impl<'c, 'd> Fields<'c, 'd> {
    pub(crate) fn new(compiler: &'c mut Compiler<'d>, object: &'d Map<String, Value>, path: &str, scope: usize) -> Self {
        Self { compiler, scope, object, path: path.to_owned(), known: Vec::new() }
    }

    /// The field as written, where it has its shape; an empty one (`null`) is as good as absent.
    pub(crate) fn get(&mut self, name: &'static str, shape: Shape) -> Option<&'d Value> {
        self.leave(name, shape);
        let value = self.given(name)?;
        if let Some(misfit) = shape.misfit(value) {
            self.error(name, format!("`{name}` {misfit}"));
            return None;
        }
        Some(value)
    }

    /// Present, be it `null`; of any shape.
    pub(crate) fn get_with_null(&mut self, name: &'static str) -> Option<&'d Value> {
        self.leave(name, Shape::Any);
        self.object.get(name)
    }

    /// Present, whatever its shape. The field is still to be read.
    pub(crate) fn given(&self, name: &str) -> Option<&'d Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// Known, and judged elsewhere.
    #[cfg_attr(not(test), expect(unused_variables, reason = "only the schema asks for shapes that are judged elsewhere"))]
    pub(crate) fn leave(&mut self, name: &'static str, shape: Shape) {
        self.known.push(name);
        #[cfg(test)]
        self.compiler.asked.field(&self.path, name, shape);
    }

    /// Known, required, and judged elsewhere.
    pub(crate) fn leave_required(&mut self, name: &'static str, shape: Shape) {
        self.leave(name, shape);
        #[cfg(test)]
        self.compiler.asked.all(&self.path, name);
    }

    pub(crate) fn refuse(&mut self, name: &'static str, message: &str) {
        self.leave(name, Shape::Nothing);
        if self.given(name).is_some() {
            self.error(name, message);
        }
    }

    pub(crate) fn path_of(&self, name: &str) -> String {
        let mut path = self.path.clone();
        push_segment(&mut path, name);
        path
    }

    pub(crate) fn error(&mut self, name: &str, message: impl Into<String>) {
        let path = self.path_of(name);
        self.compiler.report(Severity::Error, &path, message.into());
    }

    pub(crate) fn warning(&mut self, name: &str, message: impl Into<String>) {
        let path = self.path_of(name);
        self.compiler.report(Severity::Warning, &path, message.into());
    }

    /// About the object as a whole.
    pub(crate) fn error_here(&mut self, message: impl Into<String>) {
        let path = self.path.clone();
        self.compiler.report(Severity::Error, &path, message.into());
    }

    /// Tells every field that nobody asked for.
    pub(crate) fn finish(mut self) {
        for name in self.object.keys().filter(|name| !self.known.contains(&name.as_str())).collect::<Vec<_>>() {
            let hint = did_you_mean(name, self.known.iter().copied());
            self.error(name, format!("unknown field `{name}`{hint}"));
        }
    }

    pub(crate) fn string(&mut self, name: &'static str) -> Option<&'d str> {
        self.get(name, Shape::Words)?.as_str()
    }

    pub(crate) fn one_of(&mut self, name: &'static str, names: &'static [&'static str]) -> Option<&'d str> {
        self.get(name, Shape::OneOf(names))?.as_str()
    }

    pub(crate) fn boolean(&mut self, name: &'static str) -> Option<bool> {
        self.get(name, Shape::Boolean)?.as_bool()
    }

    pub(crate) fn integer(&mut self, name: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        self.get(name, Shape::Integer(*range.start(), *range.end()))?.as_u64()
    }

    pub(crate) fn number(&mut self, name: &'static str, range: RangeInclusive<f64>) -> Option<f64> {
        self.get(name, Shape::Number(*range.start(), *range.end()))?.as_f64()
    }

    /// `range` with its ends as authors write them.
    pub(crate) fn duration(&mut self, name: &'static str, range: RangeInclusive<&'static str>) -> Option<Duration> {
        self.get(name, Shape::Duration(range.start(), range.end()))?.as_str().and_then(parse_duration)
    }

    pub(crate) fn object(&mut self, name: &'static str) -> Option<&'d Map<String, Value>> {
        self.get(name, Shape::Object)?.as_object()
    }

    pub(crate) fn list(&mut self, name: &'static str) -> Option<&'d [Value]> {
        self.get(name, Shape::List)?.as_array().map(Vec::as_slice)
    }

    pub(crate) fn text(&mut self, name: &'static str, secrets: Secrets) -> Option<Text> {
        let text = match self.get(name, Shape::Text)? {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        let path = self.path_of(name);
        Some(self.compiler.text(&text, &path, self.scope, secrets))
    }

    /// Where it is missing that is a problem, and empty text stands for it.
    pub(crate) fn required_text(&mut self, name: &'static str, secrets: Secrets) -> Text {
        self.require(name);
        self.text(name, secrets).unwrap_or_default()
    }

    pub(crate) fn require(&mut self, name: &'static str) {
        #[cfg(test)]
        self.compiler.asked.all(&self.path, name);
        if self.given(name).is_none() {
            self.error_here(format!("`{name}` is missing"));
        }
    }

    /// At least one of the two.
    pub(crate) fn require_any(&mut self, names: [&'static str; 2]) {
        #[cfg(test)]
        self.compiler.asked.any(&self.path, names);
        if names.iter().all(|name| self.given(name).is_none()) {
            self.error_here(format!("`{}` or `{}` is missing", names[0], names[1]));
        }
    }

    /// One of the two and not both.
    pub(crate) fn require_one(&mut self, names: [&'static str; 2]) {
        #[cfg(test)]
        self.compiler.asked.one(&self.path, names);
        if names.iter().filter(|name| self.given(name).is_some()).count() != 1 {
            self.error_here(format!("one of `{}` and `{}` is needed", names[0], names[1]));
        }
    }

    pub(crate) fn template(&mut self, name: &'static str, secrets: Secrets) -> Option<Template> {
        let value = self.get(name, Shape::Any)?;
        let path = self.path_of(name);
        Some(self.compiler.template(value, &path, self.scope, secrets))
    }

    /// An object of texts, in the author's order.
    pub(crate) fn texts(&mut self, name: &'static str, secrets: Secrets) -> Vec<(String, Text)> {
        let Some(object) = self.get(name, Shape::Texts).and_then(Value::as_object) else { return Vec::new() };
        let path = self.path_of(name);
        let mut inner = Fields::new(self.compiler, object, &path, self.scope);
        object.keys().filter_map(|key| inner.entry(key, secrets).map(|text| (key.clone(), text))).collect()
    }

    fn entry(&mut self, key: &str, secrets: Secrets) -> Option<Text> {
        let text = match self.object.get(key)? {
            Value::String(text) => text.clone(),
            value @ (Value::Number(_) | Value::Bool(_)) => value.to_string(),
            Value::Null => String::new(),
            Value::Array(_) | Value::Object(_) => {
                self.error(key, format!("`{key}` must be text"));
                return None;
            }
        };
        let path = self.path_of(key);
        Some(self.compiler.text(&text, &path, self.scope, secrets))
    }

    /// An HTTP method of the given list, in any case.
    pub(crate) fn method(&mut self, default: &str, allowed: &'static [&'static str]) -> String {
        let method = self.get("method", Shape::Method(allowed)).and_then(Value::as_str);
        method.unwrap_or(default).to_ascii_uppercase()
    }

    /// HTTP headers: names are tokens, values text.
    pub(crate) fn headers(&mut self, secrets: Secrets) -> Vec<(String, Text)> {
        let headers = self.texts("headers", secrets);
        for (name, _) in &headers {
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)) {
                self.error("headers", format!("`{name}` is not a header name"));
            }
        }
        headers
    }
}
