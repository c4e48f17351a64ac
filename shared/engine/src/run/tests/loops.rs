//! Loops whose conditions say how long they go on, and batches.

use super::*;

fn looped(over: &str, rest: &str) -> String {
    format!(
        "
nodes:
  - id: l
    type: loop
    {over}
    nodes: [{{ id: t, type: template, template: '<loop.index>:<loop.last>' }}]
    {rest}
output: {{ all: <l.results> }}"
    )
}

fn check(over: &str, rest: &str, input: Value, expected: Value) {
    let yaml = looped(over, rest);
    assert_eq!(output(&yaml, input)["all"], expected, "{yaml}");
}

#[test]
fn a_while_is_tested_before_each_iteration() {
    let index = "result: <loop.index>";
    check("while: <loop.index> < 3", index, json!({}), json!([0, 1, 2]));
    check("while: 'false'", index, json!({}), json!([]));
    check("while: <loop.index> < <api.input.n>", index, json!({"n": 2}), json!([0, 1]));
    let last = "result: <t.content>";
    check("while: <loop.index> < 2", last, json!({}), json!(["0:", "1:0:"]));
    check(
        "while: <loop.last> == null || size(<loop.last>) < 5",
        last,
        json!({}),
        json!(["0:", "1:0:", "2:1:0:"]),
    );
    check("while: <loop.item> == <loop.index> && <loop.item> < 1", index, json!({}), json!([0]));
}

#[test]
fn an_until_is_tested_after_each_iteration() {
    let index = "result: <loop.index>";
    check("until: 'true'", index, json!({}), json!([0]));
    check("until: <loop.index> == 2", index, json!({}), json!([0, 1, 2]));
    check("until: <loop.last> == 1", index, json!({}), json!([0, 1]));
    check("until: \"<t.content> == '1:0'\"", index, json!({}), json!([0, 1]));
}

#[test]
fn a_break_ends_a_loop_of_any_kind() {
    let rest = "result: <loop.item>\n    break_when: \"<loop.item> == 'b'\"";
    check("each: [a, b, c]", rest, json!({}), json!(["a", "b"]));
    let rest = "result: <loop.item>\n    break_when: <loop.last> == 1";
    check("for: 5", rest, json!({}), json!([0, 1]));
    check("while: <loop.index> < 9", rest, json!({}), json!([0, 1]));
    check("until: <loop.index> == 0", rest, json!({}), json!([0]));
}

#[test]
fn a_loop_that_would_not_end_fails() {
    for over in ["while: 'true'", "until: <loop.index> == 5000"] {
        let failure = error(&looped(over, "result: 1"), json!({}));
        assert_eq!(failure.code, "too_many_iterations", "{over}");
        assert!(failure.message.contains("after 1000 iterations"), "{}", failure.message);
    }
    let exactly = "while: <loop.index> < 1000";
    let all = output(&looped(exactly, "result: 1"), json!({}));
    assert_eq!(all["all"].as_array().unwrap().len(), 1_000);
    let exactly = "until: <loop.index> == 999";
    let all = output(&looped(exactly, "result: 1"), json!({}));
    assert_eq!(all["all"].as_array().unwrap().len(), 1_000);
}

#[test]
fn conditions_fail_as_those_of_a_condition_do() {
    for (over, code) in [
        ("while: <api.input.x>", "condition_type"),
        ("while: <api.input.x> > 1", "condition_error"),
        ("until: <api.input.x> > 1", "condition_error"),
        ("until: <api.input.l>.all(x, <api.input.l>.all(y, x == y))", "condition_too_costly"),
    ] {
        let input = json!({"x": {}, "l": vec![0; 30_000]});
        let failure = error(&looped(over, ""), input);
        assert_eq!(failure.code, code, "{over}");
        let name = over.split(':').next().unwrap();
        assert!(failure.message.starts_with(&format!("`{name}`: ")), "{}", failure.message);
        assert_eq!(failure.node.as_deref(), Some("l"));
    }
    let caught = looped("while: <api.input.x> > 1", "on_error: { default: { results: [7] } }");
    assert_eq!(output(&caught, json!({"x": {}}))["all"], json!([7]));
}

#[test]
fn an_error_that_a_condition_reads_is_caught() {
    let yaml = "
nodes:
  - id: poll
    type: loop
    until: <look.code> == null
    nodes: [{ id: look, type: http, url: 'http://x/<loop.index>' }]
    result: <look.data>
";
    let mut run = start(&compile(yaml), json!({}));
    drive(&mut run, |id, _| match id.place() {
        "poll[2]/look" => ok(json!({ "data": "there" })),
        _ => failed("http_status", false),
    });
    assert_eq!(output_of(&run), Ok(json!({ "results": [null, null, "there"] })));
}

#[test]
fn nested_loops_have_their_own_last() {
    let yaml = "
nodes:
  - id: outer
    type: loop
    for: 2
    nodes:
      - id: inner
        type: loop
        while: <loop.index> < 2
        nodes: [{ id: t, type: set, values: { v: '<loop.last>' } }]
        result: i<loop.index>
      - { id: o, type: set, values: { v: '<loop.last>' } }
    result: [<inner.results>, <o.v>]
";
    let inner = json!(["i0", "i1"]);
    let first = json!([inner, null]);
    assert_eq!(output(yaml, json!({})), json!({ "results": [first, [inner, first]] }));
}

/// What is stored is read again, by a parser that stops at 128 levels.
#[test]
fn results_do_not_grow_too_deep() {
    let yaml = |count: usize| looped(&format!("for: {count}"), "result: ['<loop.last>']");
    assert_eq!(error(&yaml(65), json!({})).code, "value_too_deep");
    let all = output(&yaml(64), json!({})).to_string();
    assert!(serde_json::from_str::<Value>(&all).is_ok());
}

#[test]
fn batches_arrive_as_lists() {
    let item = "result: <loop.item>";
    let input = json!({"l": [1, 2, 3, 4, 5], "n": 2});
    let expected = json!([[1, 2], [3, 4], [5]]);
    check("each: <api.input.l>\n    batch: 2", item, input.clone(), expected.clone());
    check("each: <api.input.l>\n    batch: <api.input.n>", item, input.clone(), expected);
    check("each: <api.input.l>\n    batch: 9", item, input.clone(), json!([[1, 2, 3, 4, 5]]));
    check("each: <api.input.no>\n    batch: 9", item, input, json!([]));
    let yaml = looped("each: <api.input.l>\n    batch: <api.input.n>", item);
    for wrong in [json!(null), json!(0), json!("x"), json!(1.5)] {
        let failure = error(&yaml, json!({"l": [1], "n": wrong}));
        assert_eq!(failure.code, "invalid_field", "{wrong}");
    }
    let many = vec![0; 5_000];
    let all = output(&yaml, json!({"l": many, "n": 5}));
    assert_eq!(all["all"].as_array().unwrap().len(), 1_000);
    let failure = error(&yaml, json!({"l": many, "n": 4}));
    assert_eq!(
        (&*failure.code, &*failure.message),
        ("too_many_iterations", "1250 iterations; at most 1000 are allowed")
    );
}

#[test]
fn a_parallel_takes_batches_and_breaks() {
    let yaml = "
nodes:
  - id: p
    type: parallel
    each: <api.input.l>
    batch: 2
    width: 2
    nodes: [{ id: call, type: http, url: 'http://x/<parallel.index>' }]
    result: <parallel.item>
    break_when: <call.data> == 'stop'
";
    let mut run = start(&compile(yaml), json!({"l": [1, 2, 3, 4, 5, 6, 7]}));
    let (_, calls) = advance(&mut run);
    assert_eq!(calls.len(), 2);
    run.complete(&calls[1].0, ok(json!({"data": "stop"})), 2_000);
    let (log, further) = advance(&mut run);
    assert!(further.is_empty(), "{log}");
    run.complete(&calls[0].0, ok(json!({"data": "go"})), 2_000);
    advance(&mut run);
    assert_eq!(output_of(&run), Ok(json!({"results": [[1, 2], [3, 4]]})));
}

/// What the nodes of an iteration kept is freed before its result counts, in an endless loop too.
#[test]
fn iterations_of_a_while_free_what_they_kept() {
    let yaml = "
nodes:
  - id: l
    type: loop
    while: <loop.index> < 900
    nodes: [{ id: t, type: template, template: '<api.input.x>!' }]
    result: <loop.index>
";
    let result = output(yaml, json!({"x": "a".repeat(200_000)}));
    assert_eq!(result["results"].as_array().unwrap().len(), 900);
    let kept = |yaml: &str| {
        let mut run = start(&compile(yaml), json!({"x": "a"}));
        drive(&mut run, |_, _| unreachable!());
        run.kept_bytes()
    };
    assert_eq!(kept(yaml), kept(&yaml.replace("while: <loop.index> < 900", "for: 900")));
    let kept = yaml.replace("result: <loop.index>", "result: <t.content>");
    assert_eq!(error(&kept, json!({"x": "a".repeat(200_000)})).code, "value_too_large");
}

#[test]
fn fields_are_checked() {
    let problems = |kind: &str, fields: &str| -> Vec<String> {
        let yaml = format!(
            "nodes: [{{ id: l, type: {kind}, {fields}, nodes: [{{ id: t, type: template, template: \
             x }}] }}]"
        );
        let (_, problems) = Workflow::compile(&Document::parse(&yaml).unwrap());
        problems.into_iter().map(|problem| problem.message).collect()
    };
    let one = "one of `each`, `for`, `while` and `until` is needed";
    assert_eq!(problems("loop", "while: 'true', until: 'true'"), [one]);
    assert_eq!(problems("loop", "result: 1"), [one]);
    assert_eq!(problems("parallel", "result: 1"), ["one of `each` and `for` is needed"]);
    let reads = problems("loop", "while: <t.content> == ''");
    assert!(reads[0].starts_with("`while` is tested before the nodes"), "{reads:?}");
    assert_eq!(problems("loop", "until: <t.content> == ''"), [""; 0]);
    let wrong = problems("loop", "until: <t.contnt> == ''");
    assert!(wrong[0].contains("has no field `contnt`; did you mean `content`?"), "{wrong:?}");
    let wrong = problems("loop", "until: <l.results> == ''");
    assert_eq!(wrong[0], "`l` refers to itself");
    let wrong = problems("loop", "until: <loop.lst> == ''");
    assert_eq!(wrong[0], "<loop.lst>: a loop has `item`, `index` and `last`");
    let wrong = problems("parallel", "for: 1, break_when: <parallel.last> == 1");
    assert_eq!(wrong[0], "<parallel.last>: a parallel has `item` and `index`");
    let wrong = problems("parallel", "for: 1, while: 'true'");
    assert!(wrong[0].contains("a parallel has no `while`"), "{wrong:?}");
    let wrong = problems("loop", "for: 1, break_when: 1 +");
    assert!(wrong[0].contains("`break_when` is not a CEL expression"), "{wrong:?}");
    let wrong = problems("loop", "for: 3, batch: 2");
    assert_eq!(wrong, ["`batch` has no effect without `each`"]);
    let matches = ["'a'.matches('b')"; 21].join(" || ");
    let wrong = problems("loop", &format!("until: \"{matches}\""));
    assert_eq!(wrong, ["at most 20 `matches` in `until`"]);
    let outside = problems("loop", "each: <loop.last>");
    assert_eq!(outside, ["<loop.last> stands outside of any loop"]);
}
