//! How much a value weighs: as compact JSON, and in memory.

use std::iter::Sum;
use std::ops::Add;

use serde_json::Value;

use crate::json::{number_size, string_size};

/// Bytes. Computed without rendering or copying the value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// The length of the compact JSON.
    pub json: usize,
    /// The approximate memory: a number of one digit takes as much as a string's head. Depends on
    /// the value alone, not on how it was made, so that a replayed run counts the same.
    pub memory: usize,
}

/// One value in a list.
const VALUE_BYTES: usize = 72;
/// One field of an object: its name's head, its hash, its place in the index.
const FIELD_BYTES: usize = VALUE_BYTES + 48;
/// An object that has any fields.
const OBJECT_BYTES: usize = 64;

impl Weight {
    pub fn of(value: &Value) -> Self {
        let heap = Self::beyond_itself(value);
        Self { json: heap.json, memory: heap.memory + VALUE_BYTES }
    }

    pub(crate) fn of_text(text: &str) -> Self {
        Self { json: string_size(text), memory: text.len() + VALUE_BYTES }
    }

    /// Without the bytes of the value itself, which lie in its list or object.
    fn beyond_itself(value: &Value) -> Self {
        match value {
            Value::Null | Value::Bool(true) => Self { json: 4, memory: 0 },
            Value::Bool(false) => Self { json: 5, memory: 0 },
            Value::Number(number) => Self { json: number_size(number), memory: 0 },
            Value::String(text) => Self { json: string_size(text), memory: text.len() },
            Value::Array(items) => {
                let commas = items.len().saturating_sub(1);
                let inner: Self = items.iter().map(Self::beyond_itself).sum();
                inner + Self { json: 2 + commas, memory: items.len() * VALUE_BYTES }
            }
            Value::Object(fields) => {
                let commas = fields.len().saturating_sub(1);
                let field = |(name, value): (&String, &Value)| {
                    let own = Self { json: string_size(name) + 1, memory: name.len() };
                    own + Self::beyond_itself(value)
                };
                let inner: Self = fields.iter().map(field).sum();
                let own = if fields.is_empty() { 0 } else { OBJECT_BYTES };
                inner + Self { json: 2 + commas, memory: own + fields.len() * FIELD_BYTES }
            }
        }
    }
}

impl Add for Weight {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            json: self.json.saturating_add(other.json),
            memory: self.memory.saturating_add(other.memory),
        }
    }
}

impl Sum for Weight {
    fn sum<I: Iterator<Item = Self>>(weights: I) -> Self {
        weights.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_the_length_of_the_rendered_value() {
        for value in [
            json!(null),
            json!([true, false, 0, 9, 10, 99, 100, -10, -1.5e300, u64::MAX]),
            json!({"a": {}, "": [], "é\n\"": "\u{1}\\"}),
            json!((0..=200).map(char::from).collect::<String>().repeat(3)),
        ] {
            assert_eq!(Weight::of(&value).json, value.to_string().len(), "{value}");
        }
    }

    #[test]
    fn memory_covers_what_small_values_take() {
        let zeros = Value::from(vec![0; 1000]);
        assert!(Weight::of(&zeros).memory >= 1000 * size_of::<Value>());
        let objects: Value = (0..1000).map(|_| json!({"a": 0})).collect();
        assert!(Weight::of(&objects).memory >= 1000 * (2 * size_of::<Value>() + 32));
        assert!(Weight::of(&json!("x".repeat(5000))).memory < 5200);
    }
}
