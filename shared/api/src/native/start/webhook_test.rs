//! Tries out a webhook: `POST /v1/workflows/{id}/webhook/test`. It is here because it calls out.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::Error;
use flowgate_runner::Runner;
use flowgate_runner::webhook_test;
use http::HeaderMap;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::body;
use crate::http::fields::Fields;
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::{Segments, with_allowance};
use crate::native::Caller;

/// Where the sample goes.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body")]
pub(super) struct TestWebhook {
    /// Instead of the workflow's own webhook; it is called as a webhook of a start is.
    #[schema(format = "uri")]
    url: Option<String>,
}

/// What was sent, and what came back.
#[derive(Serialize, ToSchema)]
struct WebhookTest<'a> {
    #[schema(examples("run.succeeded"))]
    event: &'a str,
    /// With secrets as their names.
    url: &'a str,
    /// Of the answer; null if there was none.
    #[schema(required)]
    status: Option<u16>,
    duration_ms: u64,
    /// Why there is no whole answer.
    #[schema(required)]
    error: Option<&'a str>,
    /// Its first 4 KiB.
    answer: &'a str,
    /// Those that were sent, with secrets as their names.
    headers: BTreeMap<&'a str, &'a str>,
}

/// Try out a webhook
///
/// Sends one signed delivery at once, and waits for its answer for 20 seconds at most: of a run
/// that succeeded with made-up outputs, and that does not exist. It has the header `flowgate-test:
/// true`, is not sent again, and is in no log. Without `url` it goes to the webhook of the active
/// version; of the draft where nothing is published. Counts against the key's rate as a start does.
/// Needs the scope `author`.
#[utoipa::path(
    post,
    path = "/v1/workflows/{workflow_id}/webhook/test",
    operation_id = "test_webhook",
    tag = "Webhooks",
    params(("workflow_id" = String, Path, description = "The workflow's id.")),
    request_body = Option<TestWebhook>,
    responses(
        (
            status = 200,
            description = "It was sent, or could not be: see `status` and `error`.",
            body = WebhookTest,
        ),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
        Refused<Problem, 413>,
        Refused<Problem, 415>,
        Refused<Problem, 422>,
        Refused<Problem, 429>,
        Refused<Problem, 508>,
    )
)]
pub(super) async fn test(
    State(runner): State<Arc<Runner>>,
    Segments(workflow_id): Segments<String>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = body::read(&headers, body).await?;
    let url = asked(body::parse_or_empty(&body)?)?;
    let tested = runner.test_webhook(&caller, &workflow_id, url).await?;
    let response = Json(WebhookTest::from(&tested)).into_response();
    Ok(with_allowance(response, tested.allowance))
}

fn asked(body: Value) -> Result<Option<String>, Error> {
    let mut fields = Fields::of_body(body)?;
    let url = fields.take_string("url");
    fields.finish()?;
    Ok(url)
}

impl<'a> From<&'a webhook_test::WebhookTest> for WebhookTest<'a> {
    fn from(tested: &'a webhook_test::WebhookTest) -> Self {
        let headers = tested.headers.iter();
        Self {
            event: &tested.event,
            url: &tested.url,
            status: tested.attempt.status,
            duration_ms: tested.attempt.duration_ms,
            error: tested.attempt.error.as_deref(),
            answer: &tested.attempt.answer,
            headers: headers.map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        }
    }
}
