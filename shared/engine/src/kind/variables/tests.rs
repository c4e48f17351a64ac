//! Variables: the last set on the path, what has no order, loops, and sessions.

use cpu_time::ThreadTime;
use serde_json::{Value, json};

use crate::call::{Action, CallOutput, CallResult, SessionRequest};
use crate::run::tests::{compile, drive, error, output, output_of, start};
use crate::{Document, Severity, Workflow};

fn problems(yaml: &str) -> Vec<String> {
    let (_, problems) = Workflow::compile(&Document::parse(yaml).unwrap());
    let shown = problems.into_iter().map(|problem| {
        let severity = if problem.severity == Severity::Error { "error" } else { "warning" };
        format!("{severity} {}: {}", problem.path, problem.message)
    });
    shown.collect()
}

fn check_errors(yaml: &str, expected: &[(&str, &str)]) {
    let found = problems(yaml);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, (path, part)) in found.iter().zip(expected) {
        assert!(found.starts_with(&format!("error {path}: ")), "{found} at {path}");
        assert!(found.contains(part), "{found}: {part}");
    }
}

#[test]
fn a_read_sees_the_last_set_on_its_path() {
    let yaml = "
variables: [{ name: n, value: 1 }]
nodes:
  - { id: before, type: template, template: \"<variable.n> <variable.n>\" }
  - { id: one, type: variables, set: { n: <api.input.n>, o: { deep: [5] } }, after: before }
  - { id: between, type: set, after: one,
      values: { n: <variable.n>, deep: \"<variable.o.deep[0]>\" } }
  - { id: two, type: variables, set: { n: \"<variable.n>!\" }, after: between }
  - { id: last, type: function, code: \"return <variable.n> + '?'\", after: two }
  - { id: when, type: condition, after: two,
      branches: [{ name: y, if: \"<variable.n> == '7!'\" }, { name: n }] }
  - { id: yes, type: template, template: yes, after: when.y }
output:
  { before: <before.content>, between: <between.n>, deep: <between.deep>, two: <two.n>,
    yes: <yes.content> }";
    let workflow = compile(yaml);
    let mut run = start(&workflow, json!({ "n": 7 }));
    let mut bound = Vec::new();
    drive(&mut run, |_, call| {
        let Action::Code(code) = &call.action else { panic!() };
        bound.extend(code.variables.values().cloned());
        let value = json!({ "result": null, "stdout": "" });
        CallResult::Succeeded(CallOutput { value, tokens: None, cost_nano_usd: None })
    });
    assert_eq!(bound, ["7!"]);
    let expected = json!({ "before": "1 1", "between": 7, "deep": 5, "two": "7!", "yes": "yes" });
    assert_eq!(output_of(&run).unwrap(), expected);
}

#[test]
fn a_set_beside_the_path_is_not_seen() {
    let yaml = "
nodes:
  - { id: one, type: variables, set: { n: 1 } }
  - { id: two, type: variables, set: { n: 2 }, after: one }
  - { id: beside, type: set, values: { n: <variable.n> }, after: one }
  - { id: late, type: set, values: { n: <variable.n>, b: <beside.n> }, after: two }
output: { beside: <beside.n>, late: <late.n> }";
    assert_eq!(output(yaml, json!({})), json!({ "beside": 1, "late": 2 }));
}

#[test]
fn two_sets_need_an_order_before_a_read() {
    let nodes = |more: &str| {
        format!(
            "
nodes:
  - {{ id: a, type: variables, set: {{ n: 1 }} }}
  - {{ id: b, type: variables, set: {{ n: 2 }} }}
{more}"
        )
    };
    let read = "  - { id: r, type: template, template: <variable.n>, after: [a, b] }";
    check_errors(&nodes(read), &[("/nodes/0", "`b` (/nodes/1)"), ("/nodes/1", "`a` (/nodes/0)")]);
    assert_eq!(problems(&nodes("")), [""; 0]);
    // After only one of them, the other does not matter.
    let one = "  - { id: r, type: template, template: <variable.n>, after: a }";
    assert_eq!(problems(&nodes(one)), [""; 0]);
    let ordered = "
nodes:
  - { id: a, type: variables, set: { n: 1 } }
  - { id: t, type: template, template: x, after: a }
  - { id: b, type: variables, set: { n: 2 }, after: t }
  - { id: r, type: template, template: <variable.n>, after: [a, b] }";
    assert_eq!(output(ordered, json!({})), json!({ "content": 2 }));
}

#[test]
fn sets_on_different_branches_have_an_order() {
    let yaml = "
variables: [{ name: n, value: none }]
nodes:
  - id: c
    type: condition
    branches: [{ name: x, if: \"<api.input.n> == 1\" }, { name: y, if: \"<api.input.n> == 2\" },
      { name: z }]
  - { id: a, type: variables, set: { n: a }, after: c.x }
  - { id: t, type: template, template: t, after: c.y }
  - { id: b, type: variables, set: { n: b }, after: t }
  - { id: z, type: template, template: z, after: c.z }
  - { id: r, type: template, template: <variable.n>, after: [a, b, z] }
output: { n: <r.content> }";
    for (n, expected) in [(1, "a"), (2, "b"), (3, "none")] {
        assert_eq!(output(yaml, json!({ "n": n })), json!({ "n": expected }));
    }
    // The same branch is no order.
    let same = yaml.replace("after: c.y", "after: c.x").replace("b, z]", "b]");
    assert_eq!(problems(&same).len(), 2, "{:#?}", problems(&same));
    // Nor is a branch and all of them.
    let any = yaml.replace("after: c.y", "after: c");
    assert_eq!(problems(&any).len(), 2, "{:#?}", problems(&any));
}

#[test]
fn a_failure_and_what_follows_it_exclude_each_other() {
    let yaml = "
nodes:
  - { id: f, type: json, action: parse, text: <api.input.t> }
  - { id: a, type: variables, set: { n: fine }, after: f }
  - { id: b, type: variables, set: { n: broken }, after: f.error }
  - { id: r, type: template, template: <variable.n>, after: [a, b] }
output: { n: <r.content> }";
    let yaml = yaml.replace(
        "type: json, action: parse, text: <api.input.t>",
        "type: loop, each: <api.input.t>, nodes: [{ id: x, type: template, template: x }]",
    );
    assert_eq!(output(&yaml, json!({ "t": [] })), json!({ "n": "fine" }));
    assert_eq!(output(&yaml, json!({ "t": 1 })), json!({ "n": "broken" }));
}

#[test]
fn a_parallel_sets_nothing_outside() {
    let parallel = |more: &str, inner: &str| {
        format!(
            "
{more}
nodes:
  - id: p
    type: parallel
    for: 3
    nodes:
      - {{ id: s, type: variables, set: {{ n: <parallel.index> }} }}
      - {{ id: r, type: template, template: {inner}, after: s }}
    result: <r.content>
"
        )
    };
    let own = parallel("", "<variable.n>");
    assert_eq!(output(&own, json!({})), json!({ "results": [0, 1, 2] }));
    let after = format!("{own}  - {{ id: t, type: template, template: <variable.n>, after: p }}\n");
    check_errors(
        &after,
        &[
            ("/nodes/0/nodes/0", "(/nodes/1/template), whose iterations run side by side"),
            ("/nodes/1/template", "inside the parallel `p`, at /nodes/0/nodes/0"),
        ],
    );
    let declared = parallel("variables: [{ name: n, value: 1 }]", "<variable.n>");
    assert_eq!(problems(&declared).len(), 2, "{:#?}", problems(&declared));
    let outer = own.replace(
        "nodes:\n  - id: p",
        "nodes:\n  - { id: o, type: variables, set: { n: 1 } }\n  - id: p",
    );
    assert_eq!(problems(&outer).len(), 2, "{:#?}", problems(&outer));
    let in_loop = own.replace(
        "    nodes:\n      - { id: s",
        "    nodes:\n      - { id: l, type: loop, for: 2, nodes: [{ id: q, type: variables, \
         set: { m: 1 } }] }\n      - { id: s",
    );
    assert_eq!(problems(&in_loop), [""; 0]);
    let read = in_loop.replace("template: <variable.n>", "template: <variable.m>, after: l");
    let read = read.replace(", after: l, after: s", ", after: [l, s]");
    assert_eq!(output(&read, json!({})), json!({ "results": [1, 1, 1] }));
}

#[test]
fn loops_carry_what_they_set() {
    let yaml = "
variables: [{ name: sum, value: 10 }]
nodes:
  - id: l
    type: loop
    while: <variable.sum> < 20
    nodes:
      - { id: c, type: condition, branches: [{ name: y, if: \"<loop.index> == 1\" }, { name: n }] }
      - { id: k, type: set, values: { v: <variable.sum> }, after: c.n }
      - id: inner
        type: loop
        for: 2
        after: c.y
        nodes: [{ id: m, type: variables, append: { all: <variable.sum> } }]
      - { id: s, type: variables, set: { sum: <api.input.next> }, append: { all: <loop.index> },
          after: [k, inner] }
    result: <variable.sum>
  - { id: r, type: set, values: { sum: <variable.sum>, all: <variable.all> }, after: l }
output: { results: <l.results>, sum: <r.sum>, all: <r.all> }";
    assert_eq!(
        output(yaml, json!({ "next": 20 })),
        json!({ "results": [20], "sum": 20, "all": [0] })
    );
    let counted = yaml.replace("while: <variable.sum> < 20", "for: 3");
    assert_eq!(
        output(&counted, json!({ "next": 15 })),
        json!({ "results": [15, 15, 15], "sum": 15, "all": [0, 15, 15, 1, 2] })
    );
    let never = yaml.replace("while: <variable.sum> < 20", "for: 0");
    assert_eq!(output(&never, json!({})), json!({ "results": [], "sum": 10, "all": null }));
    // Two sets of one iteration that have no order are read by the next one.
    let unordered = counted.replace("after: [k, inner]", "after: c");
    check_errors(
        &unordered,
        &[("/nodes/0/nodes/2", "without an order"), ("/nodes/0/nodes/3", "without an order")],
    );
}

#[test]
fn what_a_loop_carries_is_counted_once() {
    let yaml = "
nodes:
  - id: l
    type: loop
    for: 80
    nodes: [{ id: s, type: variables, set: { t: <api.input.t> } }]
    result: 1
  - { id: r, type: set, values: { t: <variable.t> }, after: l }
output: { n: \"<r.t>\" }";
    let text = "x".repeat(1 << 20);
    assert_eq!(output(yaml, json!({ "t": text }))["n"], text);
    let grows = "
nodes:
  - id: l
    type: loop
    for: 5
    nodes: [{ id: s, type: variables, append: { t: <api.input.t> } }]
    result: 1";
    assert_eq!(error(grows, json!({ "t": text })).code, "value_too_large");
}

#[test]
fn many_variables_are_bounded_and_checked_in_time() {
    let set = |node: usize, names: usize| {
        let names = (0..names).map(|n| (format!("n{n}"), json!("<variable.n1>")));
        json!({ "id": format!("s{node}"), "type": "variables",
                "set": Value::Object(names.collect()) })
    };
    let document = |nodes: Vec<Value>| json!({ "nodes": nodes }).to_string();
    let many = problems(&document(vec![set(0, 51)]));
    assert!(many[0].starts_with("error /nodes/0/set: `set` has at most 50 variables"), "{many:?}");
    let named = |node: usize| {
        let names = (0..50).map(|n| (format!("n{node}x{n}"), json!(1)));
        json!({ "id": format!("s{node}"), "type": "variables",
                "set": Value::Object(names.collect()) })
    };
    assert_eq!(problems(&document((0..20).map(named).collect())), [""; 0]);
    let many = problems(&document((0..21).map(named).collect()));
    assert!(many[0].contains("at most 1000 variables"), "{many:?}");
    // Every pair is without an order, and read.
    let began = ThreadTime::now();
    let mut nodes: Vec<Value> = (0..400).map(|node| set(node, 50)).collect();
    let after: Vec<String> = (0..400).map(|node| format!("s{node}")).collect();
    nodes.push(
        json!({ "id": "r", "type": "template", "template": "<variable.n7>", "after": after }),
    );
    assert_eq!(problems(&document(nodes)).len(), 500);
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[test]
fn names_are_checked() {
    let set = |more: &str| {
        format!("nodes:\n  - {{ id: s, type: variables, set: {{ total: 1 }} }}\n{more}")
    };
    check_errors(
        &set("output: { t: <variable.totl> }"),
        &[("/output/t", "nothing sets or declares `totl`; did you mean `total`?")],
    );
    check_errors(
        &set("  - { id: t, type: variables, scope: session, set: { total: 1, x: 2 } }"),
        &[("/nodes/1/scope", "`total` has no session"), ("/nodes/1/scope", "`x` has no session")],
    );
    check_errors("nodes: [{ id: s, type: variables }]", &[("/nodes/0", "`set` or `append`")]);
    check_errors(
        "nodes: [{ id: s, type: variables, set: { a: 1, \"\": 2 }, append: { a: 1 } }]",
        &[("/nodes/0/set", "a name"), ("/nodes/0/append", "`a` is in `set`, too")],
    );
    let early = problems(&set("  - { id: t, type: template, template: <variable.total> }"));
    assert!(early[0].starts_with("warning /nodes/1/template: <variable.total> is empty here"));
    assert_eq!(early.len(), 1);
    check_errors(
        &format!(
            "variables: [{{ name: a, session: x }}, {{ name: a, session: y, z: 1 }}, 7]\n{}",
            set("")
        ),
        &[
            ("/variables", "must be an object"),
            ("/variables/1/name", "declared twice"),
            ("/variables/1/session", "name it alike"),
            ("/variables/1/z", "unknown field"),
        ],
    );
    let secret = problems("nodes: [{ id: s, type: variables, set: { a: \"{{KEY}}\" } }]");
    assert!(secret[0].contains("cannot be used here"), "{secret:?}");
}

const SESSION: &str = "
input: [{ name: c, type: string, default: \"\" }]
variables:
  - { name: topics, value: [], session: <api.c> }
  - { name: mood, session: <api.c> }
nodes:
  - { id: before, type: set, values: { topics: <variable.topics>, mood: <variable.mood> } }
  - id: s
    type: variables
    set: { mood: good, local: 1 }
    append: { topics: new }
    after: before
  - { id: after, type: set, after: s,
      values: { topics: <variable.topics>, mood: <variable.mood>, l: <variable.local> } }
output:
  { before: <before.topics>, mood: <before.mood>, after: <after.topics>, now: <after.mood>,
    l: <after.l> }";

#[test]
fn a_session_is_read_once_and_written_at_once() {
    let mut run = start(&compile(SESSION), json!({ "c": "chat" }));
    let mut seen = Vec::new();
    drive(&mut run, |id, call| {
        let Action::Session(session) = &call.action else { panic!() };
        seen.push((id.place().to_owned(), serde_json::to_value(session).unwrap()));
        let values = match &session.request {
            SessionRequest::Read { .. } => json!({ "topics": ["old"] }),
            _ => json!({ "mood": "good", "topics": ["old", "of another run", "new"] }),
        };
        let value = json!({ "values": values });
        CallResult::Succeeded(CallOutput { value, tokens: None, cost_nano_usd: None })
    });
    let read = json!({ "session": "chat", "request": { "read": { "names": ["topics", "mood"] } } });
    let set = json!({ "session": "chat", "request": { "set": { "changes": [
        { "name": "mood", "set": { "value": "good" } },
        { "name": "topics", "append": { "item": "new", "initial": [] } },
    ] } } });
    assert_eq!(seen, [("variable".to_owned(), read), ("s".to_owned(), set)]);
    assert_eq!(
        output_of(&run).unwrap(),
        json!({
            "before": ["old"], "mood": null, "after": ["old", "of another run", "new"],
            "now": "good", "l": 1,
        })
    );
}

#[test]
fn without_a_session_the_run_keeps_the_variables() {
    let none = |input: Value| output(SESSION, input);
    let expected = json!({ "before": [], "mood": null, "after": ["new"], "now": "good", "l": 1 });
    assert_eq!(none(json!({})), expected);
    assert_eq!(none(json!({ "c": "  " })), expected);
    let long = error(SESSION, json!({ "c": "x".repeat(257) }));
    assert_eq!((&*long.code, long.node.as_deref()), ("invalid_session", Some("variable")));
}

#[test]
fn an_unread_session_is_no_part_of_the_output() {
    let yaml = "
variables: [{ name: n, session: \"\" }]
nodes: [{ id: t, type: template, template: x }]";
    assert_eq!(output(yaml, json!({})), json!({ "content": "x" }));
    let unsaved = problems(&format!("save: false\n{yaml}"));
    assert!(unsaved[0].contains("runs are not saved"), "{unsaved:?}");
}
