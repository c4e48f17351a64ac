//! How an execution begins, alike in both generations.

pub(super) mod execute;
pub(super) mod files;
pub(super) mod headers;
pub(super) mod request;
mod response;
mod selection;
pub(super) mod stream;

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use axum::response::Response;
use flowgate_app::access::Caller;
use flowgate_app::id::RunId;
use flowgate_app::run::{Dialect, RunHead, RunRecord};
use flowgate_app::runs::Cancelled;
use flowgate_app::workflows::Published;
use flowgate_app::{App, Error, Result};
use flowgate_engine::input::{InputRules, Undeclared};
use flowgate_runner::Runner;
use flowgate_runner::driver::Progress;
use flowgate_runner::host::Subscription;
use flowgate_runner::start::{IdempotencyRequest, Manner, StartRequest, Started};
use http::HeaderValue;
use serde_json::{Map, Value};

use self::headers::{AGENT_EVENTS, STREAM_PROTOCOL};
use self::stream::{Protocol, Streamed, Teller};
use crate::compat::Begun;
use crate::http::sse;

/// What was asked for, whatever the generation.
pub(super) struct Execution {
    pub(super) manner: Manner,
    /// As the caller wrote them.
    pub(super) selected: Vec<String>,
    pub(super) input: Map<String, Value>,
    pub(super) undeclared: Undeclared,
    /// Where `input` stands in the body.
    pub(super) input_pointer: &'static str,
    pub(super) timeout: Option<Duration>,
    pub(super) run_id: Option<String>,
    pub(super) protocol: Protocol,
    pub(super) idempotency: Option<IdempotencyRequest>,
}

pub(super) enum Answer {
    /// Ended, or accepted and going on.
    Run(Begun),
    Stream(Arc<RunHead>, Response),
}

/// `published` is what the names in `selectedOutputs` are those of, and what runs.
pub(super) async fn begin(runner: &Runner, caller: &Caller, published: &Published, execution: Execution) -> Result<Answer> {
    let Execution { manner, selected, protocol, idempotency, run_id, .. } = execution;
    let start = StartRequest {
        workflow_id: published.id.clone(),
        version: Some(published.version.clone()),
        dialect: Dialect::Sim,
        input: Value::Object(execution.input),
        input_as_sent: None,
        rules: InputRules { undeclared: execution.undeclared, coerce: true },
        input_pointer: execution.input_pointer,
        user: None,
        save: None,
        webhooks: Vec::new(),
        manner,
        timeout: execution.timeout,
        run_id: run_id.clone(),
        idempotency: idempotency.clone(),
    };
    let started = runner.start_run(caller, start).await?;
    let Started::Stream(subscription) = started else { return Ok(Answer::Run(Begun::of(started, manner)?)) };
    let teller = Teller::new(selection::resolve(&selected, &published.workflow), protocol);
    let asked = Asked { body_hash: idempotency.map(|asked| asked.body_hash).unwrap_or_default(), run_id: run_id.unwrap_or_default() };
    let (head, mut response) = stream(runner, subscription, published, teller, asked).await?;
    if protocol == Protocol::AgentEvents {
        response.headers_mut().insert(STREAM_PROTOCOL, HeaderValue::from_static(AGENT_EVENTS));
    }
    Ok(Answer::Stream(head, response))
}

/// What a start may be refused for only with its first write.
struct Asked {
    body_hash: String,
    run_id: String,
}

/// What a run tells first comes after its first write: a start that fails is an answer with a status.
async fn stream(
    runner: &Runner,
    mut subscription: Subscription,
    published: &Published,
    teller: Teller,
    asked: Asked,
) -> Result<(Arc<RunHead>, Response)> {
    let (app, workflow) = (runner.app.clone(), published.workflow.clone());
    match subscription.next().await {
        Some(Progress::Repeated(claim)) => {
            let begun = Begun::of(runner.repeated(claim, &asked.body_hash).await?, Manner::Stream)?;
            let frames = stream::told_again(&app, &begun.record, &workflow, teller).await?;
            let response = begun.mark(sse::response(futures_util::stream::iter([frames])));
            Ok((begun.record.head.clone(), response))
        }
        Some(Progress::IdTaken) => Err(Error::RunIdTaken(asked.run_id)),
        Some(Progress::Lost) | None => Err(anyhow!("the run was lost before it said anything").into()),
        Some(first) => {
            let head = subscription.head.clone();
            let streamed = Streamed { app, workflow, first: Some(first), subscription, teller };
            Ok((head, sse::response(streamed.frames())))
        }
    }
}

/// Nobody would come for the result of a run that is past its wait: it is cancelled. `Some` if it had ended by then.
pub(super) async fn end_overdue(app: &App, run: &RunId) -> Result<Option<Box<RunRecord>>> {
    // Done by the platform, whatever the caller's key may do.
    match app.cancel_run(&Caller::Admin, run.as_str()).await? {
        Cancelled::Already(record) => Ok(Some(record)),
        Cancelled::Cancelled(_) => Ok(None),
    }
}

/// What an execution that took too long is told to have died of.
pub(super) fn timed_out(app: &App) -> String {
    format!("Execution timed out after {} seconds", app.settings.longest_wait.as_secs())
}
