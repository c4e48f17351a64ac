//! The messages of JSON-RPC 2.0 that we send.

use serde::Serialize;
use serde_json::Value;

use super::era::Era;

pub(super) const VERSION: &str = "2.0";

/// A string or an integer, sent back as it came. Null where it could not be read.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub(super) struct Id(Value);

impl Id {
    pub(super) const UNKNOWN: Self = Self(Value::Null);

    /// `None`: the value can be no id, and no token of a progress.
    pub(super) fn read(value: Value) -> Option<Self> {
        let can_be_id = match &value {
            Value::String(_) => true,
            Value::Number(number) => number.is_i64() || number.is_u64(),
            _ => false,
        };
        can_be_id.then_some(Self(value))
    }
}

/// The answer to a request.
#[derive(Serialize)]
pub(super) struct Answer<'a, R> {
    jsonrpc: &'static str,
    id: &'a Id,
    result: Complete<R>,
}

/// Since 2026-07-28 every result says that it is one, not a question.
#[derive(Serialize)]
struct Complete<R> {
    #[serde(rename = "resultType", skip_serializing_if = "Option::is_none")]
    result_type: Option<&'static str>,
    #[serde(flatten)]
    result: R,
}

impl<'a, R> Answer<'a, R> {
    pub(super) fn new(id: &'a Id, era: Era, result: R) -> Self {
        let result_type = (era == Era::Stateless).then_some("complete");
        Self { jsonrpc: VERSION, id, result: Complete { result_type, result } }
    }
}
