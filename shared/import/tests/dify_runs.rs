//! Imported apps, run on the engine with canned answers: the branches and the failures of Dify.

#![expect(clippy::unwrap_used, reason = "tests panic when they fail")]

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use flowgate_engine::{
    CallError, CallOutput, CallResult, Document, ENGINE, Outcome, Run, RunStart, SpendingLimit,
    Step, Workflow,
};
use flowgate_import::{Options, import};
use serde_json::{Value, json};

fn workflow(content: &[u8]) -> Arc<Workflow> {
    let imported = import(content, &Options::default()).unwrap();
    let document = Document::parse(&imported.workflows[0].document.to_string()).unwrap();
    let (workflow, problems) = Workflow::compile(&document);
    Arc::new(workflow.unwrap_or_else(|| panic!("{problems:#?}")))
}

/// Runs to the end. Returns the output, and the places of all calls in their order.
fn run(
    content: &[u8],
    input: Value,
    mut answer: impl FnMut(&str) -> CallResult,
) -> (Outcome, Vec<String>) {
    let start = RunStart {
        run_id: "run_1".into(),
        started_at_ms: 1_000,
        input: Arc::new(input),
        engine: ENGINE,
        spending_limit: SpendingLimit::default(),
    };
    let mut run = Run::new(workflow(content), start);
    let (mut open, mut places) = (VecDeque::new(), Vec::new());
    loop {
        match run.step() {
            Step::Perform(id, _) => open.push_back(id),
            Step::Emit(_) | Step::Drop(_) => {}
            Step::Done => return (run.outcome().unwrap().clone(), places),
            Step::Wait(_) => {
                let id = open.pop_front().unwrap();
                places.push(id.place().to_owned());
                run.complete(&id, answer(id.place()), 2_000);
            }
        }
    }
}

fn ok(value: Value) -> CallResult {
    CallResult::Succeeded(CallOutput { value, tokens: None, cost_nano_usd: None })
}

fn result(value: Value) -> CallResult {
    ok(json!({ "result": value, "stdout": "" }))
}

fn failed() -> CallResult {
    CallResult::Failed(CallError { code: "code_error".into(), ..CallError::default() })
}

#[test]
fn only_the_branch_that_is_taken_runs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dify/translate-with-review.dsl");
    let content = std::fs::read(path).unwrap();
    let input = json!({ "target_lang": "en", "source_text": "a", "source_lang": "de",
        "country": "" });
    let (outcome, places) = run(&content, input, |place| match place {
        "1721118545228_test" => result(json!("false")),
        "1721118847307" => result(json!({ "output": "better" })),
        place => ok(json!({ "content": format!("said by {place}"), "model": "m" })),
    });
    let expected =
        ["1721117961155", "1721118545228_test", "1721118668192", "1721118847307", "1721118907775"];
    assert_eq!(places, expected);
    let output = json!({ "output": "said by 1721118907775" });
    assert_eq!(outcome, Outcome::Succeeded { output });
}

/// An iteration over code, and an end that returns its output.
fn iteration(mode: &str) -> Vec<u8> {
    let nodes = json!([
        { "id": "1", "data": { "type": "start", "variables": [
            { "variable": "list", "type": "array", "required": true }] } },
        { "id": "2", "data": { "type": "iteration", "iterator_selector": ["1", "list"],
            "output_selector": ["4", "x"], "error_handle_mode": mode } },
        { "id": "3", "data": { "type": "code", "iteration_id": "2", "variables": [],
            "code": "def main():\n    return {}" } },
        { "id": "4", "data": { "type": "code", "iteration_id": "2", "variables": [],
            "code": "def main():\n    return {}" } },
        { "id": "5", "data": { "type": "end", "outputs": [
            { "variable": "all", "value_selector": ["2", "output"] }] } },
    ]);
    let edges = [("1", "2"), ("3", "4"), ("2", "5")]
        .map(|(source, target)| json!({ "source": source, "target": target }));
    let app = json!({ "app": { "mode": "workflow", "name": "x" },
        "workflow": { "graph": { "nodes": nodes, "edges": edges } } });
    app.to_string().into_bytes()
}

#[test]
fn an_iteration_that_fails_ends_the_run_or_is_known_to_the_next_node() {
    let input = json!({ "list": ["a", "b"] });
    let answer = |place: &str| match place {
        "2[0]/3" | "2/0/3" => failed(),
        place if place.ends_with('4') => result(json!({ "x": 7 })),
        "2_outcome" => result(json!([null, 7])),
        _ => result(json!({})),
    };
    let (outcome, places) = run(&iteration("continue-on-error"), input.clone(), answer);
    assert_eq!(outcome, Outcome::Succeeded { output: json!({ "all": [null, 7] }) }, "{places:?}");
    assert_eq!(places.last().unwrap(), "2_outcome");
    assert_eq!(places.len(), 4, "the node behind the failed one does not run: {places:?}");
    let (outcome, places) = run(&iteration("terminated"), input, answer);
    assert!(matches!(outcome, Outcome::Failed { .. }), "{places:?} {outcome:?}");
}
