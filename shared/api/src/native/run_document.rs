//! The document that a run runs: `GET /v1/runs/{run_id}/document`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use serde::Serialize;
use utoipa::ToSchema;

use super::Caller;
use super::outline::Outline;
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::Segments;

/// What a run runs.
#[derive(Serialize, ToSchema)]
struct RunDocument<'a> {
    workflow_id: &'a str,
    /// The version that the run started with; `draft` for a draft.
    version: &'a str,
    /// As its author wrote it: of a draft, the text that the run tries.
    document: &'a str,
    /// Null if this release cannot read it any more.
    #[schema(required)]
    outline: Option<Outline>,
}

/// Read the document of a run
///
/// Needs the scope `trace`.
#[utoipa::path(
    get,
    path = "/v1/runs/{run_id}/document",
    operation_id = "read_run_document",
    tag = "Runs",
    params(("run_id" = String, Path, description = "The run's id.")),
    responses(
        (status = 200, description = "The document.", body = RunDocument),
        Denied<Problem>,
        Refused<Problem, 404>,
        Refused<Problem, 410>,
    )
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments(run_id): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let (record, document) = app.read_run_document(&caller, &run_id).await?;
    let head = &record.head;
    let outline = app.outline_of(&head.workflow_uid, document.clone()).await.map(Into::into);
    let (workflow_id, version, document) = (&head.workflow_id, &head.version, &document);
    Ok(Json(RunDocument { workflow_id, version, document, outline }).into_response())
}
