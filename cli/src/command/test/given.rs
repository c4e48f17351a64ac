//! Gives a run what its case says: the engine asks as nodes and calls begin.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flowgate_engine::call::{McpCall, McpRequest};
use flowgate_engine::{
    Action, CallError, CallOutput, CallResult, Mock, MockedWork, Mocks, NodePath,
};
use serde_json::{Value, json};

use super::mocks::{Answer, ByNode, Said, Script, Scripted, ToolAnswer};

/// Error code of a node, or an agent's model, that is asked more often than its case has answers.
pub(super) const USED_UP: &str = "mocks_used_up";

/// What a case gives. The run has a clone of it.
#[derive(Debug, Clone)]
pub(super) struct Given(Arc<Mutex<Rest>>);

/// What has not been given yet.
#[derive(Debug)]
struct Rest {
    mocks: BTreeMap<String, Left>,
    /// By the path of the agent that runs.
    scripts: BTreeMap<NodePath, Playing>,
}

#[derive(Debug)]
enum Left {
    Always(Answer),
    InTurn(VecDeque<Answer>),
}

/// A script as far as it has been played.
#[derive(Debug)]
struct Playing {
    turns: VecDeque<Said>,
    tools: BTreeMap<String, ToolAnswer>,
    /// The names of the tools that the model has called, by the name of the call.
    called: BTreeMap<String, String>,
}

impl Given {
    pub(super) fn new(mocks: &ByNode) -> Self {
        let left = |scripted: &Scripted| match scripted {
            Scripted::Always(answer) => Left::Always(answer.clone()),
            Scripted::InTurn(answers) => Left::InTurn(answers.iter().cloned().collect()),
        };
        let mocks = mocks.iter().map(|(node, scripted)| (node.clone(), left(scripted))).collect();
        Self(Arc::new(Mutex::new(Rest { mocks, scripts: BTreeMap::new() })))
    }

    /// Says which answers of lists, and which turns of agents that ran, nothing has wanted.
    pub(super) fn unused(&self) -> Vec<String> {
        let rest = self.rest();
        let answers = rest.mocks.iter().map(|(node, left)| match left {
            Left::Always(_) => (&**node, 0, "mock"),
            Left::InTurn(answers) => (&**node, answers.len(), "mock"),
        });
        let scripts = rest.scripts.iter();
        let turns = scripts.map(|(path, playing)| (&**path, playing.turns.len(), "turn"));
        let unused = answers.chain(turns).filter(|(_, count, _)| *count > 0);
        let words = |(node, count, what)| {
            format!("{count} {what}{} of `{node}`", if count == 1 { "" } else { "s" })
        };
        unused.map(words).collect()
    }

    fn rest(&self) -> MutexGuard<'_, Rest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mocks for Given {
    fn node(&mut self, node: &str, path: &NodePath) -> Option<Mock> {
        self.rest().node(node, path)
    }

    fn call(&mut self, path: &NodePath, name: &str, work: MockedWork<'_>) -> Option<CallResult> {
        self.rest().call(path, name, work)
    }
}

impl Rest {
    fn node(&mut self, node: &str, path: &NodePath) -> Option<Mock> {
        let answer = match self.mocks.get_mut(node)? {
            Left::Always(answer) => Some(answer.clone()),
            Left::InTurn(answers) => answers.pop_front(),
        };
        match answer {
            None => Some(Mock::Failure(used_up("the node ran more often than it has mocks"))),
            Some(Answer::Output(output)) => Some(Mock::Output(output)),
            Some(Answer::Fails(error)) => Some(Mock::Failure(error)),
            Some(Answer::Script(script)) => {
                self.scripts.insert(Arc::clone(path), Playing::new(script));
                None
            }
        }
    }

    fn call(&mut self, path: &NodePath, name: &str, work: MockedWork<'_>) -> Option<CallResult> {
        let playing = self.scripts.get_mut(path)?;
        match work {
            MockedWork::Action(Action::Model(_)) => Some(playing.say(name)),
            MockedWork::Action(Action::Mcp(McpCall {
                request: McpRequest::ListTools { only },
                ..
            })) => Some(playing.list(only)),
            _ => playing.answer(name, work),
        }
    }
}

impl Playing {
    fn new(Script { turns, tools }: Script) -> Self {
        Self { turns: turns.into(), tools, called: BTreeMap::new() }
    }

    fn say(&mut self, call: &str) -> CallResult {
        match self.turns.pop_front() {
            None => CallResult::Failed(used_up("the model was asked more often than it has turns")),
            Some(Said::Fails(error)) => CallResult::Failed(error),
            Some(Said::Answer(answer)) => {
                self.note_calls(call, &answer);
                succeeded(answer)
            }
        }
    }

    /// The tools of an MCP server: those that the agent wants, else those that the case knows.
    fn list(&self, only: &[String]) -> CallResult {
        let known: Vec<&String> = match only.is_empty() {
            true => self.tools.keys().collect(),
            false => only.iter().collect(),
        };
        let tool = |name| json!({ "name": name, "input_schema": { "type": "object" } });
        succeeded(json!({ "tools": known.into_iter().map(tool).collect::<Vec<Value>>() }))
    }

    /// The calls of `turn2` are `turn2.tool0`, `turn2.tool1` …, whichever model it was.
    fn note_calls(&mut self, call: &str, answer: &Value) {
        let turn = call.split('.').next().unwrap_or(call);
        let calls = answer.pointer("/turn/calls").and_then(Value::as_array);
        for (index, call) in calls.into_iter().flatten().enumerate() {
            let name = call["name"].as_str().unwrap_or_default().to_owned();
            self.called.insert(format!("{turn}.tool{index}"), name);
        }
    }

    fn answer(&self, call: &str, work: MockedWork<'_>) -> Option<CallResult> {
        Some(match self.tools.get(self.called.get(call)?)? {
            ToolAnswer::Fails(error) => CallResult::Failed(error.clone()),
            ToolAnswer::Answer(answer) => succeeded(match work {
                // Whichever of them the kind of the tool answers with.
                MockedWork::Node => json!({ "data": answer, "text": answer, "result": answer }),
                MockedWork::Action(_) => json!({ "content": answer }),
                MockedWork::Workflow => answer.clone(),
            }),
        })
    }
}

fn used_up(message: &str) -> CallError {
    CallError { code: USED_UP.to_owned(), message: message.to_owned(), ..CallError::default() }
}

pub(super) fn succeeded(value: Value) -> CallResult {
    CallResult::Succeeded(CallOutput { value, tokens: None, cost_nano_usd: Some(0) })
}
