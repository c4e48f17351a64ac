//! What a workflow takes and leaves: `GET /v1/workflows/{id}/interface`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use flowgate_app::interface::Described;
use flowgate_engine::input::InputField;
use flowgate_engine::interface::OutputValue;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Caller;
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments};

/// A workflow as its callers see it.
#[derive(Serialize, ToSchema)]
struct Interface<'a> {
    workflow_id: &'a str,
    /// `draft` for a draft.
    #[schema(examples("1.0.0"))]
    version: &'a str,
    /// The id where the document has no name.
    name: &'a str,
    description: &'a str,
    /// The path that starts a run.
    endpoint: String,
    /// Empty where the document declares none: then any object is accepted.
    inputs: Vec<Input<'a>>,
    /// What its output nodes name.
    outputs: Vec<Output<'a>>,
    /// JSON Schema.
    #[schema(value_type = Object)]
    input_schema: Value,
    /// JSON Schema of the output of a run that succeeded.
    #[schema(value_type = Object)]
    output_schema: Value,
    /// The ids of nodes whose text is streamed.
    streams: Vec<&'a str>,
    /// Whether the document has a webhook, called when a run ends.
    webhook: bool,
}

/// A field of the input.
#[derive(Serialize, ToSchema)]
#[schema(as = InterfaceInput)]
struct Input<'a> {
    name: &'a str,
    /// `string`, `number`, `boolean`, `object`, `array` or `file`.
    r#type: &'static str,
    required: bool,
    /// Left out where the field is required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    default: Option<&'a Value>,
    #[serde(skip_serializing_if = "str::is_empty")]
    #[schema(required = false)]
    description: &'a str,
    /// What the workflow is tried out with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    value: Option<&'a Value>,
    /// The JSON Schema that the value must match.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    schema: Option<&'a Value>,
    /// The values that its schema allows, if it lists them.
    #[serde(rename = "enum", skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    values: Option<&'a Vec<Value>>,
}

/// A value of the output.
#[derive(Serialize, ToSchema)]
#[schema(as = InterfaceOutput)]
struct Output<'a> {
    name: &'a str,
    /// `string`, `number`, `boolean`, `object` or `array`; null where only the run decides it.
    #[schema(required)]
    r#type: Option<&'static str>,
    /// It may be null although the run succeeded.
    nullable: bool,
    /// As the author wrote it, at most 200 characters.
    source: &'a str,
}

/// Read what a workflow takes and leaves
///
/// Of the active version; of the draft where nothing is published and the key is an author's. Needs
/// the scope `read`, `run` or `author`.
#[utoipa::path(
    get,
    path = "/v1/workflows/{workflow_id}/interface",
    operation_id = "read_interface",
    tag = "Workflows",
    params(
        ("workflow_id" = String, Path, description = "The workflow's id."),
        (
            "version" = Option<String>,
            Query,
            description = "Instead of the active version. `draft`: the saved draft, for authors.",
        ),
    ),
    responses(
        (status = 200, description = "The interface.", body = Interface),
        Denied<Problem>,
        Refused<Problem, 404>,
        Refused<Problem, 409>,
        Refused<Problem, 422>,
    )
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
    query: QueryPairs,
) -> Result<Response, Refusal> {
    let described = app.described(&caller, &id, query.get("version")).await?;
    Ok(Json(Interface::from(&described)).into_response())
}

impl<'a> From<&'a Described> for Interface<'a> {
    fn from(described: &'a Described) -> Self {
        let Described { id, version, workflow } = described;
        Self {
            workflow_id: id,
            version,
            name: if workflow.name.is_empty() { id } else { &workflow.name },
            description: &workflow.description,
            endpoint: format!("/v1/workflows/{id}/runs"),
            inputs: workflow.input_fields().iter().map(Into::into).collect(),
            outputs: workflow.outputs().iter().map(Into::into).collect(),
            input_schema: workflow.input_schema(),
            output_schema: workflow.output_schema(),
            streams: workflow.streams().collect(),
            webhook: workflow.webhook.is_some(),
        }
    }
}

impl<'a> From<&'a InputField> for Input<'a> {
    fn from(field: &'a InputField) -> Self {
        Self {
            name: &field.name,
            r#type: field.kind.name(),
            required: field.default.is_none(),
            default: field.default.as_ref(),
            description: &field.description,
            value: field.value.as_ref(),
            schema: field.schema.as_ref(),
            values: field.schema.as_ref().and_then(|schema| schema.get("enum")?.as_array()),
        }
    }
}

impl<'a> From<&'a OutputValue> for Output<'a> {
    fn from(value: &'a OutputValue) -> Self {
        let OutputValue { name, output_type, nullable, source, is_certain: _ } = value;
        Self { name, r#type: *output_type, nullable: *nullable, source }
    }
}
