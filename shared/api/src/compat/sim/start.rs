//! Starts executions, alike in both generations.

mod execute;
mod request;
mod refusal;

// What both generations share.
pub(super) mod files;
pub(super) mod headers;
mod selection;
pub(super) mod stream;

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
use flowgate_engine::SpendingLimit;
use flowgate_engine::input::{InputRules, Undeclared};
use flowgate_runner::Runner;
use flowgate_runner::driver::Progress;
use flowgate_runner::host::Subscription;
use flowgate_runner::start::{
    Admitted, IdempotencyRequest, ResponseMode, StartRequest, Started, WhenWaitEnds,
};
use http::HeaderValue;
use serde_json::{Map, Value};
use utoipa::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use self::headers::{AGENT_EVENTS, STREAM_PROTOCOL};
use self::stream::{Protocol, StreamEncoder, Streamed};
use super::{Sim, with_wrong_method};
use crate::compat::start::StartOutcome;
use crate::http::request::with_allowance;
use crate::http::sse;

#[derive(OpenApi)]
#[openapi(components(schemas(stream::StreamFrame)))]
struct Streams;

pub(in crate::compat) fn routes() -> OpenApiRouter<Arc<Runner>> {
    let documented = OpenApiRouter::with_openapi(Sim::openapi().merge_from(Streams::openapi()));
    documented.routes(routes!(execute::execute).map(with_wrong_method))
}

pub(super) const CALL_CHAIN: &str = "Maximum workflow call chain depth (25) exceeded";
pub(super) const CALL_CHAIN_CODE: &str = "CALL_CHAIN_DEPTH_EXCEEDED";
pub(super) const FILES_FAILED: &str = "File processing failed";
/// A week, in seconds.
pub(super) const MAX_TIMEOUT: u64 = 604_800;

/// What was asked for, whatever the generation.
pub(super) struct Execution {
    pub(super) mode: ResponseMode,
    /// As the caller wrote them.
    pub(super) selected: Vec<String>,
    pub(super) input: Map<String, Value>,
    /// Where `input` stands in the body.
    pub(super) input_pointer: &'static str,
    pub(super) timeout: Option<Duration>,
    pub(super) run_id: Option<String>,
    pub(super) protocol: Protocol,
    pub(super) idempotency: Option<IdempotencyRequest>,
    /// Its caller presented no key.
    pub(super) is_keyless: bool,
}

pub(super) enum Executed {
    /// Ended, or accepted and going on.
    Run(StartOutcome),
    /// Its wait was over first: it is cancelled.
    Overdue(StartOutcome),
    Stream(Arc<RunHead>, Response),
}

/// `published` is the version that runs, and whose blocks `selectedOutputs` names.
pub(super) async fn begin(
    runner: &Runner,
    caller: &Caller,
    published: &Published,
    execution: Execution,
) -> Result<Executed> {
    let execution = if execution.is_keyless { within_request(execution)? } else { execution };
    let Execution { mode, selected, protocol, idempotency, run_id, .. } = execution;
    let start = StartRequest {
        workflow_id: published.id.clone(),
        version: Some(published.version.clone()),
        dialect: Dialect::Sim,
        input: Value::Object(execution.input),
        input_as_sent: None,
        rules: InputRules { undeclared: Undeclared::Keep, coerce: true },
        input_pointer: execution.input_pointer,
        user: None,
        save: None,
        webhooks: Vec::new(),
        response_mode: mode,
        when_wait_ends: WhenWaitEnds::Cancel,
        spending_limit: SpendingLimit::default(),
        timeout: execution.timeout,
        run_id: run_id.clone(),
        idempotency: idempotency.clone(),
    };
    let Admitted { started, allowance } = runner.start_run(caller, start).await?;
    let subscription = match started {
        Started::Stream(subscription) => subscription,
        Started::Overdue(record) => {
            let start = Admitted { started: Started::Run(record), allowance };
            return Ok(Executed::Overdue(StartOutcome::of(start, mode)?));
        }
        started => {
            return Ok(Executed::Run(StartOutcome::of(Admitted { started, allowance }, mode)?));
        }
    };
    let selected = selection::resolve(&selected, &published.workflow);
    let encoder = StreamEncoder::new(selected, protocol);
    let asked = Asked {
        body_hash: idempotency.map(|asked| asked.body_hash).unwrap_or_default(),
        run_id: run_id.unwrap_or_default(),
        allowance,
        may_answer: !execution.is_keyless,
    };
    let (head, mut response) = stream(runner, subscription, published, encoder, asked).await?;
    if protocol == Protocol::AgentEvents {
        response.headers_mut().insert(STREAM_PROTOCOL, HeaderValue::from_static(AGENT_EVENTS));
    }
    Ok(Executed::Stream(head, with_allowance(response, allowance)))
}

/// Leaves a caller without a key what begins and ends with its request. It could read no other run,
/// so none is started that it would have to, and it may not learn which ids and idempotency keys
/// were used. Sim ignores ids that are chosen without a key, too.
fn within_request(execution: Execution) -> Result<Execution> {
    if execution.mode == ResponseMode::Detach {
        return Err(Error::bad_field("", "Async execution requires an API key"));
    }
    if execution.idempotency.is_some() {
        return Err(Error::bad_field("", "Idempotency-Key requires an API key"));
    }
    Ok(Execution { run_id: None, ..execution })
}

/// What the rest of a stream depends on; a start is refused for the first two only with its first
/// write.
struct Asked {
    body_hash: String,
    run_id: String,
    allowance: Option<Allowance>,
    may_answer: bool,
}

/// The stream begins after the run's first write, so that a failed start is still a response with a
/// status.
async fn stream(
    runner: &Runner,
    mut subscription: Subscription,
    published: &Published,
    encoder: StreamEncoder,
    asked: Asked,
) -> Result<(Arc<RunHead>, Response)> {
    let (app, workflow) = (runner.app.clone(), published.workflow.clone());
    match subscription.next().await {
        Some(Progress::Repeated(claim)) => {
            let record = runner.repeated(claim, &asked.body_hash).await?;
            let start = Admitted { started: Started::Repeated(record), allowance: None };
            let outcome = StartOutcome::of(start, ResponseMode::Stream)?;
            let frames = stream::replay_frames(&app, &outcome.record, &workflow, encoder).await?;
            let frames = futures_util::stream::iter([frames]);
            let response = outcome.mark(sse::response(frames));
            Ok((outcome.record.head.clone(), response))
        }
        Some(Progress::IdTaken) => {
            let Asked { run_id: id, allowance, .. } = asked;
            Err(Error::RunIdTaken(TakenRunId { id, allowance }))
        }
        Some(Progress::Overloaded(overloaded)) => Err(overloaded.into()),
        Some(Progress::Lost) | None => {
            Err(anyhow!("the run was lost before it said anything").into())
        }
        Some(first) => {
            let head = subscription.head.clone();
            let (first, may_answer) = (Some(first), asked.may_answer);
            let streamed = Streamed { app, workflow, first, subscription, encoder, may_answer };
            Ok((head, sse::response(streamed.frames())))
        }
    }
}

/// The error of an execution that took too long.
pub(super) fn timed_out(app: &App) -> String {
    format!("Execution timed out after {} seconds", app.settings.longest_wait.as_secs())
}
