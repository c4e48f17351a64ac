//! What each node of a run did: `GET /v1/runs/{run_id}/trace`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::event;
use flowgate_app::{App, Error};
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::Caller;
use super::run::{RunError, RunStatus};
use crate::http::page::bad_query;
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments};
use crate::http::time::Time;

/// How much of a trace is read.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its parameter is used")]
pub(super) struct TraceParameters {
    /// `false` leaves out the inputs and outputs of nodes: they are null.
    values: Option<bool>,
}

/// What a run did.
#[derive(Serialize, ToSchema)]
struct Trace<'a> {
    run_id: &'a str,
    workflow_id: &'a str,
    version: &'a str,
    status: RunStatus,
    /// In the order in which they began.
    nodes: Vec<NodeTrace<'a>>,
}

/// What a node did. While the run goes on, inputs and outputs are null, and so are the costs of
/// nodes that have not ended.
#[derive(Serialize, ToSchema)]
struct NodeTrace<'a> {
    /// The node's id, inside a loop after its iterations. `api` is the input, `output` the output.
    #[schema(examples("chapters[2]/write"))]
    node: &'a str,
    /// The path of the container that it ran in, such as `chapters[2]`; null at the top.
    #[schema(required)]
    parent: Option<&'a str>,
    kind: &'a str,
    /// Null while the node is open.
    #[schema(required)]
    status: Option<NodeStatus>,
    attempts: u32,
    /// When all that it depends on had ended. Null where it never came to that, and in runs of
    /// earlier releases.
    #[schema(required)]
    ready_at: Option<Time>,
    #[schema(required)]
    started_at: Option<Time>,
    #[schema(required)]
    duration_ms: Option<u64>,
    /// What the node sent, with secrets as names; null where it calls nothing.
    #[schema(value_type = Value)]
    input: Option<&'a Value>,
    #[schema(value_type = Value)]
    output: Option<&'a Value>,
    #[schema(required)]
    error: Option<RunError<'a>>,
    #[schema(required)]
    tokens: Option<u64>,
    /// In 10⁻⁹ USD. Null where a price is not known.
    #[schema(required)]
    cost_nano_usd: Option<u64>,
    /// Its calls, in the order in which they were asked for; empty where it made none. While the
    /// run goes on, those are known whose results are stored: all of a detached run's.
    calls: Vec<CallTrace<'a>>,
    /// `true` where the run's origin made its calls: this run spent nothing on them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    reused: bool,
    /// `true` where its output was given and it did not run.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pinned: bool,
}

/// One call of a node.
#[derive(Serialize, ToSchema)]
struct CallTrace<'a> {
    /// Its name, such as `turn2.tool0`; null for the node's first.
    #[schema(required)]
    call: Option<&'a str>,
    attempts: Vec<AttemptTrace<'a>>,
}

/// One attempt of a call. Of those before a crash, only the last one may be known.
#[derive(Serialize, ToSchema)]
struct AttemptTrace<'a> {
    /// From 1.
    attempt: u32,
    /// When the node asked for it. Null in runs of earlier releases.
    #[schema(required)]
    queued_at: Option<Time>,
    /// When it went out: after the pause between attempts, or the wait of code for a process. Null
    /// where it did not; while the run goes on, also where it has not ended.
    #[schema(required)]
    started_at: Option<Time>,
    #[schema(required)]
    ended_at: Option<Time>,
    /// Null while it is open.
    #[schema(required)]
    status: Option<NodeStatus>,
    /// The code of its error.
    #[schema(required)]
    code: Option<&'a str>,
    #[schema(required)]
    http_status: Option<u64>,
    /// Why a model stopped.
    #[schema(required)]
    finish_reason: Option<&'a str>,
    /// Null where nobody knows.
    #[schema(required)]
    tokens: Option<u64>,
    /// In 10⁻⁹ USD. Null where nobody knows.
    #[schema(required)]
    cost_nano_usd: Option<u64>,
    /// `true` where the run's origin made it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    reused: bool,
}

/// How a node ended.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum NodeStatus {
    Succeeded,
    Failed,
    /// It hung only on edges that were not taken.
    Skipped,
    Cancelled,
}

impl From<flowgate_engine::NodeStatus> for NodeStatus {
    fn from(status: flowgate_engine::NodeStatus) -> Self {
        match status {
            flowgate_engine::NodeStatus::Succeeded => Self::Succeeded,
            flowgate_engine::NodeStatus::Failed => Self::Failed,
            flowgate_engine::NodeStatus::Skipped => Self::Skipped,
            flowgate_engine::NodeStatus::Cancelled => Self::Cancelled,
        }
    }
}

impl<'a> NodeTrace<'a> {
    fn of(node: &'a event::NodeTrace, with_values: bool) -> Self {
        let value = |value: &'a Option<Arc<Value>>| value.as_deref().filter(|_| with_values);
        Self {
            node: &node.node,
            parent: node.parent(),
            kind: &node.kind,
            status: node.status.map(Into::into),
            attempts: node.attempts,
            ready_at: node.ready_at.map(Into::into),
            started_at: node.started_at.map(Into::into),
            duration_ms: node.duration_ms,
            input: value(&node.input),
            output: value(&node.output),
            error: node.error.as_ref().map(Into::into),
            tokens: node.tokens,
            cost_nano_usd: node.cost_nano_usd,
            calls: node.calls.iter().map(Into::into).collect(),
            reused: node.is_reused(),
            pinned: node.is_pinned,
        }
    }
}

impl<'a> From<&'a event::CallTrace> for CallTrace<'a> {
    fn from(call: &'a event::CallTrace) -> Self {
        Self {
            call: call.call.as_deref(),
            attempts: call.attempts.iter().map(Into::into).collect(),
        }
    }
}

impl<'a> From<&'a event::AttemptTrace> for AttemptTrace<'a> {
    fn from(attempt: &'a event::AttemptTrace) -> Self {
        let ended = match attempt.code {
            Some(_) => NodeStatus::Failed,
            None => NodeStatus::Succeeded,
        };
        Self {
            attempt: attempt.attempt,
            queued_at: attempt.queued_at.map(Into::into),
            started_at: attempt.started_at.map(Into::into),
            ended_at: attempt.ended_at.map(Into::into),
            status: attempt.ended_at.map(|_| ended),
            code: attempt.code.as_deref(),
            http_status: attempt.http_status,
            finish_reason: attempt.finish_reason.as_deref(),
            tokens: attempt.tokens,
            cost_nano_usd: attempt.cost_nano_usd,
            reused: attempt.is_reused,
        }
    }
}

/// Read the trace of a run
///
/// What each node was given, what it left, and what that cost. Needs the scope `trace`.
#[utoipa::path(
    get,
    path = "/v1/runs/{run_id}/trace",
    operation_id = "read_trace",
    tag = "Runs",
    params(("run_id" = String, Path, description = "The run's id."), TraceParameters),
    responses(
        (
            status = 200,
            description = "The trace; of a run that goes on, as far as it is known.",
            body = Trace,
        ),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
        Refused<Problem, 410>,
    )
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments(run_id): Segments<String>,
    caller: Caller,
    query: QueryPairs,
) -> Result<Response, Refusal> {
    let with_values = with_values(&query)?;
    let (record, nodes) = app.read_trace(&caller, &run_id).await?;
    let trace = Trace {
        run_id: record.head.id.as_str(),
        workflow_id: &record.head.workflow_id,
        version: &record.head.version,
        status: record.state.into(),
        nodes: nodes.iter().map(|node| NodeTrace::of(node, with_values)).collect(),
    };
    Ok(Json(trace).into_response())
}

fn with_values(query: &QueryPairs) -> Result<bool, Error> {
    match query.get("values") {
        None | Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(bad_query("values", "must be true or false")),
    }
}
