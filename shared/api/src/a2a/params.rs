//! The parameters of an operation: an object of JSON, or the pairs of a query. As ProtoJSON has it,
//! what is null or empty is left out, numbers may be strings, and unknown members are passed over.

use serde_json::{Map, Value};

use super::refusal::Refusal;
use crate::http::fields::kind_of;
use crate::http::request::QueryPairs;

pub(super) struct Params(pub(super) Map<String, Value>);

impl From<&QueryPairs> for Params {
    fn from(query: &QueryPairs) -> Self {
        let pair = |(name, value): (&str, &str)| (name.to_owned(), Value::from(value));
        Self(query.pairs().map(pair).collect())
    }
}

impl Params {
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            Some(other) => Err(wrong(name, "a string", &other)),
        }
    }

    /// The name of a value of an enumeration, or its number.
    pub(super) fn word(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        match self.take(name) {
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            Some(other) => Err(wrong(name, "the name of a value", &other)),
        }
    }

    pub(super) fn required(&mut self, name: &str) -> Result<String, Refusal> {
        let text = self.text(name)?;
        text.ok_or_else(|| Refusal::invalid_params(format!("`{name}` is required")))
    }

    pub(super) fn integer(&mut self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let read = match &value {
            Value::String(text) if text.is_empty() => return Ok(None),
            Value::String(text) => text.parse().ok(),
            other => other.as_i64(),
        };
        read.map(Some).ok_or_else(|| wrong(name, "an integer", &value))
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<bool, Refusal> {
        let Some(value) = self.take(name) else { return Ok(false) };
        match (value.as_bool(), value.as_str()) {
            (Some(flag), _) => Ok(flag),
            (None, Some("true" | "1" | "True")) => Ok(true),
            (None, Some("false" | "0" | "False" | "")) => Ok(false),
            _ => Err(wrong(name, "true or false", &value)),
        }
    }

    #[cfg_attr(not(feature = "starts"), expect(dead_code, reason = "only starts have objects"))]
    pub(super) fn object(&mut self, name: &str) -> Result<Option<Self>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(Self(object))),
            Some(other) => Err(wrong(name, "an object", &other)),
        }
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.get_mut(name).map(Value::take).filter(|value| !value.is_null())
    }
}

fn wrong(name: &str, wanted: &str, value: &Value) -> Refusal {
    let kind = kind_of(value);
    Refusal::invalid_params(format!("`{name}` must be {wanted}, not {kind}"))
}
