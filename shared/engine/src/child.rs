//! The workflows that a workflow's nodes run as their children. A run pins their versions when it
//! starts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::input::{InputProblem, InputRules, Undeclared};
use crate::kind::{NodeError, OutputFields};
use crate::run::Part;
use crate::workflow::Workflow;

/// How deep children run inside one another.
pub const MAX_CHILD_DEPTH: usize = 4;
/// Distinct children of one run, those of its children included.
pub const MAX_CHILDREN: usize = 50;

/// What a node names: a workflow, and a version of it; `None`: the active one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChildName {
    pub workflow: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// A node, or an agent's tool, that runs a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildUse {
    pub name: ChildName,
    /// JSON pointer into the document.
    pub path: String,
    /// The ids of that node and of the containers around it, the outermost first.
    pub(crate) nodes: Vec<String>,
}

/// What is known of children when a document is checked: the fields of their outputs.
pub type KnownChildren = Arc<BTreeMap<ChildName, OutputFields>>;

/// The children that a run has pinned, in the order of its head.
#[derive(Debug, Clone, Default)]
pub struct Children(pub Arc<[Child]>);

#[derive(Debug, Clone)]
pub struct Child {
    pub name: ChildName,
    pub workflow: Arc<Workflow>,
}

/// A child with its input, ready to run.
#[derive(Debug)]
pub struct PlannedChild {
    /// Its position among the run's children, from 1.
    pub number: usize,
    pub workflow: Arc<Workflow>,
    pub input: Value,
}

impl Children {
    /// Returns the child and its number, or why it cannot run.
    pub(crate) fn find(&self, name: &ChildName) -> Result<(usize, &Arc<Workflow>), NodeError> {
        let index = self.0.iter().position(|child| child.name == *name).ok_or_else(|| {
            let message =
                format!("the run has pinned no version of the workflow `{}`", name.workflow);
            NodeError::new("not_pinned", message)
        })?;
        Ok((index + 1, &self.0[index].workflow))
    }

    pub(crate) fn name(&self, number: usize) -> &str {
        number.checked_sub(1).and_then(|at| self.0.get(at)).map_or("", |child| &child.name.workflow)
    }

    pub(crate) fn any_is_slow(&self) -> bool {
        self.0.iter().any(|child| child.workflow.is_slow)
    }
}

/// A child is given what a caller of the native API would have to send.
const RULES: InputRules = InputRules { undeclared: Undeclared::Refuse, coerce: false };

impl Workflow {
    /// The children that its nodes name, with their places.
    pub fn children(&self) -> &[ChildUse] {
        &self.children
    }

    /// The same, each once.
    pub fn child_names(&self) -> BTreeSet<&ChildName> {
        self.children.iter().map(|child| &child.name).collect()
    }

    /// Those of the nodes that such a run may run.
    pub fn child_names_in(&self, part: &Part) -> BTreeSet<&ChildName> {
        let runs = |used: &&ChildUse| self.runs_in(part, &used.nodes);
        self.children.iter().filter(runs).map(|child| &child.name).collect()
    }

    /// What references to its output may read.
    pub fn output_fields(&self) -> &OutputFields {
        &self.output_fields
    }

    /// Returns the input of a child as it will see it, or the failure that names every problem.
    pub(crate) fn accept_as_child(&self, input: Value) -> Result<Value, NodeError> {
        self.accept_input(input, RULES).map_err(|problems| {
            let shown: Vec<String> = problems.iter().map(shown).collect();
            NodeError::new("invalid_input", shown.join("; "))
        })
    }
}

fn shown(problem: &InputProblem) -> String {
    format!("{} {}", problem.pointer, problem.message).trim().to_owned()
}
