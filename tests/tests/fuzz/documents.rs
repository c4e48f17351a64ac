//! Workflow documents: whatever the text, parsing and compiling end soon, and every problem has a
//! place. What compiles also runs to an end.

use std::sync::Arc;

use flowgate_engine::call::{CallError, CallOutput, CallResult};
use flowgate_engine::{Document, ENGINE, Run, RunStart, Severity, Step, Workflow};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseResult;
use serde_json::{Value, json};

use crate::budget::fuzz;
use crate::words::{changed, changes, odd_text};

const EXAMPLES: [&str; 8] = [
    include_str!("../../../examples/digest.yaml"),
    include_str!("../../../examples/fallback.yaml"),
    include_str!("../../../examples/greeting.yaml"),
    include_str!("../../../examples/healthcheck.yaml"),
    include_str!("../../../examples/invoice.yaml"),
    include_str!("../../../examples/signup.yaml"),
    include_str!("../../../examples/story.yaml"),
    include_str!("../../../examples/triage.yaml"),
];

/// Steps after which a run is taken to never end.
const MAX_STEPS: usize = 60_000;

#[test]
fn documents_of_any_text() {
    fuzz("documents_of_any_text", &odd_text(60), |text| check(&text));
}

#[test]
fn documents_that_were_right() {
    let text = (select(&EXAMPLES[..]), changes(), any::<bool>());
    fuzz("documents_that_were_right", &text, |(example, changes, as_json)| {
        let example = if as_json { json_of(example) } else { example.to_owned() };
        check(&changed(&example, &changes))
    });
}

#[test]
fn documents_of_the_right_words() {
    fuzz("documents_of_the_right_words", &document(), |document| {
        check(&document.to_string())?;
        check(&serde_json::to_string_pretty(&document).unwrap())
    });
}

fn json_of(yaml: &str) -> String {
    let document = Document::parse(yaml).unwrap();
    serde_json::to_string_pretty(document.root()).unwrap()
}

/// A document with fields of the right names and values of any kind.
fn document() -> impl Strategy<Value = Value> {
    let nodes = prop::collection::vec(node(2), 0..6);
    let more = prop::collection::vec((select(ROOT_FIELDS), value()), 0..4);
    (nodes, more).prop_map(|(nodes, more)| {
        let mut document = json!({ "nodes": nodes });
        for (name, value) in more {
            document[name] = value;
        }
        document
    })
}

const ROOT_FIELDS: &[&str] =
    &["name", "input", "output", "webhook", "save", "deadline", "budget", "description", "nodes"];
const KINDS: &[&str] = &[
    "agent",
    "http",
    "function",
    "condition",
    "template",
    "loop",
    "parallel",
    "webhook",
    "response",
    "note",
    "nothing",
];
const NODE_FIELDS: &[&str] = &[
    "template",
    "url",
    "method",
    "headers",
    "query",
    "body",
    "code",
    "after",
    "branches",
    "for",
    "each",
    "nodes",
    "width",
    "retry",
    "timeout",
    "model",
    "prompt",
    "schema",
    "result",
    "at_most_once",
    "name",
    "status",
    "system",
    "temperature",
    "max_tokens",
    "base_url",
    "api_key",
    "signature",
];

fn node(depth: u32) -> BoxedStrategy<Value> {
    let inner = if depth == 0 {
        Just(Vec::new()).boxed()
    } else {
        prop::collection::vec(node(depth - 1), 0..3).boxed()
    };
    (select(KINDS), "[a-c]", prop::collection::vec((select(NODE_FIELDS), value()), 0..6), inner)
        .prop_map(|(kind, id, fields, inner)| {
            let mut node = json!({ "id": id, "type": kind });
            for (name, value) in fields {
                node[name] = value;
            }
            if !inner.is_empty() {
                node["nodes"] = json!(inner);
            }
            node
        })
        .boxed()
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        3 => odd_text(4).prop_map(Value::from),
        2 => select(PLAUSIBLE).prop_map(|text| {
            serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
        }),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((odd_text(2), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

const PLAUSIBLE: &[&str] = &[
    "<a.content>",
    "<b.data.x>",
    "<api.x>",
    "<a.results[0]>",
    "<loop.item>",
    "<loop.index>",
    "https://example.com/<api.x>",
    "{{SECRET}}",
    "offline/echo",
    "POST",
    "3",
    "1000",
    "20",
    "10s",
    "[\"a\"]",
    "[\"b.yes\", \"a.error\"]",
    "{\"max_attempts\":3,\"backoff\":\"1s\"}",
    "[{\"name\":\"yes\",\"if\":\"<api.x> == 1\"},{\"name\":\"no\"}]",
    "[1,2,3]",
    "[{\"name\":\"x\",\"type\":\"string\",\"default\":\"d\"}]",
    "{\"raw\":\"<<SYS>>\"}",
    "{\"text\":\"<a.content>\"}",
    "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}",
    "return 1",
    "<api.x> + 1",
    "size(<api.x>) > 2 && <a.content> != ''",
];

fn check(text: &str) -> TestCaseResult {
    // YAML ends lines at more characters than `lines` does; an error may stand behind the last one.
    let ends = text.matches(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count();
    let lines = u32::try_from(ends).unwrap() + 2;
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            prop_assert!((1..=lines).contains(&error.line), "{error:?}, {lines} lines");
            prop_assert!(error.column >= 1 && !error.message.is_empty(), "{error:?}");
            return Ok(());
        }
    };
    let (workflow, problems) = Workflow::compile(&document);
    for problem in &problems {
        let is_pointer = problem.path.is_empty() || problem.path.starts_with('/');
        prop_assert!(is_pointer && !problem.message.is_empty(), "{problem:?}");
        let line = problem.line.unwrap_or_default();
        prop_assert!((1..=lines).contains(&line), "{problem:?}, {lines} lines");
        prop_assert!(problem.column.is_some_and(|column| column >= 1), "{problem:?}");
    }
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    prop_assert_eq!(workflow.is_some(), errors == 0, "{:?}", problems);
    prop_assert_eq!(&Workflow::compile(&document).1, &problems);
    workflow.map_or(Ok(()), |workflow| runs_to_an_end(Arc::new(workflow)))
}

/// Answers every call at once, every third one with a failure.
fn runs_to_an_end(workflow: Arc<Workflow>) -> TestCaseResult {
    let start = RunStart {
        run_id: "run_1".into(),
        started_at_ms: 1_000,
        input: Arc::new(workflow.sample_input()),
        engine: ENGINE,
        spending_limit: flowgate_engine::SpendingLimit::default(),
    };
    let mut run = Run::new(workflow, start);
    let mut calls = 0;
    for _ in 0..MAX_STEPS {
        match run.step() {
            Step::Emit(_) | Step::Drop(_) => {}
            Step::Perform(id, _) => {
                calls += 1;
                run.complete(&id, answer(calls), 2_000);
            }
            Step::Wait(waiting) => {
                prop_assert!(false, "waits for {} answered calls", waiting.calls)
            }
            Step::Done => {
                prop_assert!(run.outcome().is_some());
                return Ok(());
            }
        }
    }
    prop_assert!(false, "no end after {MAX_STEPS} steps");
    Ok(())
}

fn answer(call: usize) -> CallResult {
    if call.is_multiple_of(3) {
        let error =
            CallError { code: "connect".into(), message: "no".into(), ..CallError::default() };
        return CallResult::Failed(error);
    }
    let value = json!({ "content": "x", "data": { "x": [1] }, "status": 200, "result": null });
    CallResult::Succeeded(CallOutput { value, tokens: Some(1), cost_nano_usd: None })
}
