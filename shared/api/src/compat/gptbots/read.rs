//! Reads results: `POST /v1/workflow/query/result`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use http::HeaderMap;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::result::WorkflowResult;
use super::{Caller, ErrorBody, Refusal, documented, with_wrong_method};
use crate::http::body;
use crate::http::fields::Fields;
use crate::http::refused::{Denied, Refused};

pub(in crate::compat) fn routes() -> OpenApiRouter<Arc<App>> {
    documented().routes(routes!(query_result).map(with_wrong_method))
}

/// Which run is asked for.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = gptbots::ResultQuery)]
struct ResultQuery {
    workflow_run_id: String,
}

/// Query the result of a run
///
/// Needs the scope `read`.
#[utoipa::path(
    post,
    path = "/v1/workflow/query/result",
    operation_id = "gptbots_query_result",
    tag = "GPTBots",
    request_body = ResultQuery,
    responses(
        (
            status = 200,
            description = "How the run went, or that it goes on.",
            body = WorkflowResult,
        ),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
        Refused<ErrorBody, 404>,
        Refused<ErrorBody, 410>,
        Refused<ErrorBody, 413>,
        Refused<ErrorBody, 415>,
    )
)]
async fn query_result(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let query = ResultQuery::read(body::parse_or_empty(&body::read(&headers, body).await?)?)?;
    let record = app.read_run(&caller, &query.workflow_run_id).await?;
    Ok(WorkflowResult::new(&record)?.into_response())
}

impl ResultQuery {
    fn read(body: Value) -> flowgate_app::Result<Self> {
        let mut fields = Fields::of_body(body)?;
        let workflow_run_id = fields.require("workflowRunId", Fields::take_string);
        fields.finish()?;
        Ok(Self { workflow_run_id: workflow_run_id.unwrap_or_default() })
    }
}
