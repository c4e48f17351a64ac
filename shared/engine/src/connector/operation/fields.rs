//! The fields of an operation, as JSON Schema describes them.

use serde_json::{Map, Value};

use super::Operation;
use crate::schema::Schema;

impl Operation {
    pub(in crate::connector) fn properties(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.fields.get("properties").and_then(Value::as_object).into_iter().flatten()
    }

    pub(in crate::connector) fn required(&self) -> impl Iterator<Item = &str> {
        let required = self.fields.get("required").and_then(Value::as_array);
        required.into_iter().flatten().filter_map(Value::as_str)
    }

    /// Returns why a value is none for this field.
    pub(in crate::connector) fn misfit_of(&self, name: &str, value: &Value) -> Option<String> {
        let (_, schema) = self.properties().find(|(known, _)| *known == name)?;
        let schema = Schema::compile(schema).ok()?;
        schema.misfits(value).into_iter().next().map(|misfit| misfit.reason)
    }

    /// Text where the field is a number or truth, and the other way round: callers' forms send
    /// text, and references give numbers.
    pub(in crate::connector) fn fitted(&self, name: &str, value: Value) -> Value {
        let schema = self.properties().find(|(known, _)| *known == name);
        let wanted = schema.and_then(|(_, schema)| schema.get("type")).and_then(Value::as_str);
        match (wanted, &value) {
            (Some("string"), Value::Number(_) | Value::Bool(_)) => value.to_string().into(),
            (Some("integer" | "number" | "boolean"), Value::String(text)) => {
                let read = serde_json::from_str::<Value>(text.trim()).ok();
                read.filter(|read| read.is_number() || read.is_boolean()).unwrap_or(value)
            }
            _ => value,
        }
    }

    /// Returns what does not fit the fields.
    pub(in crate::connector) fn misfit(&self, fields: &Value) -> Option<String> {
        let misfit = self.schema.misfits(fields).into_iter().next()?;
        let at = misfit.pointer.trim_start_matches('/');
        let at = if at.is_empty() { String::new() } else { format!("`{at}`: ") };
        Some(format!("{at}{}", misfit.reason))
    }

    /// Returns the fields with their defaults.
    pub(in crate::connector) fn with_defaults(
        &self,
        mut fields: Map<String, Value>,
    ) -> Map<String, Value> {
        let properties = self.fields.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            if let Some(default) = property.get("default") {
                fields.entry(name.clone()).or_insert_with(|| default.clone());
            }
        }
        fields
    }
}
