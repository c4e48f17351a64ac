//! Runs of a part of a workflow.

use serde_json::Map;

use super::*;

const GRAPH: &str = r#"
input: [{ name: n, type: number, default: 1 }]
nodes:
  - { id: a, type: http, url: "http://a/" }
  - { id: b, type: http, url: "http://b/<a.data>" }
  - { id: c, name: The Third, type: template, template: "c of <b.data>" }
  - { id: d, type: http, url: "http://d/<c.content>" }
  - { id: beside, type: http, url: "http://beside/" }
  - { id: caught, type: template, template: "caught", after: [b.error] }
  - { id: way, type: condition, branches: [{ name: left, if: "<api.n> > 1" }, { name: right }] }
  - { id: left, type: template, template: "l", after: [way.left] }
  - { id: right, type: template, template: "r", after: [way.right] }
  - { id: both, type: template, template: "<left.content><right.content>", after: [left, right] }
  - { id: each, type: loop, for: 2, nodes: [{ id: inside, type: http, url: "http://i/" }] }
  - { id: remark, type: note, text: hi }
webhook: { url: "https://x/" }
output: { d: <d.data> }
"#;

/// Answers every call with its place. Returns the calls made, and the run.
fn play(until: Option<&str>, pins: Value) -> (Vec<String>, Run) {
    let workflow = compile(GRAPH);
    let Value::Object(pins) = pins else { panic!() };
    let part = workflow.accept_part(until, pins).unwrap();
    let mut run = start(&workflow, json!({ "n": 1 })).only(part);
    let (mut made, mut open) = (Vec::new(), Vec::new());
    loop {
        let (_, calls) = advance(&mut run);
        open.extend(calls);
        if run.outcome().is_some() {
            made.sort();
            return (made, run);
        }
        let (id, _): (CallId, Call) = open.remove(0);
        made.push(id.place().to_owned());
        let is_failing = id.place() == "b" && run.part.pins.contains_key("right");
        let result = if is_failing {
            failed("broken", false)
        } else {
            ok(json!({ "data": id.place(), "status": 200, "headers": {} }))
        };
        run.complete(&id, result, 2_000);
    }
}

fn output(run: &Run) -> &Value {
    match run.outcome().unwrap() {
        Outcome::Succeeded { output } => output,
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_what_a_node_needs_runs() {
    let (made, run) = play(Some("the third"), json!({}));
    assert_eq!(made, ["a", "b"]);
    assert_eq!(*output(&run), json!({ "content": "c of b" }));
    assert_eq!(run.workflow_webhook(), None);
    let (made, run) = play(Some("both"), json!({}));
    assert_eq!((made.len(), output(&run)), (0, &json!({ "content": "r" })));
    let (made, run) = play(Some("each"), json!({}));
    assert_eq!(made, ["each[0]/inside", "each[1]/inside"]);
    assert_eq!(output(&run)["results"].as_array().unwrap().len(), 2);
    // It does not run: its condition goes the other way.
    assert_eq!(*output(&play(Some("left"), json!({})).1), json!({}));
}

#[test]
fn a_pinned_node_does_not_run_and_needs_nothing() {
    let (made, run) = play(Some("d"), json!({ "b": { "data": "pinned" } }));
    assert_eq!((made.as_slice(), &output(&run)["data"]), (&["d".to_owned()][..], &json!("d")));
    // In a whole run, what comes before it runs, too.
    let (made, run) = play(None, json!({ "b": { "data": "pinned" }, "each": { "results": [] } }));
    assert_eq!(made, ["a", "beside", "d"]);
    assert_eq!(*output(&run), json!({ "d": "d" }));
    assert!(run.workflow_webhook().is_some());
    let (_, run) = play(Some("both"), json!({ "way": { "branch": "left" } }));
    assert_eq!(*output(&run), json!({ "content": "l" }));
    let (made, run) = play(Some("each"), json!({ "inside": { "data": 5 } }));
    assert_eq!(
        (made.len(), output(&run)),
        (0, &json!({ "results": [{ "data": 5 }, { "data": 5 }] }))
    );
}

#[test]
fn a_failure_of_the_last_node_fails_the_run() {
    let (_, run) = play(Some("b"), json!({ "right": { "content": "so that b fails" } }));
    let Outcome::Failed { error, .. } = run.outcome().unwrap() else { panic!() };
    assert_eq!((error.code.as_str(), error.node.as_deref()), ("broken", Some("b")));
}

#[test]
fn everything_wrong_is_named() {
    let pins = json!({
        "nobody": {}, "api": {}, "remark": {}, "a": 5, "c": { "content": 5, "contents": "" },
        "way": { "branch": "up" }, "each": { "results": 5 }
    });
    let Value::Object(pins) = pins else { panic!() };
    let problems = compile(GRAPH).accept_part(Some("inside"), pins).unwrap_err();
    let mut pointers: Vec<_> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
    pointers.sort_unstable();
    assert_eq!(
        pointers,
        [
            "/pins/a",
            "/pins/api",
            "/pins/c/contents",
            "/pins/each/results",
            "/pins/nobody",
            "/pins/remark",
            "/pins/way/branch",
            "/until"
        ]
    );
    assert!(compile(GRAPH).accept_part(None, Map::new()).unwrap().is_whole());
}
