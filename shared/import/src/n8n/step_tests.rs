//! Triggers, servers of tools, evaluations, and files that nodes hand on.

use flowgate_engine::{Document, Severity, Workflow};
use serde_json::{Value, json};

use crate::{Import, Options, Outcome, import};

/// Imports nodes, each `(name, type, parameters)`, and lines `(from, output, to)`; all documents
/// must compile.
fn imported(nodes: &[(&str, &str, Value)], lines: &[(&str, &str, usize, &str)]) -> Import {
    imported_with(json!({}), nodes, lines)
}

fn imported_with(
    settings: Value,
    nodes: &[(&str, &str, Value)],
    lines: &[(&str, &str, usize, &str)],
) -> Import {
    let nodes: Vec<Value> = nodes
        .iter()
        .map(|(name, kind, parameters)| {
            let kind = format!("n8n-nodes-base.{kind}");
            json!({ "name": name, "type": kind, "typeVersion": 4, "parameters": parameters })
        })
        .collect();
    let mut connections = json!({});
    for (from, kind, output, to) in lines {
        let slots = &mut connections[*from][*kind];
        let mut list = slots.as_array().cloned().unwrap_or_default();
        list.resize(list.len().max(output + 1), json!([]));
        let end = json!({ "node": to, "type": kind, "index": 0 });
        list[*output].as_array_mut().unwrap().push(end);
        *slots = list.into();
    }
    let file = json!({ "name": "Trial", "nodes": nodes, "connections": connections,
        "settings": settings });
    let found = import(file.to_string().as_bytes(), &Options::default()).unwrap();
    for workflow in &found.workflows {
        let document = Document::parse(&workflow.document.to_string()).unwrap();
        let (_, problems) = Workflow::compile(&document);
        let is_error = |problem: &&_| {
            let problem: &flowgate_engine::Problem = problem;
            problem.severity == Severity::Error
        };
        let errors: Vec<_> = problems.iter().filter(is_error).collect();
        assert!(errors.is_empty(), "{errors:#?}\n{:#}", workflow.document);
    }
    found
}

fn outcome(found: &Import, name: &str) -> Outcome {
    found.report.entries.iter().find(|entry| entry.name == name).unwrap().outcome
}

fn node<'a>(found: &'a Import, workflow: usize, kind: &str) -> &'a Value {
    let nodes = found.workflows[workflow].document["nodes"].as_array().unwrap();
    nodes.iter().find(|node| node["type"] == kind).unwrap_or_else(|| panic!("{nodes:#?}"))
}

#[test]
fn each_tool_of_a_server_is_a_workflow() {
    let found = imported(
        &[
            ("Server", "mcpTrigger", json!({ "path": "x" })),
            (
                "Weather",
                "httpRequestTool",
                json!({ "url":
                "=https://example.com/{{ $fromAI('city', 'where', 'string') }}" }),
            ),
            (
                "Ask",
                "slackTool",
                json!({ "select": "channel", "channelId": { "__rl": true,
                "value": "C1" }, "text": "={{ $fromAI('what') }}" }),
            ),
            ("Other", "wolframTool", json!({})),
        ],
        &[
            ("Weather", "ai_tool", 0, "Server"),
            ("Ask", "ai_tool", 0, "Server"),
            ("Other", "ai_tool", 0, "Server"),
        ],
    );
    assert_eq!(found.workflows.len(), 3);
    assert_eq!(node(&found, 0, "http")["url"], "https://example.com/<api.input.city>");
    let message = node(&found, 1, "slack.send_message");
    assert_eq!((&message["channel"], &message["text"]), (&json!("C1"), &json!("<api.input.what>")));
    assert_eq!(outcome(&found, "Server"), Outcome::Approximated);
    assert_eq!(outcome(&found, "Other"), Outcome::Unsupported);
}

#[test]
fn a_server_of_many_tools_is_read_in_part() {
    let names: Vec<String> = (0..60).map(|n| format!("Tool {n}")).collect();
    let mut nodes = vec![("Server", "mcpTrigger", json!({}))];
    let url = json!({ "url": "https://example.com/" });
    nodes.extend(names.iter().map(|name| (name.as_str(), "httpRequestTool", url.clone())));
    let lines: Vec<_> = names.iter().map(|name| (name.as_str(), "ai_tool", 0, "Server")).collect();
    let found = imported(&nodes, &lines);
    assert_eq!((found.workflows.len(), found.report.unsupported), (40, 20));
}

#[test]
fn no_run_is_an_evaluation() {
    let found = imported(
        &[
            ("Start", "manualTrigger", json!({})),
            ("Test set", "evaluationTrigger", json!({})),
            ("Tests?", "evaluation", json!({ "operation": "checkIfEvaluating" })),
            ("Metrics", "evaluation", json!({ "operation": "setMetrics" })),
            ("Send", "httpRequest", json!({ "url": "https://example.com/" })),
        ],
        &[
            ("Start", "main", 0, "Tests?"),
            ("Test set", "main", 0, "Tests?"),
            ("Tests?", "main", 0, "Metrics"),
            ("Tests?", "main", 1, "Send"),
        ],
    );
    let branches = json!([{ "name": "evaluation", "if": "false" }, { "name": "normal" }]);
    assert_eq!(node(&found, 0, "condition")["branches"], branches);
    assert!(found.report.entries.iter().all(|entry| entry.outcome != Outcome::Unsupported));
}

#[test]
fn a_failure_is_the_input_of_a_workflow() {
    let found = imported(
        &[
            ("Failed", "errorTrigger", json!({})),
            (
                "Send",
                "httpRequest",
                json!({ "url": "https://example.com/", "method": "POST",
                "sendBody": true, "bodyParameters": { "parameters": [
                    { "name": "why", "value": "={{ $json.execution.error.message }}" }] } }),
            ),
        ],
        &[("Failed", "main", 0, "Send")],
    );
    let body = json!({ "why": "<api.input.execution.error.message>" });
    assert_eq!(node(&found, 0, "http")["body"], body);
    assert_eq!(outcome(&found, "Failed"), Outcome::Approximated);
}

#[test]
fn files_are_handed_on_to_the_node_that_takes_them() {
    let found = imported(
        &[
            ("Start", "manualTrigger", json!({})),
            ("Load", "httpRequest", json!({ "url": "https://example.com/a.pdf" })),
            (
                "Big?",
                "if",
                json!({ "conditions": { "conditions": [{ "leftValue": "a",
                "rightValue": "a", "operator": { "type": "string", "operation": "equals" } }] } }),
            ),
            ("Read", "extractFromFile", json!({ "operation": "pdf" })),
        ],
        &[("Start", "main", 0, "Load"), ("Load", "main", 0, "Big?"), ("Big?", "main", 0, "Read")],
    );
    assert_eq!(node(&found, 0, "http")["as"], "file");
    assert_eq!(node(&found, 0, "document")["file"], "<Load.data>");
}

#[test]
fn callers_send_the_file_of_a_webhook() {
    let found = imported(
        &[
            ("Hook", "webhook", json!({ "path": "x", "httpMethod": "POST" })),
            ("Read", "extractFromFile", json!({ "operation": "pdf" })),
        ],
        &[("Hook", "main", 0, "Read")],
    );
    assert_eq!(node(&found, 0, "document")["file"], "<api.input.data>");
    assert_eq!(outcome(&found, "Hook"), Outcome::Approximated);
}

#[test]
fn a_limit_of_one_page_is_one_request() {
    let pages = |most: u64| {
        let own = json!({ "limitPagesFetched": true, "maxRequests": most, "parameters":
            { "parameters": [{ "name": "page", "value": "={{ $pageCount + 1 }}" }] } });
        json!({ "url": "https://example.com/", "options": { "pagination": { "pagination": own } } })
    };
    for (most, expected) in [(1, Outcome::Mapped), (3, Outcome::Unsupported)] {
        let found = imported(
            &[("Start", "manualTrigger", json!({})), ("Load", "httpRequest", pages(most))],
            &[("Start", "main", 0, "Load")],
        );
        assert_eq!(outcome(&found, "Load"), expected);
    }
}

#[test]
fn schedules_follow_the_clocks_of_the_file() {
    let rule = json!({ "rule": { "interval": [{ "field": "days", "triggerAtHour": 9 }] } });
    let nodes = [
        ("Daily", "scheduleTrigger", rule),
        ("Load", "httpRequest", json!({ "url": "https://example.com/" })),
    ];
    let check = |settings: Value, expected: Value, outcome_: Outcome| {
        let found = imported_with(settings, &nodes, &[("Daily", "main", 0, "Load")]);
        assert_eq!(found.workflows[0].document["schedule"], json!([expected]));
        assert_eq!(outcome(&found, "Daily"), outcome_);
    };
    check(
        json!({ "timezone": "Europe/Berlin" }),
        json!({ "cron": "0 9 * * *", "timezone": "Europe/Berlin" }),
        Outcome::Mapped,
    );
    check(json!({ "timezone": "DEFAULT" }), json!({ "cron": "0 9 * * *" }), Outcome::Approximated);
}
