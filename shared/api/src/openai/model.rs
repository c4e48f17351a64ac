//! Models: the published workflows that the caller may run.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use flowgate_app::App;
use flowgate_app::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Caller, ErrorBody, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::Segments;

/// Published workflows.
#[derive(Serialize, ToSchema)]
#[schema(as = openai::Models)]
pub(super) struct Models {
    #[schema(examples("list"))]
    object: &'static str,
    data: Vec<Model>,
}

/// A published workflow.
#[derive(Serialize, ToSchema)]
#[schema(as = openai::Model)]
pub(super) struct Model {
    /// The workflow's id. `<id>@<version>` is the same workflow at that version.
    id: String,
    #[schema(examples("model"))]
    object: &'static str,
    /// When its version became the active one: seconds since 1970.
    created: i64,
    #[schema(examples("flowgate"))]
    owned_by: &'static str,
}

impl Model {
    fn new(id: String, created: Timestamp) -> Self {
        Self { id, object: "model", created: seconds(created), owned_by: "flowgate" }
    }
}

/// Since 1970.
pub(super) fn seconds(at: Timestamp) -> i64 {
    at.millis().div_euclid(1_000)
}

/// A workflow, and the version of it that is asked for; by default the active one.
pub(super) fn split(model: &str) -> (&str, Option<&str>) {
    match model.split_once('@') {
        Some((workflow, version)) => (workflow, Some(version)),
        None => (model, None),
    }
}

/// List models
///
/// The published workflows that the key may run, at most 1,000. Needs the scope `run`.
#[utoipa::path(
    get,
    path = "/v1/models",
    operation_id = "openai_list_models",
    tag = "OpenAI",
    responses((status = 200, description = "The models.", body = Models), Denied<ErrorBody>)
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<Models>, Refusal> {
    let workflows = app.callable_records(&caller).await?.into_iter();
    let model = |workflow: flowgate_app::workflow::WorkflowRecord| {
        Model::new(workflow.id, workflow.activated_at.unwrap_or(workflow.created_at))
    };
    Ok(Json(Models { object: "list", data: workflows.map(model).collect() }))
}

/// Read a model
///
/// Needs the scope `run`.
#[utoipa::path(
    get,
    path = "/v1/models/{id}",
    operation_id = "openai_read_model",
    tag = "OpenAI",
    params(("id" = String, Path, description = "The workflow's id, or `<id>@<version>`.")),
    responses(
        (status = 200, description = "The model.", body = Model),
        Denied<ErrorBody>,
        Refused<ErrorBody, 404>,
    )
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
) -> Result<Json<Model>, Refusal> {
    let (workflow_id, version) = split(&id);
    let record = app.callable_record(&caller, workflow_id).await?;
    app.published(workflow_id, version).await?;
    Ok(Json(Model::new(id, record.activated_at.unwrap_or(record.created_at))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_may_pin_a_version() {
        assert_eq!(split("w"), ("w", None));
        assert_eq!(split("w@1.0.1"), ("w", Some("1.0.1")));
        assert_eq!(split("w@"), ("w", Some("")));
        assert_eq!(split("@a@b"), ("", Some("a@b")));
    }
}
