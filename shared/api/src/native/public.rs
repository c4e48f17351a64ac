//! Public workflows: `/v1/workflows/{id}/public`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use flowgate_app::{App, public};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Caller;
use crate::http::body;
use crate::http::fields::Fields;
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::Segments;

/// Who callers without a key are.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Opening {
    /// The id of a key that may run the workflow. Its limits, budget and origins are theirs.
    #[schema(examples("8fKq2LmN0pXz"))]
    key_id: String,
}

/// On whose behalf callers without a key run a workflow.
#[derive(Serialize, ToSchema)]
pub(super) struct PublicWorkflow {
    #[schema(examples("8fKq2LmN0pXz"))]
    key_id: String,
    /// They can run it now: it is published, the key is valid and may run it, and the operator
    /// allows it.
    open: bool,
}

/// Make a workflow public
///
/// Whoever has no key then runs the active version in Sim's API, waiting or streaming, on behalf of
/// this one: its limits and its budget count, its end ends it, and its rotation goes on with the
/// new key. They can do nothing else. Replaces the key that was attached before. 409
/// `no_public_workflows` where the operator does not allow it. Needs the scope `admin`,
/// for all workflows.
#[utoipa::path(
    put,
    path = "/v1/workflows/{workflow_id}/public",
    operation_id = "open_workflow",
    tag = "Workflows",
    params(("workflow_id" = String, Path, description = "The workflow's id.")),
    request_body = Opening,
    responses(
        (status = 200, description = "It is public.", body = PublicWorkflow),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
        Refused<Problem, 409>,
        Refused<Problem, 413>,
        Refused<Problem, 415>,
    )
)]
pub(super) async fn open(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PublicWorkflow>, Refusal> {
    let opening = Opening::read(body::parse_or_empty(&body::read(&headers, body).await?)?)?;
    let public = app.make_public(&caller, &id, &opening.key_id).await?;
    Ok(Json(public.into()))
}

/// Take a workflow back from the public
///
/// Callers without a key get 401 from then on; runs in flight end. Needs the scope `author`.
#[utoipa::path(
    delete,
    path = "/v1/workflows/{workflow_id}/public",
    operation_id = "close_workflow",
    tag = "Workflows",
    params(("workflow_id" = String, Path, description = "The workflow's id.")),
    responses(
        (status = 204, description = "It is not public."),
        Denied<Problem>,
        Refused<Problem, 404>,
    )
)]
pub(super) async fn close(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
) -> Result<StatusCode, Refusal> {
    app.make_private(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl Opening {
    fn read(body: Value) -> flowgate_app::Result<Self> {
        let mut fields = Fields::of_body(body)?;
        let key_id = fields.require("key_id", Fields::take_string).unwrap_or_default();
        fields.finish()?;
        Ok(Self { key_id })
    }
}

impl From<public::PublicAs> for PublicWorkflow {
    fn from(public: public::PublicAs) -> Self {
        Self { key_id: public.key_id, open: public.is_open }
    }
}
