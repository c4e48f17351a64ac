//! The turns of an agent: the model is asked, its tools run, and it is asked again.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Agent;
use super::memory::{Recalled, content_of, last_said_by_user};
use super::tool;
use super::toolbox::Toolbox;
use crate::call::{
    Action, CallError, KeptTool, KeptTurn, ModelCall, ModelMessage, ToolResult, Turn, TurnCall,
};
use crate::cost::dollars;
use crate::expr::scope::Scope;
use crate::kind::{CallEnd, CallOutcome, Done, NodeError, Plan, Planned, Price};
use crate::run::Usage;

/// Steps of the validation of all arguments of one turn: the time that they take at most.
const MAX_STEPS_OF_TURN: usize = 2_000_000;

/// Replays the turns that have ended, up to the one that comes next.
pub(super) struct Turns<'a> {
    agent: &'a Agent,
    toolbox: Toolbox<'a>,
    recalled: Recalled,
    scope: &'a Scope<'a>,
    done: &'a Done,
    /// The model that answers. The next one takes over for good where it fails for good.
    model: usize,
    /// What was said since the first request.
    said: Vec<ModelMessage>,
    tool_calls: Vec<Value>,
    kept_tools: Vec<KeptTool>,
    usage: Sums,
}

impl<'a> Turns<'a> {
    pub(super) fn new(
        agent: &'a Agent,
        toolbox: Toolbox<'a>,
        recalled: Recalled,
        scope: &'a Scope<'a>,
        done: &'a Done,
    ) -> Self {
        let usage = Sums { input: Some(0), output: Some(0), cost: Some(0) };
        let (said, tool_calls, kept_tools) = (Vec::new(), Vec::new(), Vec::new());
        let model = 0;
        Self { agent, toolbox, recalled, scope, done, model, said, tool_calls, kept_tools, usage }
    }

    pub(super) fn plan(mut self) -> Result<Plan, NodeError> {
        for number in 1..=self.agent.max_turns {
            let answer = match self.answer(number)? {
                Answer::Outstanding(call) => return Ok(Plan::Perform(vec![*call])),
                Answer::Given(answer) => answer,
            };
            self.usage.add(&answer);
            let Some(turn) = asked_turn(&answer.value) else {
                if let Some(remember) = self.remember(&answer.value)? {
                    return Ok(remember);
                }
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
                return Ok(Answer::outstanding(name, self.request()?));
            };
            let error = match result {
                Ok(outcome) => return Ok(Answer::Given(outcome.clone())),
                Err(error) => error,
            };
            self.usage.add_failed(error);
            let error = match Misfit::of(error) {
                None => error,
                Some(misfit) => match self.repaired(format!("{name}.repair"), misfit)? {
                    Repaired::Answer(answer) => return Ok(answer),
                    Repaired::Failed(error) => error,
                },
            };
            self.model += 1;
            if self.model == self.agent.models.len() {
                return Err(error.clone().into());
            }
        }
    }

    /// Asks the model once to mend an answer that does not fit the schema.
    fn repaired(&mut self, name: String, misfit: Misfit<'_>) -> Result<Repaired<'a>, NodeError> {
        let Some(CallEnd { result, .. }) = self.done.get(&name) else {
            let mut call = self.request()?;
            call.messages.extend(misfit.messages());
            return Ok(Repaired::Answer(Answer::outstanding(name, call)));
        };
        Ok(match result {
            Ok(outcome) => Repaired::Answer(Answer::Given(outcome.clone())),
            Err(error) => {
                self.usage.add_failed(error);
                Repaired::Failed(error)
            }
        })
    }

    fn name_of_turn(&self, number: usize) -> String {
        match self.model {
            0 => format!("turn{number}"),
            model => format!("turn{number}.model{model}"),
        }
    }

    fn request(&self) -> Result<ModelCall, NodeError> {
        let mut call = self.agent.request(self.scope, self.model, self.toolbox.shown())?;
        self.recalled.insert_into(&mut call.messages);
        call.messages.extend(self.said.iter().cloned());
        Ok(call)
    }

    /// Returns the call that adds this turn to the session, if it is still to be made.
    fn remember(&self, answer: &Value) -> Result<Option<Plan>, NodeError> {
        self.recalled.remember(self.done, || {
            let asked = self.agent.conversation.messages(self.scope)?;
            let tools = self.kept_tools.clone();
            Ok(KeptTurn::new(last_said_by_user(&asked), content_of(answer), tools))
        })
    }

    /// Takes the results of a turn's tools, or returns the calls that are to be made first.
    fn run_tools(&mut self, number: usize, turn: Turn) -> Result<Vec<Planned>, NodeError> {
        let (mut results, mut planned) = (Vec::new(), Vec::new());
        let mut allowance = MAX_STEPS_OF_TURN;
        for (index, call) in turn.calls.iter().enumerate() {
            let name = format!("turn{number}.tool{index}");
            match self.tool_result(name, call, &mut allowance) {
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

    /// Returns what the model gets of a call, or the call if it has not been made. Its arguments
    /// are judged once: a refusal is a result that later plans find.
    fn tool_result(
        &self,
        name: String,
        call: &TurnCall,
        allowance: &mut usize,
    ) -> Result<ToolResult, Box<Planned>> {
        let Some(tool) = self.toolbox.find(&call.name) else {
            let message = format!("error unknown_tool: there is no tool {:?}", call.name);
            return Ok(tool::result(call, message, true));
        };
        if let Some(end) = self.done.get(&name) {
            return Ok(tool.result(call, end));
        }
        Err(Box::new(tool.plan(name, call, self.scope, allowance)))
    }

    fn note_call(&mut self, number: usize, call: &TurnCall, result: &ToolResult) {
        let TurnCall { id, name, arguments, .. } = call;
        self.kept_tools.push(KeptTool {
            name: name.clone(),
            arguments: Value::Object(arguments.clone()).to_string(),
            result: result.content.clone(),
        });
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
        if self.done.len() > 1 {
            let total = input.zip(said).map(|(input, said): (u64, u64)| input.saturating_add(said));
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

impl Answer {
    fn outstanding(name: String, call: ModelCall) -> Self {
        let planned = Planned::call(name, Action::Model(call), Price::Priced);
        Self::Outstanding(Box::new(planned))
    }
}

enum Repaired<'a> {
    Answer(Answer),
    Failed(&'a CallError),
}

/// An answer that does not fit the schema, of a provider that enforces none.
struct Misfit<'a> {
    content: &'a str,
    why: &'a str,
}

impl<'a> Misfit<'a> {
    fn of(error: &'a CallError) -> Option<Self> {
        let output = error.output.as_ref().filter(|_| error.code == "schema_mismatch")?;
        let is_enforced = output.get("is_enforced").and_then(Value::as_bool)?;
        let content = output.get("content")?.as_str()?;
        (!is_enforced && !content.is_empty()).then_some(Self { content, why: &error.message })
    }

    fn messages(&self) -> [ModelMessage; 2] {
        let asked = format!("{}. Answer again, with the JSON object alone.", self.why);
        [ModelMessage::Assistant { content: self.content.to_owned() }, ModelMessage::user(asked)]
    }
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

    /// A failed call may have been paid for. What it does not say is unknown, unless it used
    /// nothing.
    fn add_failed(&mut self, error: &CallError) {
        let Usage { tokens, cost_nano_usd: cost, .. } = error.used();
        if tokens != Some(0) {
            let count = |name: &str| error.output.as_ref()?.get("tokens")?.get(name)?.as_u64();
            self.input = sum(self.input, count("input"));
            self.output = sum(self.output, count("output"));
        }
        self.cost = sum(self.cost, cost);
    }
}

/// The turn of an answer that asks for tools, or to go on. In any other, a field of this name is
/// the author's.
fn asked_turn(answer: &Value) -> Option<&Value> {
    let finish = answer.get("finish_reason")?.as_str()?;
    answer.get("turn").filter(|_| matches!(finish, "tools" | "pause"))
}

fn sum(left: Option<u64>, right: Option<u64>) -> Option<u64> {
    Some(left?.saturating_add(right?))
}
