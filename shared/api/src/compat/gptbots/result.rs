//! How a run went, in GPTBots' words.

use axum::Json;
use axum::response::{IntoResponse, Response};
use flowgate_app::answer::GptbotsResult;
use flowgate_app::run::RunRecord;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A run. Webhooks carry the same bytes, so [`flowgate_app::answer`] writes them.
#[derive(Serialize, ToSchema)]
#[serde(transparent)]
#[schema(
    as = gptbots::WorkflowResult,
    value_type = ResultSchema,
    description = "How a run went. Before its end: the ids, the name, the version, `status`."
)]
pub(crate) struct WorkflowResult<'a>(#[schema(inline)] GptbotsResult<'a>);

/// How a run went. Before its end it has the ids, the name, the version and `status` alone.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used; `GptbotsResult` has the same fields")]
struct ResultSchema {
    workflow_id: String,
    workflow_name: String,
    workflow_version: String,
    workflow_run_id: String,
    /// As it was sent.
    #[schema(value_type = Option<Object>, nullable = false)]
    input: Option<Value>,
    output: Option<Value>,
    /// Milliseconds.
    #[schema(nullable = false)]
    workflow_execution_time: Option<u64>,
    status: ResultStatus,
    /// Dollars. Null where a price is not known.
    total_cost: Option<f64>,
    /// Null where a model did not say.
    total_tokens: Option<u64>,
    /// Milliseconds since 1970.
    #[schema(nullable = false)]
    start_time: Option<i64>,
    /// Milliseconds since 1970.
    #[schema(nullable = false)]
    end_time: Option<i64>,
    /// Of a failed or cancelled run.
    #[schema(nullable = false)]
    error: Option<ResultError>,
}

#[derive(ToSchema)]
#[schema(as = gptbots::Status, rename_all = "UPPERCASE")]
#[expect(dead_code, reason = "only its schema is used, by `ResultSchema`")]
enum ResultStatus {
    Pending,
    Running,
    Succeed,
    Failed,
}

#[derive(ToSchema)]
#[schema(as = gptbots::RunError)]
#[expect(dead_code, reason = "only its schema is used, by `ResultSchema`")]
struct ResultError {
    code: String,
    message: String,
    #[schema(nullable = false)]
    node: Option<String>,
}

impl<'a> WorkflowResult<'a> {
    pub(super) fn new(record: &'a RunRecord) -> anyhow::Result<Self> {
        Ok(Self(GptbotsResult::new(record)?))
    }
}

impl IntoResponse for WorkflowResult<'_> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}
