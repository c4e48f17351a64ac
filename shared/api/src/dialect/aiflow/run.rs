//! Starts runs: `POST /v1/flow/{flow_id}/run`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use flowgate_app::Error;
use flowgate_app::delivery::WebhookBody;
use flowgate_app::run::Dialect;
use flowgate_engine::input::{InputRules, Undeclared};
use flowgate_runner::Runner;
use flowgate_runner::start::{ResponseMode, StartRequest, WebhookRequest, WhenWaitEnds};
use http::header::LOCATION;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Map, Value, json};

use super::{RUN_STATUS, Refusal, wrong_method};
use crate::caller::caller;
use crate::dialect::Begun;
use crate::fields::Fields;
use crate::request::Segments;
use crate::{body, idempotency};

const SIGNATURE: &str = "AI_FLOW_SIGNATURE";
const RULES: InputRules = InputRules { undeclared: Undeclared::Keep, coerce: true };

pub(crate) fn routes() -> Router<Arc<Runner>> {
    Router::new().route("/v1/flow/{flow_id}/run", post(run).fallback(wrong_method))
}

async fn run(
    State(runner): State<Arc<Runner>>,
    Segments(flow_id): Segments<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let app = &runner.app;
    let caller = caller(app, &headers).await?;
    let body = body::read(&headers, body).await?;
    let idempotency = idempotency::read(&headers, &uri, &body)?;
    let request = RunRequest::read(&body)?;
    let start = StartRequest {
        workflow_id: flow_id.clone(),
        version: None,
        dialect: Dialect::AiFlow,
        input: Value::Object(request.input),
        input_as_sent: None,
        rules: RULES,
        input_pointer: "",
        user: None,
        save: request.save,
        webhooks: request.webhook.into_iter().collect(),
        response_mode: ResponseMode::Detach,
        when_wait_ends: WhenWaitEnds::Detach,
        timeout: None,
        run_id: None,
        idempotency,
    };
    let begun = Begun::of(runner.start_run(&caller, start).await?, ResponseMode::Detach)?;
    let id = &begun.record.head.id;
    let location = format!("{}/v1/flow/{flow_id}/run/{id}", app.settings.public_url);
    let accepted = json!({ "run_id": id, "status": "pending" });
    Ok(begun.mark((StatusCode::ACCEPTED, [(LOCATION, location), (RUN_STATUS, "pending".to_owned())], Json(accepted)).into_response()))
}

struct RunRequest {
    input: Map<String, Value>,
    save: Option<bool>,
    webhook: Option<WebhookRequest>,
}

impl RunRequest {
    /// Every key is an input, but for `run_options`.
    fn read(body: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::of_body(body::parse_or_empty(body)?)?;
        let options = fields.take_object("run_options").unwrap_or_default();
        let (save, webhook) = fields.within("run_options", options, |options| {
            let save = options.take_bool("save");
            let webhook =
                options.take_object("global_webhook").and_then(|webhook| options.within("global_webhook", webhook, global_webhook));
            (save, webhook)
        });
        Ok(Self { input: fields.finish_with_rest()?, save, webhook })
    }
}

/// Called once, with the outputs. The signature is a secret that receivers compare as it is: the vendor's contract has no more.
fn global_webhook(fields: &mut Fields) -> Option<WebhookRequest> {
    let url = fields.require("url", Fields::take_string);
    let signature = fields.take_string("signature");
    let headers = signature.map(|signature| (SIGNATURE.to_owned(), signature)).into_iter().collect();
    let pointer = fields.pointer().to_owned();
    Some(WebhookRequest { pointer, url: url?, method: "POST".to_owned(), headers, body: WebhookBody::Outputs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_options_out_of_the_flat_body() {
        let body = r#"{"my_prompt":"Lorem Ipsum","run_options":{"global_webhook":{"url":"https://example.com/hook","signature":"s3"},"save":false},"my_context":"c"}"#;
        let request = RunRequest::read(body.as_bytes()).unwrap();
        assert_eq!(Value::Object(request.input).to_string(), r#"{"my_prompt":"Lorem Ipsum","my_context":"c"}"#);
        assert_eq!(request.save, Some(false));
        let webhook = request.webhook.unwrap();
        assert_eq!(webhook.pointer, "/run_options/global_webhook");
        assert_eq!(webhook.headers, [("AI_FLOW_SIGNATURE".to_owned(), "s3".to_owned())]);
    }

    #[test]
    fn an_empty_body_has_no_inputs_and_no_options() {
        let request = RunRequest::read(b"").unwrap();
        assert!(request.input.is_empty() && request.save.is_none() && request.webhook.is_none());
    }

    #[test]
    fn names_what_is_wrong_in_the_options() {
        let refused = |body: &str| RunRequest::read(body.as_bytes()).err().expect("a refusal").to_string();
        assert_eq!(
            refused(r#"{"run_options":{"save":"no","safe":1}}"#),
            "run_options.save must be true or false, not a string; run_options.safe is not a known field"
        );
        assert_eq!(refused(r#"{"run_options":{"global_webhook":{}}}"#), "run_options.global_webhook.url is required");
        assert_eq!(
            refused(r#"{"run_options":{"global_webhook":"https://example.com"}}"#),
            "run_options.global_webhook must be an object, not a string"
        );
    }
}
