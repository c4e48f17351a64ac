//! The turns of an agent: the model is asked, its tools run, and it is asked again.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Agent;
use super::tool;
use super::toolbox::Toolbox;
use crate::call::{Action, ModelCall, ModelMessage, ToolResult, Turn, TurnCall};
use crate::cost::dollars;
use crate::expr::scope::Scope;
use crate::kind::{CallEnd, CallOutcome, Done, NodeError, Plan, Planned, Price};

/// Replays the turns that have ended, up to the one that comes next.
pub(super) struct Turns<'a> {
    agent: &'a Agent,
    toolbox: Toolbox<'a>,
    scope: &'a Scope<'a>,
    done: &'a Done,
    /// The model that answers. It stays the same once it has answered: no other one can read what
    /// it said in full.
    model: usize,
    /// What was said since the first request.
    said: Vec<ModelMessage>,
    tool_calls: Vec<Value>,
    usage: Sums,
}

impl<'a> Turns<'a> {
    pub(super) fn new(
        agent: &'a Agent,
        toolbox: Toolbox<'a>,
        scope: &'a Scope<'a>,
        done: &'a Done,
    ) -> Self {
        let usage = Sums { input: Some(0), output: Some(0), cost: Some(0) };
        let (said, tool_calls) = (Vec::new(), Vec::new());
        Self { agent, toolbox, scope, done, model: 0, said, tool_calls, usage }
    }

    pub(super) fn plan(mut self) -> Result<Plan, NodeError> {
        for number in 1..=self.agent.max_turns {
            let answer = match self.answer(number)? {
                Answer::Outstanding(call) => return Ok(Plan::Perform(vec![*call])),
                Answer::Given(answer) => answer,
            };
            self.usage.add(&answer);
            let Some(turn) = answer.value.get("turn") else {
                return Ok(Plan::Done(self.output(number, &answer.value)));
            };
            let turn = Turn::deserialize(turn)
                .map_err(|_| NodeError::internal("a recorded turn cannot be read"))?;
            let planned = self.run_tools(number, turn)?;
            if !planned.is_empty() {
                return Ok(Plan::Perform(planned));
            }
        }
        let turns = self.agent.max_turns;
        let message = format!("the model still called tools in turn {turns}, its last one");
        Err(NodeError::new("max_turns", message))
    }

    /// The answer of one turn, by the first model that does not fail for good.
    fn answer(&mut self, number: usize) -> Result<Answer, NodeError> {
        loop {
            let name = self.name_of_turn(number);
            let Some(CallEnd { result, .. }) = self.done.get(&name) else {
                let call = Action::Model(self.request()?);
                return Ok(Answer::Outstanding(Box::new(Planned::call(name, call, Price::Priced))));
            };
            match result {
                Ok(outcome) => return Ok(Answer::Given(outcome.clone())),
                Err(error) if self.model + 1 == self.agent.models.len() => {
                    return Err(error.clone().into());
                }
                Err(error) => {
                    self.usage.add_failed(error.used());
                    self.model += 1;
                }
            }
        }
    }

    fn name_of_turn(&self, number: usize) -> String {
        match self.model {
            0 => format!("turn{number}"),
            model => format!("turn{number}.model{model}"),
        }
    }

    fn request(&self) -> Result<ModelCall, NodeError> {
        let mut call = self.agent.request(self.scope, self.model, self.toolbox.shown())?;
        call.messages.extend(self.said.iter().cloned());
        Ok(call)
    }

    /// Takes the results of a turn's tools, or returns the calls that are to be made first.
    fn run_tools(&mut self, number: usize, turn: Turn) -> Result<Vec<Planned>, NodeError> {
        let mut results = Vec::new();
        let mut planned = Vec::new();
        for (index, call) in turn.calls.iter().enumerate() {
            match self.tool_result(format!("turn{number}.tool{index}"), call) {
                Ok(result) => {
                    self.note_call(number, call, &result);
                    results.push(result);
                }
                Err(call) => planned.push(*call),
            }
        }
        self.said.push(ModelMessage::Turn { turn: Arc::new(turn) });
        if !results.is_empty() {
            self.said.push(ModelMessage::Tools { results });
        }
        Ok(planned)
    }

    /// Returns what the model gets of a call, or the call if it has not been made.
    fn tool_result(&self, name: String, call: &TurnCall) -> Result<ToolResult, Box<Planned>> {
        let Some(tool) = self.toolbox.find(&call.name) else {
            let message = format!("error unknown_tool: there is no tool {:?}", call.name);
            return Ok(tool::result(call, message, true));
        };
        if let Some(end) = self.done.get(&name) {
            return Ok(tool.result(call, end));
        }
        match tool.plan(name, call) {
            Ok(planned) => Err(Box::new(planned)),
            Err(why) => Ok(tool::result(call, format!("error invalid_arguments: {why}"), true)),
        }
    }

    fn note_call(&mut self, number: usize, call: &TurnCall, result: &ToolResult) {
        let TurnCall { id, name, arguments, .. } = call;
        self.tool_calls.push(json!({
            "turn": number,
            "id": id,
            "name": name,
            "arguments": arguments,
            "is_error": result.is_error,
        }));
    }

    /// The node's output: the last answer, and the sums of all turns.
    fn output(self, turns: usize, answer: &Arc<Value>) -> Arc<Value> {
        // A result of an earlier release goes on as it was recorded.
        let Some(mut output) =
            answer.as_object().filter(|has| has.contains_key("finish_reason")).cloned()
        else {
            return Arc::clone(answer);
        };
        let Sums { input, output: said, cost } = self.usage;
        output.insert("turns".to_owned(), turns.into());
        if turns > 1 || self.model > 0 {
            let total = input.zip(said).map(|(input, said)| input + said);
            let tokens = json!({ "input": input, "output": said, "total": total });
            output.insert("tokens".to_owned(), tokens);
            output.insert("cost".to_owned(), cost.map(dollars).into());
            output.insert("tool_calls".to_owned(), self.tool_calls.into());
        }
        Arc::new(Value::Object(output))
    }
}

enum Answer {
    Outstanding(Box<Planned>),
    Given(CallOutcome),
}

/// What the turns used. `None` once a part is unknown.
struct Sums {
    input: Option<u64>,
    output: Option<u64>,
    /// In nano-dollars.
    cost: Option<u64>,
}

impl Sums {
    fn add(&mut self, answer: &CallOutcome) {
        let tokens = answer.value.get("tokens").and_then(Value::as_object);
        let count = |name: &str| tokens.and_then(|tokens: &Map<_, _>| tokens.get(name)?.as_u64());
        self.input = sum(self.input, count("input"));
        self.output = sum(self.output, count("output"));
        self.cost = sum(self.cost, answer.cost_nano_usd);
    }

    /// A failed call says only what it used in total: nothing, or something that is not split.
    fn add_failed(&mut self, (tokens, cost): (Option<u64>, Option<u64>)) {
        if tokens != Some(0) {
            (self.input, self.output) = (None, None);
        }
        self.cost = sum(self.cost, cost);
    }
}

fn sum(left: Option<u64>, right: Option<u64>) -> Option<u64> {
    Some(left?.saturating_add(right?))
}
