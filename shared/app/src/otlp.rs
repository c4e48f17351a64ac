//! What spans and metrics have in common in OTLP's JSON.
//! <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>

use flowgate_core::time::Timestamp;
use serde_json::{Value, json};

/// Who reports. `instance`: the process; `None` for what all processes report alike.
pub(crate) fn resource(service: &str, instance: Option<&str>) -> Value {
    json!({ "attributes": attributes([
        ("service.name", service.into()),
        ("service.version", env!("CARGO_PKG_VERSION").into()),
        ("service.instance.id", instance.into()),
    ]) })
}

pub(crate) fn scope() -> Value {
    json!({ "name": "flowgate", "version": env!("CARGO_PKG_VERSION") })
}

/// Leaves out what is null.
pub(crate) fn attributes(values: impl IntoIterator<Item = (&'static str, Value)>) -> Vec<Value> {
    let known = values.into_iter().filter(|(_, value)| !value.is_null());
    known.map(|(key, value)| json!({ "key": key, "value": any_value(&value) })).collect()
}

/// 64-bit numbers are text in OTLP's JSON.
fn any_value(value: &Value) -> Value {
    match value {
        Value::Bool(value) => json!({ "boolValue": value }),
        Value::Number(number) if number.is_f64() => json!({ "doubleValue": number }),
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        Value::Array(items) => {
            json!({ "arrayValue": { "values": items.iter().map(any_value).collect::<Vec<_>>() } })
        }
        other => json!({ "stringValue": other.as_str().unwrap_or_default() }),
    }
}

pub(crate) fn nanos(at: Timestamp) -> String {
    format!("{}000000", at.millis().max(0))
}

#[expect(clippy::cast_precision_loss, reason = "money far below 2^53 nano-dollars")]
pub(crate) fn usd(nano: u64) -> f64 {
    nano as f64 / 1e9
}
