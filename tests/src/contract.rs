//! Compares the server's answers with the OpenAPI document, field by field.

use std::collections::{BTreeSet, HashMap};
use std::sync::{LazyLock, Mutex};

use flowgate_api::openapi::DOCUMENT;
use jsonschema::Validator;
use serde_json::{Map, Value, json};

static PATHS: LazyLock<Value> = LazyLock::new(|| document()["paths"].clone());
/// The schemas, closed: objects may have no other fields than those in their schema.
static COMPONENTS: LazyLock<Value> = LazyLock::new(|| {
    let components = document()["components"].clone();
    closed(&components, &components)
});
static VALIDATORS: LazyLock<Mutex<HashMap<String, Validator>>> = LazyLock::new(Mutex::default);

/// A hint for callers, which the document leaves out.
const HINT: &str = "/v1/workflows/invoke";

/// Panics if no operation of this path has such an answer. Unknown paths and wrong methods are not
/// in the document.
pub fn check_answer(path: &str, status: u16, body: &Value) {
    let Some(operations) = operations(path).filter(|_| status != 405 && path != HINT) else {
        return;
    };
    let mut problems = Vec::new();
    for (method, operation) in operations {
        if operation["responses"]["default"].is_object() {
            // A `response` block may answer anything.
            return;
        }
        let response = &operation["responses"][status.to_string()];
        let content = response["content"].as_object().into_iter().flatten();
        // A line of JSON Lines is checked as JSON.
        let json = content.filter(|(media_type, _)| {
            media_type.ends_with("json") || media_type.ends_with("jsonl")
        });
        for (media_type, content) in json {
            match mismatch(&content["schema"], body) {
                None => return,
                Some(problem) => problems.push(format!("{method}, {media_type}: {problem}")),
            }
        }
    }
    panic!(
        "{path} answered {status} with {body}, which is not in the OpenAPI document: {problems:#?}"
    );
}

/// Returns the id of the operation that answers the request.
pub fn operation_id(method: &str, path: &str) -> Option<&'static str> {
    operations(path)?.get(&method.to_ascii_lowercase())?["operationId"].as_str()
}

/// Returns the ids of all operations in the document.
pub fn operation_ids() -> BTreeSet<&'static str> {
    let paths = PATHS.as_object().into_iter().flatten();
    let operations = paths.filter_map(|(_, operations)| operations.as_object()).flatten();
    operations.filter_map(|(_, operation)| operation["operationId"].as_str()).collect()
}

/// Returns every operation of the document: its id, method, path and description.
pub fn routes() -> Vec<(&'static str, &'static str, &'static str, &'static str)> {
    let mut all = Vec::new();
    for (path, operations) in PATHS.as_object().into_iter().flatten() {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            let id = operation["operationId"].as_str();
            let description = operation["description"].as_str().unwrap_or_default();
            all.extend(id.map(|id| (id, method.as_str(), path.as_str(), description)));
        }
    }
    all
}

/// Finds the operations of the most exact template: `/v1/workflows/invoke` wins over
/// `/v1/workflows/{workflow_id}`.
fn operations(path: &str) -> Option<&'static Map<String, Value>> {
    let fits = |template: &str| {
        let mut parts = template.split('/').zip(path.split('/'));
        let as_long = template.split('/').count() == path.split('/').count();
        as_long && parts.all(|(named, given)| named.starts_with('{') || named == given)
    };
    let templates = PATHS.as_object()?.iter().filter(|(template, _)| fits(template));
    templates.min_by_key(|(template, _)| template.matches('{').count())?.1.as_object()
}

fn mismatch(schema: &Value, body: &Value) -> Option<String> {
    let mut validators = VALIDATORS.lock().expect("no check panics while it holds it");
    let validator = validators.entry(schema.to_string()).or_insert_with(|| {
        let mut whole = closed(schema, &COMPONENTS);
        whole["components"] = COMPONENTS.clone();
        jsonschema::draft202012::new(&whole).expect("a schema of the document")
    });
    validator.validate(body).err().map(|error| format!("{error} at {:?}", error.instance_path()))
}

fn closed(schema: &Value, components: &Value) -> Value {
    match schema {
        Value::Object(fields) if fields.contains_key("allOf") => {
            let copy = |part: &Value| match part["$ref"].as_str() {
                Some(to) => components["schemas"][to.rsplit('/').next().unwrap_or("")].clone(),
                None => part.clone(),
            };
            let parts: Vec<_> =
                fields["allOf"].as_array().into_iter().flatten().map(copy).collect();
            json!({ "allOf": parts, "unevaluatedProperties": false })
        }
        Value::Object(fields) => {
            let each = |(name, value): (&String, &Value)| (name.clone(), closed(value, components));
            let mut fields: Map<_, _> = fields.iter().map(each).collect();
            if fields.get("properties").is_some_and(Value::is_object) {
                fields.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            Value::Object(fields)
        }
        Value::Array(items) => items.iter().map(|item| closed(item, components)).collect(),
        other => other.clone(),
    }
}

fn document() -> Value {
    serde_json::from_str(DOCUMENT).expect("the document is JSON")
}
