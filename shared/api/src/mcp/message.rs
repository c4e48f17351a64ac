//! The messages of JSON-RPC 2.0 that we send.

use serde::Serialize;

use super::era::Era;
pub(super) use crate::http::json_rpc::{Id, VERSION};

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
