//! What a case gives instead of running a node, as it is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use flowgate_engine::{CallError, Workflow};
use serde_json::{Map, Value, json};

use super::reader::{Reader, below};
use crate::library::Program;

/// What is given for all executions of a node.
#[derive(Debug, Clone)]
pub(super) enum Scripted {
    Always(Answer),
    /// One for each execution, in the order in which they begin.
    InTurn(Vec<Answer>),
}

/// What is given for one execution of a node.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Output(Arc<Value>),
    Fails(CallError),
    Script(Script),
}

/// What the model of an agent says, one after the other, and what its tools answer.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub turns: Vec<Said>,
    pub tools: BTreeMap<String, ToolAnswer>,
}

#[derive(Debug, Clone)]
pub(super) enum Said {
    /// The output of the model's call.
    Answer(Value),
    Fails(CallError),
}

#[derive(Debug, Clone)]
pub(super) enum ToolAnswer {
    /// What the model gets.
    Answer(Value),
    Fails(CallError),
}

/// By node; `child/node` for nodes of children.
pub(super) type ByNode = BTreeMap<String, Scripted>;

const FAILURE_FIELDS: &[&str] = &["code", "message", "status", "data"];
const TURN_FIELDS: &[&str] = &["content", "data", "calls", "finish_reason", "fails"];

/// Reads the mocks of a case.
pub(super) fn read(
    reader: &mut Reader<'_>,
    written: &Map<String, Value>,
    path: &str,
    program: &Program,
) -> ByNode {
    let mut mocks = ByNode::new();
    for (name, mock) in written {
        let path = below(path, name);
        let (key, owner, node) = match find(name, program) {
            Ok(found) => found,
            Err(message) => {
                reader.error(&path, message);
                continue;
            }
        };
        let scripted = match mock.as_array() {
            Some(list) => {
                let answers = list.iter().enumerate().filter_map(|(index, mock)| {
                    answer(reader, mock, &format!("{path}/{index}"), owner, node)
                });
                Scripted::InTurn(answers.collect())
            }
            None => match answer(reader, mock, &path, owner, node) {
                Some(answer) => Scripted::Always(answer),
                None => continue,
            },
        };
        if mocks.insert(key, scripted).is_some() {
            reader.error(&path, "the node is given twice: by its id and its name");
        }
    }
    mocks
}

/// Returns the key of a node, the workflow that has it, and its name there.
fn find<'a>(
    name: &'a str,
    program: &'a Program,
) -> Result<(String, &'a Workflow, &'a str), String> {
    let Some((child, node)) = name.split_once('/') else {
        let id = program.workflow.accept_node(name)?;
        return Ok((id, &program.workflow, name));
    };
    let known = program.children.0.iter().find(|known| known.name.workflow == child);
    let known =
        known.ok_or_else(|| format!("no node runs a workflow `{child}` that has a file"))?;
    let id = known.workflow.accept_node(node)?;
    Ok((format!("{child}/{id}"), &known.workflow, node))
}

/// Returns whether the program has such a node.
pub(super) fn has(name: &str, program: &Program) -> bool {
    find(name, program).is_ok()
}

fn answer(
    reader: &mut Reader<'_>,
    mock: &Value,
    path: &str,
    workflow: &Workflow,
    node: &str,
) -> Option<Answer> {
    if let Some(fails) = mock.get("fails") {
        reader.object(mock, path, &["fails"]);
        return failure(reader, fails, &below(path, "fails")).map(Answer::Fails);
    }
    if let Some(turns) = mock.get("turns").filter(|turns| turns.is_array()) {
        reader.object(mock, path, &["turns", "tools"]);
        return Some(Answer::Script(script(reader, mock, turns, path)));
    }
    match workflow.accept_pin(node, mock, path) {
        Ok(_) => Some(Answer::Output(Arc::new(mock.clone()))),
        Err(wrong) => {
            wrong.into_iter().for_each(|wrong| reader.error(&wrong.pointer, wrong.message));
            None
        }
    }
}

fn failure(reader: &mut Reader<'_>, fails: &Value, path: &str) -> Option<CallError> {
    let fields = reader.object(fails, path, FAILURE_FIELDS)?;
    let code = reader.text(fields, "code", path);
    if !fields.contains_key("code") {
        reader.error(path, "`code` is missing: what the node fails with, such as timeout");
    }
    let message = reader.text(fields, "message", path);
    let left: Map<String, Value> = ["status", "data"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), fields.get(name)?.clone())))
        .collect();
    Some(CallError {
        code: code?,
        message: message.unwrap_or_else(|| "the case lets it fail".to_owned()),
        output: (!left.is_empty()).then(|| Box::new(Value::Object(left))),
        ..CallError::default()
    })
}

fn script(reader: &mut Reader<'_>, mock: &Value, turns: &Value, path: &str) -> Script {
    let turns_path = below(path, "turns");
    let turns = reader.list(turns, &turns_path).iter().enumerate();
    let turns =
        turns.filter_map(|(index, said)| turn(reader, said, &format!("{turns_path}/{index}")));
    let turns = turns.collect();
    let mut tools = BTreeMap::new();
    let tools_path = below(path, "tools");
    let written = mock.get("tools").and_then(|tools| reader.map(tools, &tools_path));
    for (name, given) in written.into_iter().flatten() {
        let path = below(&tools_path, name);
        let fails = given.get("fails").filter(|_| given.as_object().is_some_and(|g| g.len() == 1));
        let answer = match fails {
            Some(fails) => failure(reader, fails, &below(&path, "fails")).map(ToolAnswer::Fails),
            None => Some(ToolAnswer::Answer(given.clone())),
        };
        tools.extend(answer.map(|answer| (name.clone(), answer)));
    }
    Script { turns, tools }
}

/// A text is what the model says; an object may call tools.
fn turn(reader: &mut Reader<'_>, said: &Value, path: &str) -> Option<Said> {
    if let Value::String(text) = said {
        return Some(Said::Answer(spoken(text, None, "stop")));
    }
    let fields = reader.object(said, path, TURN_FIELDS)?;
    if let Some(fails) = fields.get("fails") {
        return failure(reader, fails, &below(path, "fails")).map(Said::Fails);
    }
    let content = reader.text(fields, "content", path);
    let finish = reader.text(fields, "finish_reason", path);
    let data = fields.get("data");
    let content = content.or_else(|| data.map(Value::to_string)).unwrap_or_default();
    let Some(calls) = fields.get("calls") else {
        return Some(Said::Answer(spoken(&content, data, finish.as_deref().unwrap_or("stop"))));
    };
    let calls_path = below(path, "calls");
    let calls = reader.list(calls, &calls_path).iter().enumerate();
    let calls = calls.filter_map(|(index, call)| tool_call(reader, call, &calls_path, index));
    let calls: Vec<Value> = calls.collect();
    let mut answer = spoken(&content, None, "tools");
    answer["turn"] = json!({ "provider": "test", "content": content, "calls": calls });
    Some(Said::Answer(answer))
}

fn tool_call(reader: &mut Reader<'_>, call: &Value, path: &str, index: usize) -> Option<Value> {
    let path = format!("{path}/{index}");
    let fields = reader.object(call, &path, &["name", "arguments"])?;
    let name = reader.text(fields, "name", &path);
    if !fields.contains_key("name") {
        reader.error(&path, "`name` is missing: the tool that the model calls");
    }
    let empty = json!({});
    let arguments = fields.get("arguments").unwrap_or(&empty);
    reader.map(arguments, &below(&path, "arguments"))?;
    Some(json!({ "id": format!("call_{index}"), "name": name?, "arguments": arguments }))
}

/// The output of a model's call. The fields of `data` are fields of the node too, where they hide
/// none.
fn spoken(content: &str, data: Option<&Value>, finish_reason: &str) -> Value {
    let mut output = data.and_then(Value::as_object).cloned().unwrap_or_default();
    let own = json!({
        "content": content,
        "data": data,
        "model": "test",
        "tokens": { "input": 0, "output": 0, "total": 0 },
        "tool_calls": [],
        "finish_reason": finish_reason,
        "cost": 0,
    });
    output.extend(own.as_object().cloned().unwrap_or_default());
    Value::Object(output)
}
