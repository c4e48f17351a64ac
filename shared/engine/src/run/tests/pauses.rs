//! What becomes of a time or a person that a run waits for, once nothing depends on it.

use serde_json::json;

use super::children::{child, run_with};
use super::{advance, compile, failed, ok, output_of, start, start_with};

/// A call beside a question, a wait, and a call behind a wait.
const BESIDE: &str = "
nodes:
  - { id: call, type: http, url: 'https://x/' }
  - { id: ask, type: approval, message: Go on? }
  - { id: pause, type: wait, for: 1h }
";

#[test]
fn a_run_that_fails_waits_for_nobody() {
    let mut run = start(&compile(BESIDE), json!({}));
    let (_, calls) = advance(&mut run);
    assert_eq!(calls.len(), 3);
    run.complete(&calls[0].0, failed("connect", false), 2_000);
    let log = "fail call connect\ndrop ask#0\ndrop pause#0\ncancel ask\ncancel pause\ndone\n";
    assert_eq!(advance(&mut run).0, log);
    assert_eq!(output_of(&run), Err("connect".to_owned()));
    let answered = run.complete(&calls[1].0, ok(json!({ "approved": true })), 3_000);
    assert_eq!(answered, crate::run::Completion::Ignored);
}

#[test]
fn a_run_in_flight_keeps_its_rules() {
    let mut run = start_with(&compile(BESIDE), json!({}), 4);
    let (_, calls) = advance(&mut run);
    run.complete(&calls[0].0, failed("connect", false), 2_000);
    assert_eq!(advance(&mut run).0, "fail call connect\nwait 2\n");
    run.complete(&calls[1].0, ok(json!({ "approved": true })), 3_000);
    run.complete(&calls[2].0, ok(json!({})), 3_000);
    assert!(advance(&mut run).0.ends_with("done\n"));
    assert_eq!(output_of(&run), Err("connect".to_owned()));
}

#[test]
fn a_run_that_has_responded_waits_for_nobody() {
    let yaml = "
nodes:
  - { id: ask, type: approval, message: Go on? }
  - { id: call, type: http, url: 'https://x/' }
  - { id: answer, type: response, data: early, after: call }
";
    let mut run = start(&compile(yaml), json!({}));
    let (_, calls) = advance(&mut run);
    run.complete(&calls[1].0, ok(json!({ "data": null, "status": 200 })), 2_000);
    let log = advance(&mut run).0;
    assert!(log.contains("drop ask#0\n") && log.ends_with("cancel ask\ndone\n"), "{log}");
    assert_eq!(output_of(&run).unwrap()["data"], "early");
}

#[test]
fn what_is_dropped_with_its_beginning_is_never_waited_for() {
    let yaml = "
nodes:
  - { id: ask, type: approval, message: Go on? }
  - { id: bad, type: json, parse: '{' }
";
    let mut run = start(&compile(yaml), json!({}));
    let (log, calls) = advance(&mut run);
    assert!(log.ends_with("drop ask#0\ncancel ask\ndone\n"), "{log}");
    assert_eq!(calls, []);
}

#[test]
fn a_loop_that_contains_a_failure_goes_on_without_its_questions() {
    let yaml = "
nodes:
  - id: each
    type: parallel
    each: [a, b]
    on_error: { default: { results: [] } }
    nodes:
      - { id: ask, type: approval, message: Go on? }
      - { id: call, type: http, url: 'https://x/<parallel.item>' }
  - { id: after, type: http, url: 'https://x/after', after: each }
";
    let mut run = start(&compile(yaml), json!({}));
    let (_, calls) = advance(&mut run);
    let call = |place: &str| calls.iter().find(|(id, _)| id.place() == place).unwrap().0.clone();
    run.complete(&call("each[0]/call"), failed("connect", false), 2_000);
    let (log, _) = advance(&mut run);
    assert!(log.contains("drop each[0]/ask#0\ndrop each[1]/ask#0\n"), "{log}");
    assert!(log.ends_with("wait 1\n"), "the other call is out: {log}");
    run.complete(&call("each[1]/call"), ok(json!({ "data": null, "status": 200 })), 3_000);
    let (log, calls) = advance(&mut run);
    assert!(log.contains("perform after#0\n"), "{log}");
    assert_eq!(calls.len(), 1);
}

#[test]
fn an_agents_question_goes_with_the_agent() {
    let yaml = "
nodes:
  - { id: call, type: http, url: 'https://x/' }
  - id: helper
    type: agent
    model: openai/gpt-5-mini
    prompt: Hi
    tools: [{ workflow: asks }]
";
    let asks = child("asks", "nodes: [{ id: ask, type: approval, message: Go on? }]");
    let mut run = run_with(yaml, &[asks], json!({}));
    let (_, calls) = advance(&mut run);
    let turn = json!({
        "content": "", "finish_reason": "tools",
        "turn": {
            "provider": "openai", "content": "", "message": {},
            "calls": [{ "id": "c", "name": "asks", "arguments": {} }]
        }
    });
    run.complete(&calls[1].0, ok(turn), 2_000);
    let (log, asked) = advance(&mut run);
    assert_eq!(asked.len(), 1, "{log}");
    run.complete(&calls[0].0, failed("connect", false), 3_000);
    let (log, _) = advance(&mut run);
    assert!(log.ends_with("cancel helper\ndone\n"), "{log}");
}
