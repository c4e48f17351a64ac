//! Runs that take over the results of an earlier one.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::Index;

use super::graphs::{Story, Writer, answer, graph, play, rounds};
use super::several::{compile_with, scripted_in_rounds};
use super::*;
use crate::Downstream;

/// Runs again with the results of an earlier run, as the driver does: in the order in which that
/// one consumed them. Returns the outcome, and the places of the calls that were made.
fn rerun(
    workflow: &Arc<Workflow>,
    earlier: &[(CallId, CallResult)],
    anew: &Downstream,
    picks: &[Index],
) -> (Outcome, Vec<String>, Usage) {
    let mut left: BTreeMap<usize, &(CallId, CallResult)> =
        earlier.iter().enumerate().filter(|(_, (id, _))| !anew.covers(id.place())).collect();
    let mut run = start(workflow, json!({})).inheriting(1_000, "run_1".into());
    let (mut open, mut made) = (Vec::<(CallId, Call)>::new(), Vec::new());
    let mut picks = picks.iter().cycle();
    loop {
        match run.step() {
            Step::Perform(id, call) => open.push((id, *call)),
            Step::Drop(id) => open.retain(|(call, _)| *call != id),
            Step::Emit(_) => {}
            Step::Done => return (run.outcome().unwrap().clone(), made, run.usage()),
            Step::Wait(_) => {
                let known = left
                    .iter()
                    .find(|(_, (known, _))| open.iter().any(|(id, _)| id == known))
                    .map(|(order, _)| *order);
                let reused = known.and_then(|order| left.remove(&order));
                if let Some((id, result)) = reused {
                    open.retain(|(other, _)| other != id);
                    run.complete_reused(id, result.clone(), 1, 3_000);
                    continue;
                }
                let (id, call) = open.remove(picks.next().unwrap().index(open.len()));
                made.push(id.place().to_owned());
                let result = answer(&id, &call);
                run.complete(&id, result, 3_000);
            }
        }
    }
}

fn check(story: &Story, outcome: &Outcome) -> Result<(), TestCaseError> {
    match (&story.outcome, outcome) {
        (Outcome::Succeeded { output }, Outcome::Succeeded { output: same }) => {
            prop_assert_eq!(output, same);
        }
        (Outcome::Failed { .. }, Outcome::Failed { .. }) => {}
        (one, two) => prop_assert!(false, "{one:?} {two:?}"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn a_rerun_from_any_node_gives_what_a_whole_run_gives(
        graph in graph(),
        picks in prop::collection::vec(any::<Index>(), 1..40),
        others in prop::collection::vec(any::<Index>(), 1..40),
        from in any::<Index>(),
    ) {
        let mut writer = Writer::default();
        let (written, _) = writer.list(&graph, &[]);
        let document = json!({ "nodes": written }).to_string();
        let workflow = compile_with(scripted_in_rounds(rounds), &document);
        let story = play(&workflow, &[], &picks);

        let from = &writer.nodes[from.index(writer.nodes.len())].id;
        let anew = workflow.downstream(from).unwrap();
        let (outcome, made, _) = rerun(&workflow, &story.ended, &anew, &others);
        check(&story, &outcome)?;
        if matches!(outcome, Outcome::Succeeded { .. }) {
            // A run that ended early has not made every call: another order may need more of them.
            let is_recorded = |place: &str| story.ended.iter().any(|(id, _)| id.place() == place);
            for place in &made {
                let may_be_made = anew.covers(place) || !is_recorded(place);
                prop_assert!(may_be_made, "{place} was made again, from {from}");
            }
        }
        // From nowhere: nothing is made again, and nothing is spent.
        let (outcome, made, usage) =
            rerun(&workflow, &story.ended, &Downstream::default(), &others);
        prop_assert_eq!((&outcome, made, usage), (&story.outcome, vec![], Usage::default()));
    }
}

const LOOPS: &str = r#"
nodes:
  - { id: first, type: http, url: "http://x/" }
  - id: outer
    type: loop
    for: 2
    nodes:
      - { id: before, type: http, url: "http://x/<first.data>" }
      - id: inner
        type: parallel
        for: 2
        nodes:
          - { id: a, type: http, url: "http://x/<before.data>" }
          - { id: b, type: http, url: "http://x/<a.data>" }
          - { id: c, type: http, url: "http://x/" }
      - { id: behind, type: http, url: "http://x/<inner.results>" }
  - { id: last, type: http, url: "http://x/<outer.results>" }
  - { id: beside, name: At the Side, type: http, url: "http://x/" }
"#;

#[test]
fn what_depends_on_a_node_is_made_anew() {
    let workflow = compile(LOOPS);
    let places = [
        "first",
        "outer[0]/before",
        "outer[1]/before/page2",
        "outer[0]/inner[1]/a",
        "outer[0]/inner[1]/b/a",
        "outer[0]/inner[1]/c",
        "outer[1]/behind",
        "last",
        "beside/last",
    ];
    let check = |from: &str, expected: [u8; 9]| {
        let anew = workflow.downstream(from).unwrap();
        assert_eq!(places.map(|place| u8::from(anew.covers(place))), expected, "{from}");
    };
    check("first", [1, 1, 1, 1, 1, 1, 1, 1, 0]);
    check("before", [0, 1, 1, 1, 1, 1, 1, 1, 0]);
    check("a", [0, 0, 0, 1, 1, 0, 1, 1, 0]);
    check("b", [0, 0, 0, 0, 1, 0, 1, 1, 0]);
    check("inner", [0, 0, 0, 1, 1, 1, 1, 1, 0]);
    check("last", [0, 0, 0, 0, 0, 0, 0, 1, 0]);
    check("At the side", [0, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert!(workflow.downstream("nobody").is_none());
}

#[test]
fn a_reused_result_costs_nothing_and_leaves_what_it_left() {
    let workflow = compile(
        r#"
nodes: [{ id: ask, type: agent, model: openai/gpt-5-mini, prompt: Hi }]
output: { cost: <ask.cost>, tokens: <ask.tokens> }
"#,
    );
    let outcome = |is_reused: bool| {
        let mut run = start(&workflow, json!({}));
        let (_, mut calls) = advance(&mut run);
        let (id, _) = calls.remove(0);
        let value = json!({
            "content": "Hi", "model": "m", "finish_reason": "stop", "tool_calls": [],
            "tokens": { "input": 3, "output": 4 }
        });
        let output = CallOutput { value, tokens: Some(7), cost_nano_usd: Some(5) };
        let result = CallResult::Succeeded(output);
        if is_reused {
            run.complete_reused(&id, result, 2, 2_000);
        } else {
            run.complete(&id, result, 2_000);
        }
        let mut ended = Vec::new();
        loop {
            match run.step() {
                Step::Emit(RunEvent::CallEnded(call)) => {
                    ended.push((call.is_reused, call.figures.tokens, call.attempt));
                }
                Step::Done => break,
                _ => {}
            }
        }
        (run.outcome().unwrap().clone(), run.usage(), ended)
    };
    let (made, spent, ended) = outcome(false);
    assert_eq!((spent.tokens, spent.cost_nano_usd), (Some(7), Some(5)));
    assert_eq!(ended, [(false, Some(7), 1)]);
    let (reused, spent, ended) = outcome(true);
    assert_eq!((&reused, spent), (&made, Usage::default()));
    assert_eq!(ended, [(true, None, 2)]);
}

#[test]
fn a_rerun_sees_the_time_and_the_randomness_of_its_origin() {
    let yaml = r#"
nodes:
  - { id: dice, type: random, number: { min: 1, max: 1000000 } }
  - { id: code, type: function, code: "return Date.now()" }
"#;
    let document = Document::parse(yaml).unwrap();
    let (workflow, problems) = Workflow::compile(&document);
    let workflow = Arc::new(workflow.unwrap_or_else(|| panic!("{problems:#?}")));
    let begin = |run_id: &str, at: i64| {
        let start = RunStart {
            run_id: run_id.into(),
            started_at_ms: at,
            input: Arc::new(json!({})),
            engine: ENGINE,
            spending_limit: crate::SpendingLimit::default(),
        };
        Run::new(Arc::clone(&workflow), start)
    };
    let seen = |mut run: Run| {
        let (log, calls) = advance(&mut run);
        let call = &calls[0].1;
        (log, call.seed, call.input_hash.clone(), call.asked_at_ms)
    };
    let origin = seen(begin("run_1", 1_000));
    let rerun = seen(begin("run_2", 9_000).inheriting(1_000, "run_1".into()));
    assert_eq!((&rerun.0, rerun.1, &rerun.2), (&origin.0, origin.1, &origin.2));
    // Waiting counts from its own start.
    assert_eq!((origin.3, rerun.3), (1_000, 9_000));
    assert_ne!(seen(begin("run_2", 9_000)).1, origin.1);
}
