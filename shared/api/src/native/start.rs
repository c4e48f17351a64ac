//! Starts runs: `POST /v1/workflows/{id}/runs`, `POST /v1/runs/{id}/replay`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use flowgate_app::delivery::WebhookBody;
use flowgate_app::run::{Dialect, RunRecord};
use flowgate_app::{App, Error};
use flowgate_engine::input::{InputRules, Undeclared};
use flowgate_runner::Runner;
use flowgate_runner::driver::Progress;
use flowgate_runner::host::Subscription;
use flowgate_runner::start::{IdempotencyRequest, ResponseMode, Start, StartRequest, Started, WebhookRequest, WhenWaitEnds};
use http::{HeaderMap, HeaderValue, Uri};
use serde_json::{Map, Value};

use super::prefer::{PREFERENCE_APPLIED, preference};
use super::{live, run_events, runs};
use crate::caller::caller;
use crate::fields::Fields;
use crate::problem::Refusal;
use crate::request::{QueryPairs, Segments, with_allowance};
use crate::{body, idempotency};

const RULES: InputRules = InputRules { undeclared: Undeclared::Refuse, coerce: false };

pub(super) async fn start(
    State(runner): State<Arc<Runner>>,
    Segments(workflow_id): Segments<String>,
    query: QueryPairs,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let app = &runner.app;
    let caller = caller(app, &headers).await?;
    let body = body::read(&headers, body).await?;
    let preference = preference(&headers, app.settings.longest_wait);
    let idempotency = idempotency::read(&headers, &uri, &body)?;
    let mut request = read_request(workflow_id, body::parse_or_empty(&body)?, preference.manner)?;
    request.version = query.get("version").map(str::to_owned);
    request.idempotency = idempotency.clone();
    let started = runner.start_run(&caller, request).await?;
    respond(&runner, started, preference, idempotency).await
}

pub(super) async fn replay(
    State(runner): State<Arc<Runner>>,
    Segments(run_id): Segments<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let app = &runner.app;
    let caller = caller(app, &headers).await?;
    let body = body::read(&headers, body).await?;
    // A replay takes nothing: whoever sends a new input is told.
    Fields::of_body(body::parse_or_empty(&body)?)?.finish()?;
    let preference = preference(&headers, app.settings.longest_wait);
    let idempotency = idempotency::read(&headers, &uri, &body)?;
    let started = runner.replay_run(&caller, &run_id, preference.manner, idempotency.as_ref()).await?;
    respond(&runner, started, preference, idempotency).await
}

fn read_request(workflow_id: String, body: Value, manner: ResponseMode) -> Result<StartRequest, Error> {
    let mut fields = Fields::of_body(body)?;
    let input = fields.take("input").unwrap_or_else(|| Value::Object(Map::new()));
    let (user, save) = (fields.take_string("user"), fields.take_bool("save"));
    let webhooks = fields.take_list("webhooks").unwrap_or_default();
    let webhooks = fields.each("webhooks", webhooks, read_webhook);
    fields.finish()?;
    Ok(StartRequest {
        workflow_id,
        version: None,
        dialect: Dialect::Native,
        input,
        input_as_sent: None,
        rules: RULES,
        input_pointer: "/input",
        user,
        save,
        webhooks,
        response_mode: manner,
        when_wait_ends: WhenWaitEnds::Detach,
        timeout: None,
        run_id: None,
        idempotency: None,
    })
}

fn read_webhook(fields: &mut Fields) -> Option<WebhookRequest> {
    let url = fields.require("url", Fields::take_string);
    let method = fields.take_string("method").map_or_else(|| "POST".to_owned(), |method| method.to_ascii_uppercase());
    let headers = fields.take_object("headers").unwrap_or_default();
    let headers = fields.within("headers", headers, read_headers);
    Some(WebhookRequest { pointer: fields.pointer().to_owned(), url: url?, method, headers, body: WebhookBody::Run })
}

fn read_headers(fields: &mut Fields) -> Vec<(String, String)> {
    let names = fields.names();
    names.into_iter().filter_map(|name| fields.require(&name, Fields::take_string).map(|value| (name, value))).collect()
}

async fn respond(
    runner: &Runner,
    start: Start,
    preference: super::prefer::Preference,
    idempotency: Option<IdempotencyRequest>,
) -> Result<Response, Refusal> {
    let app = &runner.app;
    let Start { started, allowance } = start;
    let mut response = match started {
        Started::Run(record) => runs::answer(app, &record),
        Started::Stream(subscription) => stream(runner, subscription, idempotency).await?,
        Started::Repeated(record) => repeated(app, *record, preference.manner)?,
        Started::Overdue(_) => return Err(anyhow::anyhow!("a start that goes on after its wait was cancelled").into()),
    };
    if let Some(applied) = preference.applied.and_then(|applied| HeaderValue::try_from(applied).ok()) {
        response.headers_mut().insert(PREFERENCE_APPLIED, applied);
    }
    Ok(with_allowance(response, allowance))
}

/// What a run tells first comes after its first write: before it no id leaves, and a failed start is an answer with a status.
async fn stream(runner: &Runner, mut subscription: Subscription, idempotency: Option<IdempotencyRequest>) -> Result<Response, Refusal> {
    let app = &runner.app;
    match subscription.next().await {
        Some(Progress::Repeated(claim)) => {
            let asked = idempotency.map(|idempotency| idempotency.body_hash).unwrap_or_default();
            repeated(app, *runner.repeated(claim, &asked).await?, ResponseMode::Stream)
        }
        Some(Progress::Lost) | None => Err(anyhow::anyhow!("the run was lost before it said anything").into()),
        Some(first) => Ok(live::live(app, first, subscription)),
    }
}

/// The answer of the run that the idempotency key began, as far as it has come.
fn repeated(app: &Arc<App>, record: RunRecord, manner: ResponseMode) -> Result<Response, Refusal> {
    let mut response = match manner {
        _ if record.wiped => return Err(Error::Gone.into()),
        ResponseMode::Stream => run_events::follow(app.clone(), record, None),
        ResponseMode::Detach => runs::accepted(app, &record),
        ResponseMode::Wait(_) if record.state.has_ended() => runs::answer(app, &record),
        ResponseMode::Wait(_) => return Err(Error::StillRunning.into()),
    };
    idempotency::mark_replayed(&mut response);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_every_wrong_field() {
        let body = json!({ "inputs": {}, "user": 1, "webhooks": [{ "method": "post" }, { "url": "https://x", "headers": { "a": 1 }, "verb": "GET" }] });
        let error = read_request("w".into(), body, ResponseMode::Detach).map(|_| ()).unwrap_err();
        let Error::BadInput(problems) = error else { panic!("{error:?}") };
        let pointers: Vec<_> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(pointers, ["/user", "/webhooks/0/url", "/webhooks/1/headers/a", "/webhooks/1/verb", "/inputs"]);
    }

    #[test]
    fn an_empty_body_is_an_empty_input() {
        let request = read_request("w".into(), json!({}), ResponseMode::Detach).unwrap();
        assert_eq!((request.input, request.webhooks.len(), request.save), (json!({}), 0, None));
    }
}
