//! What an http node plans.

use serde_json::{Value, json};

use crate::call::{Action, CallError, CallId, CallResult, HttpCall};
use crate::run::tests::{
    advance, compile, drive, error, failed, ok, only_call, output_of, start, start_with,
};
use crate::url::Host;
use crate::{Document, Workflow};

fn http(call: &crate::Call) -> &HttpCall {
    let Action::Http(http) = &call.action else { panic!("{call:?}") };
    http
}

fn as_json(call: &HttpCall) -> Value {
    serde_json::to_value(call).unwrap()
}

fn problems(node: &str) -> Vec<String> {
    let yaml = format!("nodes: [{{ id: h, type: http, url: 'https://x/', {node} }}]");
    let (_, problems) = Workflow::compile(&Document::parse(&yaml).unwrap());
    problems.into_iter().map(|problem| problem.message).collect()
}

#[test]
fn everything_is_rendered() {
    let yaml = "
nodes:
  - id: h
    type: http
    method: post
    url: 'https://x/<api.input.id>?k={{KEY}}'
    query: { q: <api.input.q>, n: 5, none: <api.input.gone>, object: <api.input.o> }
    headers: { X-A: 'a <api.input.id>' }
    body: { q: <api.input.q>, list: [<api.input.o>, '{{B}}'], plain: { x: 1 } }
    timeout: 7s
    at_most_once: true
";
    let call = only_call(yaml, json!({"id": 7, "q": true, "o": {"a": [1]}}));
    assert_eq!((call.timeout.as_secs(), call.at_most_once), (7, true));
    assert_eq!(
        serde_json::to_value(&call.action).unwrap(),
        json!({
            "kind": "http", "method": "POST", "url": "https://x/7?k={{KEY}}",
            "query": [["q", "true"], ["n", "5"], ["none", ""], ["object", "{\"a\":[1]}"]],
            "headers": [["X-A", "a 7"]],
            "body": {"q": true, "list": [{"a": [1]}, "{{B}}"], "plain": {"x": 1}}
        }),
        "what is hashed, and so may not change under a run"
    );
}

#[test]
fn what_goes_out_has_a_budget() {
    for body in [
        "body: ['<api.input.x>', '<api.input.x>']",
        "form: { a: '<api.input.x>', b: '<api.input.x>' }",
        "multipart: [{ name: a, value: '<api.input.x>' }, { name: b, base64: '<api.input.x>' }]",
    ] {
        let yaml = format!("nodes: [{{ id: h, type: http, url: 'http://x/', {body} }}]");
        assert_eq!(error(&yaml, json!({"x": "a".repeat(3 << 20)})).code, "value_too_large");
    }
    let spread =
        "nodes: [{ id: h, type: http, url: 'http://x/<api.input.x>', body: '<api.input.x>' }]";
    assert_eq!(error(spread, json!({"x": "a".repeat(3 << 20)})).code, "value_too_large");
}

#[test]
fn null_is_left_out_and_empty_text_is_sent() {
    let yaml = "
nodes:
  - { id: off, type: condition, branches: [{ name: a, if: 'false' }, { name: b }] }
  - { id: skipped, type: template, template: x, after: off.a }
  - id: h
    type: http
    after: off.b
    url: 'https://x/'
    query: { a: <api.input.null>, b: <skipped.content>, c: null, d: '', e: ' <api.input.null>' }
    headers: { x-a: <api.input.null>, x-b: <api.input.empty> }
    form: { a: <api.input.null>, b: '' }
";
    let call = only_call(yaml, json!({ "null": null, "empty": "" }));
    let nulls = |fields: &[(String, crate::call::Rendered)]| -> Vec<bool> {
        fields.iter().map(|(_, field)| field.is_null()).collect()
    };
    assert_eq!(nulls(&http(&call).query), [true, true, true, false, false]);
    assert_eq!(nulls(&http(&call).headers), [true, false]);
    let body = http(&call).body.as_ref().unwrap();
    assert_eq!(
        body.fields().iter().map(|field| field.is_null()).collect::<Vec<_>>(),
        [true, false]
    );
}

#[test]
fn each_body_is_rendered() {
    let check = |body: &str, expected: Value| {
        let yaml = format!("nodes: [{{ id: h, type: http, url: 'https://x/', {body} }}]");
        let call = only_call(&yaml, json!({ "x": "eA==", "n": 7 }));
        let mut shown = as_json(http(&call));
        let shown = shown.as_object_mut().unwrap();
        shown.retain(|name, _| !matches!(name.as_str(), "method" | "url"));
        assert_eq!(Value::Object(shown.clone()), expected, "{body}");
    };
    check(
        "form: { a: <api.input.n>, k: '{{KEY}}', none: <api.input.gone> }",
        json!({ "form": [["a", "7"], ["k", "{{KEY}}"], ["none", ""]] }),
    );
    check(
        "multipart: [{ name: a, value: '<api.input.n>{{KEY}}' }, { name: f, base64: <api.input.x>, \
         filename: 'p<api.input.n>.png', content_type: image/png }]",
        json!({ "multipart": [
            { "name": "a", "value": "7{{KEY}}" },
            { "name": "f", "base64": "eA==", "filename": "p7.png", "content_type": "image/png" }
        ] }),
    );
    check(
        "binary: { base64: <api.input.x>, type: image/png }",
        json!({ "binary": { "base64": "eA==", "type": "image/png" } }),
    );
    check(
        "binary: { base64: eA== }",
        json!({ "binary": { "base64": "eA==", "type": "application/octet-stream" } }),
    );
    check(
        "follow_redirects: false, accept: [2xx, 404], as: text, idempotency_key: 'k<api.input.n>'",
        json!({
            "returns_redirects": true, "accept": ["2xx", 404], "as": "text",
            "idempotency_key": { "text": "k7" }
        }),
    );
    check(
        "accept: any, idempotency_key: auto, follow_redirects: true",
        json!({
            "accept": ["any"], "idempotency_key": "auto"
        }),
    );
}

#[test]
fn every_secret_of_a_body_is_known_at_publish() {
    for (body, path) in [
        ("form: { a: '{{K}}' }", "/nodes/0/form/a"),
        ("multipart: [{ name: a, value: '{{K}}' }]", "/nodes/0/multipart/0/value"),
        ("multipart: [{ name: a, base64: '{{K}}' }]", "/nodes/0/multipart/0/base64"),
        ("binary: { base64: '{{K}}' }", "/nodes/0/binary/base64"),
    ] {
        let workflow =
            compile(&format!("nodes: [{{ id: h, type: http, url: <api.input.u>, {body} }}]"));
        let used = &workflow.secret_uses()[0];
        assert_eq!((used.path.as_str(), &used.host), (path, &Host::Referenced), "{body}");
    }
}

#[test]
fn fields_are_checked() {
    for (node, expected) in [
        ("body: x, form: {}", "only one of `body`, `form`, `multipart`, `binary` may be given"),
        ("accept: [9]", "`accept` is `any`, or a list of statuses such as `[2xx, 404]`"),
        ("as: blob", "`as` must be one of json, text, base64, file"),
        ("multipart: [{ name: a }]", "one of `value`, `base64` and `file` is needed"),
        (
            "multipart: [{ name: a, value: b, base64: c }]",
            "one of `value`, `base64` and `file` is needed",
        ),
        ("multipart: [a]", "a part is an object with `name` and a content"),
        ("binary: { type: x/y }", "one of `base64` and `file` is needed"),
        ("pages: {}", "one of `cursor` and `link` is needed"),
        ("pages: { cursor: data.a, link: header }", "one of `cursor` and `link` is needed"),
        ("pages: { link: header, max: 101 }", "`max` must be a whole number from 1 to 100"),
        ("pages: { link: next }", "`link` is a path such as `data.items` or `headers.x-next`"),
        (
            "pages: { cursor: data.a, items: 'data..b' }",
            "`items` is a path such as `data.items` or `headers.x-next`",
        ),
    ] {
        assert_eq!(problems(node), [expected], "{node}");
    }
    assert_eq!(problems("pages: { cursor: 'data.meta[0].next', items: data.rows }"), [""; 0]);
}

/// Runs a node with pages over these answers and returns its requests and how it ended.
fn pages(pages: &str, answers: &[Value]) -> (Vec<Value>, Result<Value, String>) {
    let yaml = format!(
        "nodes: [{{ id: h, type: http, url: 'https://x/a', query: {{ size: 2, cursor: first }}, \
         pages: {pages} }}]"
    );
    let mut run = start(&compile(&yaml), json!({}));
    let mut requests = Vec::new();
    drive(&mut run, |_, call| {
        let answer = answers[requests.len()].clone();
        requests.push(as_json(http(call)));
        ok(answer)
    });
    (requests, output_of(&run))
}

fn answer(data: Value) -> Value {
    json!({ "data": data, "status": 200, "headers": {} })
}

#[test]
fn pages_are_followed_by_a_cursor() {
    let how = "{ cursor: data.next, items: data.rows }";
    let (requests, end) = pages(
        how,
        &[
            answer(json!({ "rows": [1, 2], "next": "c1" })),
            answer(json!({ "rows": [3], "next": 9007199254740993_u64 })),
            answer(json!({ "next": "" })),
        ],
    );
    let cursors: Vec<_> = requests.iter().map(|request| request["query"].clone()).collect();
    assert_eq!(
        cursors,
        [
            json!([["size", "2"], ["cursor", "first"]]),
            json!([["size", "2"], ["cursor", "c1"]]),
            json!([["size", "2"], ["cursor", "9007199254740993"]]),
        ]
    );
    assert_eq!(
        end.unwrap(),
        json!({
            "data": { "next": "" }, "status": 200, "headers": {},
            "items": [1, 2, 3], "pages": 3, "next": null
        })
    );
    for last in [json!({}), json!({ "next": null }), json!({ "next": false }), json!("text")] {
        let (requests, _) = pages(how, &[answer(last.clone())]);
        assert_eq!(requests.len(), 1, "{last} ends the list");
    }
}

#[test]
fn pages_are_followed_by_a_link() {
    let (requests, end) =
        pages("{ link: data.next }", &[json!({ "data": [] }), json!({ "data": [] })]);
    assert_eq!((requests.len(), end.unwrap()["items"].clone()), (1, json!([])));
    let page = |next: &str| answer(json!({ "next": next, "rows": [0] }));
    let (requests, end) = pages(
        "{ link: data.next, items: data.rows }",
        &[page("?page=2"), page(" https://x/b/3 "), page("4"), page("")],
    );
    let links: Vec<_> = requests.iter().map(|request| request["links"].clone()).collect();
    assert_eq!(
        links,
        [Value::Null, json!(["?page=2"]), json!(["https://x/b/3"]), json!(["https://x/b/3", "4"])]
    );
    assert!(requests.iter().all(|request| request["url"] == "https://x/a"));
    assert_eq!(end.unwrap()["items"], json!([0, 0, 0, 0]));
}

#[test]
fn pages_are_followed_by_the_link_header() {
    let page = |link: &str| json!({ "data": [1], "status": 200, "headers": { "link": link } });
    let answers = [
        page("<https://x/?p=2>; rel=\"next\", <https://x/?p=2>; rel=\"last\""),
        page("<?p=1>; rel=prev"),
    ];
    let (requests, end) = pages("{ link: header }", &answers);
    assert_eq!(requests[1]["links"], json!(["https://x/?p=2"]));
    assert_eq!(end.unwrap()["items"], json!([1, 1]));
}

#[test]
fn pages_end() {
    let page = |next: &str| answer(json!({ "next": next, "rows": ["x".repeat(1_500_000)] }));
    let how = "{ cursor: data.next, items: data.rows }";
    let looped = ["a", "b", "a"].map(page);
    assert_eq!(pages(how, &looped).1.unwrap_err(), "page_loop");
    let large = ["a", "b", "c"].map(page);
    let capped = "{ cursor: data.next, items: data.rows, max: 3 }";
    assert_eq!(pages(capped, &large).1.unwrap_err(), "value_too_large");
    let numbered: Vec<_> =
        (1..=30).map(|page| answer(json!({ "next": page, "rows": [] }))).collect();
    let (requests, end) = pages(how, &numbered);
    let end = end.unwrap();
    assert_eq!((requests.len(), &end["pages"], &end["next"]), (20, &json!(20), &json!("20")));
    for wrong in [
        json!({ "next": true }),
        json!({ "next": ["a"] }),
        json!({ "next": "x".repeat(9_000) }),
        json!({ "rows": "text" }),
    ] {
        assert_eq!(
            pages(how, &[answer(wrong.clone())]).1.unwrap_err(),
            "invalid_answer",
            "{wrong}"
        );
    }
}

#[test]
fn a_list_that_is_not_where_it_is_looked_for_is_a_failure() {
    let end = |items: &str, first: Value| {
        let how = format!("{{ cursor: data.next, items: {items} }}");
        let answers = [answer(first), answer(json!({ "rows": [2] }))];
        pages(&how, &answers).1.map(|end| end["items"].clone())
    };
    let misplaced = json!({ "result": { "rows": [1] } });
    assert_eq!(end("data.rows", misplaced.clone()), Err("invalid_answer".to_owned()));
    assert_eq!(end("'data.rows?'", misplaced), Ok(json!([])));
    assert_eq!(end("data.rows", json!({ "rows": null })), Ok(json!([])));
    assert_eq!(end("data.rows", Value::Null), Ok(json!([])), "an answer without content");
    assert_eq!(end("'data.rows?'", json!({ "next": "c" })), Ok(json!([2])));
    // What later pages leave out is the end of the list.
    let answers = [answer(json!({ "next": "c", "rows": [1] })), answer(json!({ "more": false }))];
    let (_, last) = pages("{ cursor: data.next, items: data.rows }", &answers);
    assert_eq!(last.unwrap()["items"], json!([1]));
    // A run in flight keeps its rules.
    let yaml = "nodes: [{ id: h, type: http, url: 'https://x/', pages: { cursor: data.next, \
                items: data.rows } }]";
    let mut run = start_with(&compile(yaml), json!({}), 3);
    drive(&mut run, |_, _| ok(answer(json!({}))));
    assert_eq!(output_of(&run).unwrap()["items"], json!([]));
}

#[test]
fn each_page_is_a_call_of_its_own() {
    let yaml = "nodes: [{ id: h, type: http, url: 'https://x/', idempotency_key: k, \
                pages: { cursor: data.next, items: data.rows }, retry: { max_attempts: 2 } }]";
    let mut run = start(&compile(yaml), json!({}));
    let mut keys = Vec::new();
    let mut asked = Vec::new();
    drive(&mut run, |id, call| {
        asked.push(id.to_string());
        keys.push(as_json(http(call))["idempotency_key"]["text"].clone());
        match id.as_str() {
            "h#0" => ok(answer(json!({ "next": "c", "rows": null }))),
            "h/page2#0" => failed("timeout", true),
            _ => ok(answer(json!({}))),
        }
    });
    assert_eq!(asked, ["h#0", "h/page2#0", "h/page2#1"]);
    assert_eq!(keys, [json!("k"), json!("k-page2"), json!("k-page2")]);
}

#[test]
fn an_idempotency_key_is_the_same_for_every_attempt_of_a_call() {
    let yaml = "
nodes:
  - id: l
    type: loop
    for: 2
    nodes:
      - id: h
        type: http
        url: 'https://x/'
        idempotency_key: auto
        retry: { max_attempts: 2 }
        pages: { cursor: data.next, items: data.rows }
";
    let keys = || {
        let mut keys: Vec<(CallId, String)> = Vec::new();
        let mut run = start(&compile(yaml), json!({}));
        drive(&mut run, |id, call| {
            keys.push((id.clone(), http(call).call_key.clone()));
            match (id.attempt(), id.place().ends_with("page2")) {
                (0, _) => failed("timeout", true),
                (_, false) => ok(answer(json!({ "next": "c", "rows": [] }))),
                (_, true) => ok(answer(json!({}))),
            }
        });
        keys
    };
    let first = keys();
    assert_eq!(first, keys(), "a replayed run has the same");
    assert_eq!(first.len(), 8);
    for (id, key) in &first {
        assert_eq!(key.len(), 32, "{id}");
        for (other, other_key) in &first {
            assert_eq!(key == other_key, id.place() == other.place(), "{id} {other}");
        }
    }
}

#[test]
fn what_a_failed_call_left_can_be_read() {
    let yaml = "
nodes:
  - { id: h, type: http, url: 'https://x/' }
  - id: t
    type: template
    after: h.error
    template: '<h.code> <h.status> <h.data.why> <h.headers.x-a>'
output: { said: <t.content>, error: <h.error> }
";
    let end = |output: Option<Value>| {
        let mut run = start(&compile(yaml), json!({}));
        drive(&mut run, |_, _| {
            CallResult::Failed(CallError {
                code: "http_status".into(),
                message: "answered 404".into(),
                output: output.clone().map(Box::new),
                ..CallError::default()
            })
        });
        output_of(&run).unwrap()
    };
    let left = json!({
        "status": 404, "data": { "why": "gone" }, "headers": { "x-a": "b" },
        "error": "forged", "code": "forged"
    });
    let said = "http_status 404 gone b";
    assert_eq!(end(Some(left)), json!({ "said": said, "error": "answered 404" }));
    let nothing = json!({ "said": "http_status   ", "error": "answered 404" });
    assert_eq!(end(None), nothing);
    assert_eq!(end(Some(json!({ "data": "x".repeat(5 << 20) }))), nothing, "it has a budget");
}

/// A node that joins both ways reads the data of the one that ran.
#[test]
fn what_a_failed_call_left_is_only_for_what_follows_the_failure() {
    let yaml = "
nodes:
  - { id: h, type: http, url: 'https://x/' }
  - { id: t, type: template, after: h.error, template: 'instead of <h.data>' }
  - { id: both, type: template, after: [h, t], template: '<h.data>+<h.error>+<t.content>' }
  - id: l
    type: loop
    for: 1
    after: h.error
    nodes: [{ id: inner, type: template, template: 'inside <h.data>' }]
output: { both: <both.content>, inner: <l.results> }
";
    let mut run = start(&compile(yaml), json!({}));
    drive(&mut run, |_, _| {
        CallResult::Failed(CallError {
            message: "failed".into(),
            output: Some(Box::new(json!({ "data": "left" }))),
            ..CallError::default()
        })
    });
    assert_eq!(output_of(&run).unwrap()["both"], "+failed+instead of left");
    assert_eq!(output_of(&run).unwrap()["inner"], json!([{ "content": "inside left" }]));
}

#[test]
fn the_trace_has_what_a_failed_call_left() {
    let mut run = start(&compile("nodes: [{ id: h, type: http, url: 'https://x/' }]"), json!({}));
    let (_, calls) = advance(&mut run);
    let output = Some(Box::new(json!({ "status": 500 })));
    let error = CallError { code: "http_status".into(), output, ..CallError::default() };
    run.complete(&calls[0].0, CallResult::Failed(error), 2_000);
    let finished = std::iter::from_fn(|| match run.step() {
        crate::Step::Emit(event) => Some(event),
        _ => None,
    });
    let outputs: Vec<_> = finished
        .filter_map(|event| match event {
            crate::RunEvent::NodeFinished { node, output, .. } if &*node == "h" => output,
            _ => None,
        })
        .collect();
    assert_eq!(
        outputs.iter().map(|output| (**output).clone()).collect::<Vec<_>>(),
        [json!({ "status": 500 })]
    );
}

#[test]
fn texts_may_be_marked() {
    let yaml = "
nodes:
  - id: h
    type: http
    url: { raw: 'https://x/<api.input.id>{{KEY}}' }
    query: { q: { raw: '<api.input.q>' }, t: { text: '<api.input.id>' } }
    headers: { X-A: { raw: '{{KEY}}' } }
    body: { $raw: '{{KEY}}' }
";
    let call = only_call(yaml, json!({"id": 7}));
    assert_eq!(
        serde_json::to_value(&call.action).unwrap(),
        json!({
            "kind": "http", "method": "GET", "url": "https://x/<api.input.id>{{KEY}}",
            "query": [["q", "<api.input.q>"], ["t", "7"]],
            "headers": [["X-A", "{{KEY}}"]], "body": "{{KEY}}"
        })
    );
}
