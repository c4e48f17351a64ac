//! Operations in a run: waits of their rules, and what a call is recognized by.

use super::*;
use crate::call::Call;
use crate::{CompileOptions, Severity};

const VENDOR: &str = "
connector: vendor
summary: A vendor
hosts: [vendor.example]
base: https://vendor.example/v1
auth: { type: bearer }
errors:
  - { when: body.busy == true, code: rate_limited, retry: true, retry_after: <body.wait> }
  - { when: body.resets > 0, code: rate_limited, retry: true, retry_at: <body.resets> }
operations:
  send:
    summary: Sends
    effect: write
    fields: { required: [text], properties: { text: { type: string } } }
    steps:
      open: { request: { method: POST, path: /open, body: { text: <in.text> } } }
      close: { request: { method: POST, path: '/close/<open.body.id>' } }
    answer: { ok: <close.body.ok> }
  list:
    summary: Lists
    effect: read
    request: { path: /list }
    pages: { items: <body.items>, next: <body.next>, into: query.cursor }
    answer: { items: <items> }
";

fn with_kinds_of(file: &str) -> CompileOptions {
    let (connector, problems) = parse(file);
    let connector = connector.unwrap_or_else(|| panic!("{problems:?}"));
    let kinds = Kinds::standard().clone();
    let kinds = connector.operations.iter().fold(kinds, |all, it| all.with(spec_of(it)));
    CompileOptions { kinds, ..CompileOptions::default() }
}

/// Runs the node and returns its calls, as they went out, and the outcome.
fn calls_of(options: &CompileOptions, document: &Value, answers: &[Value]) -> Vec<Call> {
    let document = Document::parse(&document.to_string()).unwrap();
    let (workflow, problems) = Workflow::compile_with(&document, options);
    assert!(problems.iter().all(|it| it.severity != Severity::Error), "{problems:?}");
    let mut run = start(&Arc::new(workflow.unwrap()), json!({}));
    let (mut answers, mut calls) = (answers.iter(), Vec::new());
    loop {
        match run.step() {
            Step::Perform(id, call) => {
                let Action::Http(http) = &call.action else { panic!("{:?}", call.action) };
                let answer = json!({ "body": answers.next().unwrap() });
                run.complete(&id, result_of(http, &answer), 1_000);
                calls.push(*call);
            }
            Step::Done => return calls,
            _ => {}
        }
    }
}

fn node(more: Value) -> Value {
    let mut node = json!({ "id": "a", "type": "vendor.send", "text": "x" });
    node.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "nodes": [node] })
}

#[test]
fn a_retry_waits_as_long_as_the_answer_asks() {
    let check = |busy: Value, expected: &[u128]| {
        let retried = node(json!({ "retry": { "max_attempts": 3, "backoff": "1s" } }));
        let answers = [busy, json!({ "id": "i" }), json!({ "ok": true })];
        let calls = calls_of(&with_kinds_of(VENDOR), &retried, &answers);
        let delays: Vec<u128> = calls.iter().map(|call| call.delay.as_millis()).collect();
        assert_eq!(delays, expected, "{}", answers[0]);
        assert_eq!(calls[0].input_hash, calls[1].input_hash);
    };
    check(json!({ "busy": true, "wait": 7 }), &[0, 7_000, 0]);
    check(json!({ "busy": true, "wait": "2.5" }), &[0, 2_500, 0]);
    // Less than the backoff, or no number.
    check(json!({ "busy": true, "wait": 0.1 }), &[0, 1_000, 0]);
    check(json!({ "busy": true, "wait": "soon" }), &[0, 1_000, 0]);
    // Tests' clock stands at 0 where answers are judged.
    check(json!({ "resets": 30 }), &[0, 30_000, 0]);
}

#[test]
fn nobody_waits_longer_than_nodes_may() {
    let retried = node(json!({ "retry": { "max_attempts": 3, "backoff": "1s" } }));
    let answers = [json!({ "busy": true, "wait": 301 })];
    assert_eq!(calls_of(&with_kinds_of(VENDOR), &retried, &answers).len(), 1);
}

/// A release may word a request otherwise: runs in flight go on with the calls that they made.
#[test]
fn a_call_of_a_shipped_operation_is_recognized_under_another_file() {
    let hashes = |file: &str, document: &Value, answers: &[Value]| -> Vec<String> {
        let calls = calls_of(&with_kinds_of(file), document, answers);
        calls.into_iter().map(|call| call.input_hash).collect()
    };
    let later = VENDOR
        .replace("/v1", "/v2")
        .replace("body: { text: <in.text> }", "body: { message: <in.text> }, headers: { a: b }")
        .replace("auth: { type: bearer }", "auth: { type: header, name: x-key }");
    let answers = [json!({ "id": "i" }), json!({ "ok": true })];
    let first = hashes(VENDOR, &node(json!({})), &answers);
    assert_eq!(first.len(), 2);
    assert_ne!(first[0], first[1]);
    assert_eq!(hashes(&later, &node(json!({})), &answers), first);

    // What the author asks and what answers gave make it another call.
    let other = hashes(VENDOR, &node(json!({ "text": "y" })), &answers);
    assert!(other[0] != first[0] && other[1] != first[1]);
    let other = hashes(VENDOR, &node(json!({ "login": "OTHER" })), &answers);
    assert_ne!(other[0], first[0]);
    let other = hashes(VENDOR, &node(json!({})), &[json!({ "id": "j" }), json!({ "ok": true })]);
    assert!(other[0] == first[0] && other[1] != first[1]);

    let list = json!({ "nodes": [{ "id": "a", "type": "vendor.list" }] });
    let page = |next: &str| json!({ "items": [1], "next": next });
    let first = hashes(VENDOR, &list, &[page("p"), page("")]);
    assert_eq!(hashes(&later, &list, &[page("p"), page("")]), first);
    let other = hashes(VENDOR, &list, &[page("q"), page("")]);
    assert!(other[0] == first[0] && other[1] != first[1]);
}

/// A document's own connector is a part of it: where it changes, its calls are others.
#[test]
fn a_call_of_a_documents_own_operation_is_recognized_by_the_whole_request() {
    let hash = |file: &str| {
        let own = Document::parse(file).unwrap().root().clone();
        let mut document = node(json!({}));
        document["connectors"] = json!([own]);
        let answers = [json!({ "id": "i" }), json!({ "ok": true })];
        calls_of(&CompileOptions::default(), &document, &answers)[0].input_hash.clone()
    };
    assert_eq!(hash(VENDOR), hash(VENDOR));
    assert_ne!(hash(VENDOR), hash(&VENDOR.replace("/v1", "/v2")));
}

/// Only a setting is text of the author.
#[test]
fn a_field_named_as_a_setting_is_one_segment_all_the_same() {
    let file = "
connector: vendor
summary: A vendor
hosts: ['<in.site>.example']
base: https://<in.site>.example
settings: { site: { pattern: '[a-z]+' } }
operations:
  get:
    summary: Gets
    effect: read
    fields: { properties: { of: { type: object } } }
    request: { path: '/<in.site>/<in.of.site>' }
";
    let node = json!({ "id": "a", "type": "vendor.get", "site": "s", "of": { "site": "x/../y" } });
    let calls = calls_of(&with_kinds_of(file), &json!({ "nodes": [node] }), &[json!({})]);
    let Action::Http(http) = &calls[0].action else { panic!() };
    let pieces =
        [Piece::Text("https://s.example/s/".to_owned()), Piece::Value("x/../y".to_owned())];
    assert_eq!(http.url.0, pieces);
}

/// How the only node of a document with this file ends.
fn ends(file: &str, node: &Value) -> Outcome {
    let own = Value::Object(Document::parse(file).unwrap().root().clone());
    let document = json!({ "nodes": [node], "connectors": [own] });
    let document = Document::parse(&document.to_string()).unwrap();
    let (workflow, problems) = Workflow::compile(&document);
    let workflow = workflow.unwrap_or_else(|| panic!("{problems:?}"));
    let mut run = start(&Arc::new(workflow), json!({}));
    while !matches!(run.step(), Step::Done) {}
    Run::outcome(&run).unwrap().clone()
}

/// Rounds that leave nothing count, and so do values that a condition reads in each of them.
#[test]
fn rounds_within_rounds_end() {
    let items = json!((0..30).collect::<Vec<_>>()).to_string();
    let nested = (0..8).fold("<in.absent>".to_owned(), |to, _| {
        format!("{{ $map: {{ over: {items}, to: {to} }} }}")
    });
    let reading = format!(
        "{{ $map: {{ over: {}, if: \"size(<in.text>) > 0\", to: <in.absent> }} }}",
        json!(vec![0; 5_000])
    );
    for made in [nested, reading] {
        let file = format!(
            "connector: own\nhosts: [own.example]\nbase: https://own.example\nauth: none\n\
             operations:\n  op:\n    summary: Does it\n    effect: read\n    fields: {{ \
             properties: {{ absent: {{ type: string }}, text: {{ type: string }} }} }}\n    \
             let: {{ made: {made} }}\n    request: {{ path: /a, query: {{ q: <made> }} }}\n    \
             answer: {{ x: <body.x> }}\n"
        );
        let node = json!({ "id": "a", "type": "own.op", "text": "x".repeat(100_000) });
        let outcome = ends(&file, &node);
        let Outcome::Failed { error, .. } = &outcome else { panic!("{outcome:?}") };
        assert_eq!(error.code, "value_too_large", "{error:?}");
    }
}
