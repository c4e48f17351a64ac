//! Workflows: `GET /api/v2/workflows`, and one of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::page::PageRequest;
use flowgate_app::{App, Error};
use http::Uri;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::{
    Caller, Data, ErrorBody, Refusal, author, deployment, documented, not_stored, refuse_unknown,
    transfer, versions, with_wrong_method,
};
use crate::compat::sim::query as queries;
use crate::compat::sim::workflow::{self, Detail, Summary, Wanted};
use crate::http::page;
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments};

pub(in crate::compat) fn routes() -> OpenApiRouter<Arc<App>> {
    not_stored(
        documented()
            .routes(routes!(list, author::create).map(with_wrong_method))
            .routes(routes!(read, author::update, author::delete).map(with_wrong_method))
            .routes(routes!(deployment::read).map(with_wrong_method))
            .routes(routes!(deployment::deploy, deployment::undeploy).map(with_wrong_method))
            .routes(routes!(deployment::rollback).map(with_wrong_method))
            .routes(routes!(versions::list).map(with_wrong_method))
            .routes(routes!(versions::read).map(with_wrong_method))
            .routes(routes!(transfer::export).map(with_wrong_method))
            .routes(routes!(transfer::import).map(with_wrong_method)),
    )
}

const DEFAULT_LIMIT: usize = 50;
const MAX_SEARCH: usize = 200;

/// A page of workflows.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v2::WorkflowPage)]
struct WorkflowPage<'a> {
    data: Vec<Summary<'a>>,
    /// Null on the last page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Which workflows are listed.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "it documents what `wanted` takes")]
struct WorkflowsQuery {
    /// Passed over: there is one.
    workspace_id: Option<String>,
    /// There are no folders: with one other than `/`, the list is empty.
    folder_path: Option<String>,
    /// `true`: only those that are deployed. A page may then be short, or empty, and still not be
    /// the last.
    deployed_only: Option<bool>,
    /// A part of the id or the name, in any case, at most 200 bytes. The same holds of its pages.
    #[param(max_length = 200)]
    search: Option<String>,
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<u64>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

const KNOWN: [&str; 6] = ["workspaceId", "folderPath", "deployedOnly", "search", "limit", "cursor"];

/// List the workflows
///
/// Those that the key knows. Needs the scope `author`.
#[utoipa::path(
    get,
    path = "/api/v2/workflows",
    operation_id = "sim_v2_list_workflows",
    tag = "Sim v2",
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
    let found = workflow::list(&app, &caller, wanted(&query, &uri)?).await?;
    let next_cursor = found.next_cursor.as_deref();
    let page = WorkflowPage {
        data: found.items.iter().map(Summary::listed).collect(),
        next_cursor: next_cursor.map(|place| page::next_cursor(uri.path(), place)),
    };
    Ok(Json(page).into_response())
}

fn wanted(query: &QueryPairs, uri: &Uri) -> Result<Wanted, Error> {
    refuse_unknown(query, &KNOWN)?;
    let text = query.get("search").map(str::to_owned);
    if text.as_ref().is_some_and(|text| text.len() > MAX_SEARCH) {
        return Err(Error::bad_field("/search", format!("must have at most {MAX_SEARCH} bytes")));
    }
    Ok(Wanted {
        deployed_only: queries::flag(query, "deployedOnly")?,
        in_folder: query.get("folderPath").is_some_and(|path| path != "/"),
        text,
        page: PageRequest {
            limit: queries::limit(query, DEFAULT_LIMIT)?,
            cursor: queries::cursor(query, uri)?,
        },
    })
}

type DetailData<'a> = Data<Detail<'a>>;

/// Read a workflow
///
/// Needs the scope `author`.
#[utoipa::path(
    get,
    path = "/api/v2/workflows/{id}",
    operation_id = "sim_v2_read_workflow",
    tag = "Sim v2",
    params(("id" = String, Path, description = "The workflow's id.")),
    responses(
        (status = 200, description = "The workflow.", body = DetailData),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
        Refused<ErrorBody, 404>,
    )
)]
async fn read(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
    query: QueryPairs,
) -> Result<Response, Refusal> {
    refuse_unknown(&query, &[])?;
    let record = app.read_workflow(&caller, &id).await?;
    let data = workflow::detail(&app, &caller, &record).await?;
    Ok(Data { data }.into_response())
}
