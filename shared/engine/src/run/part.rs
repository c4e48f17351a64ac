//! Runs of a part of a workflow: up to one node, with outputs given instead of made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::frame::{ROOT, State};
use super::{Outcome, Run, RunError};
use crate::input::InputProblem;
use crate::json::push_segment;
use crate::kind::{OutputField, OutputFields, OutputType, Plan, Role};
use crate::problem::did_you_mean;
use crate::workflow::{BodyNode, Workflow};

/// What of a workflow runs. [`Workflow::accept_part`] makes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The id of the node that the run ends with: only what it needs runs, and its output is the
    /// run's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The outputs of nodes that do not run, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pins: BTreeMap<String, Arc<Value>>,
}

impl Part {
    /// The whole workflow.
    pub fn is_whole(&self) -> bool {
        self.until.is_none() && self.pins.is_empty()
    }

    /// Returns what the node does instead of running.
    pub(super) fn plan(&self, node: &BodyNode) -> Option<Plan> {
        self.pins.get(&*node.id).map(|output| given(node, output))
    }
}

/// What a node does whose output was given: nothing, or it takes the branch that the output says.
pub(super) fn given(node: &BodyNode, output: &Arc<Value>) -> Plan {
    if node.node.branches().is_empty() {
        return Plan::Done(Arc::clone(output));
    }
    let taken = node.node.branch_of(output).ok().flatten();
    Plan::Branch { taken, output: Value::clone(output) }
}

impl Workflow {
    /// Checks what a run is to do of the workflow. The pointers of problems begin with `/until` or
    /// `/pins`.
    pub fn accept_part(
        &self,
        until: Option<&str>,
        pins: Map<String, Value>,
    ) -> Result<Part, Vec<InputProblem>> {
        let mut problems = Vec::new();
        let mut part = Part::default();
        if let Some(name) = until {
            match self.until(name) {
                Ok(id) => part.until = Some(id),
                Err(message) => {
                    problems.push(InputProblem { pointer: "/until".to_owned(), message });
                }
            }
        }
        for (name, value) in pins {
            let mut pointer = "/pins".to_owned();
            push_segment(&mut pointer, &name);
            match self.accept_pin(&name, &value, &pointer) {
                Ok(id) => {
                    part.pins.insert(id, Arc::new(value));
                }
                Err(wrong) => problems.extend(wrong),
            }
        }
        if problems.is_empty() { Ok(part) } else { Err(problems) }
    }

    fn until(&self, name: &str) -> Result<String, String> {
        let node = self.runnable(name)?;
        match self.place_of(&node.id) {
            Some((0, _)) => Ok(node.id.to_string()),
            _ => Err(format!("`{name}` is inside a loop or parallel: name that")),
        }
    }

    fn until_index(&self, part: &Part) -> Option<usize> {
        let id = part.until.as_deref()?;
        self.bodies[0].nodes.iter().position(|node| *node.id == *id)
    }

    /// Returns what the node needs, itself included. A pinned node needs nothing; the input, which
    /// no edge leads from, is always there.
    fn needed(&self, until: usize, part: &Part) -> BTreeSet<usize> {
        let nodes = &self.bodies[0].nodes;
        let mut needs = vec![Vec::new(); nodes.len()];
        for (from, node) in nodes.iter().enumerate() {
            node.edges.iter().for_each(|edge| needs[edge.to].push(from));
        }
        let inputs = nodes.iter().enumerate().filter(|(_, node)| node.kind.role == Role::Input);
        let mut needed: BTreeSet<usize> = inputs.map(|(index, _)| index).collect();
        let mut ahead = vec![until];
        while let Some(index) = ahead.pop() {
            if needed.insert(index) && !part.pins.contains_key(&*nodes[index].id) {
                ahead.extend(&needs[index]);
            }
        }
        needed
    }

    /// Returns whether the innermost of these nodes, each inside the one before, may run.
    pub(crate) fn runs_in(&self, part: &Part, nodes: &[String]) -> bool {
        if nodes.iter().any(|id| part.pins.contains_key(id)) {
            return false;
        }
        let Some(until) = self.until_index(part) else { return true };
        let needed = self.needed(until, part);
        let is_needed = |id: &String| needed.iter().any(|at| *self.bodies[0].nodes[*at].id == **id);
        nodes.first().is_none_or(is_needed)
    }

    /// Checks an output that is given for a node instead of running it. Returns the node's id, or
    /// every problem.
    pub fn accept_pin(
        &self,
        name: &str,
        value: &Value,
        pointer: &str,
    ) -> Result<String, Vec<InputProblem>> {
        let problem = |pointer: &str, message: String| {
            vec![InputProblem { pointer: pointer.to_owned(), message }]
        };
        let node = self.runnable(name).map_err(|message| problem(pointer, message))?;
        if node.kind.role == Role::Input {
            let message = "is the input of the run: give `input`".to_owned();
            return Err(problem(pointer, message));
        }
        let Value::Object(fields) = value else {
            let message = "must be an object with the fields that the node leaves".to_owned();
            return Err(problem(pointer, message));
        };
        let wrong = misfits(node, value, fields, pointer);
        if wrong.is_empty() { Ok(node.id.to_string()) } else { Err(wrong) }
    }

    /// Returns the id of the node with this id or name, if it is one that runs.
    pub fn accept_node(&self, name: &str) -> Result<String, String> {
        self.runnable(name).map(|node| node.id.to_string())
    }

    /// Finds a node by id or name.
    fn runnable(&self, name: &str) -> Result<&BodyNode, String> {
        let found = self.find_node(name).and_then(|info| self.place_of(&info.id));
        let node = found.map(|(body, index)| &self.bodies[body].nodes[index]);
        match node {
            Some(node) if node.is_remark() => Err(format!("`{name}` is a note and never runs")),
            Some(node) => Ok(node),
            None => {
                let hint = did_you_mean(name, self.infos.iter().map(|info| info.id.as_str()));
                Err(format!("`{name}` names no node{hint}"))
            }
        }
    }
}

fn misfits(
    node: &BodyNode,
    output: &Value,
    given: &Map<String, Value>,
    pointer: &str,
) -> Vec<InputProblem> {
    let mut problems = Vec::new();
    let mut wrong = |field: &str, message: String| {
        let mut pointer = pointer.to_owned();
        push_segment(&mut pointer, field);
        problems.push(InputProblem { pointer, message });
    };
    if let OutputFields::Only(fields) = &node.outputs {
        for (name, value) in given {
            match fields.iter().find(|field| *field.name == **name) {
                Some(field) if fits(field, value) => {}
                Some(field) => wrong(name, format!("must be {}", words(field))),
                None => {
                    let hint = did_you_mean(name, node.outputs.names());
                    wrong(name, format!("is no output field of `{}`{hint}", node.id));
                }
            }
        }
    }
    if !node.node.branches().is_empty()
        && let Err((field, message)) = node.node.branch_of(output)
    {
        wrong(field, message);
    }
    problems
}

fn fits(field: &OutputField, value: &Value) -> bool {
    match field.output_type {
        _ if value.is_null() => field.nullable || field.output_type == OutputType::Any,
        OutputType::Any => true,
        OutputType::Text => value.is_string(),
        OutputType::Number => value.is_number(),
        OutputType::Object => value.is_object(),
        OutputType::List => value.is_array(),
    }
}

fn words(field: &OutputField) -> &'static str {
    match field.output_type {
        OutputType::Any => "a value",
        OutputType::Text => "text",
        OutputType::Number => "a number",
        OutputType::Object => "an object",
        OutputType::List => "a list",
    }
}

impl Run {
    /// Runs only this part. Call it before the first step.
    #[must_use]
    pub fn only(mut self, part: Part) -> Self {
        self.part = part;
        if let Some(until) = self.until() {
            self.leave_out(until);
        }
        self
    }

    fn until(&self) -> Option<usize> {
        self.workflow.until_index(&self.part)
    }

    /// Leaves out what the node does not need.
    fn leave_out(&mut self, until: usize) {
        let workflow = Arc::clone(&self.workflow);
        let nodes = &workflow.bodies[0].nodes;
        let needed = workflow.needed(until, &self.part);
        let is_pinned = |index: usize| self.part.pins.contains_key(&*nodes[index].id);
        let pinned: Vec<usize> = needed.iter().copied().filter(|index| is_pinned(*index)).collect();
        for index in pinned {
            self.frames.slot(ROOT, index).waits_for = 0;
        }
        for (index, node) in nodes.iter().enumerate() {
            if !needed.contains(&index) && !node.is_remark() {
                let slot = self.frames.slot(ROOT, index);
                (slot.state, slot.waits_for) = (State::Skipped, 0);
                self.frames.get_mut(ROOT).remaining -= 1;
            }
        }
        let starts =
            needed.into_iter().filter(|at| self.frames.get(ROOT).nodes[*at].waits_for == 0);
        self.ready = starts.map(|index| (ROOT, index)).collect();
    }

    /// Returns the output of the node that the run was to end with; nothing if it did not run.
    pub(super) fn until_output(&self) -> Option<Value> {
        let output = self.frames.succeeded(ROOT, self.until()?).cloned();
        Some(output.unwrap_or_else(|| Value::Object(Map::new())))
    }

    /// Returns the failure of that node, although an edge that was left out catches it.
    pub(super) fn until_failed(&self) -> Option<Outcome> {
        let slot = &self.frames.get(ROOT).nodes[self.until()?];
        let output = slot.output.as_deref().filter(|_| slot.state == State::Failed)?;
        let text = |name: &str| output.get(name).and_then(Value::as_str).unwrap_or_default();
        let (code, message) = (text("code").to_owned(), text("error").to_owned());
        let error = RunError { code, message, node: self.part.until.clone() };
        Some(Outcome::Failed { error, output: Value::Object(Map::new()) })
    }
}
