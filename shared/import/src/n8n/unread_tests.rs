//! What nothing was made of is reported; a test or a match that is not there lets nobody pass.

use flowgate_engine::{Document, Severity, Workflow};
use serde_json::{Value, json};

use crate::{Import, Options, Outcome, import};

fn node(name: &str, kind: &str, version: f64, parameters: Value) -> Value {
    let package = if kind.starts_with("lm") || kind == "agent" {
        "@n8n/n8n-nodes-langchain"
    } else {
        "n8n-nodes-base"
    };
    json!({ "name": name, "type": format!("{package}.{kind}"), "typeVersion": version,
        "parameters": parameters })
}

/// Imports a chain of nodes behind a webhook, each on the first output of the one before, and
/// helpers that hang on the last one; the documents must compile.
fn imported(chain: Vec<Value>, helpers: Vec<(&str, Value)>) -> Import {
    let hook = node("Hook", "webhook", 2.0, json!({ "path": "x", "httpMethod": "POST" }));
    let all: Vec<Value> = [hook].into_iter().chain(chain).collect();
    let mut connections = json!({});
    for pair in all.windows(2) {
        connections[pair[0]["name"].as_str().unwrap()] =
            json!({ "main": [[{ "node": pair[1]["name"], "type": "main", "index": 0 }]] });
    }
    let last = all.last().unwrap()["name"].clone();
    for (kind, helper) in &helpers {
        connections[helper["name"].as_str().unwrap()] =
            json!({ *kind: [[{ "node": last, "type": kind, "index": 0 }]] });
    }
    let nodes: Vec<Value> =
        all.into_iter().chain(helpers.into_iter().map(|(_, helper)| helper)).collect();
    let file = json!({ "name": "Trial", "nodes": nodes, "connections": connections });
    let found = import(file.to_string().as_bytes(), &Options::default()).unwrap();
    for workflow in &found.workflows {
        let document = Document::parse(&workflow.document.to_string()).unwrap();
        let (_, problems) = Workflow::compile(&document);
        let errors: Vec<_> =
            problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:#?}\n{:#}", workflow.document);
    }
    found
}

fn one(name: &str, kind: &str, version: f64, parameters: Value) -> Import {
    imported(vec![node(name, kind, version, parameters)], Vec::new())
}

fn made<'a>(found: &'a Import, kind: &str) -> &'a Value {
    let nodes = found.workflows[0].document["nodes"].as_array().unwrap();
    nodes.iter().find(|node| node["type"] == kind).unwrap_or_else(|| panic!("{nodes:#?}"))
}

/// The outcome of a node, and all that is said of it.
fn said(found: &Import, name: &str) -> (Outcome, String) {
    let entry = found.report.entries.iter().find(|entry| entry.name == name).unwrap();
    (entry.outcome, format!("{:?}", entry.notes))
}

fn check(found: &Import, name: &str, outcome: Outcome, words: &[&str]) {
    let (found, notes) = said(found, name);
    assert_eq!(found, outcome, "{notes}");
    words.iter().for_each(|word| assert!(notes.contains(word), "{word}: {notes}"));
}

#[test]
fn what_a_tool_computes_is_computed_for_its_agent() {
    let tool = json!({ "sendTo": "={{ $json.body.email.trim() }}", "subject": "Hi",
        "message": "={{ $fromAI('text') }}" });
    let found = imported(
        vec![node("Agent", "agent", 2.0, json!({ "promptType": "define", "text": "Write." }))],
        vec![
            ("ai_languageModel", node("Model", "lmChatOpenAi", 1.0, json!({}))),
            ("ai_tool", node("Mail", "gmailTool", 2.1, tool)),
        ],
    );
    let to = &made(&found, "agent")["tools"][0]["with"];
    let values = made(&found, "function");
    let reference = format!("<{}.result.v1>", values["id"].as_str().unwrap());
    assert!(to.to_string().contains(&reference), "{to}\n{values}");
    assert!(values["code"].as_str().unwrap().contains("email.trim()"));
}

#[test]
fn a_test_that_is_not_known_does_not_hold() {
    let known = json!({ "leftValue": "a", "rightValue": "a",
        "operator": { "type": "string", "operation": "equals" } });
    let unknown = json!({ "leftValue": "a", "rightValue": "a",
        "operator": { "type": "string", "operation": "rhymesWith" } });
    for (combinator, list, expected) in [
        ("and", json!([known, unknown]), " && false)"),
        ("or", json!([known, unknown]), " || false)"),
        ("and", json!([unknown]), "(false)"),
    ] {
        let conditions = json!({ "conditions": { "combinator": combinator, "conditions": list } });
        let found = one("If", "filter", 2.0, conditions);
        let code = made(&found, "function")["code"].as_str().unwrap();
        assert!(code.contains(expected), "{code}");
        check(&found, "If", Outcome::Unsupported, &["does not hold"]);
    }
    let whole = one("If", "if", 2.0, json!({ "conditions": "={{ $json.body.tests }}" }));
    check(&whole, "If", Outcome::Unsupported, &["computed as a whole"]);
    let older = json!({ "dataType": "string", "value1": "a", "rules": { "rules": [
        { "operation": "rhymesWith", "value2": "a", "output": 0 }] } });
    let older = one("Switch", "switch", 1.0, older);
    check(&older, "Switch", Outcome::Unsupported, &["does not hold"]);
}

#[test]
fn a_merge_that_names_no_fields_is_a_stub() {
    let merge = |fields: Value| {
        let mut parameters = json!({ "mode": "combine", "joinMode": "keepMatches" });
        parameters.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        one("Merge", "merge", 3.0, parameters)
    };
    let named = json!({ "combineBy": "combineByFields", "fieldsToMatchString": "id" });
    assert_ne!(said(&merge(named), "Merge").0, Outcome::Unsupported);
    for none in [
        json!({ "combineBy": "combineByFields" }),
        json!({ "combineBy": "combineByFields", "fieldsToMatchString": "={{ $json.by }}" }),
        json!({ "combineBy": "combineByFields", "mergeByFields":
            { "values": [{ "field1": "id", "field2": "" }] } }),
    ] {
        check(&merge(none), "Merge", Outcome::Unsupported, &["no pair of fields"]);
    }
}

#[test]
fn a_loop_without_a_way_back_hands_out_the_first_batch() {
    let loop_of = |version: f64, size: u64| {
        let list = json!({ "jsCode": "return [1, 2, 3].map(n => ({ json: { n } }))" });
        let chain = vec![
            node("List", "code", 2.0, list),
            node("Loop", "splitInBatches", version, json!({ "batchSize": size })),
            node("Load", "httpRequest", 4.2, json!({ "url": "=https://a.example/{{ $json.n }}" })),
        ];
        imported(chain, Vec::new())
    };
    let found = loop_of(2.0, 1);
    check(&found, "Loop", Outcome::Approximated, &["only the first batch"]);
    assert_eq!(made(&found, "http")["url"], "https://a.example/<Loop_2_first.result[0].n>");
    let found = loop_of(2.0, 2);
    assert_eq!(made(&found, "loop")["each"], "<Loop_2_first.result>");
    // What hangs on `done` never runs.
    let found = loop_of(3.0, 1);
    let done = made(&found, "condition")["branches"][1].clone();
    assert_eq!(done, json!({ "name": "done", "if": "false" }));
    let load = made(&found, "http");
    assert!(load.to_string().contains("Loop_2.done"), "{load}");
}

#[test]
fn settings_of_which_nothing_was_made_are_reported() {
    let url = |more: Value| {
        let mut whole = json!({ "url": "https://example.com/" });
        whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        one("Load", "httpRequest", 4.2, whole)
    };
    check(
        &url(json!({ "options": { "redirect": { "redirect": {} } } })),
        "Load",
        Outcome::Mapped,
        &[],
    );
    for name in ["proxy", "batching", "redirect"] {
        let found = url(json!({ "options": { name: { "x": "y" } } }));
        let word = format!("`options.{name}` is left out");
        check(&found, "Load", Outcome::Approximated, &[&word]);
    }
    let hook = json!({ "path": "x", "httpMethod": "POST", "authentication": "headerAuth",
        "options": { "ipWhitelist": "10.0.0.1" } });
    let found = imported(
        vec![
            node("Second", "webhook", 2.0, hook),
            node(
                "Read",
                "set",
                3.4,
                json!({ "assignments": { "assignments": [
                { "name": "a", "type": "string", "value": "={{ $json.headers.host }}" }] } }),
            ),
        ],
        Vec::new(),
    );
    let words = ["`options.ipWhitelist` is left out", "need a key", "headers of a call"];
    check(&found, "Second", Outcome::Approximated, &words);
}

#[test]
fn retries_are_those_of_the_file() {
    let with = |mut node: Value| {
        node["retryOnFail"] = true.into();
        node["waitBetweenTries"] = 3000.into();
        node["alwaysOutputData"] = true.into();
        imported(vec![node], Vec::new())
    };
    let url = json!({ "url": "https://example.com/" });
    let found = with(node("Load", "httpRequest", 4.2, url));
    let retry = json!({ "max_attempts": 3, "backoff": "3000ms" });
    assert_eq!(made(&found, "http")["retry"], retry);
    check(&found, "Load", Outcome::Approximated, &["alwaysOutputData"]);
    let said = json!({ "select": "channel", "channelId": { "__rl": true, "value": "C1" },
        "text": "Hi" });
    let found = with(node("Say", "slack", 2.2, said));
    assert_eq!(made(&found, "slack.send_message")["retry"], retry);
    let found = with(node("Set", "set", 3.4, json!({})));
    check(&found, "Set", Outcome::Approximated, &["`retryOnFail` is left out"]);
}

#[test]
fn a_set_keeps_the_fields_that_it_names() {
    let set = |include: &str, names: &str| {
        let own = json!({ "assignments": { "assignments": [] }, "includeOtherFields": true,
            "include": include, "includeFields": names, "excludeFields": names });
        let item = json!({ "jsCode": "return [{ json: { a: 1 } }]", "mode": "runOnceForEachItem" });
        imported(vec![node("Item", "code", 2.0, item), node("Set", "set", 3.4, own)], Vec::new())
    };
    for (include, test) in
        [("selected", "=> names.includes(name)"), ("except", "=> !names.includes(name)")]
    {
        let found = set(include, "a, b");
        let nodes = found.workflows[0].document["nodes"].to_string();
        assert!(nodes.contains(test) && nodes.contains("<Set_fields.result>"), "{nodes}");
    }
    check(&set("selected", "={{ $json.x }}"), "Set", Outcome::Unsupported, &["computed"]);
}

#[test]
fn a_models_options_are_its_settings_or_reported() {
    let options = json!({ "options": { "topP": 0.5, "temperature": 0.2, "responseFormat":
        "json_object" } });
    let found = imported(
        vec![node("Agent", "agent", 2.0, json!({ "promptType": "define", "text": "Hi" }))],
        vec![("ai_languageModel", node("Model", "lmChatOpenAi", 1.0, options))],
    );
    let agent = made(&found, "agent");
    assert_eq!((&agent["top_p"], &agent["temperature"]), (&json!(0.5), &json!(0.2)));
    check(&found, "Model", Outcome::Approximated, &["`options.responseFormat` is left out"]);
}

#[test]
fn what_a_request_computes_of_its_form_is_unsupported() {
    let with = |more: Value| {
        let mut whole = json!({ "url": "https://example.com/" });
        whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        one("Load", "httpRequest", 4.2, whole)
    };
    check(
        &with(json!({ "method": "={{ $json.body.how }}" })),
        "Load",
        Outcome::Unsupported,
        &["method is computed"],
    );
    assert_eq!(made(&with(json!({ "method": "=DELETE" })), "http")["method"], "DELETE");
    let named = |name: &str| json!({ "parameters": [{ "name": name, "value": "1" }] });
    for list in ["headerParameters", "queryParameters"] {
        let found = with(json!({ list: named("={{ $json.body.name }}") }));
        check(&found, "Load", Outcome::Unsupported, &["whose name is computed"]);
    }
    let found = with(json!({ "headerParameters": named("=X-Plain") }));
    assert_eq!(made(&found, "http")["headers"], json!({ "X-Plain": "1" }));
    let found = with(json!({ "specifyQuery": "json", "jsonQuery": "{ \"a\": { \"b\": 1 } }" }));
    check(&found, "Load", Outcome::Unsupported, &["`a` of the query is an object"]);
}

#[test]
fn an_answer_that_may_be_a_list_is_reported_where_something_reads_it() {
    let load = || node("Load", "httpRequest", 4.2, json!({ "url": "https://example.com/" }));
    let alone = imported(vec![load()], Vec::new());
    check(&alone, "Load", Outcome::Mapped, &[]);
    let read = node("Set", "set", 3.4, json!({ "includeOtherFields": true }));
    let found = imported(vec![load(), read], Vec::new());
    check(&found, "Load", Outcome::Approximated, &["a list is one item"]);
}
