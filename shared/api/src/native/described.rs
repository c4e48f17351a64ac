//! The OpenAPI document of one workflow: `GET /v1/workflows/{id}/openapi.json`.
//!
//! Cut out of the document of the whole API, so that both say the same: the routes of its runs,
//! with the input and the output of this workflow.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::App;
use flowgate_app::interface::Described;
use serde_json::{Map, Value, json};

use super::Caller;
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments};
use crate::openapi::DOCUMENT;

static WHOLE: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(DOCUMENT).unwrap_or_default());

const START: &str = "/v1/workflows/{workflow_id}/runs";
/// The paths and methods that callers of a workflow need.
const ROUTES: [(&str, &str); 4] = [
    (START, "post"),
    ("/v1/runs/{run_id}", "get"),
    ("/v1/runs/{run_id}/events", "get"),
    ("/v1/runs/{run_id}/cancel", "post"),
];

/// Read the OpenAPI document of a workflow
///
/// OpenAPI 3.1 of the routes that start, read, follow and cancel its runs, with the schemas of its
/// own input and output. Of the version that `read_interface` describes. Needs the scope `read`,
/// `run` or `author`.
#[utoipa::path(
    get,
    path = "/v1/workflows/{workflow_id}/openapi.json",
    operation_id = "read_workflow_openapi",
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
        (status = 200, description = "The document.", body = Object),
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
    Ok(Json(document(&described, &app.settings.public_url)).into_response())
}

fn document(described: &Described, public_url: &str) -> Value {
    let workflow = &described.workflow;
    let needs_input = workflow.input_fields().iter().any(|field| field.default.is_none());
    let mut paths: Map<String, Value> =
        ROUTES.into_iter().map(|route| path(route, described)).collect();
    let mut schemas = WHOLE["components"]["schemas"].clone();
    let input = with_own_roots(workflow.input_schema());
    schemas["StartRun"]["properties"]["input"] = input;
    if needs_input {
        schemas["StartRun"]["required"] = json!(["input"]);
        let body =
            &mut paths[&START.replace("{workflow_id}", &described.id)]["post"]["requestBody"];
        body["required"] = true.into();
        let schema = &mut body["content"]["application/json"]["schema"];
        *schema = json!({ "$ref": "#/components/schemas/StartRun" });
    }
    // A run that has not ended, or was cancelled, has none; one that failed may have a part.
    schemas["WorkflowOutput"] = workflow.output_schema();
    schemas["Run"]["allOf"][0]["properties"]["output"] = json!({
        "anyOf": [
            { "$ref": "#/components/schemas/WorkflowOutput" },
            { "type": ["object", "null"] },
        ],
        "description": "Of a run that succeeded; of one that failed, what it made so far.",
    });
    let schemas = needed(&paths, schemas);
    let name = if workflow.name.is_empty() { &described.id } else { &workflow.name };
    json!({
        "openapi": WHOLE["openapi"],
        "info": {
            "title": name,
            "description": workflow.description,
            "version": described.version,
        },
        "servers": [{ "url": public_url }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": WHOLE["components"]["securitySchemes"],
        },
        "security": WHOLE["security"],
    })
}

/// A route of the whole document; the workflow is no parameter of it.
fn path((path, method): (&str, &str), described: &Described) -> (String, Value) {
    let mut operation = WHOLE["paths"][path][method].clone();
    if path == START
        && let Some(parameters) = operation["parameters"].as_array_mut()
    {
        parameters.retain(|parameter| parameter["name"] != "workflow_id");
    }
    operation.as_object_mut().map(|operation| operation.remove("tags"));
    (path.replace("{workflow_id}", &described.id), json!({ method: operation }))
}

/// References of an author's schema begin at its own root, which is not the document's.
fn with_own_roots(mut input: Value) -> Value {
    let fields = input["properties"].as_object_mut().into_iter().flatten();
    for (at, (_, field)) in fields.enumerate() {
        if refers(field)
            && let Some(field) = field.as_object_mut()
        {
            field.entry("$id").or_insert_with(|| format!("urn:flowgate:input:{at}").into());
        }
    }
    input
}

fn refers(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => fields.contains_key("$ref") || fields.values().any(refers),
        Value::Array(items) => items.iter().any(refers),
        _ => false,
    }
}

/// The schemas that the paths refer to, directly or through others.
fn needed(paths: &Map<String, Value>, schemas: Value) -> Map<String, Value> {
    let mut wanted = BTreeSet::new();
    paths.values().for_each(|path| collect(path, &mut wanted));
    let mut open: Vec<String> = wanted.iter().cloned().collect();
    while let Some(name) = open.pop() {
        let mut more = BTreeSet::new();
        collect(&schemas[&name], &mut more);
        open.extend(more.into_iter().filter(|name| wanted.insert(name.clone())));
    }
    let Value::Object(schemas) = schemas else { return Map::new() };
    schemas.into_iter().filter(|(name, _)| wanted.contains(name)).collect()
}

fn collect(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let reference = fields.get("$ref").and_then(Value::as_str);
            let name = reference.and_then(|text| text.strip_prefix("#/components/schemas/"));
            names.extend(name.map(str::to_owned));
            fields.values().for_each(|field| collect(field, names));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        _ => {}
    }
}
