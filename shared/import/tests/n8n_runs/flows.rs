//! Branches, merges, answers, failures and other workflows.

use flowgate_engine::Outcome;
use serde_json::{Value, json};

use crate::Case;
use crate::drive::*;

pub(crate) const CASES: &[Case] = &[
    ("a branch", a_branch),
    ("branches that merge", branches_that_merge),
    ("branches of which both run", both_branches),
    ("switch", switch),
    ("answers", answers),
    ("error branch", error_branch),
    ("going on after a failure", going_on),
    ("wait", wait),
    ("stop and error", stop),
    ("other workflow of the file", other_workflow),
    ("other workflow for each item", other_workflow_each),
    ("disabled nodes", disabled),
    ("requests one after the other", request),
];

fn check(name: &str, left: &str, kind: &str, operation: &str, right: Value) -> Value {
    node(name, "if", 2.2, when(left, kind, operation, right))
}

fn a_branch() {
    let file = file(
        [
            hook(),
            set("Fields", &[("n", "={{ $json.body.n }}"), ("who", "=Hi {{ $json.body.who }}!")]),
            check("If", "={{ $json.n }}", "number", "gt", json!(3)),
            set("Yes", &[("said", "=more: {{ $json.who }}")]),
            set("No", &[("said", "=less: {{ $('Fields').item.json.who }}")]),
        ],
        "Hook > Fields > If > Yes; If.1 > No",
    );
    let given = |n: i64| json!({ "n": n, "who": "Ann" });
    assert_eq!(answer(&file, given(5)), json!([{ "said": "more: Hi Ann!" }]));
    assert_eq!(answer(&file, given(1)), json!([{ "said": "less: Hi Ann!" }]));
}

fn branches_that_merge() {
    let nodes = |merge: Value| {
        [
            hook(),
            check("If", "={{ $json.body.n }}", "number", "gt", json!(3)),
            set("Yes", &[("a", "1")]),
            set("No", &[("b", "2")]),
            node("Merge", "merge", 3.0, merge),
            set("End", &[("a", "={{ $json.a }}"), ("b", "={{ $json.b }}")]),
        ]
    };
    let lines = "Hook > If > Yes > Merge > End; If.1 > No > Merge.1";
    let append = file(nodes(json!({})), lines);
    assert_eq!(answer(&append, json!({ "n": 5 })), json!([{ "a": "1", "b": null }]));
    assert_eq!(answer(&append, json!({ "n": 1 })), json!([{ "a": null, "b": "2" }]));
    let joined = file(nodes(json!({})), "Hook > If > Yes > End; If.1 > No > End");
    assert_eq!(answer(&joined, json!({ "n": 1 })), json!([{ "a": null, "b": "2" }]));
}

fn both_branches() {
    let both = |parameters: Value| {
        file(
            [
                hook(),
                set("A", &[("a", "1"), ("x", "a")]),
                set("B", &[("b", "2"), ("x", "b")]),
                node("Merge", "merge", 3.0, parameters),
            ],
            "Hook > A > Merge; Hook > B > Merge.1",
        )
    };
    let merged = |parameters: Value| answer(&both(parameters), json!({}));
    let (a, b) = (json!({ "a": "1", "x": "a" }), json!({ "b": "2", "x": "b" }));
    assert_eq!(merged(json!({})), json!([a, b]));
    let combined = json!([{ "a": "1", "b": "2", "x": "b" }]);
    let combine = |by: &str| json!({ "mode": "combine", "combineBy": by });
    assert_eq!(merged(combine("combineByPosition")), combined);
    assert_eq!(merged(combine("combineAll")), combined);
    let none = json!({ "mode": "combine", "fieldsToMatchString": "x" });
    assert_eq!(merged(none), json!({}), "no item comes out, and nothing answers");
    let choose = json!({ "mode": "chooseBranch", "useDataOfInput": "2" });
    assert_eq!(merged(choose), json!([b]));
}

fn switch() {
    let rule = |value: &str| when("={{ $json.body.kind }}", "string", "equals", json!(value));
    let rules = json!({ "values": [rule("a"), rule("b")] });
    let parameters = json!({ "rules": rules, "options": { "fallbackOutput": "extra" } });
    let file = file(
        [
            hook(),
            node("Switch", "switch", 3.2, parameters),
            set("A", &[("is", "a")]),
            set("B", &[("is", "b")]),
            set("Other", &[("is", "=other: {{ $json.body.kind }}")]),
        ],
        "Hook > Switch > A; Switch.1 > B; Switch.2 > Other",
    );
    for (kind, is) in [("a", "a"), ("b", "b"), ("c", "other: c")] {
        assert_eq!(answer(&file, json!({ "kind": kind })), json!([{ "is": is }]));
    }
}

/// An answer of `respondToWebhook` over items of the list `[{n: 1}, {n: 2}]`.
fn responded(parameters: Value) -> Value {
    let mode = json!({ "httpMethod": "POST", "path": "x", "responseMode": "responseNode" });
    let file = file(
        [
            node("Hook", "webhook", 2.0, mode),
            code("List", "return [1, 2].map(n => ({ json: { n } }))"),
            node("Respond", "respondToWebhook", 1.1, parameters),
        ],
        "Hook > List > Respond",
    );
    match run(&file, json!({ "who": "Ann" }), &mut |place, _| panic!("{place}")) {
        Outcome::Succeeded { output } => output,
        other => panic!("{other:?}"),
    }
}

fn answers() {
    let data = |parameters: Value| responded(parameters)["data"].clone();
    assert_eq!(data(json!({})), json!({ "n": 1 }));
    assert_eq!(data(json!({ "respondWith": "firstIncomingItem" })), json!({ "n": 1 }));
    let all = json!({ "respondWith": "allIncomingItems" });
    assert_eq!(data(all), json!([{ "n": 1 }, { "n": 2 }]));
    let text = json!({ "respondWith": "text", "responseBody": "=n is {{ $json.n }}" });
    assert_eq!(data(text), json!("n is 1"));
    let body = "={ \"n\": {{ $json.n }}, \"who\": \"{{ $('Hook').item.json.body.who }}\" }";
    let json = json!({ "respondWith": "json", "responseBody": body,
        "options": { "responseCode": 201,
            "responseHeaders": { "entries": [{ "name": "x-n", "value": "={{ $json.n }}" }] } } });
    let output = responded(json);
    assert_eq!(output["data"], json!({ "n": 1, "who": "Ann" }));
    assert_eq!((&output["status"], &output["headers"]), (&json!(201), &json!({ "x-n": "1" })));
    let lone = json!({ "respondWith": "json", "responseBody": "={{ $json }}" });
    assert_eq!(data(lone), json!({ "n": 1 }));
}

fn get(name: &str) -> Value {
    node(name, "httpRequest", 4.2, json!({ "url": "https://example.com/{{ $json.body.n }}" }))
}

fn error_branch() {
    let file = file(
        [
            hook(),
            with(get("Get"), json!({ "onError": "continueErrorOutput" })),
            set("Good", &[("got", "={{ $json.x }}")]),
            set(
                "Bad",
                &[
                    ("why", "={{ $json.error.message }}"),
                    ("n", "={{ $('Hook').item.json.body.n }}"),
                ],
            ),
        ],
        "Hook > Get > Good; Get.1 > Bad",
    );
    let good = answer_with(&file, json!({ "n": 1 }), &mut |_, _| answered(json!({ "x": 7 })));
    assert_eq!(good, json!([{ "got": 7 }]));
    let mut refuse = |_: &str, _: &_| failed("http_status", "404 Not Found");
    let bad = answer_with(&file, json!({ "n": 1 }), &mut refuse);
    assert_eq!(bad, json!([{ "why": "404 Not Found", "n": 1 }]));
}

fn going_on() {
    let file = file(
        [
            hook(),
            with(get("Get"), json!({ "onError": "continueRegularOutput" })),
            set("End", &[("x", "={{ $json.x }}"), ("error", "={{ $json.error }}")]),
        ],
        "Hook > Get > End",
    );
    let mut refuse = |_: &str, _: &_| failed("http_status", "404 Not Found");
    let bad = answer_with(&file, json!({ "n": 1 }), &mut refuse);
    assert_eq!(bad[0]["x"], json!(null), "{bad}");
    assert!(bad[0]["error"].to_string().contains("404 Not Found"), "{bad}");
    let good = answer_with(&file, json!({ "n": 1 }), &mut |_, _| answered(json!({ "x": 7 })));
    assert_eq!(good, json!([{ "x": 7, "error": null }]));
}

fn wait() {
    let file = file(
        [hook(), set("A", &[("a", "1")]), node("Wait", "wait", 1.1, json!({ "amount": 2 }))],
        "Hook > A > Wait",
    );
    assert_eq!(answer(&file, json!({})), json!([{ "a": "1" }]));
}

fn stop() {
    let error = json!({ "errorMessage": "=no {{ $json.body.what }}" });
    let file = file([hook(), node("Stop", "stopAndError", 1.0, error)], "Hook > Stop");
    let outcome = run(&file, json!({ "what": "luck" }), &mut |place, _| panic!("{place}"));
    let Outcome::Failed { error, .. } = outcome else { panic!("{outcome:?}") };
    assert!(error.message.contains("no luck"), "{error:?}");
}

/// A file of two workflows: the first one calls the second.
fn caller(mode: &str, list: &str) -> Value {
    let call = json!({ "workflowId": { "value": "abc" }, "mode": mode,
        "workflowInputs": { "value": { "n": "={{ $json.n }}" } } });
    file(
        [
            hook(),
            code("List", list),
            node("Call", "executeWorkflow", 1.2, call),
            set("End", &[("got", "={{ $json.twice }}")]),
            node("Called", "executeWorkflowTrigger", 1.1, json!({ "inputSource": "passthrough" })),
            code("Twice", "return { json: { twice: 2 * $json.n } }"),
        ],
        "Hook > List > Call > End; Called > Twice",
    )
}

fn other_workflow() {
    let file = caller("once", "return [{ json: { n: 4 } }]");
    assert_eq!(answer(&file, json!({})), json!([{ "got": 8 }]));
}

fn other_workflow_each() {
    let file = caller("each", "return [4, 5].map(n => ({ json: { n } }))");
    assert_eq!(answer(&file, json!({})), json!([{ "got": 8 }, { "got": 10 }]));
}

fn disabled() {
    let file = file(
        [
            hook(),
            with(set("Off", &[("a", "1")]), json!({ "disabled": true })),
            node("Nothing", "noOp", 1.0, json!({})),
            set("End", &[("n", "={{ $json.body.n }}")]),
        ],
        "Hook > Off > Nothing > End",
    );
    assert_eq!(answer(&file, json!({ "n": 3 })), json!([{ "n": 3 }]));
}

fn request() {
    let file = file(
        [
            hook(),
            node("One", "httpRequest", 4.2, json!({ "url": "https://example.com/one" })),
            node(
                "Two",
                "httpRequest",
                4.2,
                json!({ "url": "=https://example.com/{{ $json.id }}", "method": "POST",
                    "sendBody": true, "specifyBody": "json",
                    "jsonBody": "={ \"name\": \"{{ $('Hook').item.json.body.name }}\" }" }),
            ),
        ],
        "Hook > One > Two",
    );
    let mut sent = Vec::new();
    let said = answer_with(&file, json!({ "name": "A \"B\"" }), &mut |place, call| {
        sent.push(serde_json::to_value(&call.action).unwrap());
        answered(json!({ "id": place.len(), "of": place }))
    });
    assert_eq!(said, json!([{ "id": 3, "of": "Two" }]));
    assert!(sent[1]["url"].to_string().contains("/3"), "{:#}", sent[1]);
    assert_eq!(sent[1]["body"], json!({ "name": "A \"B\"" }), "{:#}", sent[1]);
}
