//! Workflows: `GET /api/v1/workflows`, and one of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use flowgate_app::page::PageRequest;
use http::{StatusCode, Uri};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::{
    Caller, ErrorBody, Limited, Limits, Refusal, deploy, documented, limited, limits, transfer,
    with_wrong_method,
};
use crate::compat::sim::query as queries;
use crate::compat::sim::workflow::{self, Detail, Summary, Wanted};
use crate::http::page;
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments, with_allowance};

pub(in crate::compat) fn routes() -> OpenApiRouter<Arc<App>> {
    documented()
        .routes(routes!(list).map(with_wrong_method))
        .routes(routes!(read).map(with_wrong_method))
        .routes(routes!(deploy::deploy, deploy::undeploy).map(with_wrong_method))
        .routes(routes!(deploy::rollback).map(with_wrong_method))
        .routes(routes!(transfer::export).map(with_wrong_method))
        .routes(routes!(transfer::import).map(with_wrong_method))
}

const DEFAULT_LIMIT: usize = 50;

/// A page of workflows.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v1::WorkflowPage)]
struct WorkflowPage<'a> {
    data: Vec<Summary<'a>>,
    /// Null on the last page.
    #[schema(required)]
    next_cursor: Option<String>,
    limits: Limits,
}

/// Which workflows are listed.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "it documents what `read` takes")]
struct WorkflowsQuery {
    /// Passed over: there is one.
    workspace_id: Option<String>,
    /// There are no folders: with one, the list is empty.
    folder_id: Option<String>,
    /// `true`: only those that are deployed. A page may then be short, or empty, and still not be
    /// the last.
    deployed_only: Option<bool>,
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<u64>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

/// List the workflows
///
/// Those that the key knows. Needs the scope `author`.
#[utoipa::path(
    get,
    path = "/api/v1/workflows",
    operation_id = "sim_v1_list_workflows",
    tag = "Sim",
    params(WorkflowsQuery),
    responses(
        (status = 200, description = "A page of workflows.", body = WorkflowPage),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
    )
)]
async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryPairs,
    uri: Uri,
) -> Result<Response, Refusal> {
    let wanted = Wanted {
        deployed_only: queries::flag(&query, "deployedOnly")?,
        in_folder: query.get("folderId").is_some(),
        text: None,
        page: PageRequest {
            limit: queries::limit(&query, DEFAULT_LIMIT)?,
            cursor: queries::cursor(&query, &uri)?,
        },
    };
    let found = workflow::list(&app, &caller, wanted).await?;
    let (limits, allowance) = limits::limits(&app, &caller).await?;
    let next_cursor = found.next_cursor.as_deref();
    let page = WorkflowPage {
        data: found.items.iter().map(Summary::listed).collect(),
        next_cursor: next_cursor.map(|place| page::next_cursor(uri.path(), place)),
        limits,
    };
    Ok(with_allowance(Json(page).into_response(), allowance))
}

type DetailLimited<'a> = Limited<Detail<'a>>;

/// Read a workflow
///
/// Needs the scope `author`.
#[utoipa::path(
    get,
    path = "/api/v1/workflows/{id}",
    operation_id = "sim_v1_read_workflow",
    tag = "Sim",
    params(("id" = String, Path, description = "The workflow's id.")),
    responses(
        (status = 200, description = "The workflow.", body = DetailLimited),
        Denied<ErrorBody>,
        Refused<ErrorBody, 404>,
    )
)]
async fn read(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let record = app.read_workflow(&caller, &id).await?;
    let detail = workflow::detail(&app, &caller, &record).await?;
    limited(&app, &caller, StatusCode::OK, detail).await
}
