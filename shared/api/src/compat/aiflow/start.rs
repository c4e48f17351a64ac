//! Starts runs: `POST /v1/flow/{flow_id}/run`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::Error;
use flowgate_app::delivery::WebhookBody;
use flowgate_app::run::Dialect;
use flowgate_engine::SpendingLimit;
use flowgate_engine::input::{InputRules, Undeclared};
use flowgate_runner::Runner;
use flowgate_runner::start::{
    IdempotencyRequest, ResponseMode, StartRequest, WebhookRequest, WhenWaitEnds,
};
use http::header::LOCATION;
use http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::{Caller, ErrorBody, RUN_STATUS, Refusal, documented, with_wrong_method};
use crate::compat::start::StartOutcome;
use crate::http::fields::Fields;
use crate::http::request::Segments;
use crate::http::{body, idempotency};
use crate::starts::NotStarted;

const SIGNATURE: &str = "AI_FLOW_SIGNATURE";
const RULES: InputRules = InputRules { undeclared: Undeclared::Keep, coerce: true };

pub(in crate::compat) fn routes() -> OpenApiRouter<Arc<Runner>> {
    documented().routes(routes!(run).map(with_wrong_method))
}

/// A run to be started: every key is an input, but for `run_options`.
#[derive(ToSchema)]
#[schema(as = aiflow::RunRequest)]
struct RunRequest {
    #[schema(required = false)]
    run_options: RunOptions,
    #[serde(flatten)]
    #[schema(value_type = BTreeMap<String, Value>)]
    input: Map<String, Value>,
}

#[derive(Default, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = aiflow::RunOptions)]
struct RunOptions {
    /// `false`: input and outputs are wiped afterwards.
    save: Option<bool>,
    global_webhook: Option<GlobalWebhook>,
}

/// Called once, by `POST`, with the outputs.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = aiflow::GlobalWebhook)]
struct GlobalWebhook {
    #[schema(format = "uri")]
    url: String,
    /// Sent as `AI_FLOW_SIGNATURE`, as it is: receivers compare it, the vendor's contract has no
    /// more.
    signature: Option<String>,
    #[schema(ignore)]
    pointer: String,
}

/// The run is stored, and will reach an end.
#[derive(Serialize, ToSchema)]
#[schema(as = aiflow::Accepted)]
struct Accepted<'a> {
    run_id: &'a str,
    #[schema(examples("pending"))]
    status: &'static str,
}

/// Run a flow
///
/// Always asynchronous. Needs the scope `run`.
#[utoipa::path(
    post,
    path = "/v1/flow/{flow_id}/run",
    operation_id = "aiflow_run",
    tag = "AI-Flow",
    params(
        ("flow_id" = String, Path, description = "The workflow's id."),
        (
            "Idempotency-Key" = Option<String>,
            Header,
            description = "The same request with the same key starts nothing again for 24 hours.",
        ),
    ),
    request_body = Option<RunRequest>,
    responses(
        (
            status = 202,
            description = "The run is stored, and will reach an end.",
            body = Accepted,
            headers(("Location" = String, description = "Where its result will be."))
        ),
        NotStarted<ErrorBody>,
    )
)]
async fn run(
    State(runner): State<Arc<Runner>>,
    Segments(flow_id): Segments<String>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = body::read(&headers, body).await?;
    let idempotency = idempotency::read(&headers, &uri, &body)?;
    let start = RunRequest::read(&body)?.into_request(flow_id.clone(), idempotency);
    let outcome = StartOutcome::of(runner.start_run(&caller, start).await?, ResponseMode::Detach)?;
    let run_id = outcome.record.head.id.as_str();
    let public_url = &runner.app.settings.public_url;
    let location = format!("{public_url}/v1/flow/{flow_id}/run/{run_id}");
    let headers = [(LOCATION, location), (RUN_STATUS, "pending".to_owned())];
    let accepted = Json(Accepted { run_id, status: "pending" });
    Ok(outcome.mark((StatusCode::ACCEPTED, headers, accepted).into_response()))
}

impl RunRequest {
    fn read(body: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::of_body(body::parse_or_empty(body)?)?;
        let options = fields.take_object("run_options");
        let options =
            options.map(|options| fields.within("run_options", options, RunOptions::read));
        let input = fields.finish_with_rest()?;
        Ok(Self { run_options: options.unwrap_or_default(), input })
    }

    fn into_request(
        self,
        workflow_id: String,
        idempotency: Option<IdempotencyRequest>,
    ) -> StartRequest {
        let RunOptions { save, global_webhook } = self.run_options;
        StartRequest {
            workflow_id,
            version: None,
            dialect: Dialect::AiFlow,
            input: Value::Object(self.input),
            input_as_sent: None,
            rules: RULES,
            input_pointer: "",
            user: None,
            save,
            webhooks: global_webhook.into_iter().map(Into::into).collect(),
            response_mode: ResponseMode::Detach,
            when_wait_ends: WhenWaitEnds::Detach,
            spending_limit: SpendingLimit::default(),
            timeout: None,
            run_id: None,
            idempotency,
        }
    }
}

impl RunOptions {
    fn read(fields: &mut Fields) -> Self {
        let save = fields.take_bool("save");
        let webhook = fields.take_object("global_webhook");
        let webhook =
            webhook.map(|webhook| fields.within("global_webhook", webhook, GlobalWebhook::read));
        Self { save, global_webhook: webhook.flatten() }
    }
}

impl GlobalWebhook {
    fn read(fields: &mut Fields) -> Option<Self> {
        let url = fields.require("url", Fields::take_string);
        let signature = fields.take_string("signature");
        Some(Self { url: url?, signature, pointer: fields.pointer().to_owned() })
    }
}

impl From<GlobalWebhook> for WebhookRequest {
    fn from(GlobalWebhook { url, signature, pointer }: GlobalWebhook) -> Self {
        let signature = signature.map(|signature| (SIGNATURE.to_owned(), signature));
        Self {
            pointer,
            url,
            method: "POST".to_owned(),
            headers: signature.into_iter().collect(),
            body: WebhookBody::Outputs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_options_out_of_the_flat_body() {
        let body = r#"{"my_prompt":"Lorem Ipsum","run_options":{"global_webhook":{"url":"https://example.com/hook","signature":"s3"},"save":false},"my_context":"c"}"#;
        let request = RunRequest::read(body.as_bytes()).unwrap();
        assert_eq!(
            Value::Object(request.input).to_string(),
            r#"{"my_prompt":"Lorem Ipsum","my_context":"c"}"#
        );
        assert_eq!(request.run_options.save, Some(false));
        let webhook = WebhookRequest::from(request.run_options.global_webhook.unwrap());
        assert_eq!(webhook.pointer, "/run_options/global_webhook");
        assert_eq!(webhook.headers, [("AI_FLOW_SIGNATURE".to_owned(), "s3".to_owned())]);
    }

    #[test]
    fn an_empty_body_has_no_inputs_and_no_options() {
        let request = RunRequest::read(b"").unwrap();
        let RunOptions { save, global_webhook } = request.run_options;
        assert!(request.input.is_empty() && save.is_none() && global_webhook.is_none());
    }

    #[test]
    fn names_what_is_wrong_in_the_options() {
        let refused =
            |body: &str| RunRequest::read(body.as_bytes()).err().expect("a refusal").to_string();
        assert_eq!(
            refused(r#"{"run_options":{"save":"no","safe":1}}"#),
            "run_options.save must be true or false, not a string; run_options.safe is not a known \
             field"
        );
        assert_eq!(
            refused(r#"{"run_options":{"global_webhook":{}}}"#),
            "run_options.global_webhook.url is required"
        );
        assert_eq!(
            refused(r#"{"run_options":{"global_webhook":"https://example.com"}}"#),
            "run_options.global_webhook must be an object, not a string"
        );
    }
}
