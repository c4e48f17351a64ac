//! `tools/list`: the workflows that the caller may run, page by page, then the tools for its runs.

use std::sync::Arc;

use flowgate_app::key::Scope;
use flowgate_app::page::{Page, PageRequest};
use flowgate_app::workflows::{Published, is_workflow_id};
use flowgate_engine::json::size;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Exchange;
use super::era::Era;
use super::refusal::Refusal;
use super::server::{CANCEL_RUN, GET_RUN, KEPT, Kept, MAX_CALL};

const PER_PAGE: usize = 100;
/// A page ends once it has this many bytes.
const PAGE_BYTES: usize = 1 << 20;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolList {
    tools: Vec<Tool>,
    /// The id of the page's last workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    #[serde(flatten)]
    kept: Option<Kept>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tool {
    name: String,
    title: String,
    description: String,
    input_schema: Value,
    /// Always of an object: clients of 2025 refuse the whole list for any other.
    #[serde(skip_serializing_if = "Option::is_none")]
    output_schema: Option<Value>,
}

pub(super) async fn list(
    exchange: &Exchange,
    params: &Map<String, Value>,
) -> Result<ToolList, Refusal> {
    let page = PageRequest { limit: PER_PAGE, cursor: cursor(params)? };
    let (app, caller) = (exchange.app(), &exchange.caller);
    let Page { items, next_cursor } = app.callable_workflows(caller, page).await?;
    let (mut tools, cut_after) = within_bounds(&items);
    let next_cursor = cut_after.or(next_cursor);
    if next_cursor.is_none() {
        let may = |scope: &Scope| caller.has(*scope);
        tools.extend(for_runs().into_iter().filter(|(scope, _)| may(scope)).map(|(_, tool)| tool));
    }
    let kept = (exchange.era == Era::Stateless).then_some(KEPT);
    Ok(ToolList { tools, next_cursor, kept })
}

/// Returns the tools, and after which workflow they had to be cut.
fn within_bounds(items: &[Arc<Published>]) -> (Vec<Tool>, Option<String>) {
    let (mut tools, mut bytes) = (Vec::new(), 0);
    for (index, published) in items.iter().enumerate() {
        let tool = Tool::of(published);
        bytes += tool.bytes();
        tools.push(tool);
        if bytes >= PAGE_BYTES && index + 1 < items.len() {
            return (tools, Some(published.id.clone()));
        }
    }
    (tools, None)
}

fn cursor(params: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    match params.get("cursor") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) if is_workflow_id(id) => Ok(Some(id.clone())),
        Some(_) => Err(Refusal::invalid_params("`cursor` must be the `nextCursor` of a list")),
    }
}

impl Tool {
    /// Of its large parts.
    fn bytes(&self) -> usize {
        let schemas = size(&self.input_schema) + self.output_schema.as_ref().map_or(0, size);
        schemas + self.title.len() + self.description.len()
    }

    fn of(published: &Published) -> Self {
        let workflow = &published.workflow;
        let title = if workflow.name.is_empty() { &published.id } else { &workflow.name };
        let described = !workflow.description.is_empty();
        Self {
            name: published.id.clone(),
            title: title.clone(),
            // Models choose by it.
            description: if described { workflow.description.clone() } else { title.clone() },
            input_schema: workflow.input_schema(),
            output_schema: Some(workflow.output_schema()),
        }
    }
}

/// The tools beside the workflows, with the scope that each needs.
fn for_runs() -> [(Scope, Tool); 2] {
    let run_id = json!({ "type": "string", "description": "As the result of a call names it." });
    let wait = json!({
        "type": "integer",
        "minimum": 0,
        "maximum": MAX_CALL.as_secs(),
        "default": 0,
        "description": "How many seconds to wait for the run's end.",
    });
    let get = Tool {
        name: GET_RUN.to_owned(),
        title: "Read a run".to_owned(),
        description: "Returns the status of a run, and its output once it has ended.".to_owned(),
        input_schema: schema(json!({ "run_id": run_id, "wait": wait })),
        output_schema: None,
    };
    let cancel = Tool {
        name: CANCEL_RUN.to_owned(),
        title: "Cancel a run".to_owned(),
        description: "Stops a run that has not ended.".to_owned(),
        input_schema: schema(json!({ "run_id": run_id })),
        output_schema: None,
    };
    [(Scope::Read, get), (Scope::Cancel, cancel)]
}

fn schema(properties: Value) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": ["run_id"],
        "additionalProperties": false,
    })
}
