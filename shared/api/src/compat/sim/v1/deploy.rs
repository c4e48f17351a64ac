//! Deployments: `/api/v1/workflows/{id}/deploy` and `…/rollback`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use flowgate_app::App;
use flowgate_app::workflow::WorkflowRecord;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Caller, ErrorBody, Limited, Refusal, limited};
use crate::compat::sim::deploy::{self as ops, Label, Rollback, Unknown};
use crate::compat::sim::workflow::deployed_at;
use crate::http::body;
use crate::http::refused::{Denied, Refused};
use crate::http::request::Segments;
use crate::http::time::Time;

/// What callers run.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v1::Deployment)]
struct Deployment<'a> {
    id: &'a str,
    is_deployed: bool,
    #[schema(required)]
    deployed_at: Option<Time>,
    /// Counts from 1. Left out where nothing is deployed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    version: Option<u64>,
    /// Always empty.
    warnings: Vec<String>,
}

impl<'a> From<&'a WorkflowRecord> for Deployment<'a> {
    fn from(record: &'a WorkflowRecord) -> Self {
        let active = record.active_version.as_deref();
        Self {
            id: &record.id,
            is_deployed: active.is_some(),
            deployed_at: deployed_at(record),
            version: active.and_then(ops::number_of),
            warnings: Vec::new(),
        }
    }
}

type DeploymentLimited<'a> = Limited<Deployment<'a>>;

/// Deploy a workflow
///
/// Callers run the draft from then on. One that is deployed already makes no new version. Needs the
/// scope `author`.
#[utoipa::path(
    post,
    path = "/api/v1/workflows/{id}/deploy",
    operation_id = "sim_v1_deploy",
    tag = "Sim",
    params(("id" = String, Path, description = "The workflow's id.")),
    request_body = Option<Label>,
    responses(
        (status = 200, description = "It is deployed.", body = DeploymentLimited),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
        Refused<ErrorBody, 404>,
        Refused<ErrorBody, 413>,
        Refused<ErrorBody, 415>,
    )
)]
pub(super) async fn deploy(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    app.read_workflow(&caller, &id).await?;
    let label = Label::read(&body::read(&headers, body).await?, Unknown::Ignored)?;
    let record = ops::deploy(&app, &caller, &id, label).await?;
    limited(&app, &caller, StatusCode::OK, Deployment::from(&record)).await
}

/// Undeploy a workflow
///
/// Callers get 403; runs in flight end. Needs the scope `author`.
#[utoipa::path(
    delete,
    path = "/api/v1/workflows/{id}/deploy",
    operation_id = "sim_v1_undeploy",
    tag = "Sim",
    params(("id" = String, Path, description = "The workflow's id.")),
    responses(
        (status = 200, description = "It is deployed no more.", body = DeploymentLimited),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
        Refused<ErrorBody, 404>,
    )
)]
pub(super) async fn undeploy(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let record = ops::undeploy(&app, &caller, &id).await?;
    limited(&app, &caller, StatusCode::OK, Deployment::from(&record)).await
}

/// Roll back
///
/// Callers run an earlier version from then on. Needs the scope `author`.
#[utoipa::path(
    post,
    path = "/api/v1/workflows/{id}/rollback",
    operation_id = "sim_v1_rollback",
    tag = "Sim",
    params(("id" = String, Path, description = "The workflow's id.")),
    request_body = Option<Rollback>,
    responses(
        (status = 200, description = "The version is deployed.", body = DeploymentLimited),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
        Refused<ErrorBody, 404>,
        Refused<ErrorBody, 409>,
        Refused<ErrorBody, 413>,
        Refused<ErrorBody, 415>,
    )
)]
pub(super) async fn rollback(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    app.read_workflow(&caller, &id).await?;
    let to = Rollback::read(&body::read(&headers, body).await?, Unknown::Ignored)?;
    let record = ops::rollback(&app, &caller, &id, to).await?;
    limited(&app, &caller, StatusCode::OK, Deployment::from(&record)).await
}
