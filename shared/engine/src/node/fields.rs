//! Reads the fields of one object of the document. What is wrong becomes a problem with its place; reading goes on.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::document::parse_duration;
use crate::json::push_segment;
use crate::problem::{Severity, did_you_mean};
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

    /// The field as written; an empty one (`null`) is as good as absent.
    pub(crate) fn get(&mut self, name: &'static str) -> Option<&'d Value> {
        self.known.push(name);
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// Present, be it `null`.
    pub(crate) fn get_with_null(&mut self, name: &'static str) -> Option<&'d Value> {
        self.known.push(name);
        self.object.get(name)
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
        let value = self.get(name)?;
        if value.as_str().is_none() {
            self.error(name, format!("`{name}` must be text{}", quote_hint(value)));
        }
        value.as_str()
    }

    pub(crate) fn boolean(&mut self, name: &'static str) -> Option<bool> {
        let value = self.get(name)?;
        if value.as_bool().is_none() {
            self.error(name, format!("`{name}` must be true or false"));
        }
        value.as_bool()
    }

    pub(crate) fn integer(&mut self, name: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.get(name)?;
        let number = value.as_u64().filter(|number| range.contains(number));
        if number.is_none() {
            self.error(name, format!("`{name}` must be a whole number from {} to {}", range.start(), range.end()));
        }
        number
    }

    /// `range` with its ends as authors write them.
    pub(crate) fn duration(&mut self, name: &'static str, range: RangeInclusive<&str>) -> Option<Duration> {
        let value = self.get(name)?;
        let bound = |text: &str| parse_duration(text).unwrap_or_default();
        let allowed = bound(range.start())..=bound(range.end());
        let duration = value.as_str().and_then(parse_duration).filter(|duration| allowed.contains(duration));
        if duration.is_none() {
            self.error(name, format!("`{name}` must be a duration such as \"90s\" or \"10m\", from {} to {}", range.start(), range.end()));
        }
        duration
    }

    pub(crate) fn object(&mut self, name: &'static str) -> Option<&'d Map<String, Value>> {
        let value = self.get(name)?;
        if value.as_object().is_none() {
            self.error(name, format!("`{name}` must be an object"));
        }
        value.as_object()
    }

    pub(crate) fn list(&mut self, name: &'static str) -> Option<&'d [Value]> {
        let value = self.get(name)?;
        if value.as_array().is_none() {
            self.error(name, format!("`{name}` must be a list"));
        }
        value.as_array().map(Vec::as_slice)
    }

    pub(crate) fn text(&mut self, name: &'static str, secrets: Secrets) -> Option<Text> {
        let text = match self.get(name)? {
            Value::String(text) => text.clone(),
            value @ (Value::Number(_) | Value::Bool(_)) => value.to_string(),
            _ => {
                self.error(name, format!("`{name}` must be text"));
                return None;
            }
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
        if self.object.get(name).is_none_or(Value::is_null) {
            self.error_here(format!("`{name}` is missing"));
        }
    }

    pub(crate) fn template(&mut self, name: &'static str, secrets: Secrets) -> Option<Template> {
        let value = self.get(name)?;
        let path = self.path_of(name);
        Some(self.compiler.template(value, &path, self.scope, secrets))
    }

    /// An object of texts, in the author's order.
    pub(crate) fn texts(&mut self, name: &'static str, secrets: Secrets) -> Vec<(String, Text)> {
        let Some(object) = self.object(name) else { return Vec::new() };
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
    pub(crate) fn method(&mut self, default: &str, allowed: &[&str]) -> String {
        let Some(method) = self.string("method") else { return default.to_owned() };
        let method = method.to_ascii_uppercase();
        if !allowed.contains(&method.as_str()) {
            self.error("method", format!("`method` must be one of {}", allowed.join(", ")));
        }
        method
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

fn quote_hint(value: &Value) -> &'static str {
    if value.is_number() || value.is_boolean() { "; put it in quotes" } else { "" }
}
