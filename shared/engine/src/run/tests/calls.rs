use std::time::Duration;

use super::*;
use crate::workflow::CompileOptions;

const RETRIED: &str = "nodes: [{ id: a, type: agent, model: offline/echo, prompt: hi, retry: { \
                       max_attempts: 3, backoff: 40s }, timeout: 9s }]";

#[test]
fn a_failed_call_goes_out_again() {
    let mut run = start(&compile(RETRIED), json!({}));
    let (_, calls) = advance(&mut run);
    let (first, call) = &calls[0];
    assert_eq!((first.as_str(), first.place(), first.attempt()), ("a#0", "a", 0));
    assert_eq!((call.delay, call.timeout), (Duration::ZERO, Duration::from_secs(9)));
    run.progress(first, Chunk::Text("h".into()));
    assert_eq!(run.complete(first, failed("timeout", true), 2_000), Completion::Retrying);
    let (log, again) = advance(&mut run);
    assert_eq!(log, "chunk a h\nreset a\nattempt a 2\nperform a#1\nwait 1\n");
    assert_eq!(again[0].1.delay, Duration::from_secs(40));
    assert_eq!(again[0].1.input_hash, call.input_hash);
    assert_ne!(again[0].1.seed, call.seed);
    run.progress(first, Chunk::Text("late".into()));
    assert_eq!(run.complete(first, failed("timeout", true), 2_000), Completion::Ignored);
    assert_eq!(run.complete(&again[0].0, failed("timeout", true), 2_000), Completion::Retrying);
    let (log, last) = advance(&mut run);
    assert_eq!(log, "attempt a 3\nperform a#2\nwait 1\n");
    assert_eq!(last[0].1.delay, Duration::from_secs(60));
    assert_eq!(run.complete(&last[0].0, failed("timeout", true), 2_000), Completion::Final);
    assert_eq!(advance(&mut run).0, "fail a timeout\ndone\n");
}

#[test]
fn what_cannot_succeed_is_not_tried_again() {
    let mut run = start(&compile(RETRIED), json!({}));
    let (_, calls) = advance(&mut run);
    assert_eq!(
        run.complete(&calls[0].0, failed("refused_address", false), 2_000),
        Completion::Final
    );
}

#[test]
fn recorded_results_are_final() {
    let mut run = start(&compile(RETRIED), json!({}));
    let (_, calls) = advance(&mut run);
    let result = failed("timeout", true);
    let recorded = Recorded { result, attempts: 3, ended_at_ms: None, has_reported_text: false };
    run.complete_recorded(&calls[0].0, recorded);
    let Step::Emit(RunEvent::CallEnded(ended)) = run.step() else { panic!() };
    assert_eq!(ended.attempt, 3);
    let Step::Emit(RunEvent::NodeFinished { attempts, .. }) = run.step() else { panic!() };
    assert_eq!(attempts, 3);
    assert_eq!(run.step(), Step::Done);
}

#[test]
fn tokens_and_cost_add_up_until_a_price_is_unknown() {
    let yaml = "
nodes:
  - { id: a, type: agent, model: openai/a, prompt: hi }
  - { id: b, type: agent, model: openai/b, prompt: hi }
  - { id: c, type: http, url: 'http://x/' }
";
    let used = |tokens, cost_nano_usd| {
        CallResult::Succeeded(CallOutput { value: json!({"content": ""}), tokens, cost_nano_usd })
    };
    let mut run = start(&compile(yaml), json!({}));
    drive(&mut run, |_, call| {
        if matches!(call.action, crate::Action::Http(_)) {
            ok(json!({}))
        } else {
            used(Some(5), Some(7))
        }
    });
    let unsplit = Usage::UNKNOWN;
    assert_eq!(run.usage(), Usage { tokens: Some(10), cost_nano_usd: Some(14), ..unsplit });
    let mut run = start(&compile(yaml), json!({}));
    drive(&mut run, |id, _| used(Some(5), (id.place() != "b").then_some(7)));
    assert_eq!(run.usage(), Usage { tokens: Some(15), ..unsplit });
}

#[test]
fn the_same_run_computes_the_same_calls() {
    let yaml = "nodes: [{ id: a, type: http, url: 'http://x/<api.input.n>' }]";
    let call = |n: u8, id: &str| {
        let start = RunStart {
            run_id: id.into(),
            started_at_ms: 5,
            input: Arc::new(json!({ "n": n })),
            engine: ENGINE,
            spending_limit: crate::SpendingLimit::default(),
        };
        advance(&mut Run::new(compile(yaml), start)).1.remove(0).1
    };
    assert_eq!(call(1, "r"), call(1, "r"));
    assert_ne!(call(1, "r").input_hash, call(2, "r").input_hash);
    assert_ne!(call(1, "r").seed, call(1, "s").seed);
    assert_eq!(call(1, "r").input_hash.len(), 64);
}

#[test]
fn what_goes_out_is_told_with_secrets_as_names() {
    let yaml = "nodes: [{ id: a, type: http, url: 'http://x/', headers: { authorization: 'Bearer \
                {{TOKEN}}' }, body: { q: ['<api.input.q>', '{{B}}'] } }]";
    let mut run = start(&compile(yaml), json!({"q": "{{TOKEN}}"}));
    let mut sent = None;
    while let Step::Emit(event) = run.step() {
        if let RunEvent::NodeStarted { input: Some(input), .. } = event {
            sent = Some(input);
        }
    }
    assert_eq!(
        *sent.unwrap(),
        json!({
            "kind": "http",
            "method": "GET",
            "url": "http://x/",
            "headers": [["authorization", "Bearer {{TOKEN}}"]],
            "body": {"q": ["{{TOKEN}}", "{{B}}"]}
        })
    );
    let call = only_call(yaml, json!({"q": "{{TOKEN}}"}));
    let crate::Action::Http(http) = call.action else { panic!() };
    let filled =
        http.body.unwrap().fields()[0].fill(&mut |name| Ok::<_, ()>(format!("<{name}>"))).unwrap();
    assert_eq!(filled, json!({"q": ["{{TOKEN}}", "<B>"]}));
}

/// A run in flight takes a call that hashes otherwise for another one: a new form needs a new
/// number of [`ENGINE`].
#[test]
fn the_hashed_form_of_a_call_does_not_change_under_a_run() {
    for (node, expected) in [
        (
            "h, type: http, url: 'http://x/<api.input.n>', query: { a: 1 }, body: { n: '{{K}}' }",
            "c325a384e9195e9346f43d2f14f9cbea0ddbbbe9c5c6287022ae0611c2fc7c47",
        ),
        (
            "a, type: agent, model: m/m, prompt: hi, temperature: 0.5, echo_delay: 20ms",
            "12b1098d912ad10d7703f78ffd77faead448e9009af43dfd5f8c0071841b8812",
        ),
        (
            "m, type: agent, model: m/m, prompt: hi, tools: [{ mcp: 'https://x/', only: [t] }]",
            "637ec7a8c981059777e5d1dbeec8f1d8294d5762cca0050007ff44abd29fcf79",
        ),
        (
            "f, type: function, code: 'return <api.input.n>'",
            "62da97080f5a642b43dff37ff32e8d64c8552b08c86d6d4799cf302c0091832f",
        ),
        (
            "w, type: webhook, url: 'http://x/', body: 1, signature: s",
            "625b0e277ed44e44e200ba7eeab409dbfe4d5d3c90264ef46ef41de5adfb9dc7",
        ),
    ] {
        for engine in 0..=ENGINE {
            let document = Document::parse(&format!("nodes: [{{ id: {node} }}]")).unwrap();
            let options = CompileOptions { is_published: true, ..CompileOptions::default() };
            let workflow = Workflow::compile_with(&document, &options).0.unwrap();
            let input = Arc::new(json!({ "n": 7 }));
            let start = RunStart {
                run_id: "r".into(),
                started_at_ms: 1_000,
                input,
                engine,
                spending_limit: crate::SpendingLimit::default(),
            };
            let (_, calls) = advance(&mut Run::new(Arc::new(workflow), start));
            assert_eq!(calls[0].1.input_hash, expected, "{node}, engine {engine}");
        }
    }
}
