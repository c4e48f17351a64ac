//! The outline of a document, and documents that are checked without being stored.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use flowgate_app::outlines::Inspected;
use flowgate_engine::outline;
use http::HeaderMap;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Caller;
use crate::http::body;
use crate::http::problem::{DocumentProblem, Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::QueryPairs;
use crate::reserved::RESERVED_INPUT_NAMES;

/// A document drawn up: its nodes, and what leads from one to another. At most 1 MiB.
#[derive(Serialize, ToSchema)]
pub(super) struct Outline {
    /// In the order of the document, a container before what it holds.
    nodes: Vec<OutlineNode>,
    edges: Vec<OutlineEdge>,
    /// Of the section `input`.
    inputs: Vec<OutlineInput>,
    /// Of the section `output`.
    outputs: Vec<OutlineOutput>,
    /// The ids of nodes that the active version has, and this document lacks.
    removed: Vec<String>,
    /// Something had no room and was left out.
    truncated: bool,
}

#[derive(Serialize, ToSchema)]
struct OutlineNode {
    /// A JSON Pointer into the document.
    #[schema(examples("/nodes/0"))]
    path: String,
    /// From 1.
    line: u32,
    /// The line that the node ends in.
    last_line: u32,
    /// Empty where the document has none, or none that is valid.
    id: String,
    #[schema(required)]
    name: Option<String>,
    /// As written.
    #[schema(examples("agent"))]
    kind: String,
    /// The id of the loop or parallel that holds it.
    #[schema(required)]
    parent: Option<String>,
    /// What it is about, in one line of at most 120 characters: a model, an address, a condition.
    #[schema(required, examples("GET /tickets/{id}"))]
    touches: Option<String>,
    /// Of a condition or a router.
    branches: Vec<String>,
    /// Of an agent.
    tools: Vec<OutlineTool>,
    /// Against the active version; null where nothing changed, or nothing is published.
    #[schema(required)]
    change: Option<Change>,
}

#[derive(Serialize, ToSchema)]
struct OutlineTool {
    name: String,
    /// `http`, `fetch`, `code`, `python`, `workflow` or `mcp`.
    kind: &'static str,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Change {
    Added,
    Changed,
}

/// One reference, or one entry of `after`.
#[derive(Serialize, ToSchema)]
struct OutlineEdge {
    /// The id of a node; `api` is the input.
    from: String,
    /// The id of a node; `output` is the section.
    to: String,
    /// The branch of a condition or router, or `error`.
    #[schema(required)]
    branch: Option<String>,
    /// A JSON Pointer to the field with the reference; null for `after`.
    #[schema(required)]
    field: Option<String>,
    /// What is read of `from`; null for all of it, and for `after`.
    #[schema(required, examples("data.body"))]
    reference: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct OutlineInput {
    path: String,
    name: String,
    r#type: &'static str,
    /// It has no default.
    required: bool,
    /// Left out where there is none, and where it has more than 1,000 bytes.
    #[schema(value_type = Option<Value>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<Value>,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct OutlineOutput {
    path: String,
    name: String,
    /// As written, at most 200 characters.
    value: String,
    /// The ids of the nodes that it reads; `api` is the input.
    sources: Vec<String>,
}

/// What is known of a document that is not stored.
#[derive(Serialize, ToSchema)]
struct Validated {
    /// Empty where the document has none.
    name: String,
    problems: Vec<DocumentProblem>,
    outline: Option<Outline>,
}

/// Check a document
///
/// Says what saving it as a draft would say, and stores nothing. Needs the scope `author`.
#[utoipa::path(
    post,
    path = "/v1/workflows/validate",
    operation_id = "validate_workflow",
    tag = "Workflows",
    params((
        "workflow" = Option<String>,
        Query,
        description = "The workflow that the document is for: it is compared with the active \
                       version, and may use that workflow's secrets.",
    )),
    request_body(
        description = "The document, YAML or JSON, at most 1 MiB.",
        content((serde_json::Value = "application/yaml"), (Object = "application/json"))
    ),
    responses(
        (status = 200, description = "The document was read, errors and all.", body = Validated),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
        Refused<Problem, 413>,
        Refused<Problem, 415>,
        Refused<Problem, 422>,
    )
)]
pub(super) async fn validate(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryPairs,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = body::read(&headers, body).await?;
    let document = body::text(&body)?;
    let workflow = query.get("workflow");
    let inspected = app.validate(&caller, document, workflow, RESERVED_INPUT_NAMES).await?;
    let Inspected { name, problems, outline } = inspected;
    let problems = problems.into_iter().map(Into::into).collect();
    Ok(Json(Validated { name, problems, outline: outline.map(Into::into) }).into_response())
}

impl From<outline::Outline> for Outline {
    fn from(outline: outline::Outline) -> Self {
        let outline::Outline { nodes, edges, inputs, outputs, removed, truncated } = outline;
        Self {
            nodes: nodes.into_iter().map(Into::into).collect(),
            edges: edges.into_iter().map(Into::into).collect(),
            inputs: inputs.into_iter().map(Into::into).collect(),
            outputs: outputs.into_iter().map(Into::into).collect(),
            removed,
            truncated,
        }
    }
}

impl From<outline::OutlineNode> for OutlineNode {
    fn from(node: outline::OutlineNode) -> Self {
        let tool = |tool: outline::OutlineTool| OutlineTool { name: tool.name, kind: tool.kind };
        Self {
            path: node.path,
            line: node.line,
            last_line: node.last_line,
            id: node.id,
            name: node.name,
            kind: node.kind,
            parent: node.parent,
            touches: node.touches,
            branches: node.branches,
            tools: node.tools.into_iter().map(tool).collect(),
            change: node.change.map(|change| match change {
                outline::Change::Added => Change::Added,
                outline::Change::Changed => Change::Changed,
            }),
        }
    }
}

impl From<outline::OutlineEdge> for OutlineEdge {
    fn from(edge: outline::OutlineEdge) -> Self {
        let outline::OutlineEdge { from, to, branch, field, reference } = edge;
        Self { from, to, branch, field, reference }
    }
}

impl From<outline::OutlineInput> for OutlineInput {
    fn from(input: outline::OutlineInput) -> Self {
        let outline::OutlineInput { path, name, input_type, required, default, description } =
            input;
        Self { path, name, r#type: input_type, required, default, description }
    }
}

impl From<outline::OutlineOutput> for OutlineOutput {
    fn from(output: outline::OutlineOutput) -> Self {
        let outline::OutlineOutput { path, name, value, sources } = output;
        Self { path, name, value, sources }
    }
}
