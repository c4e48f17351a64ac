//! `on_error`, and the errors that a `result` reads.

use super::*;

/// Runs to the end. Calls to `http://fails/…` fail.
fn run(yaml: &str) -> (String, Run) {
    run_with(yaml, ENGINE)
}

fn run_with(yaml: &str, engine: u32) -> (String, Run) {
    let mut run = start_with(&compile(yaml), json!({}), engine);
    let log = drive(&mut run, |_, call| {
        let crate::Action::Http(http) = &call.action else { panic!() };
        let url = serde_json::to_value(&http.url).unwrap();
        match url.as_str().unwrap().contains("fails") {
            true => failed("broken", false),
            false => ok(json!({ "data": url })),
        }
    });
    (log, run)
}

fn outcome(yaml: &str) -> Result<Value, String> {
    let (log, run) = run(yaml);
    match run.outcome() {
        Some(Outcome::Succeeded { output }) => Ok(output.clone()),
        Some(Outcome::Failed { error, .. }) => Err(error.code.clone()),
        other => panic!("{other:?}\n{log}"),
    }
}

fn problems(yaml: &str) -> Vec<String> {
    let (_, problems) = Workflow::compile(&Document::parse(yaml).unwrap());
    problems.into_iter().map(|problem| format!("{} {}", problem.path, problem.message)).collect()
}

#[test]
fn a_run_continues_after_a_failure() {
    let yaml = "
nodes:
  - { id: a, type: http, url: 'http://fails/a', on_error: continue }
  - { id: b, type: template, template: '[<a.data>]' }
  - { id: c, type: template, after: a, template: '<a.code>: <a.error>' }
  - { id: d, type: http, url: 'http://x/d', on_error: continue }
output: { b: <b.content>, c: <c.content>, code: <a.code>, none: <d.error>, data: <d.data> }
";
    let (log, run) = run(yaml);
    assert!(log.contains("fail a broken\n"), "{log}");
    let Some(Outcome::Succeeded { output }) = run.outcome() else { panic!("{:?}", run.outcome()) };
    assert_eq!(
        *output,
        json!({
            "b": "[]", "c": "broken: broken happened", "code": "broken", "none": null,
            "data": "http://x/d"
        })
    );
}

#[test]
fn a_default_takes_the_place_of_the_output() {
    let yaml = "
nodes:
  - { id: n, type: template, template: none }
  - id: a
    type: http
    url: 'http://fails/a'
    on_error: { default: { data: { items: [], note: '<n.content>' }, status: 0 } }
  - { id: b, type: template, template: '<a.data.note> <a.status>' }
output: { b: <b.content>, items: <a.data.items> }
";
    let (log, run) = run(yaml);
    assert!(log.contains("fail a broken\n"), "the trace says that it failed: {log}");
    let Some(Outcome::Succeeded { output }) = run.outcome() else { panic!("{:?}", run.outcome()) };
    assert_eq!(*output, json!({ "b": "none 0", "items": [] }));
    let last =
        "nodes: [{ id: a, type: http, url: 'http://fails/', on_error: { default: { data: 1 } } }]";
    assert_eq!(outcome(last), Ok(json!({ "data": 1 })), "a last node gives its default");
    let last = "nodes: [{ id: a, type: http, url: 'http://fails/', on_error: continue }]";
    assert_eq!(outcome(last), Ok(json!({})), "a last node that failed gives nothing");
    let said = "nodes: [{ id: a, type: http, url: 'http://fails/', on_error: fail }]";
    assert_eq!(outcome(said), Err("broken".to_owned()));
}

#[test]
fn a_loop_goes_on_as_its_own_on_error_says() {
    let inner = "nodes: [{ id: x, type: http, url: 'http://fails/<loop.index>' }]";
    let yaml = |on_error: &str| {
        format!(
            "nodes: [{{ id: l, type: loop, for: 2, on_error: {on_error}, {inner} }}]\n\
             output: {{ results: <l.results>, done: yes }}"
        )
    };
    assert_eq!(outcome(&yaml("fail")), Err("broken".to_owned()));
    assert_eq!(outcome(&yaml("continue")), Ok(json!({ "results": null, "done": "yes" })));
    let default = "{ default: { results: [] } }";
    assert_eq!(outcome(&yaml(default)), Ok(json!({ "results": [], "done": "yes" })));
}

#[test]
fn inside_a_loop_the_next_iteration_goes_on() {
    let yaml = "
nodes:
  - id: l
    type: parallel
    for: 3
    width: 1
    nodes:
      - { id: x, type: http, url: 'http://fails/<parallel.index>', on_error: continue }
      - { id: y, type: template, template: '<parallel.index> <x.code>' }
    result: <y.content>
";
    assert_eq!(outcome(yaml), Ok(json!({ "results": ["0 broken", "1 broken", "2 broken"] })));
}

/// As the `output` section does.
#[test]
fn a_result_that_reads_an_error_catches_it() {
    let yaml = "
nodes:
  - id: l
    type: loop
    for: 2
    nodes:
      - { id: x, type: http, url: 'http://fails/<loop.index>' }
      - { id: y, type: template, template: 'after <x.data>' }
    result: { error: <x.code>, y: <y.content> }
";
    let result = json!({ "error": "broken", "y": null });
    assert_eq!(outcome(yaml), Ok(json!({ "results": [result, result] })));
    let reads_data = yaml.replace("<x.code>", "<x.data>");
    assert_eq!(outcome(&reads_data), Err("broken".to_owned()));
    let parallel = yaml.replace("loop", "parallel");
    assert_eq!(outcome(&parallel), Ok(json!({ "results": [result, result] })));
    // A run that started before keeps its rules.
    let (_, run) = run_with(yaml, 2);
    assert!(matches!(run.outcome(), Some(Outcome::Failed { .. })), "{:?}", run.outcome());
}

/// As a node behind its error edge does.
#[test]
fn a_result_that_catches_an_error_reads_what_the_call_left() {
    let yaml = "
nodes:
  - id: l
    type: loop
    for: 2
    nodes:
      - { id: x, type: http, url: 'http://x/<loop.index>' }
    result: { error: <x.code>, status: <x.status>, hint: <x.data.hint> }
";
    let results = |engine: u32| {
        let mut run = start_with(&compile(yaml), json!({}), engine);
        drive(&mut run, |id, _| match id.as_str() {
            "l[0]/x#0" => CallResult::Failed(CallError {
                code: "http_status".into(),
                output: Some(Box::new(json!({ "status": 404, "data": { "hint": "gone" } }))),
                ..CallError::default()
            }),
            _ => ok(json!({ "status": 200, "data": { "hint": "here" } })),
        });
        match run.outcome() {
            Some(Outcome::Succeeded { output }) => output["results"].clone(),
            other => panic!("{other:?}"),
        }
    };
    let went_well = json!({ "error": null, "status": 200, "hint": "here" });
    let failed = json!({ "error": "http_status", "status": 404, "hint": "gone" });
    assert_eq!(results(ENGINE), json!([failed, went_well]));
    // A run in flight keeps its rules.
    let failed = json!({ "error": "http_status", "status": null, "hint": null });
    assert_eq!(results(3), json!([failed, went_well]));
}

#[test]
fn a_default_that_is_too_large_leaves_the_failure() {
    let long = "x".repeat(900_000);
    let yaml = format!(
        "nodes: [{{ id: t, type: template, template: {long} }}, {{ id: a, type: http, url: \
         'http://fails/', on_error: {{ default: {{ data: ['<t.content>', '<t.content>', \
         '<t.content>', '<t.content>', '<t.content>'] }} }} }}]"
    );
    assert_eq!(outcome(&yaml), Err("broken".to_owned()));
}

#[test]
fn a_failure_is_caught_once() {
    let with = |on_error: &str, rest: &str| {
        format!(
            "nodes:\n  - {{ id: a, type: http, url: 'http://x/', on_error: {on_error} }}\n  \
             - {{ id: b, type: template, {rest} }}\n"
        )
    };
    let default = "{ default: { data: 1 } }";
    for (on_error, rest, expected) in [
        ("continue", "template: x, after: a.error", "goes on after a failure"),
        (default, "template: x, after: a.error", "goes on with its default"),
        (default, "template: <a.error>", "<a.error> and <a.code> are never set"),
    ] {
        let found = problems(&with(on_error, rest));
        assert!(
            found.len() == 1
                && found[0].starts_with("/nodes/0/on_error `a` ")
                && found[0].contains(expected),
            "{found:?}"
        );
    }
    assert!(problems(&with("continue", "template: <a.error>")).is_empty());
    assert!(problems(&with("fail", "template: x, after: a.error")).is_empty());
    let in_result = "nodes: [{ id: l, type: loop, for: 1, result: <a.error>, nodes: [{ id: a, \
                     type: http, url: 'http://x/', on_error: { default: { data: 1 } } }] }]";
    assert!(problems(in_result)[0].contains("are never set"), "{:?}", problems(in_result));
}

#[test]
fn on_error_is_checked() {
    let with = |on_error: &str| {
        problems(&format!(
            "nodes: [{{ id: a, type: http, url: 'http://x/', on_error: {on_error} }}]"
        ))
    };
    for wrong in ["retry", "true", "{}", "{ default: {}, x: 1 }", "{ fallback: 1 }", "[continue]"] {
        assert_eq!(
            with(wrong),
            ["/nodes/0/on_error `on_error` must be one of `fail`, `continue` and `{ default: \
                 value }`"]
        );
    }
    assert_eq!(
        with("{ default: 1 }"),
        ["/nodes/0/on_error `default` is the node's output, such as `{ data: … }`"]
    );
    assert_eq!(
        with("{ default: { dat: 1 } }"),
        ["/nodes/0/on_error `default` has no field `dat`; did you mean `data`?"]
    );
    let secret = with("{ default: { data: '{{KEY}}' } }");
    assert!(
        secret[0].starts_with("/nodes/0/on_error/default/data the secret {{KEY}}"),
        "{secret:?}"
    );
}
