//! Starts runs: `POST /v1/workflow/invoke`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{any, post};
use flowgate_app::Error;
use flowgate_app::access::Caller;
use flowgate_app::delivery::WebhookBody;
use flowgate_app::run::{Dialect, RunState};
use flowgate_engine::input::{InputRules, Undeclared};
use flowgate_runner::Runner;
use flowgate_runner::start::{ResponseMode, StartRequest, WebhookRequest, WhenWaitEnds};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;

use super::{Refusal, answer, refusal, wrong_method};
use crate::caller::caller;
use crate::dialect::Begun;
use crate::fields::Fields;
use crate::{body, idempotency};

const WORKFLOW_ID: &str = "x-workflow-id";
const RULES: InputRules = InputRules { undeclared: Undeclared::Refuse, coerce: false };

pub(crate) fn routes() -> Router<Arc<Runner>> {
    Router::new()
        .route("/v1/workflow/invoke", post(invoke).fallback(wrong_method))
        // The native API's `/v1/workflows/{id}` would take it for a workflow.
        .route("/v1/workflows/invoke", any(plural_path))
}

async fn invoke(State(runner): State<Arc<Runner>>, uri: Uri, headers: HeaderMap, body: Body) -> Result<Response, Refusal> {
    let caller = caller(&runner.app, &headers).await?;
    let workflow_id = workflow_id(&caller, &headers)?;
    let body = body::read(&headers, body).await?;
    let idempotency = idempotency::read(&headers, &uri, &body)?;
    let mut request = Invocation::read(&body)?;
    if !request.detached {
        // Only the result of an asynchronous run is sent anywhere.
        runner.check_webhooks(&request.webhooks).await?;
        request.webhooks.clear();
    }
    let manner = if request.detached { ResponseMode::Detach } else { ResponseMode::Wait(None) };
    let start = StartRequest {
        workflow_id,
        version: None,
        dialect: Dialect::Gptbots,
        input: request.input,
        input_as_sent: Some(request.input_as_sent),
        rules: RULES,
        input_pointer: "/input",
        user: request.user,
        save: None,
        webhooks: request.webhooks,
        response_mode: manner,
        when_wait_ends: WhenWaitEnds::Detach,
        timeout: None,
        run_id: None,
        idempotency,
    };
    let mut begun = Begun::of(runner.start_run(&caller, start).await?, manner)?;
    let record = &mut begun.record;
    if request.detached {
        // What is told at once is the same for who asks again.
        (record.state, record.end) = (RunState::Pending, None);
    } else if !record.state.has_ended() {
        // Handed over to a worker, it waits in a queue for a moment: to its caller it goes on.
        record.state = RunState::Running;
    }
    Ok(begun.mark(answer(&begun.record)?))
}

async fn plural_path() -> Response {
    refusal(StatusCode::NOT_FOUND, 40378, "there is nothing at this path: a workflow is invoked with POST /v1/workflow/invoke")
}

/// The one workflow that the key names; where it names several, the header says which.
fn workflow_id(caller: &Caller, headers: &HeaderMap) -> Result<String, Error> {
    let named = headers.get(WORKFLOW_ID).and_then(|id| id.to_str().ok());
    let id = named.or_else(|| caller.only_workflow());
    id.map(str::to_owned)
        .ok_or_else(|| Error::bad_field("", "the key is good for more than one workflow: name one in the header X-Workflow-Id"))
}

struct Invocation {
    user: Option<String>,
    input: Value,
    input_as_sent: String,
    detached: bool,
    webhooks: Vec<WebhookRequest>,
}

impl Invocation {
    fn read(body: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::of_body(body::parse_or_empty(body)?)?;
        let user = fields.take_string("userId");
        let input = fields.require("input", Fields::take_object).unwrap_or_default();
        let detached = fields.take_bool("isAsync").unwrap_or(false);
        let webhooks = fields.take_list("webhook").unwrap_or_default();
        let webhooks = fields.each("webhook", webhooks, webhook);
        fields.finish()?;
        let input_as_sent = body::raw_member(body, "input").unwrap_or_default();
        Ok(Self { user, input: Value::Object(input), input_as_sent, detached, webhooks })
    }
}

fn webhook(fields: &mut Fields) -> Option<WebhookRequest> {
    let method = fields.require("method", Fields::take_string);
    let url = fields.require("url", Fields::take_string);
    let headers = fields.take_object("headers").unwrap_or_default();
    let headers = fields.within("headers", headers, |headers| {
        let names = headers.names();
        names.into_iter().filter_map(|name| headers.require(&name, Fields::take_string).map(|value| (name, value))).collect()
    });
    let pointer = fields.pointer().to_owned();
    Some(WebhookRequest { pointer, url: url?, method: method?.to_ascii_uppercase(), headers, body: WebhookBody::GptbotsResult })
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
                { "method": "POST", "url": "https://example-1.com", "headers": { "Accept": "application/json", "Authorization": "Bearer <your_token>" } },
                { "method": "get", "url": "https://example-2.com?fr=google" }
            ]
        }"#;
        let request = Invocation::read(body.as_bytes()).unwrap();
        assert!(request.detached);
        assert_eq!(request.input_as_sent, r#"{ "b": 1.50, "a": "<your_workflow_input_params>" }"#);
        assert_eq!(request.webhooks[0].headers[1], ("Authorization".to_owned(), "Bearer <your_token>".to_owned()));
        assert_eq!((request.webhooks[1].method.as_str(), request.webhooks[1].pointer.as_str()), ("GET", "/webhook/1"));
    }

    #[test]
    fn names_what_is_wrong() {
        assert_eq!(refused("{}"), "input is required");
        assert_eq!(
            refused(r#"{"input":{},"isAsync":"yes","inputs":{}}"#),
            "isAsync must be true or false, not a string; inputs is not a known field"
        );
        let webhooks =
            r#"{"input":{},"webhook":[{"method":"POST","url":"https://a.example"},{"url":"https://b.example","headers":{"X":1}}]}"#;
        assert_eq!(refused(webhooks), "webhook[1].method is required; webhook[1].headers.X must be a string, not a number");
        assert_eq!(refused("[]"), "the body must be a JSON object, not an array");
    }
}
