//! Writes a file of n8n, imports it, and runs what it became.

use std::collections::VecDeque;
use std::sync::Arc;

use flowgate_engine::child::{Child, ChildName, Children};
use flowgate_engine::{
    Action, Call, CallError, CallOutput, CallResult, Document, ENGINE, Outcome, Run, RunStart,
    SpendingLimit, Step, Workflow,
};
use flowgate_import::{Import, Options, import};
use serde_json::{Map, Value, json};

use crate::child;

/// A node of the base package.
pub(crate) fn node(name: &str, kind: &str, version: f64, parameters: Value) -> Value {
    json!({ "name": name, "type": format!("n8n-nodes-base.{kind}"), "typeVersion": version,
        "parameters": parameters })
}

/// A node of the package for language models.
pub(crate) fn ai(name: &str, kind: &str, version: f64, parameters: Value) -> Value {
    json!({ "name": name, "type": format!("@n8n/n8n-nodes-langchain.{kind}"),
        "typeVersion": version, "parameters": parameters })
}

/// The node with further settings, such as `onError`.
pub(crate) fn with(mut node: Value, settings: Value) -> Value {
    let settings = settings.as_object().unwrap().clone();
    node.as_object_mut().unwrap().extend(settings);
    node
}

/// A webhook that answers with all items of the last node.
pub(crate) fn hook() -> Value {
    node(
        "Hook",
        "webhook",
        2.0,
        json!({ "httpMethod": "POST", "path": "x",
        "responseMode": "lastNode", "responseData": "allEntries" }),
    )
}

/// Sets fields, and keeps no others.
pub(crate) fn set(name: &str, values: &[(&str, &str)]) -> Value {
    let one =
        |(name, value): &(&str, &str)| json!({ "name": name, "type": "string", "value": value });
    let values: Vec<Value> = values.iter().map(one).collect();
    node(name, "set", 3.4, json!({ "assignments": { "assignments": values } }))
}

/// Code over all items.
pub(crate) fn code(name: &str, code: &str) -> Value {
    node(name, "code", 2.0, json!({ "jsCode": code }))
}

/// A condition of `if`, `filter` and `switch`.
pub(crate) fn when(left: &str, kind: &str, operation: &str, right: Value) -> Value {
    json!({ "conditions": { "combinator": "and", "conditions": [{ "leftValue": left,
        "rightValue": right, "operator": { "type": kind, "operation": operation } }] } })
}

/// A file. Lines are written `A > B.1 > C`, several with `;`: behind a name on the left stands its
/// output, behind one on the right its input. `M ~ai_tool> A` hangs `M` on `A`.
pub(crate) fn file(nodes: impl IntoIterator<Item = Value>, lines: &str) -> Value {
    let mut connections = Map::new();
    for line in lines.split(';').map(str::trim).filter(|line| !line.is_empty()) {
        match line.split_once('~') {
            Some((from, rest)) => {
                let (kind, to) = rest.split_once('>').unwrap();
                connect(&mut connections, from.trim(), kind.trim(), to.trim());
            }
            None => {
                let ends: Vec<&str> = line.split('>').map(str::trim).collect();
                ends.windows(2)
                    .for_each(|pair| connect(&mut connections, pair[0], "main", pair[1]));
            }
        }
    }
    let nodes: Vec<Value> = nodes.into_iter().collect();
    json!({ "name": "Trial", "nodes": nodes, "connections": connections })
}

fn connect(connections: &mut Map<String, Value>, from: &str, kind: &str, to: &str) {
    let ((from, output), (to, input)) = (numbered(from), numbered(to));
    let kinds = connections.entry(from).or_insert_with(|| json!({}));
    if kinds.get(kind).is_none() {
        kinds[kind] = json!([]);
    }
    let slots = kinds[kind].as_array_mut().unwrap();
    while slots.len() <= output {
        slots.push(json!([]));
    }
    let end = json!({ "node": to, "type": kind, "index": input });
    slots[output].as_array_mut().unwrap().push(end);
}

/// `Name.1`
fn numbered(end: &str) -> (String, usize) {
    let parts = end.rsplit_once('.').and_then(|(name, number)| Some((name, number.parse().ok()?)));
    parts.map_or((end.to_owned(), 0), |(name, number)| (name.to_owned(), number))
}

/// How a call that is no code ends.
pub(crate) type Answer<'a> = &'a mut dyn FnMut(&str, &Call) -> CallResult;

pub(crate) fn left(value: Value) -> CallResult {
    CallResult::Succeeded(CallOutput { value, tokens: None, cost_nano_usd: None })
}

/// An answer of a server.
pub(crate) fn answered(data: Value) -> CallResult {
    left(json!({ "data": data, "status": 200, "headers": {} }))
}

pub(crate) fn failed(code: &str, message: &str) -> CallResult {
    let (code, message) = (code.to_owned(), message.to_owned());
    CallResult::Failed(CallError { code, message, ..CallError::default() })
}

pub(crate) fn imported(file: &Value) -> Import {
    import(file.to_string().as_bytes(), &Options::default())
        .unwrap_or_else(|problems| panic!("{problems:#?}"))
}

pub(crate) fn compiled(document: &Value) -> Arc<Workflow> {
    let parsed = Document::parse(&document.to_string()).unwrap();
    let (workflow, problems) = Workflow::compile(&parsed);
    Arc::new(workflow.unwrap_or_else(|| panic!("{problems:#?}\n{document:#}")))
}

/// Runs the first workflow of a file to its end; the others are there to be called.
pub(crate) fn run(file: &Value, input: Value, answer: Answer<'_>) -> Outcome {
    let import = imported(file);
    let workflows: Vec<_> = import.workflows.iter().map(|one| compiled(&one.document)).collect();
    let children = import.workflows.iter().zip(&workflows).skip(1).map(|(of, workflow)| Child {
        name: ChildName { workflow: of.id.clone(), version: None },
        workflow: Arc::clone(workflow),
    });
    let start = RunStart {
        run_id: "run_1".into(),
        // 2026-01-02T03:04:05Z
        started_at_ms: 1_767_323_045_000,
        input: Arc::new(input),
        engine: ENGINE,
        spending_limit: SpendingLimit::default(),
    };
    let children = Children(children.collect());
    let mut run = Run::with_children(Arc::clone(&workflows[0]), children, start);
    let mut open = VecDeque::new();
    loop {
        match run.step() {
            Step::Perform(id, call) => open.push_back((id, call)),
            Step::Emit(_) | Step::Drop(_) => {}
            Step::Done => return run.outcome().unwrap().clone(),
            Step::Wait(_) => {
                let (id, call) = open.pop_front().unwrap();
                let result = match &call.action {
                    Action::Code(code) => child::perform(code),
                    Action::Wait(_) => left(json!({ "until": "2026-01-02T03:04:05Z" })),
                    _ => answer(id.place(), &call),
                };
                run.complete(&id, result, 1_767_323_046_000);
            }
        }
    }
}

/// What a workflow answers that makes no call but code.
pub(crate) fn answer(file: &Value, input: Value) -> Value {
    answer_with(file, input, &mut |place, call| panic!("{place}: {:?}", call.action))
}

pub(crate) fn answer_with(file: &Value, input: Value, answer: Answer<'_>) -> Value {
    match run(file, input, answer) {
        Outcome::Succeeded { output } => output.get("data").cloned().unwrap_or(output),
        other => panic!("{other:?}\n{:#}", imported(file).workflows[0].document),
    }
}
