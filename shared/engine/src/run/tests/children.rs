//! Children: paths, failures, bounds, and what is theirs alone.

use super::*;
use crate::child::{Child, ChildName, Children};
use crate::workflow::CompileOptions;

/// A child by its id, without a version.
pub(super) fn child(id: &str, yaml: &str) -> Child {
    let name = ChildName { workflow: id.to_owned(), version: None };
    Child { name, workflow: compile(yaml) }
}

pub(super) fn run_with(yaml: &str, children: &[Child], input: Value) -> Run {
    let start = RunStart {
        run_id: "run_1".into(),
        started_at_ms: 1_000,
        input: Arc::new(input),
        engine: ENGINE,
        spending_limit: crate::SpendingLimit::default(),
    };
    Run::with_children(compile(yaml), Children(children.to_vec().into()), start)
}

const LOOKUP: &str = "
input: [{ name: id, type: number }]
nodes: [{ id: get, type: http, url: \"https://x/<api.id>\" }]
output: { answer: <get.data> }
";
const CALLER: &str = "
nodes:
  - { id: look, type: workflow, workflow: lookup, input: { id: <api.input.n> } }
  - { id: say, type: template, template: \"got <look.answer>\" }
output: { said: <say.content> }
";

fn answers(value: &Value) -> CallResult {
    ok(json!({ "data": value, "status": 200, "headers": {} }))
}

#[test]
fn a_child_runs_under_its_nodes_path() {
    let mut run = run_with(CALLER, &[child("lookup", LOOKUP)], json!({ "n": 7 }));
    let log = drive(&mut run, |_, call| {
        assert_eq!(call.workflow, 1);
        answers(&json!("yes"))
    });
    assert_eq!(output_of(&run), Ok(json!({ "said": "got yes" })));
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("look")).collect();
    assert_eq!(
        lines,
        [
            "start look",
            "start look/api",
            "end look/api {\"id\":7}",
            "start look/get",
            "perform look/get#0",
            "answer look/get#0",
            "end look/get {\"data\":\"yes\",\"status\":200,\"headers\":{}}",
            "start look/output",
            "end look/output {\"answer\":\"yes\"}",
            "end look {\"answer\":\"yes\"}",
        ]
    );
}

#[test]
fn the_input_is_checked_as_a_callers_is() {
    for (input, expected) in
        [(json!({ "n": "7" }), "/id must be a number"), (json!({}), "/id must be a number")]
    {
        let mut run = run_with(CALLER, &[child("lookup", LOOKUP)], input);
        drive(&mut run, |id, _| panic!("{id}"));
        let Some(Outcome::Failed { error, .. }) = run.outcome() else { panic!() };
        assert_eq!((error.code.as_str(), error.node.as_deref()), ("invalid_input", Some("look")));
        assert!(error.message.contains(expected), "{error:?}");
    }
}

#[test]
fn a_failure_of_the_child_is_that_of_the_node() {
    let children = [child("lookup", LOOKUP)];
    let mut run = run_with(CALLER, &children, json!({ "n": 7 }));
    drive(&mut run, |_, _| failed("http_status", false));
    let Some(Outcome::Failed { error, .. }) = run.outcome() else { panic!() };
    assert_eq!(error.code, "http_status");
    assert_eq!(error.message, "in the workflow `lookup`, node `get`: http_status happened");
    assert_eq!(error.node.as_deref(), Some("look"));

    let caught = "
nodes:
  - { id: look, type: workflow, workflow: lookup, input: { id: 1 } }
  - { id: say, type: template, after: [look.error], template: \"<look.code>\" }
output: { said: <say.content> }
";
    let mut run = run_with(caught, &children, json!({}));
    drive(&mut run, |_, _| failed("http_status", false));
    assert_eq!(output_of(&run), Ok(json!({ "said": "http_status" })));

    let default = "
nodes:
  - id: look
    type: workflow
    workflow: lookup
    input: { id: 1 }
    on_error: { default: { a: 1 } }
output: { a: <look.a> }
";
    let mut run = run_with(default, &children, json!({}));
    drive(&mut run, |_, _| failed("http_status", false));
    assert_eq!(output_of(&run), Ok(json!({ "a": 1 })));
}

#[test]
fn children_run_in_loops_and_parallels() {
    let yaml = "
nodes:
  - id: each
    type: parallel
    each: <api.input.ids>
    nodes: [{ id: look, type: workflow, workflow: lookup, input: { id: <parallel.item> } }]
output: { all: <each.results> }
";
    let mut run = run_with(yaml, &[child("lookup", LOOKUP)], json!({ "ids": [1, 2, 3] }));
    let log = drive(&mut run, |id, _| answers(&json!(id.as_str())));
    let answer = |n: usize| json!({ "answer": format!("each[{n}]/look/get#0") });
    assert_eq!(output_of(&run), Ok(json!({ "all": [answer(0), answer(1), answer(2)] })), "{log}");
}

/// `c0` runs `c1`, and so on.
fn chain(length: usize) -> (String, Vec<Child>) {
    let calls = |next: usize| {
        format!("nodes: [{{ id: n, type: workflow, workflow: c{next} }}]\noutput: {{ x: <n.x> }}")
    };
    let mut children: Vec<Child> =
        (0..length - 1).map(|at| child(&format!("c{at}"), &calls(at + 1))).collect();
    let last = "nodes: [{ id: t, type: template, template: hi }]\noutput: { x: <t.content> }";
    children.push(child(&format!("c{}", length - 1), last));
    (calls(0), children)
}

#[test]
fn children_run_four_deep() {
    let (yaml, children) = chain(4);
    let mut run = run_with(&yaml, &children, json!({}));
    drive(&mut run, |id, _| panic!("{id}"));
    assert_eq!(output_of(&run), Ok(json!({ "x": "hi" })));
    let (yaml, children) = chain(5);
    let mut run = run_with(&yaml, &children, json!({}));
    drive(&mut run, |id, _| panic!("{id}"));
    assert_eq!(output_of(&run), Err("too_deep".to_owned()));
}

#[test]
fn a_response_ends_the_child_alone() {
    let responds = "
nodes:
  - { id: early, type: response, data: { x: 1 } }
  - { id: slow, type: http, url: \"https://x/\" }
";
    let yaml = "
nodes:
  - { id: a, type: workflow, workflow: r }
  - { id: t, type: template, template: \"<a.data.x>\" }
output: { t: <t.content> }
";
    let mut run = run_with(yaml, &[child("r", responds)], json!({}));
    drive(&mut run, |_, _| answers(&json!(null)));
    assert_eq!(output_of(&run), Ok(json!({ "t": 1 })));
}

#[test]
fn what_is_not_pinned_fails_its_node() {
    let mut run = run_with(CALLER, &[], json!({ "n": 7 }));
    drive(&mut run, |id, _| panic!("{id}"));
    assert_eq!(output_of(&run), Err("not_pinned".to_owned()));
}

const PAID: &str = "
budget: { max_tokens: 10 }
nodes:
  - { id: a, type: agent, model: openai/x, prompt: a }
  - { id: b, type: agent, model: openai/x, prompt: \"<a.content>\" }
";

fn said(tokens: u64) -> CallResult {
    let value = json!({ "content": "x", "finish_reason": "stop" });
    CallResult::Succeeded(CallOutput { value, tokens: Some(tokens), cost_nano_usd: Some(0) })
}

#[test]
fn a_childs_budget_holds_for_the_child_alone() {
    let yaml = "
nodes:
  - { id: own, type: agent, model: openai/x, prompt: a }
  - { id: c, type: workflow, workflow: paid, after: [own] }
";
    for (tokens, expected) in [(5, Ok(())), (10, Err("budget_exhausted".to_owned()))] {
        let mut run = run_with(yaml, &[child("paid", PAID)], json!({}));
        drive(&mut run, |id, _| said(if id.as_str() == "own#0" { 1_000 } else { tokens }));
        assert_eq!(output_of(&run).map(|_| ()), expected);
    }
}

#[test]
fn a_childs_deadline_cuts_its_calls_and_ends_it() {
    let slow = "
deadline: 60s
nodes:
  - { id: a, type: http, url: \"https://x/\", timeout: 5m }
  - { id: w, type: wait, for: 1h, after: [a] }
  - { id: b, type: http, url: \"https://x/\", after: [w] }
  - { id: c, type: http, url: \"https://x/\", after: [b] }
";
    let yaml = "nodes: [{ id: s, type: workflow, workflow: slow }]";
    let mut run = run_with(yaml, &[child("slow", slow)], json!({}));
    let mut at = 1_000;
    let (mut seen, mut waiting) = (Vec::new(), Vec::new());
    while run.outcome().is_none() {
        waiting.extend(advance(&mut run).1);
        if run.outcome().is_some() {
            break;
        }
        let (id, call): (CallId, Call) = waiting.remove(0);
        seen.push((id.place().to_owned(), call.timeout.as_secs()));
        at += if call.action.is_pause() { 3_600_000 } else { 31_000 };
        run.complete(&id, answers(&json!(null)), at);
    }
    // The wait does not count; 62 s of calls do.
    let seen: Vec<(&str, u64)> = seen.iter().map(|(id, secs)| (id.as_str(), *secs)).collect();
    assert_eq!(seen, [("s/a", 60), ("s/w", 0), ("s/b", 29)]);
    assert_eq!(output_of(&run), Err("timeout".to_owned()));
}

#[test]
fn a_cancelled_run_reports_the_childs_nodes() {
    let mut run = run_with(CALLER, &[child("lookup", LOOKUP)], json!({ "n": 7 }));
    advance(&mut run);
    run.cancel();
    let (log, _) = advance(&mut run);
    assert_eq!(log, "cancel look\ncancel look/get\ndone\n");
}

/// What fails beside a child takes it down, and the other way round.
#[test]
fn a_failure_elsewhere_stops_the_child() {
    let yaml = "
nodes:
  - { id: look, type: workflow, workflow: lookup, input: { id: 1 } }
  - { id: other, type: http, url: \"https://y/\" }
";
    for first in ["other#0", "look/get#0"] {
        let mut run = run_with(yaml, &[child("lookup", LOOKUP)], json!({}));
        let (_, calls) = advance(&mut run);
        let (failing, open): (Vec<_>, Vec<_>) =
            calls.into_iter().partition(|(id, _)| id.as_str() == first);
        run.complete(&failing[0].0, failed("http_status", false), 2_000);
        advance(&mut run);
        run.complete(&open[0].0, answers(&json!(1)), 2_000);
        advance(&mut run);
        assert_eq!(output_of(&run), Err("http_status".to_owned()), "{first}");
    }
}

#[test]
fn executions_of_children_count() {
    let many = "
nodes:
  - id: l
    type: loop
    for: 1000
    nodes: [{ id: a, type: template, template: x }, { id: b, type: template, template: y }]
output: { x: 1 }
";
    let yaml = "
nodes:
  - id: l
    type: loop
    for: 10
    nodes: [{ id: c, type: workflow, workflow: many }]
";
    let mut run = run_with(yaml, &[child("many", many)], json!({}));
    drive(&mut run, |id, _| panic!("{id}"));
    assert_eq!(output_of(&run), Err("too_many_executions".to_owned()));
}

#[test]
fn references_below_a_known_child_are_checked() {
    let lookup = compile(LOOKUP);
    let name = ChildName { workflow: "lookup".into(), version: None };
    let known = [(name, lookup.output_fields().clone())].into_iter().collect();
    let options = CompileOptions { children: Arc::new(known), ..CompileOptions::default() };
    let wrong = CALLER.replace("<look.answer>", "<look.anwser>");
    let problems = |options: &CompileOptions| {
        let (_, problems) = Workflow::compile_with(&Document::parse(&wrong).unwrap(), options);
        problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>()
    };
    assert!(problems(&CompileOptions::default()).is_empty());
    assert!(problems(&options)[0].contains("did you mean `answer`?"), "{:?}", problems(&options));
}

#[test]
fn bad_fields_are_reported_together() {
    let yaml = "
nodes:
  - { id: a, type: workflow, workflow: \"no id\", version: new, input: [1] }
  - { id: b, type: workflow }
  - id: c
    type: agent
    model: openai/x
    prompt: x
    tools:
      - { workflow: a, parameters: { type: object } }
      - { workflow: a }
      - { name: t, code: \"1\", version: 1.0.0 }
";
    let (workflow, problems) = Workflow::compile(&Document::parse(yaml).unwrap());
    assert!(workflow.is_none());
    let places: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(
        places,
        [
            "/nodes/0/workflow",
            "/nodes/0/version",
            "/nodes/0/input",
            "/nodes/1",
            "/nodes/2/tools",
            "/nodes/2/tools/0/parameters",
            "/nodes/2/tools/2/version",
        ],
        "{problems:#?}"
    );
}

fn look(id: &str, arguments: Value) -> Value {
    json!({ "id": id, "name": "lookup", "arguments": arguments })
}

#[test]
fn an_agent_calls_a_workflow_as_its_tool() {
    let yaml = "
nodes:
  - { id: a, type: agent, model: openai/x, prompt: hi, tools: [{ workflow: lookup }] }
";
    let described = LOOKUP.to_owned() + "description: Looks it up\n";
    let mut run = run_with(yaml, &[child("lookup", &described)], json!({}));
    let mut turn = 0;
    let mut asked = Vec::new();
    let log = drive(&mut run, |_, call| match &call.action {
        crate::Action::Model(model) => {
            turn += 1;
            asked.push(model.clone());
            let value = match turn {
                1 => json!({ "content": "", "finish_reason": "tools", "turn": {
                    "provider": "openai", "content": "", "message": {},
                    "calls": [look("1", json!({ "id": 7 })), look("2", json!({ "id": "x" }))],
                } }),
                _ => json!({ "content": "done", "finish_reason": "stop" }),
            };
            CallResult::Succeeded(CallOutput { value, tokens: Some(1), cost_nano_usd: Some(1) })
        }
        _ => answers(&json!("found")),
    });
    assert!(log.contains("perform a/turn1.tool0/get#0"), "{log}");
    assert!(log.contains("start a/turn1.tool0/get"), "{log}");
    let tool = &asked[0].tools[0];
    assert_eq!((tool.name.as_str(), tool.description.as_str()), ("lookup", "Looks it up"));
    assert_eq!(tool.parameters["properties"]["id"], json!({ "type": "number" }));
    let said = serde_json::to_string(&asked[1].messages).unwrap();
    assert!(said.contains(r#"{\"answer\":\"found\"}"#), "{said}");
    assert!(said.contains("error invalid_input: /id must be a number"), "{said}");
    assert!(output_of(&run).is_ok(), "{log}");
}

#[test]
fn a_part_names_the_children_that_it_may_run() {
    let workflow = compile(
        "nodes:
  - { id: a, type: workflow, workflow: one }
  - { id: each, type: loop, for: 2, nodes: [{ id: inside, type: workflow, workflow: two }] }
  - { id: t, type: template, template: \"<a.x>\" }
  - { id: last, type: agent, model: offline/echo, prompt: \"<t.content>\", tools: \
     [{ workflow: three, name: greet }] }
",
    );
    let names = |until: Option<&str>, pins: Value| {
        let Value::Object(pins) = pins else { panic!() };
        let part = workflow.accept_part(until, pins).unwrap();
        let names = workflow.child_names_in(&part).into_iter();
        names.map(|name| name.workflow.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(None, json!({})), ["one", "three", "two"]);
    assert_eq!(names(Some("t"), json!({})), ["one"]);
    assert_eq!(names(Some("last"), json!({})), ["one", "three"]);
    assert_eq!(names(Some("each"), json!({})), ["two"]);
    assert_eq!(names(Some("each"), json!({ "inside": {} })), [""; 0]);
    assert_eq!(names(None, json!({ "each": { "results": [] } })), ["one", "three"]);
    assert_eq!(names(Some("last"), json!({ "t": { "content": "x" } })), ["three"]);
}

#[test]
fn a_pin_is_not_given_to_a_child_s_node_of_the_same_id() {
    let caller = CALLER.replace("id: say", "id: get").replace("<say.", "<get.");
    let pin = ("get".to_owned(), Arc::new(json!({ "content": "given" })));
    let run = run_with(&caller, &[child("lookup", LOOKUP)], json!({ "n": 7 }));
    let mut run = run.only(Part { until: None, pins: [pin].into() });
    let log = drive(&mut run, |_, _| answers(&json!("yes")));
    assert!(log.contains("perform look/get#0"), "{log}");
    assert_eq!(output_of(&run), Ok(json!({ "said": "given" })));
}

/// Gives this node its output.
#[derive(Debug)]
struct Given(&'static str, Value);

impl crate::Mocks for Given {
    fn node(&mut self, node: &str, _: &crate::NodePath) -> Option<crate::Mock> {
        (node == self.0).then(|| crate::Mock::Output(Arc::new(self.1.clone())))
    }

    fn call(
        &mut self,
        _: &crate::NodePath,
        _: &str,
        _: crate::MockedWork<'_>,
    ) -> Option<CallResult> {
        None
    }
}

#[test]
fn a_mock_is_not_given_to_a_child_s_node_of_the_same_id() {
    let caller = CALLER.replace("id: say", "id: get").replace("<say.", "<get.");
    let run = run_with(&caller, &[child("lookup", LOOKUP)], json!({ "n": 7 }));
    let mut run = run.mocking(Box::new(Given("get", json!({ "content": "given" }))));
    let log = drive(&mut run, |_, _| answers(&json!("yes")));
    assert!(log.contains("perform look/get#0"), "{log}");
    assert_eq!(output_of(&run), Ok(json!({ "said": "given" })));
}

#[test]
fn a_child_s_node_is_mocked_by_the_child_s_id_and_its_own() {
    let run = run_with(CALLER, &[child("lookup", LOOKUP)], json!({ "n": 7 }));
    let mut run = run.mocking(Box::new(Given("lookup/get", json!({ "data": "mocked" }))));
    drive(&mut run, |id, _| panic!("{id} went out"));
    assert_eq!(output_of(&run), Ok(json!({ "said": "got mocked" })));
}
