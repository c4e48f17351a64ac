//! Starts runs: `POST /v1/workflow/invoke`.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use flowgate_app::Error;
use flowgate_app::access::Caller;
use flowgate_app::delivery::WebhookBody;
use flowgate_app::run::{Dialect, RunState};
use flowgate_engine::SpendingLimit;
use flowgate_engine::input::{InputRules, Undeclared};
use flowgate_runner::Runner;
use flowgate_runner::start::{ResponseMode, StartRequest, WebhookRequest, WhenWaitEnds};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::result::WorkflowResult;
use super::{ErrorBody, Refusal, documented, refusal, with_wrong_method};
use crate::compat::start::StartOutcome;
use crate::http::fields::Fields;
use crate::http::{body, idempotency};
use crate::starts::NotStarted;

const WORKFLOW_ID: &str = "x-workflow-id";
const RULES: InputRules = InputRules { undeclared: Undeclared::Refuse, coerce: false };

pub(in crate::compat) fn routes() -> OpenApiRouter<Arc<Runner>> {
    documented()
        .routes(routes!(invoke).map(with_wrong_method))
        // A hint, so it stands in no document. The native `/v1/workflows/{id}` would take `invoke`
        // for a workflow.
        .route("/v1/workflows/invoke", any(plural_path))
}

/// A run to be started.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = gptbots::Invocation)]
struct Invocation {
    /// Your own name for who asked.
    #[schema(max_length = 256)]
    user_id: Option<String>,
    #[schema(value_type = Object)]
    input: Map<String, Value>,
    #[schema(ignore)]
    input_as_sent: String,
    /// `true`: answered at once with `PENDING`.
    #[schema(required = false, default = false)]
    is_async: bool,
    /// Called with the result where `isAsync` is true; else only checked.
    #[schema(required = false, max_items = 5)]
    webhook: Vec<Webhook>,
}

/// Called once the run has ended.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = gptbots::Webhook)]
struct Webhook {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    method: String,
    #[schema(format = "uri")]
    url: String,
    #[schema(required = false, value_type = BTreeMap<String, String>)]
    headers: Vec<(String, String)>,
    #[schema(ignore)]
    pointer: String,
}

/// Invoke a workflow
///
/// Waits for the run's end, or answers at once. Needs the scope `run`.
#[utoipa::path(
    post,
    path = "/v1/workflow/invoke",
    operation_id = "gptbots_invoke",
    tag = "GPTBots",
    params(
        (
            "X-Workflow-Id" = Option<String>,
            Header,
            description = "Which workflow, where the key names several or all.",
        ),
        (
            "Idempotency-Key" = Option<String>,
            Header,
            description = "The same request with the same key starts nothing again for 24 hours.",
        ),
    ),
    request_body = Invocation,
    responses(
        (
            status = 200,
            description = "How the run went, or that it goes on.",
            body = WorkflowResult,
        ),
        NotStarted<ErrorBody>,
    )
)]
async fn invoke(
    State(runner): State<Arc<Runner>>,
    caller: super::Caller,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let workflow_id = workflow_id(&caller, &headers)?;
    let body = body::read(&headers, body).await?;
    let idempotency = idempotency::read(&headers, &uri, &body)?;
    let invocation = Invocation::read(&body)?;
    let is_async = invocation.is_async;
    let mut start = invocation.into_request(workflow_id);
    start.idempotency = idempotency;
    if !is_async {
        // Only the result of an asynchronous run is sent anywhere.
        runner.check_webhooks(&start.webhooks).await?;
        start.webhooks.clear();
    }
    let mode = start.response_mode;
    let mut outcome = StartOutcome::of(runner.start_run(&caller, start).await?, mode)?;
    let record = &mut outcome.record;
    if is_async {
        // A repeated request gets the same response as the first.
        (record.state, record.end) = (RunState::Pending, None);
    } else if !record.state.has_ended() {
        // Handed over to a worker, it waits in a queue for a moment: to its caller it goes on.
        record.state = RunState::Running;
    }
    let response = WorkflowResult::new(&outcome.record)?.into_response();
    Ok(outcome.mark(response))
}

async fn plural_path() -> Response {
    let hint = "there is nothing at this path: a workflow is invoked with POST /v1/workflow/invoke";
    refusal(StatusCode::NOT_FOUND, 40378, hint)
}

/// The one workflow that the key names; where it names several, the header says which.
fn workflow_id(caller: &Caller, headers: &HeaderMap) -> Result<String, Error> {
    let named = headers.get(WORKFLOW_ID).and_then(|id| id.to_str().ok());
    let id = named.or_else(|| caller.only_workflow());
    id.map(str::to_owned).ok_or_else(|| {
        Error::bad_field(
            "",
            "the key is good for more than one workflow: name one in the header X-Workflow-Id",
        )
    })
}

impl Invocation {
    fn read(body: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::of_body(body::parse_or_empty(body)?)?;
        let user_id = fields.take_string("userId");
        let input = fields.require("input", Fields::take_object).unwrap_or_default();
        let is_async = fields.take_bool("isAsync").unwrap_or(false);
        let webhook = fields.take_list("webhook").unwrap_or_default();
        let webhook = fields.each("webhook", webhook, Webhook::read);
        fields.finish()?;
        let input_as_sent = raw_member(body, "input").unwrap_or_default();
        Ok(Self { user_id, input, input_as_sent, is_async, webhook })
    }

    fn into_request(self, workflow_id: String) -> StartRequest {
        StartRequest {
            workflow_id,
            version: None,
            dialect: Dialect::Gptbots,
            input: Value::Object(self.input),
            input_as_sent: Some(self.input_as_sent),
            rules: RULES,
            input_pointer: "/input",
            user: self.user_id,
            save: None,
            webhooks: self.webhook.into_iter().map(Into::into).collect(),
            response_mode: if self.is_async {
                ResponseMode::Detach
            } else {
                ResponseMode::Wait(None)
            },
            when_wait_ends: WhenWaitEnds::Detach,
            spending_limit: SpendingLimit::default(),
            timeout: None,
            run_id: None,
            idempotency: None,
        }
    }
}

impl Webhook {
    fn read(fields: &mut Fields) -> Option<Self> {
        let method = fields.require("method", Fields::take_string);
        let url = fields.require("url", Fields::take_string);
        let headers = fields.take_strings("headers").unwrap_or_default();
        let pointer = fields.pointer().to_owned();
        Some(Self { method: method?.to_ascii_uppercase(), url: url?, headers, pointer })
    }
}

impl From<Webhook> for WebhookRequest {
    fn from(Webhook { method, url, headers, pointer }: Webhook) -> Self {
        Self { pointer, url, method, headers, body: WebhookBody::GptbotsResult }
    }
}

/// The caller's own spelling of one top-level member of a body that [`body::parse`] took.
fn raw_member(body: &[u8], key: &str) -> Option<String> {
    let members: HashMap<String, &RawValue> = serde_json::from_slice(body).ok()?;
    members.get(key).map(|member| member.get().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> String {
        Invocation::read(body.as_bytes()).err().expect("a refusal").to_string()
    }

    #[test]
    fn reads_the_vendors_example() {
        let body = r#"{
            "userId": "<your_user_id>",
            "input": { "b": 1.50, "a": "<your_workflow_input_params>" },
            "isAsync": true,
            "webhook": [
                {
                    "method": "POST",
                    "url": "https://example-1.com",
                    "headers": { "Accept": "application/json", "Authorization": "Bearer <your_token>" }
                },
                { "method": "get", "url": "https://example-2.com?fr=google" }
            ]
        }"#;
        let request = Invocation::read(body.as_bytes()).unwrap();
        assert!(request.is_async);
        assert_eq!(request.input_as_sent, r#"{ "b": 1.50, "a": "<your_workflow_input_params>" }"#);
        assert_eq!(
            request.webhook[0].headers[1],
            ("Authorization".to_owned(), "Bearer <your_token>".to_owned())
        );
        assert_eq!(
            (request.webhook[1].method.as_str(), request.webhook[1].pointer.as_str()),
            ("GET", "/webhook/1")
        );
    }

    #[test]
    fn names_what_is_wrong() {
        assert_eq!(refused("{}"), "input is required");
        assert_eq!(
            refused(r#"{"input":{},"isAsync":"yes","inputs":{}}"#),
            "isAsync must be true or false, not a string; inputs is not a known field"
        );
        let webhooks = r#"{"input":{},"webhook":[{"method":"POST","url":"https://a.example"},{"url":"https://b.example","headers":{"X":1}}]}"#;
        assert_eq!(
            refused(webhooks),
            "webhook[1].method is required; webhook[1].headers.X must be a string, not a number"
        );
        assert_eq!(refused("[]"), "the body must be a JSON object, not an array");
    }

    #[test]
    fn keeps_the_spelling_of_a_member() {
        let body = br#" {"in\u0070ut" : { "b":1.50, "a":[1e2] } , "x":1} "#;
        assert_eq!(raw_member(body, "input").unwrap(), r#"{ "b":1.50, "a":[1e2] }"#);
        assert_eq!(raw_member(body, "y"), None);
    }
}
