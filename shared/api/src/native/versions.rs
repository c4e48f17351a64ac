//! Versions of workflows, and which of them callers run.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use flowgate_app::workflow::{VersionInfo, VersionPublished};
use http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Caller;
use super::outline::Outline;
use crate::http::body;
use crate::http::fields::Fields;
use crate::http::page::{self, List, PageQuery};
use crate::http::precondition;
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments};
use crate::http::time::Time;

/// What a version is published with.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Publication {
    /// At most 10,000 bytes.
    #[schema(max_length = 10_000)]
    notes: Option<String>,
}

/// Where a rollback goes.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rollback {
    /// Without it: the version before the active one.
    #[schema(examples("1.0.0"))]
    version: Option<String>,
}

/// A version. It never changes.
#[derive(Serialize, ToSchema)]
struct Version<'a> {
    workflow_id: &'a str,
    #[schema(examples("1.0.0"))]
    version: &'a str,
    /// Of its document.
    hash: &'a str,
    #[schema(required)]
    notes: Option<&'a str>,
    published_at: Time,
    /// Callers run it.
    active: bool,
    /// The secrets that it uses, a model's own key included. Null for versions of earlier releases.
    #[schema(required)]
    secrets: Option<Vec<&'a str>>,
    /// The id of the key that published it. Null: the operator, or an earlier release.
    #[schema(required)]
    published_by: Option<&'a str>,
}

/// A version with its text.
#[derive(Serialize, ToSchema)]
struct VersionDocument<'a> {
    #[serde(flatten)]
    version: Version<'a>,
    /// YAML or JSON, as its author wrote it.
    document: &'a str,
    /// Compared with no other version. Null where this release cannot read the text.
    #[schema(required)]
    outline: Option<Outline>,
}

/// The version that callers run from now on.
#[derive(Serialize, ToSchema)]
struct RolledBack<'a> {
    workflow_id: &'a str,
    version: &'a str,
    active: bool,
}

/// Publish the draft
///
/// Makes it a version, which callers run from then on. Needs the scope `author`.
#[utoipa::path(
    post,
    path = "/v1/workflows/{workflow_id}/versions",
    operation_id = "publish",
    tag = "Workflows",
    params(
        ("workflow_id" = String, Path, description = "The workflow's id."),
        (
            "If-Match" = Option<String>,
            Header,
            description = "The ETag of the draft that is to be published.",
        ),
    ),
    request_body = Option<Publication>,
    responses(
        (
            status = 200,
            description = "The active version, whose document the draft is already.",
            body = Version,
        ),
        (status = 201, description = "The new version.", body = Version),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
        Refused<Problem, 412>,
        Refused<Problem, 413>,
        Refused<Problem, 415>,
        Refused<Problem, 422>,
    )
)]
pub(super) async fn publish(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let publication = Publication::read(body::parse_or_empty(&body::read(&headers, body).await?)?)?;
    let if_match = precondition::if_match(&headers)?;
    let published = app.publish(&caller, &id, publication.notes, if_match.as_deref()).await?;
    let (status, version) = match published {
        VersionPublished::New(version) => (StatusCode::CREATED, version),
        VersionPublished::Unchanged(version) => (StatusCode::OK, version),
    };
    Ok((status, Json(Version::new(&id, &version, true))).into_response())
}

type VersionList<'a> = List<Version<'a>>;

/// List the versions
///
/// Newest first. Needs the scope `author`.
#[utoipa::path(
    get,
    path = "/v1/workflows/{workflow_id}/versions",
    operation_id = "list_versions",
    tag = "Workflows",
    params(("workflow_id" = String, Path, description = "The workflow's id."), PageQuery),
    responses(
        (
            status = 200,
            description = "A page of versions. The header `Link` has the next page's URL.",
            body = VersionList,
        ),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
    query: QueryPairs,
    uri: Uri,
) -> Result<Response, Refusal> {
    let page = PageQuery::read(&query, &uri)?.into();
    let (workflow, versions) = app.list_versions(&caller, &id, page).await?;
    let active = workflow.active_version.as_deref();
    let item = |version| Version::new(&id, version, active == Some(&version.version));
    Ok(page::response(&app, &uri, &query, &versions, item))
}

/// Read a version
///
/// With its document. Needs the scope `author`.
#[utoipa::path(
    get,
    path = "/v1/workflows/{workflow_id}/versions/{version}",
    operation_id = "read_version",
    tag = "Workflows",
    params(
        ("workflow_id" = String, Path, description = "The workflow's id."),
        ("version" = String, Path, description = "The version, such as `1.0.0`."),
    ),
    responses(
        (status = 200, description = "The version.", body = VersionDocument),
        Denied<Problem>,
        Refused<Problem, 404>,
    )
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments((id, version)): Segments<(String, String)>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let (workflow, found, outline) = app.read_version(&caller, &id, &version).await?;
    let is_active = workflow.active_version.as_deref() == Some(&found.info.version);
    let answer = VersionDocument {
        version: Version::new(&id, &found.info, is_active),
        document: &found.document,
        outline: outline.map(Into::into),
    };
    Ok(Json(answer).into_response())
}

/// Roll back
///
/// Callers run an earlier version from then on. Needs the scope `author`.
#[utoipa::path(
    post,
    path = "/v1/workflows/{workflow_id}/rollback",
    operation_id = "rollback",
    tag = "Workflows",
    params(("workflow_id" = String, Path, description = "The workflow's id.")),
    request_body = Option<Rollback>,
    responses(
        (status = 200, description = "The version that callers run.", body = RolledBack),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
        Refused<Problem, 409>,
        Refused<Problem, 413>,
        Refused<Problem, 415>,
    )
)]
pub(super) async fn rollback(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let rollback = Rollback::read(body::parse_or_empty(&body::read(&headers, body).await?)?)?;
    let version = app.rollback(&caller, &id, rollback.version.as_deref()).await?;
    let answer = RolledBack { workflow_id: &id, version: &version, active: true };
    Ok(Json(answer).into_response())
}

/// Take the endpoint down
///
/// Callers get 409 `not_published`; runs in flight end. Needs the scope `author`.
#[utoipa::path(
    delete,
    path = "/v1/workflows/{workflow_id}/active",
    operation_id = "unpublish",
    tag = "Workflows",
    params(("workflow_id" = String, Path, description = "The workflow's id.")),
    responses(
        (status = 204, description = "No version is active."),
        Denied<Problem>,
        Refused<Problem, 404>,
    )
)]
pub(super) async fn unpublish(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
) -> Result<StatusCode, Refusal> {
    app.unpublish(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl Publication {
    fn read(body: Value) -> flowgate_app::Result<Self> {
        let mut fields = Fields::of_body(body)?;
        let notes = fields.take_string("notes");
        fields.finish()?;
        Ok(Self { notes })
    }
}

impl Rollback {
    fn read(body: Value) -> flowgate_app::Result<Self> {
        let mut fields = Fields::of_body(body)?;
        let version = fields.take_string("version");
        fields.finish()?;
        Ok(Self { version })
    }
}

impl<'a> Version<'a> {
    fn new(workflow_id: &'a str, info: &'a VersionInfo, active: bool) -> Self {
        let names = info.use_of_secrets.names.as_ref();
        Self {
            workflow_id,
            version: &info.version,
            hash: &info.hash,
            notes: info.notes.as_deref(),
            published_at: info.published_at.into(),
            active,
            secrets: names.map(|names| names.iter().map(String::as_str).collect()),
            published_by: info.use_of_secrets.key.as_deref(),
        }
    }
}
