//! Versions, numbered from 1: `/api/v2/workflows/{id}/versions`, and one of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::error::What;
use flowgate_app::page::PageRequest;
use flowgate_app::workflow::VersionInfo;
use flowgate_app::{App, Error};
use http::Uri;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{Caller, Data, ErrorBody, Refusal, refuse_unknown};
use crate::compat::sim::deploy::{number_of, read_notes, read_number};
use crate::compat::sim::query as queries;
use crate::compat::sim::transfer;
use crate::http::page;
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments};
use crate::http::time::Time;

const DEFAULT_LIMIT: usize = 50;

/// A version. It never changes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v2::Version)]
struct Version<'a> {
    #[schema(examples("1.0.0"))]
    id: &'a str,
    /// Counts from 1.
    version: u64,
    #[schema(required)]
    name: Option<&'a str>,
    #[schema(required)]
    description: Option<&'a str>,
    /// Callers run it.
    is_active: bool,
    created_at: Time,
    /// The id of the key that deployed it. Null: the operator, or an earlier release.
    #[schema(required)]
    deployed_by: Option<&'a str>,
    /// `active`, or null.
    #[schema(required)]
    latest_operation_status: Option<&'static str>,
}

impl<'a> Version<'a> {
    fn of(info: &'a VersionInfo, active: Option<&str>) -> Self {
        let (name, description) = read_notes(info.notes.as_deref());
        let is_active = active == Some(&info.version);
        Self {
            id: &info.version,
            version: number_of(&info.version).unwrap_or_default(),
            name,
            description,
            is_active,
            created_at: info.published_at.into(),
            deployed_by: info.use_of_secrets.key.as_deref(),
            latest_operation_status: is_active.then_some("active"),
        }
    }
}

/// A page of versions.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v2::VersionPage)]
struct VersionPage<'a> {
    data: Vec<Version<'a>>,
    /// Null on the last page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A version with what it pins.
#[derive(Serialize, ToSchema)]
#[schema(as = sim::v2::VersionDetail)]
struct VersionDetail<'a> {
    #[serde(flatten)]
    version: Version<'a>,
    state: transfer::State<'a>,
}

/// Which page is asked for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it documents what `list` takes")]
pub(super) struct VersionsQuery {
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<u64>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

/// List the versions
///
/// Newest first. Needs the scope `author`.
#[utoipa::path(
    get,
    path = "/api/v2/workflows/{id}/versions",
    operation_id = "sim_v2_list_versions",
    tag = "Sim v2",
    params(("id" = String, Path, description = "The workflow's id."), VersionsQuery),
    responses(
        (status = 200, description = "A page of versions.", body = VersionPage),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
        Refused<ErrorBody, 404>,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
    query: QueryPairs,
    uri: Uri,
) -> Result<Response, Refusal> {
    refuse_unknown(&query, &["limit", "cursor"])?;
    let limit = queries::limit(&query, DEFAULT_LIMIT)?;
    let page = PageRequest { limit, cursor: queries::cursor(&query, &uri)? };
    let (record, found) = app.list_versions(&caller, &id, page).await?;
    let active = record.active_version.as_deref();
    let next_cursor = found.next_cursor.as_deref();
    let page = VersionPage {
        data: found.items.iter().map(|info| Version::of(info, active)).collect(),
        next_cursor: next_cursor.map(|place| page::next_cursor(uri.path(), place)),
    };
    Ok(Json(page).into_response())
}

type DetailData<'a> = Data<VersionDetail<'a>>;

/// Read a version
///
/// With its document. Needs the scope `author`.
#[utoipa::path(
    get,
    path = "/api/v2/workflows/{id}/versions/{number}",
    operation_id = "sim_v2_read_version",
    tag = "Sim v2",
    params(
        ("id" = String, Path, description = "The workflow's id."),
        ("number" = String, Path, description = "The version, from 1."),
    ),
    responses(
        (status = 200, description = "The version.", body = DetailData),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
        Refused<ErrorBody, 404>,
    )
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments((id, number)): Segments<(String, String)>,
    caller: Caller,
    query: QueryPairs,
) -> Result<Response, Refusal> {
    refuse_unknown(&query, &[])?;
    let record = app.read_workflow(&caller, &id).await?;
    let version = read_number(&number).ok_or(Error::NotFound(What::Version))?;
    let (_, found, _) = app.read_version(&caller, &id, &version).await?;
    let data = VersionDetail {
        version: Version::of(&found.info, record.active_version.as_deref()),
        state: transfer::State { document: &found.document },
    };
    Ok(Data { data }.into_response())
}
