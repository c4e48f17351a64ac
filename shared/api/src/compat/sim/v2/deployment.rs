//! Deployments: `/api/v2/workflows/{id}/deployment`, `…/deploy` and `…/rollback`.
//!
//! At Sim a deployment is prepared and then activated; here it is active when it is answered.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use flowgate_app::workflow::WorkflowRecord;
use http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Caller, Data, ErrorBody, Refusal, refuse_unknown};
use crate::compat::sim::deploy::{self as ops, Label, Rollback, Unknown};
use crate::compat::sim::workflow::deployed_at;
use crate::http::body;
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments};
use crate::http::time::Time;

/// What callers run.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v2::DeploymentState)]
struct DeploymentState<'a> {
    id: &'a str,
    is_deployed: bool,
    #[schema(required)]
    deployed_at: Option<Time>,
    /// Always empty.
    warnings: Vec<String>,
    #[schema(required)]
    active_deployment: Option<ActiveDeployment<'a>>,
    #[schema(required)]
    latest_deployment_attempt: Option<Attempt<'a>>,
    /// Counts from 1. Left out where nothing is deployed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    version: Option<u64>,
}

/// The version that callers run.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v2::ActiveDeployment)]
struct ActiveDeployment<'a> {
    #[schema(examples("1.0.0"))]
    deployment_version_id: &'a str,
    version: u64,
    #[schema(required)]
    deployed_at: Option<Time>,
}

/// How the active version came to be.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v2::DeploymentAttempt)]
struct Attempt<'a> {
    id: &'a str,
    deployment_version_id: &'a str,
    version: u64,
    #[schema(examples("deploy"))]
    action: &'static str,
    /// Always `active`: nothing is answered before that.
    #[schema(examples("active"))]
    status: &'static str,
    is_current: bool,
    #[schema(inline)]
    readiness: Readiness,
    #[schema(required)]
    requested_at: Option<Time>,
    #[schema(required)]
    activated_at: Option<Time>,
    #[schema(value_type = Option<Object>, required)]
    error: (),
}

#[derive(Serialize, ToSchema)]
struct Readiness {
    webhooks: &'static str,
    schedules: &'static str,
    mcp: &'static str,
}

const READY: &str = "ready";

impl<'a> From<&'a WorkflowRecord> for DeploymentState<'a> {
    fn from(record: &'a WorkflowRecord) -> Self {
        let id = record.active_version.as_deref();
        let active = id.and_then(|id| Some((id, ops::number_of(id)?)));
        let at = deployed_at(record);
        let deployment = |(deployment_version_id, version)| ActiveDeployment {
            deployment_version_id,
            version,
            deployed_at: at,
        };
        let attempt = |(id, version)| Attempt {
            id,
            deployment_version_id: id,
            version,
            action: "deploy",
            status: "active",
            is_current: true,
            readiness: Readiness { webhooks: READY, schedules: READY, mcp: READY },
            requested_at: at,
            activated_at: at,
            error: (),
        };
        Self {
            id: &record.id,
            is_deployed: id.is_some(),
            deployed_at: at,
            warnings: Vec::new(),
            active_deployment: active.map(deployment),
            latest_deployment_attempt: active.map(attempt),
            version: active.map(|(_, version)| version),
        }
    }
}

/// What callers run, and what of it differs from the draft.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v2::Deployment)]
struct Deployment<'a> {
    #[serde(flatten)]
    state: DeploymentState<'a>,
    needs_redeployment: bool,
    /// Callers without a key can run it.
    is_public_api: bool,
    /// Always empty: no workflow is started by a webhook.
    webhooks: Vec<String>,
}

type DeploymentData<'a> = Data<Deployment<'a>>;

/// See what is deployed
///
/// Needs the scope `author`.
#[utoipa::path(
    get,
    path = "/api/v2/workflows/{id}/deployment",
    operation_id = "sim_v2_deployment",
    tag = "Sim v2",
    params(("id" = String, Path, description = "The workflow's id.")),
    responses(
        (status = 200, description = "What is.", body = DeploymentData),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
        Refused<ErrorBody, 404>,
    )
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
    query: QueryPairs,
) -> Result<Response, Refusal> {
    refuse_unknown(&query, &[])?;
    let record = app.read_workflow(&caller, &id).await?;
    let is_deployed = record.active_version.is_some();
    let data = Deployment {
        needs_redeployment: is_deployed && app.draft_differs(&record).await?,
        state: (&record).into(),
        is_public_api: app.is_public(&record).await?,
        webhooks: Vec::new(),
    };
    Ok(Data { data }.into_response())
}

type StateData<'a> = Data<DeploymentState<'a>>;

/// Deploy a workflow
///
/// Callers run the draft from then on. One that is deployed already makes no new version. Needs the
/// scope `author`.
#[utoipa::path(
    post,
    path = "/api/v2/workflows/{id}/deploy",
    operation_id = "sim_v2_deploy",
    tag = "Sim v2",
    params(("id" = String, Path, description = "The workflow's id.")),
    request_body = Option<Label>,
    responses(
        (status = 200, description = "It is deployed.", body = StateData),
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
    query: QueryPairs,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    app.read_workflow(&caller, &id).await?;
    refuse_unknown(&query, &[])?;
    let label = Label::read(&body::read(&headers, body).await?, Unknown::Refused)?;
    let record = ops::deploy(&app, &caller, &id, label).await?;
    Ok(Data { data: DeploymentState::from(&record) }.into_response())
}

/// What callers run no more.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::v2::Undeployed)]
struct Undeployed<'a> {
    #[serde(flatten)]
    state: DeploymentState<'a>,
    /// Always empty: a tool is there as long as its workflow is deployed.
    archived_mcp_tools: Vec<String>,
}

type UndeployedData<'a> = Data<Undeployed<'a>>;

/// Undeploy a workflow
///
/// Callers get 403; runs in flight end. Needs the scope `author`.
#[utoipa::path(
    delete,
    path = "/api/v2/workflows/{id}/deploy",
    operation_id = "sim_v2_undeploy",
    tag = "Sim v2",
    params(("id" = String, Path, description = "The workflow's id.")),
    responses(
        (status = 200, description = "It is deployed no more.", body = UndeployedData),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
        Refused<ErrorBody, 404>,
    )
)]
pub(super) async fn undeploy(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
    query: QueryPairs,
) -> Result<Response, Refusal> {
    app.read_workflow(&caller, &id).await?;
    refuse_unknown(&query, &[])?;
    let record = ops::undeploy(&app, &caller, &id).await?;
    let data = Undeployed { state: (&record).into(), archived_mcp_tools: Vec::new() };
    Ok(Data { data }.into_response())
}

/// Roll back
///
/// Callers run an earlier version from then on. Needs the scope `author`.
#[utoipa::path(
    post,
    path = "/api/v2/workflows/{id}/rollback",
    operation_id = "sim_v2_rollback",
    tag = "Sim v2",
    params(("id" = String, Path, description = "The workflow's id.")),
    request_body = Option<Rollback>,
    responses(
        (status = 200, description = "The version is deployed.", body = StateData),
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
    query: QueryPairs,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    app.read_workflow(&caller, &id).await?;
    refuse_unknown(&query, &[])?;
    let to = Rollback::read(&body::read(&headers, body).await?, Unknown::Refused)?;
    let record = ops::rollback(&app, &caller, &id, to).await?;
    Ok(Data { data: DeploymentState::from(&record) }.into_response())
}
