//! What messages of JSON-RPC 2.0 have in every protocol.

use serde::Serialize;
use serde_json::Value;

pub(crate) const VERSION: &str = "2.0";

/// A string or an integer, sent back as it came. Null where it could not be read.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Id(Value);

impl Id {
    pub(crate) const UNKNOWN: Self = Self(Value::Null);

    /// `None`: the value can be no id, and no token of a progress.
    pub(crate) fn read(value: Value) -> Option<Self> {
        let can_be_id = match &value {
            Value::String(_) => true,
            Value::Number(number) => number.is_i64() || number.is_u64(),
            _ => false,
        };
        can_be_id.then_some(Self(value))
    }
}
