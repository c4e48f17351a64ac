//! Whether callers can run a workflow: `GET /api/workflows/{id}/status`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use flowgate_app::App;
use serde::Serialize;
use utoipa::ToSchema;

use crate::compat::sim::{Caller, ErrorBody, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::Segments;
use crate::http::time::Time;

/// Whether callers can run a workflow.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::Deployment)]
pub(super) struct Deployment {
    is_deployed: bool,
    #[schema(required)]
    deployed_at: Option<Time>,
    /// The draft differs from what callers run.
    needs_redeployment: bool,
}

/// See whether a workflow is deployed
///
/// Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/api/workflows/{id}/status",
    operation_id = "sim_deployment",
    tag = "Sim",
    params(("id" = String, Path, description = "The workflow's id.")),
    responses(
        (status = 200, description = "Whether it is.", body = Deployment),
        Denied<ErrorBody>,
        Refused<ErrorBody, 404>,
    )
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
) -> Result<Json<Deployment>, Refusal> {
    let workflow = app.deployment(&caller, &id).await?;
    let is_deployed = workflow.active_version.is_some();
    Ok(Json(Deployment {
        is_deployed,
        deployed_at: workflow.activated_at.filter(|_| is_deployed).map(Into::into),
        needs_redeployment: is_deployed && app.draft_differs(&workflow).await?,
    }))
}
