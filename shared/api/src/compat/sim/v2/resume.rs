//! Answers a question of a run: `POST /api/v2/workflows/{id}/runs/{run_id}/resume`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use flowgate_app::key::Scope;
use http::HeaderMap;
use serde_json::Value;
use utoipa::ToSchema;

use super::result::{Queued, RunResult, paused, queued, result, with_id};
use super::{Caller, Data, ErrorBody, Refusal, refuse_unknown};
use crate::compat::sim::pause::{self, Resumed};
use crate::http::body;
use crate::http::fields::Fields;
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments};

/// A person's answer.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = sim::v2::NewAnswer)]
#[schema(rename_all = "camelCase")]
pub(super) struct NewAnswer {
    /// The question: `contextId` of `_resume`.
    context_id: String,
    /// The fields of the question, and `approved`, which is `true` where it is left out.
    #[schema(value_type = Option<Object>)]
    input: Value,
}

impl NewAnswer {
    fn read(bytes: &[u8]) -> flowgate_app::Result<Self> {
        let mut fields = Fields::of_body(body::parse_or_empty(bytes)?)?;
        let context_id = fields.require("contextId", Fields::take_string).unwrap_or_default();
        let input = fields.take("input").unwrap_or_default();
        fields.finish()?;
        Ok(Self { context_id, input })
    }
}

type ResultData<'a> = Data<RunResult<'a>>;
type QueuedData<'a> = Data<Queued<'a>>;

/// Resume a run
///
/// The first answer counts. Waits for the end, as the start did; a start that was asynchronous is
/// answered at once. Needs the scope `run`.
#[utoipa::path(
    post,
    path = "/api/v2/workflows/{id}/runs/{run_id}/resume",
    operation_id = "sim_v2_resume_run",
    tag = "Sim v2",
    params(
        ("id" = String, Path, description = "The workflow's id."),
        ("run_id" = String, Path, description = "The run's id."),
    ),
    request_body = NewAnswer,
    responses(
        (
            status = 200,
            description = "The run has ended, however it ended, or waits again.",
            body = ResultData,
            headers(("X-Run-Id" = String, description = "The run's id."))
        ),
        (status = 202, description = "The answer is stored; the run goes on.", body = QueuedData),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
        Refused<ErrorBody, 404>,
        Refused<ErrorBody, 409>,
        Refused<ErrorBody, 413>,
        Refused<ErrorBody, 415>,
    )
)]
pub(super) async fn resume(
    State(app): State<Arc<App>>,
    Segments((workflow_id, id)): Segments<(String, String)>,
    caller: Caller,
    query: QueryPairs,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let record = app.run_of_workflow(&caller, Scope::Run, &workflow_id, &id).await?;
    refuse_unknown(&query, &[])?;
    let NewAnswer { context_id, input } = NewAnswer::read(&body::read(&headers, body).await?)?;
    let resumed = pause::resume(&app, &caller, &record, &context_id, input).await?;
    let response = match &resumed {
        Resumed::Ended(record) => {
            let workflow = app.workflow_of(&record.head).await?;
            Data { data: result(record, workflow.as_deref()) }.into_response()
        }
        Resumed::Waiting(record) => {
            Data { data: paused(&app, record, true).await? }.into_response()
        }
        Resumed::Going(record) => queued(&app, record),
    };
    Ok(with_id(response, record.head.shown_id()))
}
