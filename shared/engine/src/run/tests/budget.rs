//! What a run keeps in memory stays within its budget, whatever holds it.

use super::*;
use crate::run::budget::MAX_RUN_BYTES;

const MIB: usize = 1 << 20;

/// Drives a run without answering its calls; returns the most that it kept, and how it ended.
fn peak(yaml: &str, input: Value) -> (usize, Option<String>) {
    let mut run = start(&compile(yaml), input);
    let mut peak = 0;
    loop {
        let step = run.step();
        peak = peak.max(run.kept_bytes());
        if matches!(step, Step::Done | Step::Wait(_)) {
            break;
        }
    }
    let code = match run.outcome() {
        Some(Outcome::Failed { error, .. }) => Some(error.code.clone()),
        _ => None,
    };
    (peak, code)
}

fn check(yaml: &str, input: Value, expected: Option<&str>) {
    let (peak, code) = peak(yaml, input);
    assert!(peak <= MAX_RUN_BYTES, "{} MiB\n{yaml}", peak / MIB);
    assert_eq!(code.as_deref(), expected, "{yaml}");
}

fn text(bytes: usize) -> Value {
    json!({"t": "x".repeat(bytes)})
}

#[test]
fn the_input_counts() {
    let (peak, _) = peak("nodes: [{ id: t, type: template, template: x }]", text(3 * MIB));
    assert!(peak >= 3 * MIB);
}

#[test]
fn iterations_free_what_they_kept() {
    let yaml = "
nodes:
  - id: l
    type: loop
    for: 1000
    nodes: [{ id: t, type: template, template: \"<api.input.t>!\" }]
    result: <loop.index>";
    check(yaml, text(200_000), None);
}

#[test]
fn concurrent_iterations_share_the_budget() {
    let yaml = "
nodes:
  - id: p
    type: parallel
    width: 20
    for: 100
    nodes:
      - { id: t, type: template, template: \"<api.input.t>!\" }
      - { id: f, type: function, code: \"return 1\", after: [t] }
    result: <parallel.index>";
    check(yaml, text(3_900_000), Some("value_too_large"));
}

#[test]
fn inputs_of_open_calls_count() {
    let node = |n| {
        format!(
            "  - {{ id: h{n}, type: http, url: \"https://example.com/\", method: POST, \
             body: <api.input.t> }}\n"
        )
    };
    let yaml = format!("nodes:\n{}", (0..300).map(node).collect::<String>());
    let (peak, _) = peak(&yaml, text(3 * MIB));
    assert!(peak <= MAX_RUN_BYTES);
}

#[test]
fn frames_count() {
    let notes: String = (0..150)
        .map(|n| format!("          - {{ id: n{n}, type: template, template: x, after: [f] }}\n"))
        .collect();
    let yaml = format!(
        "
nodes:
  - id: a
    type: parallel
    width: 20
    for: 20
    nodes:
    - id: b
      type: parallel
      width: 20
      for: 20
      nodes:
      - id: c
        type: parallel
        width: 20
        for: 20
        nodes:
          - {{ id: f, type: function, code: \"return 1\" }}
{notes}"
    );
    check(&yaml, json!({}), Some("value_too_large"));
}

/// A number in a list takes one byte of JSON and 72 of memory.
#[test]
fn small_values_count_as_the_memory_they_take() {
    let copies = ["<api.input.l>"; 30].join(", ");
    let yaml = format!("nodes: [{{ id: o, type: output, values: {{ v: [{copies}] }} }}]");
    let numbers: Value = (0..60_000).map(|_| json!(0)).collect();
    check(&yaml, json!({"l": numbers}), Some("value_too_large"));
}

#[test]
fn headers_together_are_one_value() {
    let headers: String = (0..40).map(|n| format!("h{n}: <api.input.t>, ")).collect();
    let yaml = format!("nodes: [{{ id: r, type: response, headers: {{ {headers} }} }}]");
    check(&yaml, text(3 * MIB), Some("value_too_large"));
}

#[test]
fn messages_are_short() {
    let mut run =
        start(&compile("nodes: [{ id: f, type: function, code: \"return 1\" }]"), json!({}));
    drive(&mut run, |_, _| {
        CallResult::Failed(CallError { message: "é".repeat(MIB), ..CallError::default() })
    });
    let Some(Outcome::Failed { error, .. }) = run.outcome() else { panic!() };
    assert!(error.message.len() < 5_000);
}

#[test]
fn an_output_is_one_value() {
    let nodes: String = (0..3)
        .map(|n| format!("  - {{ id: t{n}, type: template, template: \"<api.input.t>!\" }}\n"))
        .collect();
    check(&format!("nodes:\n{nodes}"), text(2 * MIB), Some("value_too_large"));
}

#[test]
fn nothing_is_kept_of_what_has_ended() {
    let yaml = "
nodes:
  - id: l
    type: loop
    for: 50
    nodes: [{ id: f, type: function, code: \"return <api.input.t>\" }]
    result: <loop.index>";
    let mut run = start(&compile(yaml), text(MIB));
    let before = run.kept_bytes();
    drive(&mut run, |_, _| ok(json!({"result": "y".repeat(MIB), "stdout": ""})));
    assert!(matches!(run.outcome(), Some(Outcome::Succeeded { .. })), "{:?}", run.outcome());
    // The input counts once more, as the output of the node that hands it out.
    assert!(run.kept_bytes() < 2 * before + 64 * 1024, "{} bytes", run.kept_bytes());
}

/// Runs of earlier rules go on as they were counted.
#[test]
fn earlier_rules_count_json() {
    let workflow = compile("nodes: [{ id: t, type: template, template: <api.input.l> }]");
    let numbers: Value = (0..100).map(|_| json!(0)).collect();
    let kept = |engine| {
        let mut run = Run::new(
            Arc::clone(&workflow),
            RunStart {
                run_id: "run_1".into(),
                started_at_ms: 0,
                input: Arc::new(json!({"l": numbers})),
                engine,
                spending_limit: crate::SpendingLimit::default(),
            },
        );
        advance(&mut run);
        run.kept_bytes()
    };
    assert_eq!(
        kept(1),
        json!({"content": numbers}).to_string().len() + json!({"l": numbers}).to_string().len()
    );
    assert!(kept(2) > 100 * 72);
}
