//! JSON as Python values, and back.

use std::fmt::Write as _;

use flowgate_child_protocol::Reply;
use monty_types::MontyObject;
use serde_json::{Map, Number, Value};

use super::failed;

/// As deep as a value of a run may be.
const MAX_DEPTH: usize = 128;

/// Reads a JSON object.
pub(super) fn of_object(json: &str) -> Result<Vec<(String, MontyObject)>, Reply> {
    let object: Map<String, Value> =
        serde_json::from_str(json).map_err(|error| failed(&format!("the variables: {error}")))?;
    Ok(object.into_iter().map(|(name, value)| (name, of(value))).collect())
}

fn of(value: Value) -> MontyObject {
    match value {
        Value::Null => MontyObject::None,
        Value::Bool(value) => MontyObject::Bool(value),
        Value::Number(number) => of_number(&number),
        Value::String(text) => MontyObject::String(text),
        Value::Array(items) => MontyObject::List(items.into_iter().map(of).collect()),
        Value::Object(fields) => {
            let pairs =
                fields.into_iter().map(|(name, value)| (MontyObject::String(name), of(value)));
            MontyObject::dict(pairs.collect::<Vec<_>>())
        }
    }
}

fn of_number(number: &Number) -> MontyObject {
    match (number.as_i64(), number.as_u64()) {
        (Some(number), _) => MontyObject::Int(number),
        (None, Some(number)) => MontyObject::BigInt(number.into()),
        (None, None) => MontyObject::Float(number.as_f64().unwrap_or_default()),
    }
}

/// Writes a result as JSON, as `json.dumps` does; what it refuses is refused.
pub(super) fn to_json(object: &MontyObject) -> Result<String, Reply> {
    let mut json = String::new();
    write(object, &mut json, MAX_DEPTH)?;
    Ok(json)
}

fn write(object: &MontyObject, json: &mut String, depth: usize) -> Result<(), Reply> {
    let Some(deeper) = depth.checked_sub(1) else {
        return Err(failed("the result is nested too deeply"));
    };
    match object {
        MontyObject::None => json.push_str("null"),
        MontyObject::Bool(value) => json.push_str(if *value { "true" } else { "false" }),
        MontyObject::Int(number) => push(json, number),
        MontyObject::BigInt(number) => push(json, number),
        MontyObject::Float(number) => match Number::from_f64(*number) {
            Some(number) => push(json, &number),
            None => return Err(failed(&format!("the result holds {number}, which is no JSON"))),
        },
        MontyObject::String(text) => push(json, &Value::from(text.as_str())),
        MontyObject::List(items) | MontyObject::Tuple(items) => write_list(items, json, deeper)?,
        MontyObject::NamedTuple { values, .. } => write_list(values, json, deeper)?,
        MontyObject::Dict(pairs) => {
            json.push('{');
            for (index, (key, value)) in pairs.into_iter().enumerate() {
                json.push_str(if index > 0 { "," } else { "" });
                push(json, &Value::from(key_of(key)?));
                json.push(':');
                write(value, json, deeper)?;
            }
            json.push('}');
        }
        other => return Err(no_json(other)),
    }
    Ok(())
}

fn write_list(items: &[MontyObject], json: &mut String, depth: usize) -> Result<(), Reply> {
    json.push('[');
    for (index, item) in items.iter().enumerate() {
        json.push_str(if index > 0 { "," } else { "" });
        write(item, json, depth)?;
    }
    json.push(']');
    Ok(())
}

fn push(json: &mut String, value: &impl std::fmt::Display) {
    let _ = write!(json, "{value}");
}

fn key_of(key: &MontyObject) -> Result<String, Reply> {
    Ok(match key {
        MontyObject::String(text) => text.clone(),
        MontyObject::None => "null".to_owned(),
        MontyObject::Bool(value) => value.to_string(),
        MontyObject::Int(number) => number.to_string(),
        MontyObject::BigInt(number) => number.to_string(),
        MontyObject::Float(number) => number.to_string(),
        other => {
            let name = other.type_name();
            return Err(failed(&format!(
                "the result has a key of type {name}; JSON has text keys"
            )));
        }
    })
}

fn no_json(object: &MontyObject) -> Reply {
    let (name, advice) = match object {
        MontyObject::Set(_) | MontyObject::FrozenSet(_) => ("a set", "; `list(...)` makes a list"),
        MontyObject::Date(_) | MontyObject::DateTime(_) | MontyObject::Time(_) => {
            ("a date or time", "; `.isoformat()` makes text")
        }
        MontyObject::Bytes(_) => ("bytes", "; `.decode()` makes text"),
        MontyObject::Cycle(..) => ("itself", ""),
        other => (other.type_name(), ""),
    };
    failed(&format!("the result holds {name}, which is no JSON{advice}"))
}
