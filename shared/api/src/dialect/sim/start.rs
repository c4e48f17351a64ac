//! How an execution begins, alike in both generations.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use axum::response::Response;
use flowgate_app::access::Caller;
use flowgate_app::error::TakenRunId;
use flowgate_app::limit::Allowance;
use flowgate_app::run::{Dialect, RunHead};
use flowgate_app::workflows::Published;
use flowgate_app::{App, Error, Result};
use flowgate_engine::input::{InputRules, Undeclared};
use flowgate_runner::Runner;
use flowgate_runner::driver::Progress;
use flowgate_runner::host::Subscription;
use flowgate_runner::start::{IdempotencyRequest, ResponseMode, Start, StartRequest, Started, WhenWaitEnds};
use http::HeaderValue;
use serde_json::{Map, Value};

use super::headers::{AGENT_EVENTS, STREAM_PROTOCOL};
use super::selection;
use super::stream::{self, Protocol, Streamed, Teller};
use crate::dialect::Begun;
use crate::request::with_allowance;
use crate::sse;

/// What was asked for, whatever the generation.
pub(super) struct Execution {
    pub(super) manner: ResponseMode,
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
    /// Its wait was over first: it is cancelled.
    Overdue(Begun),
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
        response_mode: manner,
        when_wait_ends: WhenWaitEnds::Cancel,
        timeout: execution.timeout,
        run_id: run_id.clone(),
        idempotency: idempotency.clone(),
    };
    let start = runner.start_run(caller, start).await?;
    let (allowance, subscription) = match start.started {
        Started::Stream(subscription) => (start.allowance, subscription),
        Started::Overdue(record) => return Ok(Answer::Overdue(Begun::of(Start { started: Started::Run(record), ..start }, manner)?)),
        started => return Ok(Answer::Run(Begun::of(Start { started, ..start }, manner)?)),
    };
    let teller = Teller::new(selection::resolve(&selected, &published.workflow), protocol);
    let body_hash = idempotency.map(|asked| asked.body_hash).unwrap_or_default();
    let asked = Asked { body_hash, run_id: run_id.unwrap_or_default(), allowance };
    let (head, mut response) = stream(runner, subscription, published, teller, asked).await?;
    if protocol == Protocol::AgentEvents {
        response.headers_mut().insert(STREAM_PROTOCOL, HeaderValue::from_static(AGENT_EVENTS));
    }
    Ok(Answer::Stream(head, with_allowance(response, allowance)))
}

/// What a start may be refused for only with its first write.
struct Asked {
    body_hash: String,
    run_id: String,
    allowance: Option<Allowance>,
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
            let started = Started::Repeated(runner.repeated(claim, &asked.body_hash).await?);
            let begun = Begun::of(Start { started, allowance: None }, ResponseMode::Stream)?;
            let frames = stream::told_again(&app, &begun.record, &workflow, teller).await?;
            let response = begun.mark(sse::response(futures_util::stream::iter([frames])));
            Ok((begun.record.head.clone(), response))
        }
        Some(Progress::IdTaken) => Err(Error::RunIdTaken(TakenRunId { id: asked.run_id, allowance: asked.allowance })),
        Some(Progress::Lost) | None => Err(anyhow!("the run was lost before it said anything").into()),
        Some(first) => {
            let head = subscription.head.clone();
            let streamed = Streamed { app, workflow, first: Some(first), subscription, teller };
            Ok((head, sse::response(streamed.frames())))
        }
    }
}

/// What an execution that took too long is told to have died of.
pub(super) fn timed_out(app: &App) -> String {
    format!("Execution timed out after {} seconds", app.settings.longest_wait.as_secs())
}
