//! A run in Sim's words, alike in both generations.

use flowgate_app::access::Caller;
use flowgate_app::key::Scope;
use flowgate_app::run::{RunRecord, RunState};
use flowgate_app::runs::Cancelled;
use flowgate_app::{App, Error, Result, answer};
use flowgate_engine::{RunError, Workflow};
use serde_json::{Map, Value, json};

use super::selection;
use crate::request::QueryPairs;

/// One that is accepted counts as queued until somebody drives it.
pub(super) fn status(state: RunState) -> &'static str {
    match state {
        RunState::Pending => "queued",
        RunState::Running => "running",
        RunState::Waiting => "paused",
        RunState::Succeeded => "completed",
        RunState::Failed => "failed",
        RunState::Cancelled => "cancelled",
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

/// The same as an object: `{message, code, blockId?, blockName?, blockType?}`, or null.
pub(super) fn error(record: &RunRecord, workflow: Option<&Workflow>) -> Value {
    let Some(message) = error_text(record, workflow) else { return Value::Null };
    let failure = record.end.as_deref().and_then(|end| end.error.as_ref());
    let node = failure.and_then(|failure| failure.node.as_deref()).map(block_id);
    let code = match (node, failure) {
        (Some(_), _) => "BLOCK_EXECUTION_FAILED",
        (None, Some(failure)) if failure.code == "timeout" => "TIMEOUT",
        (None, None) => "CANCELLED",
        (None, Some(_)) => "EXECUTION_FAILED",
    };
    let mut told = json!({ "message": message, "code": code });
    if let Some(node) = node {
        let info = workflow.and_then(|workflow| workflow.find_node(node));
        told["blockId"] = node.into();
        told["blockName"] = info.and_then(|info| info.name.as_deref()).unwrap_or(node).into();
        if let Some(info) = info {
            told["blockType"] = (&*info.kind).into();
        }
    }
    told
}

/// A node in a loop has its iterations before it: `each[2]/draft` is an execution of the block `draft`.
pub(super) fn block_id(node: &str) -> &str {
    node.rsplit('/').next().unwrap_or(node)
}

/// A run that nobody drives yet counts from its acceptance.
pub(super) fn started_at(record: &RunRecord) -> String {
    record.started_at.unwrap_or(record.head.created_at).to_string()
}

pub(super) fn ended_at(record: &RunRecord) -> Option<String> {
    record.end.as_deref().map(|end| end.ended_at.to_string())
}

/// Dollars. Null before the end, and where a price is not known.
pub(super) fn cost(record: &RunRecord) -> Value {
    answer::cost_usd(record).map_or(Value::Null, |total| json!({ "total": total }))
}

/// Which of its results the reader of a run wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    output: bool,
    /// `blockId` or `blockId.path`.
    blocks: Vec<String>,
}

const MOST_BLOCKS: usize = 100;

impl Wanted {
    pub(super) fn read(query: &QueryPairs) -> Result<Self> {
        let output = match query.get("includeOutput") {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(Error::bad_field("/includeOutput", "must be true or false")),
        };
        let lists = query.pairs().filter(|(name, _)| *name == "selectedOutputs").flat_map(|(_, list)| list.split(','));
        let blocks: Vec<_> = lists.map(str::trim).filter(|block| !block.is_empty()).map(str::to_owned).collect();
        if blocks.len() > MOST_BLOCKS {
            return Err(Error::bad_field("/selectedOutputs", format!("must name at most {MOST_BLOCKS} outputs")));
        }
        Ok(Self { output, blocks })
    }

    /// Null unless it is asked for and there.
    pub(super) fn output(&self, record: &RunRecord) -> Value {
        if self.output { answer::output(record).clone() } else { Value::Null }
    }

    /// What was left under each selector; null where none is asked for. Of a block that ran often, what it left last.
    pub(super) async fn block_outputs(&self, app: &App, record: &RunRecord) -> Result<Value> {
        if self.blocks.is_empty() {
            return Ok(Value::Null);
        }
        let trace = app.trace(record).await?;
        let mut found = Map::new();
        for selector in &self.blocks {
            let (block, path) = selector.split_once('.').unwrap_or((selector, ""));
            let left = trace.iter().rev().filter(|node| block_id(&node.node) == block).find_map(|node| node.output.as_deref());
            if let Some(value) = left.and_then(|output| selection::follow(output, path)) {
                found.insert(selector.clone(), value.clone());
            }
        }
        Ok(Value::Object(found))
    }
}

/// The run, and why the answer is as it is: a run that has ended stays as it ended.
pub(super) async fn cancel(app: &App, caller: &Caller, workflow_id: &str, id: &str) -> Result<(Box<RunRecord>, &'static str)> {
    let run = app.run_of_workflow(caller, Scope::Cancel, workflow_id, id).await?.head.id.clone();
    Ok(match app.cancel_run(caller, run.as_str()).await? {
        Cancelled::Cancelled(record) => (record, "recorded"),
        Cancelled::Already(record) => {
            let reason = match record.state {
                RunState::Succeeded => "already_completed",
                RunState::Failed => "already_failed",
                _ => "already_cancelled",
            };
            (record, reason)
        }
    })
}

/// What both generations tell of a cancel, under the name that each has for the run's id. A store takes the part that Redis has there.
pub(super) fn cancelled(id_field: &str, record: &RunRecord, reason: &str) -> Value {
    let mut told = json!({
        "success": true,
        "redisAvailable": true,
        "durablyRecorded": true,
        "locallyAborted": reason == "recorded" && record.state == RunState::Cancelled,
        "pausedCancelled": false,
        "reason": reason,
    });
    told[id_field] = record.head.shown_id().into();
    told
}
