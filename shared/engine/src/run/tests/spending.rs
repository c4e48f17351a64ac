//! What a run spends: never more than its budget and the calls in flight, whatever ends first.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const FAN: &str = "
budget: { max_cost_usd: 0.000001 }
nodes:
  - id: p
    type: parallel
    width: 4
    for: 12
    nodes: [{ id: a, type: agent, model: openai/gpt-4o, prompt: x, retry: { max_attempts: 2 },
      on_error: continue }]
    result: <a.code>
output: { codes: <p.results> }";
/// The budget of `FAN`, in nano-dollars.
const BUDGET: u64 = 1_000;

fn answer(cost_nano_usd: Option<u64>) -> CallResult {
    let value = json!({ "content": "x", "finish_reason": "stop", "tool_calls": [], "model": "m" });
    CallResult::Succeeded(CallOutput { value, tokens: Some(1), cost_nano_usd })
}

fn failure(cost_nano_usd: Option<u64>) -> CallResult {
    let CallResult::Failed(error) = failed("model_error", true) else { unreachable!() };
    CallResult::Failed(error.having_used(Some(1), cost_nano_usd))
}

/// Completes calls in the order of `picks`, and returns what each recorded result was.
fn spend(costs: &[u64], fails: &[bool], picks: &[usize]) -> (Run, Vec<(CallId, CallResult, u64)>) {
    let mut run = start(&compile(FAN), json!({}));
    let (mut open, mut recorded, mut spent): (Vec<CallId>, Vec<_>, u64) = Default::default();
    loop {
        for (id, call) in advance(&mut run).1 {
            assert!(spent < BUDGET, "{id} went out after {spent} of {BUDGET}");
            assert!(call.needs_price);
            open.push(id);
        }
        if run.outcome().is_some() {
            return (run, recorded);
        }
        let n = recorded.len();
        let id = open.remove(picks[n % picks.len()] % open.len());
        let cost = costs[n % costs.len()];
        let result = if fails[n % fails.len()] { failure(Some(cost)) } else { answer(Some(cost)) };
        spent += cost;
        run.complete(&id, result.clone(), 2_000);
        recorded.push((id, result, cost));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn at_most_the_calls_in_flight_go_beyond_the_budget(
        costs in prop::collection::vec(0_u64..600, 1..20),
        fails in prop::collection::vec(any::<bool>(), 1..20),
        picks in prop::collection::vec(0_usize..8, 1..20),
    ) {
        let (run, recorded) = spend(&costs, &fails, &picks);
        let total: u64 = recorded.iter().map(|(_, _, cost)| cost).sum();
        prop_assert_eq!(run.usage().cost_nano_usd, Some(total));
        let dearest = costs.iter().max().unwrap();
        prop_assert!(total < BUDGET + 4 * dearest, "{} of {}", total, BUDGET);
        // The same results in the same order lead to the same end.
        let mut again = start(&compile(FAN), json!({}));
        for (id, result, _) in &recorded {
            advance(&mut again);
            again.complete(id, result.clone(), 2_000);
        }
        advance(&mut again);
        prop_assert_eq!(again.outcome(), run.outcome());
    }
}

#[test]
fn a_cost_that_is_not_known_ends_the_spending() {
    let yaml = "
budget: { max_cost_usd: 5 }
nodes:
  - { id: a, type: agent, model: openai/gpt-4o, prompt: x }
  - { id: b, type: agent, model: openai/gpt-4o, prompt: <a.content> }";
    let mut run = start(&compile(yaml), json!({}));
    drive(&mut run, |_, _| answer(None));
    assert_eq!(output_of(&run), Err("budget_exhausted".to_owned()));
}

#[test]
fn the_start_may_allow_less_than_the_workflow() {
    let yaml = "
budget: { max_tokens: 100 }
nodes:
  - { id: a, type: agent, model: openai/gpt-4o, prompt: x }
  - { id: b, type: agent, model: openai/gpt-4o, prompt: <a.content> }
output: { b: <b.content> }";
    for (tokens, expected) in
        [(None, Ok(json!({ "b": "x" }))), (Some(1), Err("budget_exhausted".to_owned()))]
    {
        let spending_limit = SpendingLimit { tokens, ..SpendingLimit::default() };
        let start = RunStart {
            run_id: "r".into(),
            started_at_ms: 1_000,
            input: Arc::new(json!({})),
            engine: ENGINE,
            spending_limit,
        };
        let mut run = Run::new(compile(yaml), start);
        drive(&mut run, |_, _| answer(None));
        assert_eq!(output_of(&run), expected);
    }
}

#[test]
fn a_budget_is_checked_at_publish() {
    for (budget, says) in [
        ("{}", "max_cost_usd"),
        ("{ max_cost_usd: -1 }", "from 0"),
        ("{ max_tokens: many }", "whole number"),
        ("{ max_cost: 1 }", "unknown field"),
    ] {
        let yaml = format!("budget: {budget}\nnodes: [{{ id: t, type: template, template: x }}]");
        let problems = Workflow::compile(&Document::parse(&yaml).unwrap()).1;
        assert!(problems.iter().any(|problem| problem.message.contains(says)), "{problems:?}");
    }
}
