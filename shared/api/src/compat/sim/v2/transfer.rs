//! `GET /api/v2/workflows/{id}/export` and `POST /api/v2/workflows/import`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use http::{HeaderMap, StatusCode};

use super::{Caller, Data, ErrorBody, Refusal, refuse_unknown};
use crate::compat::sim::deploy::Unknown;
use crate::compat::sim::transfer::{Export, ImportRequest, ImportedWorkflow, may_import};
use crate::http::body;
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments};

type ExportData<'a> = Data<Export<'a>>;

/// Export a workflow
///
/// Its draft, in the envelope of Sim's exports; an import takes it back letter by letter. Its
/// `state` is none of Sim's. Needs the scope `author`.
#[utoipa::path(
    get,
    path = "/api/v2/workflows/{id}/export",
    operation_id = "sim_v2_export",
    tag = "Sim v2",
    params(("id" = String, Path, description = "The workflow's id.")),
    responses(
        (status = 200, description = "The export.", body = ExportData),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
        Refused<ErrorBody, 404>,
    )
)]
pub(super) async fn export(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
    query: QueryPairs,
) -> Result<Response, Refusal> {
    refuse_unknown(&query, &[])?;
    let record = app.read_workflow(&caller, &id).await?;
    Ok(Data { data: Export::of(&record, app.now()) }.into_response())
}

type ImportData = Data<ImportedWorkflow>;

/// Import a workflow
///
/// An export of Sim's, or one of ours, becomes the draft of a new workflow. Its id is kept; one
/// that is taken gets a number. Needs the scope `author`.
#[utoipa::path(
    post,
    path = "/api/v2/workflows/import",
    operation_id = "sim_v2_import",
    tag = "Sim v2",
    request_body = ImportRequest,
    responses(
        (status = 201, description = "The draft is saved, errors and all.", body = ImportData),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
        Refused<ErrorBody, 404>,
        Refused<ErrorBody, 413>,
        Refused<ErrorBody, 415>,
    )
)]
pub(super) async fn import(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryPairs,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    may_import(&caller)?;
    refuse_unknown(&query, &[])?;
    let body = body::read(&headers, body).await?;
    let request = ImportRequest::read(&body, "folderPath", Unknown::Refused)?;
    let data = request.import(&app, &caller).await?;
    Ok((StatusCode::CREATED, Data { data }).into_response())
}
