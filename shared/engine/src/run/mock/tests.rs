use std::collections::VecDeque;

use serde_json::json;

use super::*;
use crate::run::tests::{compile, drive, failed, ok, output_of, start};

/// Gives the same node's executions their answers in turn, and calls theirs by name.
#[derive(Debug, Default)]
struct Given {
    node: &'static str,
    nodes: VecDeque<Mock>,
    calls: Vec<(&'static str, CallResult)>,
}

impl Mocks for Given {
    fn node(&mut self, node: &str, _: &NodePath) -> Option<Mock> {
        if node == self.node { self.nodes.pop_front() } else { None }
    }

    fn call(&mut self, _: &NodePath, name: &str, _: MockedWork<'_>) -> Option<CallResult> {
        self.calls.iter().find(|(given, _)| *given == name).map(|(_, result)| result.clone())
    }
}

fn run(yaml: &str, given: Given) -> Run {
    start(&compile(yaml), json!({})).mocking(Box::new(given))
}

fn of_node(node: &'static str, mocks: impl Into<VecDeque<Mock>>) -> Given {
    Given { node, nodes: mocks.into(), calls: Vec::new() }
}

fn output(value: Value) -> Mock {
    Mock::Output(Arc::new(value))
}

fn failure(code: &str) -> Mock {
    match failed(code, true) {
        CallResult::Failed(error) => Mock::Failure(error),
        CallResult::Succeeded(_) => unreachable!(),
    }
}

#[test]
fn executions_take_their_answers_in_turn() {
    let yaml = "
nodes:
  - id: each
    type: loop
    for: 3
    result: <fetch.data>
    nodes: [{ id: fetch, type: http, url: 'http://a/', on_error: { default: { data: none } } }]
output: { all: <each.results> }";
    let answers = [output(json!({ "data": 1 })), failure("timeout"), output(json!({ "data": 3 }))];
    let mut run = run(yaml, of_node("fetch", answers));
    drive(&mut run, |id, _| panic!("{id} went out"));
    assert_eq!(output_of(&run).unwrap(), json!({ "all": [1, "none", 3] }));
}

#[test]
fn a_node_that_is_not_given_runs() {
    let yaml = "nodes: [{ id: fetch, type: http, url: 'http://a/' }]\noutput: { d: <fetch.data> }";
    let mut run = run(yaml, Given::default());
    drive(&mut run, |_, _| ok(json!({ "data": 7, "status": 200, "headers": {} })));
    assert_eq!(output_of(&run).unwrap(), json!({ "d": 7 }));
}

#[test]
fn a_mocked_condition_takes_its_branch() {
    let yaml = "
nodes:
  - { id: which, type: condition, branches: [{ name: a, if: 'true' }, { name: b }] }
  - { id: left, type: template, after: [which.a], template: left }
  - { id: right, type: template, after: [which.b], template: right }
output: { text: <left.content><right.content> }";
    let mut run = run(yaml, of_node("which", [output(json!({ "branch": "b" }))]));
    drive(&mut run, |id, _| panic!("{id} went out"));
    assert_eq!(output_of(&run).unwrap(), json!({ "text": "right" }));
}

#[test]
fn calls_of_an_agent_are_answered_by_name_and_the_others_are_made() {
    let yaml = r#"
nodes:
  - id: helper
    type: agent
    model: openai/gpt-5-mini
    prompt: hi
    tools: [{ name: add, description: Adds, code: "return 3" }]
output: { said: <helper.content>, cost: <helper.cost> }"#;
    let call = json!({ "id": "1", "name": "add", "arguments": {} });
    let turn = json!({
        "content": "", "finish_reason": "tools",
        "turn": { "provider": "test", "content": "", "calls": [call] }
    });
    let end = json!({ "content": "three", "finish_reason": "stop" });
    let calls = vec![("turn1", ok(turn)), ("turn2", ok(end))];
    let mut run = run(yaml, Given { calls, ..Given::default() });
    let log = drive(&mut run, |id, _| {
        assert_eq!(id.as_str(), "helper/turn1.tool0#0");
        ok(json!({ "result": 3 }))
    });
    assert!(log.contains("start helper\n"), "{log}");
    assert_eq!(output_of(&run).unwrap(), json!({ "said": "three", "cost": 0 }));
}

#[test]
fn a_given_approval_takes_the_branch_of_its_answer() {
    let yaml = "
nodes:
  - { id: ask, type: approval, message: Well? }
  - { id: yes, type: template, after: [ask.approved], template: yes }
  - { id: no, type: template, after: [ask.rejected], template: no }
output: { text: <yes.content><no.content> }";
    for (approved, text) in [(true, "yes"), (false, "no")] {
        let answer = json!({ "approved": approved, "by": "Ada" });
        assert_eq!(compile(yaml).accept_pin("ask", &answer, ""), Ok("ask".to_owned()));
        let mut run = run(yaml, of_node("ask", [output(answer)]));
        drive(&mut run, |id, _| panic!("{id} went out"));
        assert_eq!(output_of(&run).unwrap(), json!({ "text": text }));
    }
    let wrong = compile(yaml).accept_pin("ask", &json!({ "by": "Ada" }), "/x").unwrap_err();
    assert_eq!(wrong[0].pointer, "/x/approved");
}
