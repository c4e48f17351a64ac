//! The trace of a run as Sim's trace spans: what ran in a container is a child of its span.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use flowgate_app::event::NodeTrace;
use flowgate_app::run::RunRecord;
use flowgate_app::time::Timestamp;
use flowgate_engine::cost::dollars;
use flowgate_engine::{NodeStatus, Workflow};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::record::block_id;
use crate::http::time::Time;

/// What a block did.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::TraceSpan)]
pub(super) struct Span<'a> {
    /// The block's id, in a loop after its iterations: `each[2]/draft`.
    id: &'a str,
    name: &'a str,
    r#type: &'a str,
    block_id: &'a str,
    /// `success` or `error`; null while it is open.
    #[schema(required)]
    status: Option<&'static str>,
    #[schema(required)]
    start_time: Option<Time>,
    #[schema(required)]
    end_time: Option<Time>,
    /// Milliseconds.
    #[schema(required)]
    duration: Option<u64>,
    /// Since the run started.
    #[schema(required)]
    relative_start_ms: Option<u64>,
    /// Counts from 1.
    execution_order: usize,
    tries: u32,
    #[schema(value_type = Value)]
    input: Option<&'a Value>,
    #[schema(value_type = Value)]
    output: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, inline)]
    tokens: Option<SpanTokens>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, inline)]
    cost: Option<SpanCost>,
    /// The loop that it ran in, and the iteration from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    loop_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    iteration_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error_message: Option<&'a str>,
    /// Spans like this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>, required = false)]
    children: Vec<Span<'a>>,
}

#[derive(Serialize, ToSchema)]
struct SpanTokens {
    total: u64,
}

#[derive(Serialize, ToSchema)]
struct SpanCost {
    /// Dollars.
    #[schema(value_type = f64)]
    total: Value,
}

/// Blocks that were skipped have no span.
pub(super) fn spans<'a>(
    trace: &'a [NodeTrace],
    record: &RunRecord,
    workflow: Option<&'a Arc<Workflow>>,
) -> Vec<Span<'a>> {
    let ran = |node: &&NodeTrace| node.status != Some(NodeStatus::Skipped);
    let nodes: Vec<&NodeTrace> = trace.iter().filter(ran).collect();
    let at: HashMap<&str, usize> =
        nodes.iter().enumerate().map(|(index, node)| (&*node.node, index)).collect();
    let mut inside: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut outermost = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        match node.parent().and_then(|parent| at.get(iteration(parent).0)) {
            // Paths shorten towards the root, so that no node is inside itself.
            Some(container) => inside.entry(*container).or_default().push(index),
            None => outermost.push(index),
        }
    }
    let building = Building { nodes, inside, workflow, since: record.started_at };
    outermost.into_iter().map(|index| building.span(index)).collect()
}

struct Building<'a> {
    nodes: Vec<&'a NodeTrace>,
    /// What ran in each, by their places in `nodes`.
    inside: HashMap<usize, Vec<usize>>,
    workflow: Option<&'a Arc<Workflow>>,
    since: Option<Timestamp>,
}

impl<'a> Building<'a> {
    /// Goes as deep as containers do, which the engine bounds.
    fn span(&self, index: usize) -> Span<'a> {
        let node = self.nodes[index];
        let block_id = block_id(&node.node);
        let known = self.workflow.and_then(|workflow| workflow.find_node(block_id));
        let (loop_id, iteration_index) = node.parent().map_or((None, None), |parent| {
            let (container, index) = iteration(parent);
            (index.map(|_| container), index)
        });
        let error = node.error.as_ref();
        let end = node.started_at.zip(node.duration_ms);
        Span {
            id: &node.node,
            name: known.and_then(|known| known.name.as_deref()).unwrap_or(block_id),
            r#type: &node.kind,
            block_id,
            status: node.status.map(status),
            start_time: node.started_at.map(Into::into),
            end_time: end.map(|(start, ms)| (start + Duration::from_millis(ms)).into()),
            duration: node.duration_ms,
            relative_start_ms: node
                .started_at
                .zip(self.since)
                .and_then(|(start, since)| u64::try_from(start.since(since).as_millis()).ok()),
            execution_order: index + 1,
            tries: node.attempts,
            input: node.input.as_deref(),
            output: node.output.as_deref(),
            tokens: node.tokens.map(|total| SpanTokens { total }),
            cost: node.cost_nano_usd.map(|cost| SpanCost { total: dollars(cost) }),
            loop_id,
            iteration_index,
            error_type: error.map(|error| &*error.code),
            error_message: error.map(|error| &*error.message),
            children: self
                .inside
                .get(&index)
                .into_iter()
                .flatten()
                .map(|at| self.span(*at))
                .collect(),
        }
    }
}

fn status(status: NodeStatus) -> &'static str {
    match status {
        NodeStatus::Succeeded | NodeStatus::Skipped => "success",
        NodeStatus::Failed | NodeStatus::Cancelled => "error",
    }
}

/// `each[2]` is the third iteration of `each`; what ran in no loop has none.
fn iteration(path: &str) -> (&str, Option<u64>) {
    let parts = path.strip_suffix(']').and_then(|path| path.rsplit_once('['));
    let found = parts.and_then(|(container, index)| Some((container, index.parse().ok()?)));
    found.map_or((path, None), |(container, index)| (container, Some(index)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iterations_are_read_from_paths() {
        assert_eq!(iteration("each[2]"), ("each", Some(2)));
        assert_eq!(iteration("a[0]/b[11]"), ("a[0]/b", Some(11)));
        for path in ["child", "each[x]", "each]", "[", "", "a[0]/b"] {
            assert_eq!(iteration(path), (path, None), "{path}");
        }
    }
}
