use std::fmt::Write as _;

use serde_json::{Value, json};

use super::*;
use crate::document::Document;
use crate::event::NodeStatus;
use crate::{CallError, CallOutput};

mod budget;
mod calls;
mod children;
mod several;
mod flow;
mod nesting;
mod loops;
mod on_error;
mod graphs;
mod part;
mod pauses;
mod rerun;
mod property;
mod spending;

pub(crate) fn compile(yaml: &str) -> Arc<Workflow> {
    let document = Document::parse(yaml).unwrap();
    let (workflow, problems) = Workflow::compile(&document);
    Arc::new(workflow.unwrap_or_else(|| panic!("{problems:#?}")))
}

pub(crate) fn start(workflow: &Arc<Workflow>, input: Value) -> Run {
    start_with(workflow, input, ENGINE)
}

pub(crate) fn start_with(workflow: &Arc<Workflow>, input: Value, engine: u32) -> Run {
    Run::new(
        Arc::clone(workflow),
        RunStart {
            run_id: "run_1".into(),
            started_at_ms: 1_000,
            input: Arc::new(input),
            engine,
            spending_limit: crate::SpendingLimit::default(),
        },
    )
}

pub(crate) fn ok(value: Value) -> CallResult {
    CallResult::Succeeded(CallOutput { value, tokens: None, cost_nano_usd: None })
}

pub(crate) fn failed(code: &str, retryable: bool) -> CallResult {
    CallResult::Failed(CallError {
        code: code.into(),
        message: format!("{code} happened"),
        retryable,
        ..CallError::default()
    })
}

/// Steps until the run waits or is done, with every event on a line.
pub(crate) fn advance(run: &mut Run) -> (String, Vec<(CallId, Call)>) {
    let (mut log, mut calls) = (String::new(), Vec::new());
    loop {
        match run.step() {
            Step::Emit(RunEvent::CallStarted { .. } | RunEvent::CallEnded(_)) => {}
            Step::Emit(event) => writeln!(log, "{}", shown(&event)).unwrap(),
            Step::Perform(id, call) => {
                writeln!(log, "perform {id}").unwrap();
                calls.push((id, *call));
            }
            Step::Drop(id) => {
                writeln!(log, "drop {id}").unwrap();
                calls.retain(|(call, _)| *call != id);
            }
            Step::Wait(waiting) => {
                writeln!(log, "wait {}", waiting.calls).unwrap();
                return (log, calls);
            }
            Step::Done => {
                writeln!(log, "done").unwrap();
                return (log, calls);
            }
        }
    }
}

fn shown(event: &RunEvent) -> String {
    match event {
        RunEvent::NodeStarted { node, .. } => format!("start {node}"),
        RunEvent::NodeAttempt { node, call, attempt, .. } => {
            format!("attempt {} {attempt}", place(node, call))
        }
        RunEvent::CallStarted { node, call, .. } => format!("started {}", place(node, call)),
        RunEvent::CallEnded(ended) => format!("ended {}", place(&ended.node, &ended.call)),
        RunEvent::Chunk { node, call, text } => format!("chunk {} {text}", place(node, call)),
        RunEvent::NodeReset { node, call } => format!("reset {}", place(node, call)),
        RunEvent::NodeFinished { node, status, output, error, .. } => match (status, output, error)
        {
            (NodeStatus::Succeeded, Some(output), _) => format!("end {node} {output}"),
            (NodeStatus::Failed, _, Some(error)) => format!("fail {node} {}", error.code),
            (NodeStatus::Skipped, ..) => format!("skip {node}"),
            (NodeStatus::Cancelled, ..) => format!("cancel {node}"),
            other => panic!("{other:?}"),
        },
    }
}

fn place(node: &str, call: &Option<Arc<str>>) -> String {
    call.as_ref().map_or_else(|| node.to_owned(), |call| format!("{node}/{call}"))
}

/// Runs to the end, answering each call, first come first served.
pub(crate) fn drive(run: &mut Run, mut answer: impl FnMut(&CallId, &Call) -> CallResult) -> String {
    let mut log = String::new();
    let mut open: VecDeque<(CallId, Call)> = VecDeque::new();
    loop {
        let (part, calls) = advance(run);
        log.push_str(&part);
        open.extend(calls);
        if run.outcome().is_some() {
            return log;
        }
        let Some((id, call)) = open.pop_front() else { panic!("stuck:\n{log}") };
        if log.contains(&format!("drop {id}\n")) {
            continue;
        }
        let result = answer(&id, &call);
        writeln!(log, "answer {id}").unwrap();
        assert_ne!(run.complete(&id, result, 2_000), Completion::Ignored);
    }
}

pub(crate) fn output(yaml: &str, input: Value) -> Value {
    let mut run = start(&compile(yaml), input);
    let log = drive(&mut run, |id, _| panic!("unexpected call {id}"));
    match run.outcome() {
        Some(Outcome::Succeeded { output }) => output.clone(),
        other => panic!("{other:?}\n{log}"),
    }
}

pub(crate) fn error(yaml: &str, input: Value) -> RunError {
    let mut run = start(&compile(yaml), input);
    drive(&mut run, |id, _| panic!("unexpected call {id}"));
    match run.outcome() {
        Some(Outcome::Failed { error, .. }) => error.clone(),
        other => panic!("{other:?}"),
    }
}

/// The one call a workflow makes, and what it was given.
pub(crate) fn only_call(yaml: &str, input: Value) -> Call {
    let mut run = start(&compile(yaml), input);
    let (_, mut calls) = advance(&mut run);
    assert_eq!(calls.len(), 1);
    calls.remove(0).1
}

/// How a run ended: its output, or the code of its error.
pub(crate) fn output_of(run: &Run) -> Result<Value, String> {
    match run.outcome() {
        Some(Outcome::Succeeded { output }) => Ok(output.clone()),
        Some(Outcome::Failed { error, .. }) => Err(error.code.clone()),
        other => panic!("{other:?}"),
    }
}
