//! `GET /api/v1/workflows/{id}/export` and `POST /api/v1/workflows/import`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use flowgate_app::App;
use http::{HeaderMap, StatusCode};

use super::{Caller, ErrorBody, Limited, Refusal, limited};
use crate::compat::sim::deploy::Unknown;
use crate::compat::sim::transfer::{Export, ImportRequest, ImportedWorkflow, may_import};
use crate::http::body;
use crate::http::refused::{Denied, Refused};
use crate::http::request::Segments;

type ExportLimited<'a> = Limited<Export<'a>>;

/// Export a workflow
///
/// Its draft, in the envelope of Sim's exports; an import takes it back letter by letter. Its
/// `state` is none of Sim's. Needs the scope `author`.
#[utoipa::path(
    get,
    path = "/api/v1/workflows/{id}/export",
    operation_id = "sim_v1_export",
    tag = "Sim",
    params(("id" = String, Path, description = "The workflow's id.")),
    responses(
        (status = 200, description = "The export.", body = ExportLimited),
        Denied<ErrorBody>,
        Refused<ErrorBody, 404>,
    )
)]
pub(super) async fn export(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let record = app.read_workflow(&caller, &id).await?;
    limited(&app, &caller, StatusCode::OK, Export::of(&record, app.now())).await
}

type ImportLimited = Limited<ImportedWorkflow>;

/// Import a workflow
///
/// An export of Sim's, or one of ours, becomes the draft of a new workflow. Its id is kept; one
/// that is taken gets a number. Needs the scope `author`.
#[utoipa::path(
    post,
    path = "/api/v1/workflows/import",
    operation_id = "sim_v1_import",
    tag = "Sim",
    request_body = ImportRequest,
    responses(
        (status = 201, description = "The draft is saved, errors and all.", body = ImportLimited),
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
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    may_import(&caller)?;
    let body = body::read(&headers, body).await?;
    let request = ImportRequest::read(&body, "folderId", Unknown::Ignored)?;
    let imported = request.import(&app, &caller).await?;
    limited(&app, &caller, StatusCode::CREATED, imported).await
}
