//! Nodes that make several calls, by kinds that only these tests have.

use std::time::Duration;

use super::*;
use crate::call::{Action, HttpCall, INTERRUPTED, RenderedUrl};
use crate::expr::scope::Scope;
use crate::field::{FieldSpec, FieldType};
use crate::kind::{
    Bindings, CallLimits, Done, Group, KindSpec, Kinds, Node, NodeError, OutputFields, Plan,
    Planned, Price, Role, Touches,
};
use crate::workflow::CompileOptions;

pub(super) type Script = fn(&Scope<'_>, &Done) -> Result<Plan, NodeError>;

struct Scripted(Script);

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

impl Node for Scripted {
    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        (self.0)(scope, done)
    }
}

fn scripted(script: Script, call: Option<CallLimits>) -> KindSpec {
    KindSpec {
        name: "scripted".into(),
        summary: "Follows a script.".into(),
        details: "".into(),
        fields: [].as_slice().into(),
        outputs: |_| OutputFields::Any,
        call,
        role: Role::Step,
        operation: None,
        group: Group::Call,
        touches: Touches::Nothing,
        example: "".into(),
        read: Arc::new(move |_| Box::new(Scripted(script))),
    }
}

/// A kind that makes calls, as its script says.
pub(super) fn scripted_in_rounds(script: Script) -> KindSpec {
    scripted(script, Some(LIMITS))
}

const LIMITS: CallLimits =
    CallLimits { default_timeout: Duration::from_secs(9), max_timeout: Duration::from_secs(60) };

pub(super) fn compile_with(kind: KindSpec, yaml: &str) -> Arc<Workflow> {
    let options =
        CompileOptions { kinds: Kinds::standard().clone().with(kind), ..CompileOptions::default() };
    let (workflow, problems) = Workflow::compile_with(&Document::parse(yaml).unwrap(), &options);
    Arc::new(workflow.unwrap_or_else(|| panic!("{problems:#?}")))
}

fn run_of(script: Script, more: &str) -> Run {
    let yaml = format!("nodes: [{{ id: s, type: scripted{more} }}]");
    start(&compile_with(scripted(script, Some(LIMITS)), &yaml), json!({}))
}

pub(super) fn get(name: &str) -> Planned {
    let url = RenderedUrl::of_author(format!("http://x/{name}"));
    let call = HttpCall { method: "GET".into(), url, ..HttpCall::default() };
    Planned::call(name.to_owned(), Action::Http(call), Price::Free)
}

pub(super) fn perform<const N: usize>(calls: [Planned; N]) -> Result<Plan, NodeError> {
    Ok(Plan::Perform(calls.into()))
}

/// `a`, then `b` and `c` concurrently, then `d`.
fn diamond(_: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
    let value = |name| done.value(name);
    match (value("a")?, value("b")?, value("c")?, value("d")?) {
        (None, ..) => perform([get("a")]),
        (_, None, None, _) => perform([get("b"), get("c")]),
        (.., None) => perform([get("d")]),
        (Some(a), Some(b), Some(c), Some(d)) => Ok(Plan::done(json!([a, b, c, d]))),
        other => panic!("asked while a call was open: {other:?}"),
    }
}

#[test]
fn the_first_call_has_the_bare_path_and_further_ones_a_name() {
    let mut run = run_of(diamond, "");
    let log = drive(&mut run, |id, _| ok(json!(id.as_str())));
    assert_eq!(
        log,
        "start api\nend api {}\nstart s\nperform s#0\nwait 1\nanswer s#0\n\
         attempt s/b 1\nperform s/b#0\nattempt s/c 1\nperform s/c#0\nwait 2\n\
         answer s/b#0\nwait 1\nanswer s/c#0\n\
         attempt s/d 1\nperform s/d#0\nwait 1\nanswer s/d#0\n\
         end s [\"s#0\",\"s/b#0\",\"s/c#0\",\"s/d#0\"]\ndone\n"
    );
}

#[test]
fn what_ends_first_changes_nothing() {
    let outcome = |first: usize| {
        let mut run = run_of(diamond, "");
        let (_, calls) = advance(&mut run);
        run.complete(&calls[0].0, ok(json!(0)), 2_000);
        let (_, mut calls) = advance(&mut run);
        let (id, _) = calls.remove(first);
        run.complete(&id, ok(json!(id.place())), 3_000);
        assert_eq!(advance(&mut run).0, "wait 1\n", "nothing is asked while a call is open");
        run.complete(&calls[0].0, ok(json!(calls[0].0.place())), 2_500);
        let (_, calls) = advance(&mut run);
        run.complete(&calls[0].0, ok(json!(1)), 4_000);
        advance(&mut run);
        run.outcome().cloned()
    };
    assert_eq!(outcome(0), outcome(1));
}

/// Looks until the answer is ready, each time after a pause.
fn poll(_: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
    for look in 0.. {
        let name = format!("look{look}");
        match done.value(&name)? {
            None => {
                let pause = if look == 0 { 0 } else { 30 };
                return perform([get(&name).after(Duration::from_secs(pause))]);
            }
            Some(answer) if answer["ready"] == true => return Ok(Plan::Done(answer)),
            Some(_) => {}
        }
    }
    unreachable!()
}

#[test]
fn a_poll_waits_between_its_calls() {
    let mut run = run_of(poll, "");
    let mut delays = Vec::new();
    drive(&mut run, |_, call| {
        delays.push(call.delay.as_secs());
        ok(json!({ "ready": delays.len() == 3 }))
    });
    assert_eq!(delays, [0, 30, 30]);
    let Some(Outcome::Succeeded { output }) = run.outcome() else { panic!() };
    assert_eq!(output, &json!({ "ready": true }));
}

#[test]
fn each_call_is_retried_for_itself_and_a_failure_is_an_outcome() {
    let script: Script = |_, done| match (done.get("a"), done.get("b")) {
        (None, _) => perform([get("a")]),
        (_, None) => perform([get("b")]),
        (_, Some(end)) => {
            let code = end.result.as_ref().map_err(|error| error.code.clone()).unwrap_err();
            Ok(Plan::done(json!({ "b": code, "at": end.ended_at_ms })))
        }
    };
    let mut run = run_of(script, ", retry: { max_attempts: 2, backoff: 1s }");
    let log = drive(&mut run, |id, _| match id.place() {
        "s" if id.attempt() == 0 => failed("timeout", true),
        "s" => ok(json!(1)),
        _ => failed("timeout", true),
    });
    assert_eq!(
        log,
        "start api\nend api {}\nstart s\nperform s#0\nwait 1\nanswer s#0\n\
         attempt s 2\nperform s#1\nwait 1\nanswer s#1\n\
         attempt s/b 1\nperform s/b#0\nwait 1\nanswer s/b#0\n\
         attempt s/b 2\nperform s/b#1\nwait 1\nanswer s/b#1\n\
         end s {\"b\":\"timeout\",\"at\":2000}\ndone\n"
    );
}

#[test]
fn what_earlier_calls_said_is_taken_back() {
    let mut run = run_of(diamond, "");
    let (_, calls) = advance(&mut run);
    run.progress(&calls[0].0, Chunk::Text("thinking".into()));
    run.complete(&calls[0].0, ok(json!(0)), 2_000);
    let (log, calls) = advance(&mut run);
    assert!(log.starts_with("chunk s thinking\nreset s\nattempt s/b 1\n"), "{log}");
    run.progress(&calls[0].0, Chunk::Text("more".into()));
    run.complete(&calls[0].0, ok(json!(0)), 2_000);
    run.complete(&calls[1].0, ok(json!(0)), 2_000);
    let (log, calls) = advance(&mut run);
    assert!(log.starts_with("chunk s/b more\nreset s/b\nattempt s/d 1\n"), "{log}");
    run.progress(&calls[0].0, Chunk::Text("last".into()));
    run.complete(&calls[0].0, ok(json!(0)), 2_000);
    assert!(advance(&mut run).0.starts_with("chunk s/d last\nend s"));
}

/// A listener of the earlier owner has read it.
#[test]
fn what_a_recorded_call_said_is_taken_back_too() {
    let recorded = |has_reported_text| {
        let mut run = run_of(diamond, "");
        let (_, calls) = advance(&mut run);
        let result = ok(json!(0));
        let recorded =
            Recorded { result, attempts: 1, ended_at_ms: Some(1_500), has_reported_text };
        run.complete_recorded(&calls[0].0, recorded);
        advance(&mut run).0
    };
    assert!(recorded(true).starts_with("reset s\nattempt s/b 1\n"));
    assert!(recorded(false).starts_with("attempt s/b 1\n"));
}

#[test]
fn nothing_new_starts_after_the_run_has_failed_elsewhere() {
    let yaml = "nodes: [{ id: s, type: scripted }, { id: h, type: http, url: 'http://x/' }]";
    let mut run = start(&compile_with(scripted(diamond, Some(LIMITS)), yaml), json!({}));
    let (_, calls) = advance(&mut run);
    run.complete(&calls[1].0, failed("http_status", false), 2_000);
    advance(&mut run);
    run.complete(&calls[0].0, ok(json!(0)), 2_000);
    assert_eq!(advance(&mut run).0, "cancel s\ndone\n");
    let Some(Outcome::Failed { error, .. }) = run.outcome() else { panic!() };
    assert_eq!(error.node.as_deref(), Some("h"));
}

#[test]
fn an_interrupted_call_ends_its_node() {
    let script: Script = |_, done| match done.get("a") {
        None => perform([get("a"), get("b")]),
        Some(_) => perform([get("again")]),
    };
    let mut run = run_of(script, ", at_most_once: true");
    let (_, calls) = advance(&mut run);
    assert!(calls.iter().all(|(_, call)| call.at_most_once));
    run.complete(&calls[0].0, failed(INTERRUPTED, false), 2_000);
    assert_eq!(advance(&mut run).0, "wait 1\n", "what is out is waited for");
    run.complete(&calls[1].0, ok(json!(1)), 2_000);
    assert_eq!(advance(&mut run).0, "fail s interrupted\ndone\n");
}

#[test]
fn at_most_once_is_retried_only_where_nothing_happened() {
    let error = |nothing_happened| {
        let error = CallError {
            code: "x".into(),
            retryable: true,
            nothing_happened,
            ..CallError::default()
        };
        CallResult::Failed(error)
    };
    let retried = ", at_most_once: true, retry: { max_attempts: 2 }";
    let mut run = run_of(diamond, retried);
    let (_, calls) = advance(&mut run);
    assert_eq!(run.complete(&calls[0].0, error(true), 2_000), Completion::Retrying);
    let mut run = run_of(diamond, retried);
    let (_, calls) = advance(&mut run);
    assert_eq!(run.complete(&calls[0].0, error(false), 2_000), Completion::Final);
}

#[test]
fn a_retry_waits_as_long_as_the_server_asks() {
    let after = |retry_after_ms| {
        let error = CallError { retryable: true, retry_after_ms, ..CallError::default() };
        let mut run = run_of(diamond, ", retry: { max_attempts: 2, backoff: 2s }");
        let (_, calls) = advance(&mut run);
        let completion = run.complete(&calls[0].0, CallResult::Failed(error), 2_000);
        let delay = advance(&mut run).1.first().map(|(_, call)| call.delay);
        (completion, delay)
    };
    assert_eq!(after(Some(500)), (Completion::Retrying, Some(Duration::from_secs(2))));
    assert_eq!(after(Some(90_000)), (Completion::Retrying, Some(Duration::from_secs(90))));
    assert_eq!(after(Some(301_000)), (Completion::Final, None), "too long for a call to wait");
}

#[test]
fn priced_calls_add_up_and_an_unknown_price_stays_unknown() {
    let script: Script = |_, done| match (done.value("a")?, done.value("b")?) {
        (None, _) => perform([Planned { price: Price::Priced, ..get("a") }]),
        (_, None) => perform([Planned { price: Price::Priced, ..get("b") }]),
        _ => Ok(Plan::done(json!(1))),
    };
    let usage = |second: Option<u64>| {
        let mut run = run_of(script, "");
        drive(&mut run, |id, _| {
            let cost = if id.place() == "s" { Some(5) } else { second };
            let output = CallOutput { value: json!(1), tokens: Some(3), cost_nano_usd: cost };
            CallResult::Succeeded(output)
        });
        run.usage()
    };
    assert_eq!(usage(Some(2)), Usage { tokens: Some(6), cost_nano_usd: Some(7), ..Usage::UNKNOWN });
    assert_eq!(usage(None), Usage { tokens: Some(6), ..Usage::UNKNOWN });
}

#[test]
fn every_attempt_counts_and_what_nobody_knows_is_unknown() {
    let script: Script = |_, done| match done.get("a") {
        None => perform([Planned { price: Price::Priced, ..get("a") }]),
        Some(_) => Ok(Plan::done(json!(1))),
    };
    let usage = |failure: CallError| {
        let mut run = run_of(script, ", retry: { max_attempts: 2 }");
        let events = drive_events(&mut run, |id| {
            if id.attempt() == 0 {
                return CallResult::Failed(CallError { retryable: true, ..failure.clone() });
            }
            let (tokens, cost_nano_usd) = (Some(3), Some(5));
            CallResult::Succeeded(CallOutput { value: json!(1), tokens, cost_nano_usd })
        });
        let node = events.into_iter().find_map(|event| match event {
            RunEvent::NodeFinished { node, tokens, cost_nano_usd, .. } if &*node == "s" => {
                Some((tokens, cost_nano_usd))
            }
            _ => None,
        });
        let usage = run.usage();
        assert_eq!(node, Some((usage.tokens, usage.cost_nano_usd)), "the node has the same");
        (usage.tokens, usage.cost_nano_usd)
    };
    let known = CallError::default().having_used(Some(10), Some(20));
    assert_eq!(usage(known), (Some(13), Some(25)));
    let half_known = CallError::default().having_used(Some(10), None);
    assert_eq!(usage(half_known), (Some(13), None));
    assert_eq!(usage(CallError::default()), (None, None), "nobody knows");
    let refused = CallError { nothing_happened: true, ..CallError::default() };
    assert_eq!(usage(refused), (Some(3), Some(5)), "nothing was done");
}

#[test]
fn a_call_that_fails_for_good_or_is_dropped_counts_too() {
    let script: Script = |_, done| match done.value("a")? {
        None => perform([Planned { price: Price::Priced, ..get("a") }]),
        Some(_) => Ok(Plan::done(json!(1))),
    };
    let mut run = run_of(script, "");
    let failure = CallError::default().having_used(Some(10), Some(20));
    drive(&mut run, |_, _| CallResult::Failed(failure.clone()));
    assert_eq!(run.usage(), Usage { tokens: Some(10), cost_nano_usd: Some(20), ..Usage::UNKNOWN });
    let mut run = run_of(script, "");
    advance(&mut run);
    run.cancel();
    assert_eq!(run.usage(), Usage::UNKNOWN);
}

/// Takes every step, with `result` for each call, and returns the events.
fn drive_events(run: &mut Run, result: impl Fn(&CallId) -> CallResult) -> Vec<RunEvent> {
    let mut events = Vec::new();
    loop {
        match run.step() {
            Step::Emit(event) => events.push(event),
            Step::Perform(id, _) => drop(run.complete(&id, result(&id), 2_000)),
            Step::Drop(_) => {}
            Step::Wait(_) | Step::Done => return events,
        }
    }
}

/// Runs the node of its field `tool` twice, each time bound to another city.
#[derive(Debug)]
struct Tools(Arc<dyn Node>);

const TOOL: FieldSpec = FieldSpec::new("tool", FieldType::Object, "an http node").required();

impl Node for Tools {
    fn plan(&self, _: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        let tool = |name: &'static str, city: &str| {
            let bindings = Bindings(Arc::new(json!({ "city": city })));
            Planned::node(name, Arc::clone(&self.0), bindings)
        };
        match (done.value("ask")?, done.value("tool0")?, done.value("tool1")?) {
            (None, ..) => perform([get("ask")]),
            (_, None, None) => perform([tool("tool0", "Rom"), tool("tool1", "Köln")]),
            (_, Some(rome), Some(cologne)) => Ok(Plan::done(json!([rome, cologne]))),
            other => panic!("{other:?}"),
        }
    }
}

fn tools() -> KindSpec {
    const FIELDS: &[FieldSpec] = &[TOOL];
    KindSpec {
        fields: FIELDS.into(),
        read: Arc::new(|fields| {
            let http = Kinds::standard().find("http").unwrap();
            Box::new(Tools(fields.inner_node(&TOOL, http, "tool").unwrap()))
        }),
        ..scripted(diamond, Some(LIMITS))
    }
}

#[test]
fn a_node_runs_under_a_call() {
    let yaml = "
nodes:
  - { id: t, type: template, template: ok }
  - { id: s, type: scripted, after: t, tool: { url: 'http://x/<tool.city>/<t.content>' } }
";
    let mut run = start(&compile_with(tools(), yaml), json!({}));
    let log = drive(&mut run, |_, call| {
        let Action::Http(http) = &call.action else { panic!() };
        ok(serde_json::to_value(&http.url).unwrap())
    });
    let tail = log.split_once("answer s#0\n").unwrap().1;
    assert_eq!(
        tail,
        "attempt s/tool0 1\nperform s/tool0#0\nattempt s/tool1 1\nperform s/tool1#0\nwait 2\n\
         answer s/tool0#0\nwait 1\nanswer s/tool1#0\n\
         end s [\"http://x/Rom/ok\",\"http://x/Köln/ok\"]\ndone\n"
    );
}

#[test]
fn the_fields_of_an_inner_node_are_checked() {
    let options = CompileOptions {
        kinds: Kinds::standard().clone().with(tools()),
        ..CompileOptions::default()
    };
    let yaml = "nodes: [{ id: s, type: scripted, tool: { uri: '<tool.city>', method: FETCH } }]";
    let (_, problems) = Workflow::compile_with(&Document::parse(yaml).unwrap(), &options);
    let messages: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "`url` is missing",
            "unknown field `uri`; did you mean `url`?",
            "`method` must be one of GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"
        ]
    );
}

#[test]
fn calls_and_what_they_leave_are_bounded() {
    let error_of = |script: Script, answer: fn() -> Value| {
        let mut run = run_of(script, "");
        let mut calls = 0;
        drive(&mut run, |_, _| {
            calls += 1;
            ok(answer())
        });
        let Some(Outcome::Failed { error, .. }) = run.outcome() else {
            panic!("{:?}", run.outcome())
        };
        (error.code.clone(), calls)
    };
    let endless: Script = |_, done| {
        let last = format!("c{}", done.len().saturating_sub(1));
        done.value(&last)?;
        perform([get(&format!("c{}", done.len()))])
    };
    assert_eq!(error_of(endless, || json!(1)), ("too_many_calls".to_owned(), 500));
    let large = || json!("x".repeat(4_000_000));
    assert_eq!(error_of(endless, large), ("value_too_large".to_owned(), 17), "64 MB a run");
    let too_large = || json!("x".repeat(5_000_000));
    let one: Script = |_, done| match done.value("a")? {
        None => perform([get("a")]),
        Some(value) => Ok(Plan::Done(value)),
    };
    assert_eq!(error_of(one, too_large), ("value_too_large".to_owned(), 1));
}

#[test]
fn what_a_node_kept_is_freed_when_it_settles() {
    let script: Script = |_, done| match done.len() {
        10 => Ok(Plan::done(json!(1))),
        calls => perform([get(&format!("c{calls}"))]),
    };
    let yaml = "nodes: [{ id: l, type: loop, for: 20, nodes: [{ id: s, type: scripted }] }]";
    let mut run = start(&compile_with(scripted(script, Some(LIMITS)), yaml), json!({}));
    drive(&mut run, |_, _| ok(json!("x".repeat(4_000_000))));
    assert!(matches!(run.outcome(), Some(Outcome::Succeeded { .. })), "{:?}", run.outcome());
}

#[test]
fn a_kind_that_breaks_a_rule_fails_its_node() {
    let code = |script: Script, call| {
        let yaml = "nodes: [{ id: s, type: scripted }]";
        let mut run = start(&compile_with(scripted(script, call), yaml), json!({}));
        drive(&mut run, |_, _| ok(json!(1)));
        let Some(Outcome::Failed { error, .. }) = run.outcome() else { panic!() };
        error.code.clone()
    };
    assert_eq!(code(diamond, None), "internal", "it declares no calls, so no timeout either");
    assert_eq!(code(|_, _| perform([]), Some(LIMITS)), "internal");
    assert_eq!(code(|_, _| perform([get("a"), get("a")]), Some(LIMITS)), "internal");
    assert_eq!(code(|_, _| perform([get("a")]), Some(LIMITS)), "internal");
    assert_eq!(code(|_, _| perform([get("a/b")]), Some(LIMITS)), "internal");
}

#[test]
fn a_call_has_its_own_limits_within_those_of_the_kind() {
    let script: Script = |_, _| {
        let short = Planned { timeout: Some(Duration::from_secs(2)), ..get("short") };
        let long = Planned { timeout: Some(Duration::from_secs(999)), ..get("long") };
        let once = Planned { at_most_once: Some(true), ..get("once") };
        perform([short, long, once, get("plain").after(Duration::from_secs(9_999))])
    };
    let (_, calls) = advance(&mut run_of(script, ""));
    let limits: Vec<_> = calls
        .iter()
        .map(|(_, call)| (call.timeout.as_secs(), call.at_most_once, call.delay.as_secs()))
        .collect();
    assert_eq!(limits, [(2, false, 0), (60, false, 0), (9, true, 0), (9, false, 300)]);
}

#[test]
fn a_cancelled_run_reports_a_node_once_however_many_calls_it_has_out() {
    let script: Script = |_, _| perform([get("a"), get("b"), get("c")]);
    let mut run = run_of(script, "");
    advance(&mut run);
    run.cancel();
    assert_eq!(advance(&mut run).0, "cancel s\ndone\n");
}
