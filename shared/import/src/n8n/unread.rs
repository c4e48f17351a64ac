//! What a file sets on a node and nothing was made of: each such setting is reported.

use serde_json::{Map, Value};

use super::flow::Flow;
use crate::json::is_true;

/// The parameters that say something and are not read; `options.x` of an object whose fields are
/// read one by one.
pub(super) fn names(
    parameters: &Map<String, Value>,
    is_read: &dyn Fn(&str) -> bool,
) -> Vec<String> {
    let mut unread = Vec::new();
    for (name, value) in parameters {
        match value {
            Value::Object(own) if !own.contains_key("__rl") && !is_read(name) => {
                let names = own.iter().filter(|(_, value)| says_something(value));
                unread.extend(names.map(|(field, _)| format!("{name}.{field}")));
            }
            value if says_something(value) => unread.push(name.clone()),
            _ => {}
        }
    }
    unread.retain(|name| !is_read(name));
    unread
}

fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !matches!(text.trim(), "" | "="),
        Value::Array(list) => !list.is_empty(),
        Value::Object(own) => own.values().any(says_something),
        _ => true,
    }
}

/// Reports what was not read of a node that the importer knows itself.
pub(super) fn report(flow: &mut Flow<'_, '_, '_>) {
    let step = flow.current();
    let Some(known) = known(step.kind.trim_end_matches("Tool")) else { return };
    let is_read = |name: &str| known.iter().any(|list| list.contains(&name));
    for name in names(step.parameters, &is_read) {
        flow.approximated(format!("`{name}` is left out"));
    }
}

/// Reports retries that the node has not, and items that n8n adds.
pub(super) fn report_behaviour(flow: &mut Flow<'_, '_, '_>) {
    let whole = flow.current().whole;
    if is_true(whole.get("alwaysOutputData")) && !flow.current().is_trigger() {
        flow.approximated("`alwaysOutputData`: where it leaves nothing, nothing runs behind it");
    }
    let id = flow.here.id.clone();
    let retries = flow.draft.node_mut(&id).is_some_and(|node| node.fields.contains_key("retry"));
    if is_true(whole.get("retryOnFail")) && !retries {
        flow.approximated("`retryOnFail` is left out: it makes no call");
    }
}

/// Says how n8n shows a node, not what it does.
const SHOWN: &[&str] =
    &["notice", "curlImport", "options.looseTypeValidation", "looseTypeValidation"];

const CALLED: &[&str] = &[
    "authentication",
    "httpMethod",
    "path",
    "responseMode",
    "responseData",
    "responseCode",
    "options.binaryPropertyName",
    "options.responsePropertyName",
    "options.responseCode",
];

const CHAT: &[&str] = &[
    "authentication",
    "public",
    "mode",
    "responseMode",
    "options.responseMode",
    "options.allowFileUploads",
];

const FORM: &[&str] = &["authentication", "path", "formFields", "responseMode"];

const SET: &[&str] = &[
    "mode",
    "jsonOutput",
    "assignments",
    "fields",
    "values",
    "includeOtherFields",
    "include",
    "includeFields",
    "excludeFields",
    "keepOnlySet",
    "options.dotNotation",
];

const TESTS: &[&str] = &[
    "mode",
    "conditions",
    "combineOperation",
    "combineConditions",
    "rules",
    "dataType",
    "value1",
    "output",
    "numberOutputs",
    "outputsAmount",
    "fallbackOutput",
    "options.fallbackOutput",
    "options.allMatchingOutputs",
    "options.ignoreCase",
    "options.renameFallbackOutput",
];

const REQUEST: &[&str] = &[
    "url",
    "method",
    "requestMethod",
    "authentication",
    "nodeCredentialType",
    "genericAuthType",
    "sendQuery",
    "specifyQuery",
    "queryParameters",
    "queryParametersUi",
    "queryParametersJson",
    "jsonQuery",
    "sendHeaders",
    "specifyHeaders",
    "headerParameters",
    "headerParametersUi",
    "headerParametersJson",
    "jsonHeaders",
    "jsonParameters",
    "sendBody",
    "contentType",
    "specifyBody",
    "bodyParameters",
    "bodyParametersUi",
    "bodyParametersJson",
    "jsonBody",
    "body",
    "sendBinaryData",
    "binaryPropertyName",
    "inputDataFieldName",
    "responseFormat",
    "dataPropertyName",
    "allowUnauthorizedCerts",
    "toolDescription",
    "descriptionType",
    "options.allowUnauthorizedCerts",
    "options.bodyContentType",
    "options.fullResponse",
    "options.ignoreResponseCode",
    "options.pagination",
    "options.response",
    "options.timeout",
];

const GRAPHQL: &[&str] = &[
    "endpoint",
    "query",
    "variables",
    "authentication",
    "requestMethod",
    "requestFormat",
    "headerParametersUi",
];

const ANSWER: &[&str] = &[
    "respondWith",
    "responseBody",
    "redirectURL",
    "options.responseCode",
    "options.responseHeaders",
];

const AGENT: &[&str] = &[
    "agent",
    "promptType",
    "text",
    "prompt",
    "messages",
    "hasOutputParser",
    "options.systemMessage",
    "options.maxIterations",
];

/// The parameters that are read of a type of node, for those types whose list is complete.
fn known(kind: &str) -> Option<[&'static [&'static str]; 2]> {
    let own: &[&str] = match kind {
        "webhook" => CALLED,
        "chatTrigger" | "manualChatTrigger" => CHAT,
        "formTrigger" => FORM,
        "manualTrigger" | "start" => &[],
        "scheduleTrigger" | "cron" | "interval" => &["rule", "triggerTimes", "interval", "unit"],
        "set" => SET,
        "if" | "filter" | "switch" => TESTS,
        "httpRequest" => REQUEST,
        "graphql" => GRAPHQL,
        "respondToWebhook" => ANSWER,
        "wait" => &["resume", "amount", "unit", "dateTime"],
        "stopAndError" => &["errorType", "errorMessage", "errorObject"],
        "executeWorkflow" => &["source", "workflowId", "workflowInputs", "mode"],
        "splitInBatches" => &["batchSize", "options.reset"],
        "agent" | "chainLlm" => AGENT,
        _ => return None,
    };
    Some([own, SHOWN])
}
