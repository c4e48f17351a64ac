//! The messages of JSON-RPC 2.0 that we send.

use serde::Serialize;

use super::era::Era;
pub(super) use crate::http::json_rpc::{Id, VERSION};

/// The answer to a request.
#[derive(Serialize)]
pub(super) struct Answer<'a, R> {
    jsonrpc: &'static str,
    id: &'a Id,
    result: Typed<R>,
}

/// Since 2026-07-28 every result says that it is one, and not a question or a task.
#[derive(Serialize)]
pub(super) struct Typed<R> {
    #[serde(rename = "resultType", skip_serializing_if = "Option::is_none")]
    result_type: Option<&'static str>,
    #[serde(flatten)]
    result: R,
}

impl<R> Typed<R> {
    pub(super) fn complete(era: Era, result: R) -> Self {
        Self { result_type: (era == Era::Stateless).then_some("complete"), result }
    }

    /// Stands in place of the result that the task will have.
    pub(super) fn task(task: R) -> Self {
        Self { result_type: Some("task"), result: task }
    }
}

impl<'a, R> Answer<'a, R> {
    pub(super) fn new(id: &'a Id, result: Typed<R>) -> Self {
        Self { jsonrpc: VERSION, id, result }
    }
}
