//! A run in Sim's words, alike in both generations.

use flowgate_app::access::Caller;
use flowgate_app::event::NodeTrace;
use flowgate_app::key::Scope;
use flowgate_app::run::{RunRecord, RunState};
use flowgate_app::runs::Cancelled;
use flowgate_app::{App, Error, Result, answer};
use flowgate_engine::{NodeStatus, RunError, Workflow};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::http::request::QueryPairs;
use crate::http::time::Time;

/// Where a run stands. One that is accepted counts as queued until somebody drives it.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = sim::RunStatus)]
pub(super) enum RunStatus {
    Queued,
    Running,
    Paused,
    Completed,
    Failed,
    Cancelled,
}

impl From<RunState> for RunStatus {
    fn from(state: RunState) -> Self {
        match state {
            RunState::Pending => Self::Queued,
            RunState::Running => Self::Running,
            RunState::Waiting => Self::Paused,
            RunState::Succeeded => Self::Completed,
            RunState::Failed => Self::Failed,
            RunState::Cancelled => Self::Cancelled,
        }
    }
}

/// `<block's name>: <message>`, as Sim's callers know it; `None` for a run that has not failed.
pub(super) fn error_text(record: &RunRecord, workflow: Option<&Workflow>) -> Option<String> {
    if record.state == RunState::Cancelled {
        return Some("Execution was cancelled".to_owned());
    }
    let RunError { node, message, .. } = record.end.as_deref()?.error.as_ref()?;
    let Some(node) = node.as_deref().map(block_id) else { return Some(message.clone()) };
    let name = workflow.and_then(|workflow| workflow.find_node(node)?.name.as_deref());
    Some(format!("{}: {message}", name.unwrap_or(node)))
}

/// Why a run did not complete.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::RunError)]
pub(super) struct Failure {
    message: String,
    #[schema(examples("BLOCK_EXECUTION_FAILED"))]
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    block_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    block_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    block_type: Option<String>,
}

impl Failure {
    /// `None` for a run that has not failed.
    pub(super) fn of(record: &RunRecord, workflow: Option<&Workflow>) -> Option<Self> {
        let message = error_text(record, workflow)?;
        let failure = record.end.as_deref().and_then(|end| end.error.as_ref());
        let node = failure.and_then(|failure| failure.node.as_deref()).map(block_id);
        let code = match (node, failure) {
            (Some(_), _) => "BLOCK_EXECUTION_FAILED",
            (None, Some(failure)) if failure.code == "timeout" => "TIMEOUT",
            (None, None) => "CANCELLED",
            (None, Some(_)) => "EXECUTION_FAILED",
        };
        let info = node.and_then(|node| workflow?.find_node(node));
        let name = info.and_then(|info| info.name.as_deref()).or(node);
        Some(Self {
            block_id: node.map(str::to_owned),
            block_name: name.map(str::to_owned),
            block_type: info.map(|info| info.kind.to_string()),
            ..Self::new(message, code)
        })
    }

    pub(super) fn new(message: String, code: &'static str) -> Self {
        Self { message, code, block_id: None, block_name: None, block_type: None }
    }
}

/// A node in a loop has its iterations before it: `each[2]/draft` is an execution of the block
/// `draft`.
pub(super) fn block_id(node: &str) -> &str {
    node.rsplit('/').next().unwrap_or(node)
}

/// A run that nobody drives yet counts from its acceptance.
pub(super) fn started_at(record: &RunRecord) -> Time {
    record.started_at.unwrap_or(record.head.created_at).into()
}

pub(super) fn ended_at(record: &RunRecord) -> Option<Time> {
    record.end.as_deref().map(|end| end.ended_at.into())
}

/// What a run cost.
#[derive(Serialize, ToSchema)]
#[schema(as = sim::Cost)]
pub(super) struct Cost {
    /// Dollars.
    #[schema(value_type = f64)]
    total: Value,
}

impl Cost {
    /// `None` before the end, and where a price is not known.
    pub(super) fn of(record: &RunRecord) -> Option<Self> {
        answer::cost_usd(record).map(|total| Self { total })
    }
}

/// Which of its results the reader of a run wants.
#[derive(Debug, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// With the output of the run.
    #[param(rename = "includeOutput", required = false, default = false)]
    output: bool,
    /// With these outputs of blocks: `blockId` or `blockId.path`, with commas between; at most 100.
    #[param(rename = "selectedOutputs", required = false, value_type = String)]
    blocks: Vec<String>,
}

const MAX_BLOCKS: usize = 100;

impl Wanted {
    pub(super) fn read(query: &QueryPairs) -> Result<Self> {
        let output = match query.get("includeOutput") {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(Error::bad_field("/includeOutput", "must be true or false")),
        };
        let lists = query.pairs().filter(|(name, _)| *name == "selectedOutputs");
        let blocks = lists.flat_map(|(_, list)| list.split(',')).map(str::trim);
        let blocks: Vec<_> = blocks.filter(|block| !block.is_empty()).map(str::to_owned).collect();
        if blocks.len() > MAX_BLOCKS {
            let message = format!("must name at most {MAX_BLOCKS} outputs");
            return Err(Error::bad_field("/selectedOutputs", message));
        }
        Ok(Self { output, blocks })
    }

    /// `None` unless it is asked for.
    pub(super) fn output<'a>(&self, record: &'a RunRecord) -> Option<&'a Value> {
        self.output.then(|| answer::output(record))
    }

    /// What each selector finds; `None` where there is none. Of a block that ran often, what it
    /// left last.
    pub(super) async fn block_outputs(
        &self,
        app: &App,
        record: &RunRecord,
    ) -> Result<Option<Map<String, Value>>> {
        if self.blocks.is_empty() {
            return Ok(None);
        }
        let trace = app.trace(record).await?;
        let mut found = Map::new();
        for selector in &self.blocks {
            let (block, path) = selector.split_once('.').unwrap_or((selector, ""));
            let has_succeeded = |node: &&NodeTrace| node.status == Some(NodeStatus::Succeeded);
            let nodes = trace.iter().rev().filter(has_succeeded);
            let of_block = nodes.filter(|node| block_id(&node.node) == block);
            let output = of_block.filter_map(|node| node.output.as_deref()).next();
            if let Some(value) = output.and_then(|output| follow(output, path)) {
                found.insert(selector.clone(), value.clone());
            }
        }
        Ok(Some(found))
    }
}

/// `a.b[0].c`, also written `a.b.0.c`.
pub(super) fn follow<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    let mut steps = path
        .split(['.', '['])
        .map(|step| step.strip_suffix(']').unwrap_or(step))
        .filter(|step| !step.is_empty());
    steps.try_fold(value, |value, step| match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        value => value.get(step),
    })
}

/// What came of a cancel. Our store takes the part that Redis has at Sim.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::Cancellation)]
pub(super) struct Cancellation {
    success: bool,
    redis_available: bool,
    durably_recorded: bool,
    locally_aborted: bool,
    paused_cancelled: bool,
    /// `recorded`, `already_completed`, `already_failed` or `already_cancelled`.
    reason: &'static str,
}

/// Cancels the run. One that has ended stays as it ended.
pub(super) async fn cancel(
    app: &App,
    caller: &Caller,
    workflow_id: &str,
    id: &str,
) -> Result<(Box<RunRecord>, Cancellation)> {
    let found = app.run_of_workflow(caller, Scope::Cancel, workflow_id, id).await?;
    let (record, reason) = match app.cancel_run(caller, found.head.id.as_str()).await? {
        Cancelled::Cancelled(record) => (record, "recorded"),
        Cancelled::Already(record) => {
            let reason = match record.state {
                RunState::Succeeded => "already_completed",
                RunState::Failed => "already_failed",
                _ => "already_cancelled",
            };
            (record, reason)
        }
    };
    let cancellation = Cancellation {
        success: true,
        redis_available: true,
        durably_recorded: true,
        locally_aborted: reason == "recorded" && record.state == RunState::Cancelled,
        paused_cancelled: false,
        reason,
    };
    Ok((record, cancellation))
}
