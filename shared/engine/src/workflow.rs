//! A workflow that can run: what a document means. One that exists has no errors.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::compile;
use crate::document::Document;
use crate::expr::reference::normalise;
use crate::expr::template::{Template, Text};
use crate::input::{InputField, InputProblem, InputRules};
use crate::kind::{KindSpec, Kinds, Node, Role};
use crate::problem::{Problem, Severity};

pub const MAX_NODES: usize = 500;
pub const MAX_EDGES: usize = 2_000;
pub const MAX_NESTING: usize = 10;
pub const MAX_ITERATIONS: usize = 1_000;
pub const MAX_WIDTH: usize = 20;
pub const MAX_EXECUTIONS: usize = 10_000;

/// What a document may use beyond what it says itself.
#[derive(Debug, Clone)]
pub struct CompileOptions {
    pub kinds: Kinds,
    /// Names by which callers' requests control a run: an input field of such a name could not
    /// always be sent.
    pub reserved_input_names: &'static [&'static str],
}

impl Default for CompileOptions {
    fn default() -> Self {
        Self { kinds: Kinds::standard().clone(), reserved_input_names: &[] }
    }
}

#[derive(Debug)]
pub struct Workflow {
    /// Empty where the document has none.
    pub name: String,
    pub description: String,
    /// From start to end of a run, waiting excluded.
    pub deadline: Duration,
    /// Whether input and outputs are kept after the run.
    pub save: bool,
    /// What is called with the outputs when a run ends. [`crate::Run::workflow_webhook`] renders
    /// it.
    pub webhook: Option<Webhook>,
    /// Body 0 is the workflow itself, the others belong to loops and parallels.
    pub(crate) bodies: Vec<Body>,
    pub(crate) input: crate::input::InputSection,
    pub(crate) infos: Vec<NodeInfo>,
    pub(crate) names: HashMap<String, usize>,
    pub(crate) secrets: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeInfo {
    pub id: String,
    pub name: Option<String>,
    /// The `type`.
    pub kind: Arc<str>,
}

/// The workflow's own webhook; url, header values and signature may hold references and secrets.
#[derive(Debug)]
pub struct Webhook {
    pub method: String,
    pub(crate) url: Text,
    pub(crate) headers: Vec<(String, Text)>,
    pub(crate) signature: Option<Text>,
}

/// Nodes that run in one scope.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub nodes: Vec<BodyNode>,
    /// Indexes of the nodes whose merged outputs are the body's output; without any, the terminal
    /// nodes make it.
    pub outputs: Vec<usize>,
    pub terminals: Vec<usize>,
    /// A body's own idea of its result, where the author gives one.
    pub result: Option<Template>,
}

/// A node at its place in the graph.
#[derive(Debug)]
pub(crate) struct BodyNode {
    pub id: Arc<str>,
    pub kind: Arc<KindSpec>,
    pub node: Box<dyn Node>,
    /// `None`: the kind makes no call.
    pub call: Option<CallSettings>,
    /// The body that a container runs.
    pub inner: Option<usize>,
    /// All edges out of this node, sorted by target.
    pub edges: Vec<Edge>,
    /// How many edges must settle before the node is decided.
    pub waits_for: u32,
    /// How many of those decide whether it runs.
    pub controls: u32,
    /// Whether a failure goes on along an edge instead of ending the run.
    pub catches_error: bool,
}

impl BodyNode {
    /// Without edges, and without calls.
    pub(crate) fn new(id: Arc<str>, kind: Arc<KindSpec>, node: Box<dyn Node>) -> Self {
        Self { id, kind, node, call: None, inner: None, edges: Vec::new(), waits_for: 0, controls: 0, catches_error: false }
    }

    pub(crate) fn is_remark(&self) -> bool {
        self.kind.role == Role::Remark
    }
}

/// How a node's calls are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallSettings {
    pub retry: Retry,
    /// Of one attempt.
    pub timeout: Duration,
    pub at_most_once: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Retry {
    pub max_attempts: u32,
    pub backoff: Duration,
}

impl Retry {
    pub(crate) const NEVER: Self = Self { max_attempts: 1, backoff: Duration::ZERO };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub to: usize,
    pub when: When,
    /// A control edge decides whether its target runs; a data edge is only waited for.
    pub control: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum When {
    Done,
    Branch(usize),
    Error,
}

impl Workflow {
    /// All problems at once; a workflow only where none of them is an error.
    pub fn compile(document: &Document) -> (Option<Self>, Vec<Problem>) {
        Self::compile_with(document, &CompileOptions::default())
    }

    pub fn compile_with(document: &Document, options: &CompileOptions) -> (Option<Self>, Vec<Problem>) {
        let (workflow, problems) = compile::compile(document, options);
        let sound = problems.iter().all(|problem| problem.severity != Severity::Error);
        (workflow.filter(|_| sound), problems)
    }

    /// All nodes, those inside loops and parallels, the input (`api`) and the output section
    /// included.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeInfo> {
        self.infos.iter()
    }

    /// By id or name, without regard to case, spaces and dots.
    pub fn find_node(&self, text: &str) -> Option<&NodeInfo> {
        self.names.get(&normalise(text)).map(|index| &self.infos[*index])
    }

    /// Names of the secrets the workflow speaks of.
    pub fn secrets(&self) -> BTreeSet<String> {
        self.secrets.clone()
    }

    /// The declared fields; empty also where there is no `input` section.
    pub fn input_fields(&self) -> &[InputField] {
        self.input.fields()
    }

    /// Whether there is an `input` section. Without one any object is accepted.
    pub fn declares_input(&self) -> bool {
        self.input.is_declared()
    }

    /// What "try it" sends: each field's `value`, else its default.
    pub fn sample_input(&self) -> Value {
        self.input.sample()
    }

    /// The input as a run takes it, defaults filled in, or everything that is wrong with it.
    pub fn accept_input(&self, input: Value, rules: InputRules) -> Result<Value, Vec<InputProblem>> {
        self.input.accept(input, rules)
    }
}
