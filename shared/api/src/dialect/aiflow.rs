//! AI-Flow: `POST /v1/flow/{flow_id}/run` takes a flat body and answers at once, `GET …/run/{run_id}` gives the flat outputs.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use flowgate_app::delivery::WebhookBody;
use flowgate_app::error::{What, field_name};
use flowgate_app::invoke::{Manner, StartRequest, WebhookRequest};
use flowgate_app::run::{Dialect, RunRecord, RunState};
use flowgate_app::{App, Error, answer};
use flowgate_engine::input::{InputRules, Undeclared};
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, StatusCode, Uri};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Begun;
use crate::caller::caller;
use crate::fields::Fields;
use crate::request::Segments;
use crate::{body, idempotency, status};

/// Tells what state a run is in, also where one of its outputs is called `status`.
const RUN_STATUS: HeaderName = HeaderName::from_static("x-run-status");
const SIGNATURE: &str = "AI_FLOW_SIGNATURE";
const RULES: InputRules = InputRules { undeclared: Undeclared::Keep, coerce: true };

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/flow/{flow_id}/run", post(run).fallback(wrong_method))
        .route("/v1/flow/{flow_id}/run/{run_id}", get(result).fallback(wrong_method))
        // The vendor's pages use both names.
        .route("/v1/flow/{flow_id}/run/{run_id}/result", get(result).fallback(wrong_method))
}

async fn run(
    State(app): State<Arc<App>>,
    Segments(flow_id): Segments<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
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
        manner: Manner::Detach,
        timeout: None,
        run_id: None,
        idempotency,
    };
    let begun = Begun::of(app.start_run(&caller, start).await?, Manner::Detach)?;
    let id = &begun.record.head.id;
    let location = format!("{}/v1/flow/{flow_id}/run/{id}", app.settings.public_url);
    let accepted = json!({ "run_id": id, "status": "pending" });
    Ok(begun.mark((StatusCode::ACCEPTED, [(LOCATION, location), (RUN_STATUS, "pending".to_owned())], Json(accepted)).into_response()))
}

async fn result(
    State(app): State<Arc<App>>,
    Segments((flow_id, run_id)): Segments<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = caller(&app, &headers).await?;
    let record = app.read_run(&caller, &run_id).await?;
    if record.head.workflow_id != flow_id {
        return Err(Error::NotFound(What::Run).into());
    }
    let (status, told) = told(&record);
    let mut response = ([(RUN_STATUS, status)], Json(told)).into_response();
    if !record.state.has_ended() {
        response.headers_mut().insert(RETRY_AFTER, status::RETRY_SECONDS.into());
    }
    Ok(response)
}

/// A result has no envelope: the outputs alone, once there are any.
fn told(record: &RunRecord) -> (&'static str, Value) {
    match record.state {
        RunState::Pending | RunState::Running | RunState::Waiting => ("pending", json!({ "status": "pending" })),
        RunState::Succeeded => ("succeeded", answer::output(record).clone()),
        RunState::Failed => ("failed", json!({ "status": "failed", "error": record.end.as_deref().and_then(|end| end.error.as_ref()) })),
        RunState::Cancelled => ("cancelled", json!({ "status": "cancelled" })),
    }
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

async fn wrong_method() -> Response {
    let told = Told { code: "method_not_allowed", message: "the path does not take this method; see Allow".to_owned(), fields: Vec::new() };
    (StatusCode::METHOD_NOT_ALLOWED, Json(json!({ "error": told }))).into_response()
}

struct Refusal(Error);

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

#[derive(Serialize)]
struct Told {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<FieldTold>,
}

#[derive(Serialize)]
struct FieldTold {
    name: String,
    message: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let fields = match &error {
            Error::BadInput(problems) => {
                problems.iter().map(|problem| FieldTold { name: field_name(&problem.pointer), message: problem.message.clone() }).collect()
            }
            _ => Vec::new(),
        };
        let told = Told { code: status::code(&error), message: error.to_string(), fields };
        status::refusal(status::status(&error), &error, "application/json", &json!({ "error": told }))
    }
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
