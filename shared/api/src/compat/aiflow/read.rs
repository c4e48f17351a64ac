//! Reads results: `GET /v1/flow/{flow_id}/run/{run_id}`.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::error::What;
use flowgate_app::run::{RunRecord, RunState};
use flowgate_app::{App, Error, answer};
use flowgate_engine::RunError;
use http::header::RETRY_AFTER;
use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::{Caller, ErrorBody, RUN_STATUS, Refusal, documented, with_wrong_method};
use crate::http::refused::{Denied, Refused};
use crate::http::request::Segments;
use crate::http::status;

pub(in crate::compat) fn routes() -> OpenApiRouter<Arc<App>> {
    documented()
        .routes(routes!(read).map(with_wrong_method))
        .routes(routes!(read_result).map(with_wrong_method))
}

/// What became of a run, without an envelope: the outputs alone, once there are any.
#[derive(Serialize)]
#[serde(untagged)]
enum RunResult<'a> {
    WithoutOutputs(WithoutOutputs),
    Failed(Failed<'a>),
    Outputs(&'a Value),
}

/// The run goes on, or was cancelled.
#[derive(Serialize, ToSchema)]
struct WithoutOutputs {
    #[schema(examples("pending", "cancelled"))]
    status: &'static str,
}

/// The run failed.
#[derive(Serialize, ToSchema)]
struct Failed<'a> {
    #[schema(examples("failed"))]
    status: &'static str,
    #[schema(required, inline)]
    error: Option<Failure<'a>>,
}

#[derive(Serialize, ToSchema)]
struct Failure<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    node: Option<&'a str>,
}

impl<'a> From<&'a RunError> for Failure<'a> {
    fn from(error: &'a RunError) -> Self {
        Self { code: &error.code, message: &error.message, node: error.node.as_deref() }
    }
}

/// Derived, it would be `oneOf`, and outputs may look like one of the others.
impl PartialSchema for RunResult<'_> {
    fn schema() -> RefOr<Schema> {
        let outputs =
            ObjectBuilder::new().description(Some("The outputs of a run that succeeded."));
        AnyOfBuilder::new()
            .item(WithoutOutputs::schema())
            .item(Failed::schema())
            .item(outputs)
            .description(Some("`X-Run-Status` distinguishes the cases."))
            .into()
    }
}

impl ToSchema for RunResult<'_> {
    fn name() -> Cow<'static, str> {
        "aiflow.RunResult".into()
    }
}

/// Read the result of a run
///
/// Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/v1/flow/{flow_id}/run/{run_id}",
    operation_id = "aiflow_read_run",
    tag = "AI-Flow",
    params(
        ("flow_id" = String, Path, description = "The workflow's id."),
        ("run_id" = String, Path, description = "The run's id."),
    ),
    responses(
        (
            status = 200,
            description = "The outputs of a run that succeeded; else its status.",
            body = RunResult,
            headers(("X-Run-Status" = String, description = "It distinguishes the cases."))
        ),
        Denied<ErrorBody>,
        Refused<ErrorBody, 404>,
        Refused<ErrorBody, 410>,
    )
)]
async fn read(
    State(app): State<Arc<App>>,
    Segments((flow_id, run_id)): Segments<(String, String)>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let record = app.read_run(&caller, &run_id).await?;
    if record.head.workflow_id != flow_id {
        return Err(Error::NotFound(What::Run).into());
    }
    let (status, result) = result(&record);
    let mut response = ([(RUN_STATUS, status)], Json(result)).into_response();
    if !record.state.has_ended() {
        response.headers_mut().insert(RETRY_AFTER, status::RETRY_SECONDS.into());
    }
    Ok(response)
}

/// Read the result of a run, by its other name
///
/// The vendor's pages use both. Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/v1/flow/{flow_id}/run/{run_id}/result",
    operation_id = "aiflow_read_result",
    tag = "AI-Flow",
    params(
        ("flow_id" = String, Path, description = "The workflow's id."),
        ("run_id" = String, Path, description = "The run's id."),
    ),
    responses(
        (
            status = 200,
            description = "The outputs of a run that succeeded; else its status.",
            body = RunResult,
            headers(("X-Run-Status" = String, description = "It distinguishes the cases."))
        ),
        Denied<ErrorBody>,
        Refused<ErrorBody, 404>,
        Refused<ErrorBody, 410>,
    )
)]
async fn read_result(
    app: State<Arc<App>>,
    ids: Segments<(String, String)>,
    caller: Caller,
) -> Result<Response, Refusal> {
    read(app, ids, caller).await
}

fn result(record: &RunRecord) -> (&'static str, RunResult<'_>) {
    let without = |status| (status, RunResult::WithoutOutputs(WithoutOutputs { status }));
    match record.state {
        RunState::Pending | RunState::Running | RunState::Waiting => without("pending"),
        RunState::Succeeded => ("succeeded", RunResult::Outputs(answer::output(record))),
        RunState::Failed => {
            let error = record.end.as_deref().and_then(|end| end.error.as_ref());
            let failed = Failed { status: "failed", error: error.map(Into::into) };
            ("failed", RunResult::Failed(failed))
        }
        RunState::Cancelled => without("cancelled"),
    }
}
