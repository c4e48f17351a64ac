use super::*;

#[test]
fn runs_and_workflows_cross_threads() {
    fn check<T: Send + Sync>() {}
    check::<Workflow>();
    check::<Run>();
    check::<Step>();
}

#[test]
fn greets() {
    let yaml = "
input: [{ name: name }, { name: n, type: number }]
nodes: [{ id: t, type: template, template: 'Hello <api.name> x<api.n>' }]
output: { greeting: <t.content> }
";
    assert_eq!(output(yaml, json!({"name": "Ada", "n": 3})), json!({"greeting": "Hello Ada x3"}));
    let mut run = start(&compile(yaml), json!({"name": "Ada", "n": 3}));
    assert_eq!(
        drive(&mut run, |_, _| unreachable!()),
        "start api\n\
         end api {\"name\":\"Ada\",\"n\":3}\n\
         start t\n\
         end t {\"content\":\"Hello Ada x3\"}\n\
         start output\n\
         end output {\"greeting\":\"Hello Ada x3\"}\n\
         done\n"
    );
}

#[test]
fn what_callers_send_is_never_scanned() {
    let yaml = "
nodes:
  - { id: t, type: template, template: 'say <api.input.x>' }
  - { id: u, type: template, template: '<t.content> again' }
";
    let input = json!({"x": "{{SECRET}} <api.input.y> <t.content>"});
    assert_eq!(
        output(yaml, input),
        json!({"content": "say {{SECRET}} <api.input.y> <t.content> again"})
    );
}

const CHOICE: &str = "
nodes:
  - { id: draft, type: template, template: 'a story' }
  - { id: long, type: condition, branches: [ { name: 'yes', if: '<api.input.words> > 100' }, { name: 'no' } ] }
  - { id: picture, type: template, after: [long.yes], template: 'picture of <draft.content>' }
  - { id: frame, type: template, template: 'frame for <picture.content>' }
  - { id: join, type: template, after: [frame, long.no], template: '[<frame.content>]' }
output: { story: <draft.content>, picture: <picture.content>, joined: <join.content> }
";

#[test]
fn a_branch_that_is_taken_lives() {
    assert_eq!(
        output(CHOICE, json!({"words": 101})),
        json!({
            "story": "a story",
            "picture": "picture of a story",
            "joined": "[frame for picture of a story]"
        })
    );
}

#[test]
fn a_branch_that_is_not_taken_dies_with_what_hangs_on_it() {
    let mut run = start(&compile(CHOICE), json!({"words": 100}));
    let log = drive(&mut run, |_, _| unreachable!());
    assert!(log.contains("skip picture\nskip frame\n"), "{log}");
    assert_eq!(
        run.outcome(),
        Some(&Outcome::Succeeded {
            output: json!({"story": "a story", "picture": null, "joined": "[]"})
        })
    );
}

#[test]
fn without_a_branch_nothing_goes_on() {
    let yaml = "
nodes:
  - { id: c, type: condition, branches: [ { name: a, if: 'false' } ] }
  - { id: x, type: template, after: c.a, template: x }
  - { id: y, type: template, after: c, template: '<c.branch>y' }
output: { x: <x.content>, y: <y.content>, branch: <c.branch> }
";
    assert_eq!(output(yaml, json!({})), json!({"x": null, "y": "y", "branch": null}));
}

#[test]
fn a_join_waits_for_all_its_live_edges() {
    let yaml = "
nodes:
  - { id: a, type: http, url: 'http://x/a' }
  - { id: b, type: http, url: 'http://x/b' }
  - { id: join, type: template, template: '<a.data>+<b.data>' }
";
    let mut run = start(&compile(yaml), json!({}));
    let (log, calls) = advance(&mut run);
    assert_eq!(log, "start api\nend api {}\nstart a\nperform a#0\nstart b\nperform b#0\nwait 2\n");
    assert_eq!(run.complete(&calls[1].0, ok(json!({"data": 2})), 2_000), Completion::Final);
    assert_eq!(advance(&mut run).0, "end b {\"data\":2}\nwait 1\n");
    assert_eq!(run.complete(&calls[1].0, ok(json!({})), 2_000), Completion::Ignored);
    run.complete(&calls[0].0, ok(json!({"data": 1})), 2_000);
    assert_eq!(
        advance(&mut run).0,
        "end a {\"data\":1}\nstart join\nend join {\"content\":\"1+2\"}\ndone\n"
    );
    assert_eq!(run.outcome(), Some(&Outcome::Succeeded { output: json!({"content": "1+2"}) }));
}

#[test]
fn several_ends_are_told_apart_by_id() {
    let yaml = "
nodes:
  - { id: c, type: condition, branches: [ { name: a, if: 'true' }, { name: b } ] }
  - { id: x, type: template, after: c.a, template: '1' }
  - { id: y, type: template, after: c.b, template: '2' }
  - { id: n, type: note, text: remark }
";
    assert_eq!(output(yaml, json!({})), json!({"x": {"content": "1"}}));
}

#[test]
fn output_nodes_are_merged_the_section_last() {
    let yaml = "
nodes:
  - { id: one, type: output, values: { a: 1, b: [1] } }
  - { id: two, type: output, values: { c: <one.b> } }
output: { a: 2 }
";
    assert_eq!(output(yaml, json!({})), json!({"a": 2, "b": [1], "c": [1]}));
}

#[test]
fn a_single_reference_keeps_its_type() {
    let yaml = "
nodes: [{ id: t, type: template, template: <api.input.list> }]
output: { list: <t.content>, first: '<t.content[0]>', text: 'x<t.content>',
    deep: { a: ['<t.content[1].k>'] }, none: '<t.content[9]>', empty: '[<t.content[9]>]' }
";
    assert_eq!(
        output(yaml, json!({"list": [1, {"k": true}, null]})),
        json!({
            "list": [1, {"k": true}, null],
            "first": 1,
            "text": "x[1,{\"k\":true},null]",
            "deep": {"a": [true]},
            "none": null,
            "empty": "[]"
        })
    );
}

const FETCHES: &str = "
nodes:
  - { id: a, type: http, url: 'http://x/a' }
  - { id: b, type: http, url: 'http://x/b' }
  - { id: after_a, type: template, template: <a.data> }
  - { id: early, type: output, values: { early: 1 } }
output: { a: <after_a.content>, b: <b.data> }
";

#[test]
fn after_a_failure_nothing_starts_and_what_runs_finishes() {
    let mut run = start(&compile(FETCHES), json!({}));
    let (_, calls) = advance(&mut run);
    run.complete(&calls[1].0, failed("http_status", true), 2_000);
    assert_eq!(advance(&mut run).0, "fail b http_status\nwait 1\n");
    run.complete(&calls[0].0, ok(json!({"data": 1})), 2_000);
    assert_eq!(advance(&mut run).0, "end a {\"data\":1}\ndone\n");
    let error = RunError {
        code: "http_status".into(),
        message: "http_status happened".into(),
        node: Some("b".into()),
    };
    assert_eq!(run.outcome(), Some(&Outcome::Failed { error, output: json!({"early": 1}) }));
    assert_eq!(run.step(), Step::Done);
}

#[test]
fn the_first_failure_stands() {
    let mut run = start(&compile(FETCHES), json!({}));
    let (_, calls) = advance(&mut run);
    run.complete(&calls[0].0, failed("first", false), 2_000);
    run.complete(&calls[1].0, failed("second", false), 2_000);
    assert_eq!(advance(&mut run).0, "fail a first\nfail b second\ndone\n");
    assert!(matches!(run.outcome(), Some(Outcome::Failed { error, .. }) if error.code == "first"));
}

#[test]
fn an_error_edge_catches() {
    let yaml = "
nodes:
  - { id: a, type: http, url: 'http://x/a' }
  - { id: good, type: template, template: 'got <a.data>' }
  - { id: bad, type: template, after: a.error, template: '<a.error> (<a.code>)' }
  - { id: both, type: template, after: [good, bad], template: '<good.content><bad.content>' }
output: { text: <both.content> }
";
    let mut run = start(&compile(yaml), json!({}));
    let log = drive(&mut run, |_, _| failed("timeout", true));
    assert!(log.contains("fail a timeout\nskip good\nstart bad"), "{log}");
    assert_eq!(
        run.outcome(),
        Some(&Outcome::Succeeded { output: json!({"text": "timeout happened (timeout)"}) })
    );
    let mut run = start(&compile(yaml), json!({}));
    let log = drive(&mut run, |_, _| ok(json!({"data": 1})));
    assert!(log.contains("skip bad"), "{log}");
    assert_eq!(run.outcome(), Some(&Outcome::Succeeded { output: json!({"text": "got 1"}) }));
}

#[test]
fn a_response_ends_the_run_and_locks_its_answer() {
    let yaml = "
nodes:
  - { id: slow, type: http, url: 'http://x/' }
  - { id: answer, type: response, status: 201, data: { a: <api.input.a> },
      headers: { x-a: 'v<api.input.a>' } }
  - { id: after, type: template, after: answer, template: never }
  - { id: later, type: template, template: <slow.data> }
output: { never: <later.content> }
";
    let mut run = start(&compile(yaml), json!({"a": 1}));
    let (log, calls) = advance(&mut run);
    assert!(
        log.ends_with(
            "end answer {\"data\":{\"a\":1},\"status\":201,\"headers\":{\"x-a\":\"v1\"}}\nwait 1\n"
        ),
        "{log}"
    );
    run.complete(&calls[0].0, failed("late", false), 2_000);
    assert_eq!(advance(&mut run).0, "fail slow late\ndone\n");
    assert_eq!(
        run.outcome(),
        Some(&Outcome::Succeeded {
            output: json!({"data": {"a": 1}, "status": 201, "headers": {"x-a": "v1"}})
        })
    );
}

#[test]
fn cancel_drops_what_is_out() {
    let mut run = start(&compile(FETCHES), json!({}));
    let (_, calls) = advance(&mut run);
    run.complete(&calls[0].0, ok(json!({"data": 1})), 2_000);
    run.cancel();
    assert_eq!(advance(&mut run).0, "end a {\"data\":1}\ncancel b\ndone\n");
    assert_eq!(run.outcome(), Some(&Outcome::Cancelled));
    assert_eq!(run.complete(&calls[1].0, ok(json!({})), 2_000), Completion::Ignored);
    run.abort(RunError { code: "timeout".into(), message: String::new(), node: None });
    assert_eq!(run.outcome(), Some(&Outcome::Cancelled));
}

#[test]
fn abort_fails_at_once_and_unsent_calls_stay_unsent() {
    let mut run = start(&compile(FETCHES), json!({}));
    assert!(matches!(run.step(), Step::Emit(_)));
    run.abort(RunError { code: "timeout".into(), message: "too long".into(), node: None });
    let (log, calls) = advance(&mut run);
    assert!(calls.is_empty(), "{log}");
    assert!(
        matches!(run.outcome(), Some(Outcome::Failed { error, .. }) if error.code == "timeout")
    );
}

#[test]
fn values_and_runs_have_a_budget() {
    let yaml = "
nodes:
  - { id: double, type: template, template: '<api.input.x><api.input.x>' }
";
    assert_eq!(error(yaml, json!({"x": "a".repeat(3 << 20)})).code, "value_too_large");
    let mut copies = "nodes:\n".to_owned();
    for index in 0..20 {
        writeln!(copies, "  - {{ id: n{index}, type: template, template: <api.input.x> }}")
            .unwrap();
    }
    let failure = error(&copies, json!({"x": "a".repeat(4_000_000)}));
    assert_eq!((failure.code.as_str(), failure.node.as_deref()), ("value_too_large", Some("n14")));
    let one = "nodes: [{ id: a, type: http, url: 'http://x/' }]";
    let mut run = start(&compile(one), json!({}));
    drive(&mut run, |_, _| ok(json!({"data": "a".repeat(5 << 20)})));
    assert!(matches!(
        run.outcome(), Some(Outcome::Failed { error, .. }) if error.code == "value_too_large"
    ));
}

#[test]
fn the_workflow_webhook_is_rendered_at_the_end() {
    let yaml = "
nodes: [{ id: t, type: template, template: 'x' }]
webhook: { url: 'https://example.com/<api.input.id>?k={{KEY}}',
    method: put, headers: { x: <t.content> }, signature: s }
";
    let workflow = compile(yaml);
    let mut run = start(&workflow, json!({"id": 7}));
    drive(&mut run, |_, _| unreachable!());
    let webhook = run.workflow_webhook().unwrap();
    assert_eq!(
        serde_json::to_value(&webhook).unwrap(),
        json!({
            "url": "https://example.com/7?k={{KEY}}",
            "method": "PUT",
            "headers": [["x", "x"]],
            "body": null,
            "signature": "s"
        })
    );
    assert_eq!(workflow.secrets().into_iter().collect::<Vec<_>>(), ["KEY"]);
}

fn chain(length: usize) -> Arc<Workflow> {
    let mut yaml = "nodes:\n  - { id: n0, type: template, template: 'x' }\n".to_owned();
    for index in 1..length {
        writeln!(
            yaml,
            "  - {{ id: n{index}, type: template, template: '<n{}.content>' }}",
            index - 1
        )
        .unwrap();
    }
    compile(&yaml)
}

#[test]
fn a_chain_runs_through() {
    let mut run = start(&chain(499), json!({}));
    drive(&mut run, |_, _| unreachable!());
    assert_eq!(run.outcome(), Some(&Outcome::Succeeded { output: json!({"content": "x"}) }));
}

#[test]
#[ignore = "a measurement: cargo test --release -p flowgate-engine --lib speed -- --ignored \
            --nocapture"]
fn speed() {
    for length in [1, 10, 100, 499] {
        let workflow = chain(length);
        let input = Arc::new(json!({"name": "Ada"}));
        let started = std::time::Instant::now();
        for _ in 0..1_000 {
            let mut run = Run::new(
                Arc::clone(&workflow),
                RunStart {
                    run_id: "run_1".into(),
                    started_at_ms: 0,
                    input: Arc::clone(&input),
                    engine: ENGINE,
                    spending_limit: crate::SpendingLimit::default(),
                },
            );
            while run.step() != Step::Done {}
        }
        eprintln!(
            "{length} nodes: {:?} a run, {:?} a node",
            started.elapsed() / 1_000,
            started.elapsed() / 1_000 / u32::try_from(length).unwrap()
        );
    }
}
