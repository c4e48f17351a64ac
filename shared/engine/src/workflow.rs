//! A compiled workflow. A `Workflow` that exists has no errors.

mod downstream;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::child::{ChildUse, KnownChildren};
use crate::compile;
use crate::document::Document;
use crate::expr::reference::normalise;
use crate::expr::template::Template;
use crate::input::{InputField, InputProblem, InputRules};
use crate::interface::OutputValue;
use crate::kind::webhook::Webhook;
use crate::kind::{CallLimits, KindName, KindSpec, Kinds, Node, OutputFields, Role};
use crate::outline::Outline;
use crate::problem::{Problem, Severity};
use crate::run::SpendingLimit;
use crate::schedule::Schedule;
use crate::url::Host;

pub use downstream::Downstream;

pub const MAX_NODES: usize = 500;
pub const MAX_EDGES: usize = 2_000;
pub const MAX_NESTING: usize = 10;
pub const MAX_ITERATIONS: usize = 1_000;
pub const MAX_WIDTH: usize = 20;
pub const MAX_EXECUTIONS: usize = 10_000;

/// What a document may use besides its own definitions.
#[derive(Debug, Clone)]
pub struct CompileOptions {
    pub kinds: Kinds,
    /// Names with which callers' requests control a run: some callers could not send input fields
    /// with these names.
    pub reserved_input_names: &'static [&'static str],
    /// The document is a published version: rules that came later are warnings, so that it still
    /// runs. What goes out obeys them all the same.
    pub is_published: bool,
    /// What the workflows that it names leave, where that is known.
    pub children: KnownChildren,
}

impl Default for CompileOptions {
    fn default() -> Self {
        Self {
            kinds: Kinds::standard().clone(),
            reserved_input_names: &[],
            is_published: false,
            children: KnownChildren::default(),
        }
    }
}

#[derive(Debug)]
pub struct Workflow {
    /// Empty if the document has none.
    pub name: String,
    pub description: String,
    /// Maximum duration of a run, waiting excluded.
    pub deadline: Duration,
    /// What one run may spend.
    pub spending_limit: SpendingLimit,
    /// Whether input and outputs are kept after the run.
    pub save: bool,
    /// Called with the outputs when a run ends. [`crate::Run::workflow_webhook`] renders it.
    pub webhook: Option<Webhook>,
    /// Body 0 is the workflow itself, the others belong to loops and parallels.
    pub(crate) bodies: Vec<Body>,
    pub(crate) input: crate::input::InputSection,
    pub(crate) infos: Vec<NodeInfo>,
    pub(crate) names: HashMap<String, usize>,
    pub(crate) secrets: Vec<SecretUse>,
    pub(crate) children: Vec<ChildUse>,
    pub(crate) schedules: Vec<Schedule>,
    pub(crate) output_fields: OutputFields,
    pub(crate) outputs: Vec<OutputValue>,
    pub(crate) literal_keys: Arc<[String]>,
    pub(crate) variables: Vec<Variable>,
    /// The node of body 0 that reads the session of the variables.
    pub(crate) session_read: Option<usize>,
    /// Contains a node that may take long although its values are small.
    pub(crate) is_slow: bool,
}

/// One use of a secret by a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    pub name: String,
    /// JSON pointer into the document.
    pub path: String,
    /// Who decides where the request goes.
    pub host: Host,
    /// A model's key, `<PROVIDER>_API_KEY`, which is used without being named.
    pub is_implicit: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeInfo {
    pub id: String,
    pub name: Option<String>,
    /// The `type`.
    pub kind: KindName,
}

/// Nodes that run in one scope.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub nodes: Vec<BodyNode>,
    /// Indexes of the nodes whose merged outputs are the body's output. If empty, the terminal
    /// nodes make it.
    pub outputs: Vec<usize>,
    pub terminals: Vec<usize>,
    /// The body's result, if the author gives one.
    pub result: Option<Template>,
    /// The nodes that set each variable, or contain one that does, the last one first.
    pub setters: BTreeMap<usize, Vec<Setter>>,
    /// Each iteration reads what the one before has set.
    pub carries: bool,
}

/// A node that sets a variable.
#[derive(Debug)]
pub(crate) struct Setter {
    pub node: usize,
    /// The nodes that come after it, a bit each.
    pub before: Vec<u64>,
}

impl Setter {
    pub(crate) fn comes_before(&self, node: usize) -> bool {
        self.before.get(node / 64).is_some_and(|bits| bits & (1 << (node % 64)) != 0)
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Variable {
    pub name: String,
    /// Its value before any set.
    pub initial: Value,
    pub is_of_session: bool,
}

/// A node in the graph.
#[derive(Debug)]
pub(crate) struct BodyNode {
    pub id: Arc<str>,
    pub kind: Arc<KindSpec>,
    pub node: Box<dyn Node>,
    /// What it leaves, as far as that is known.
    pub outputs: OutputFields,
    /// `None`: the kind makes no call.
    pub call: Option<CallSettings>,
    /// The body that a container runs.
    pub inner: Option<usize>,
    /// All edges out of this node, sorted by target.
    pub edges: Vec<Edge>,
    /// Number of edges that must settle before the node is decided.
    pub waits_for: u32,
    /// Number of those that decide whether it runs.
    pub controls: u32,
    /// Whether a failure follows an edge instead of ending the run.
    pub catches_error: bool,
    /// Whether the `result` of its list of nodes reads the error, which catches it, too.
    pub result_reads_error: bool,
    pub on_error: OnError,
}

/// What a failure of a node means for the run.
#[derive(Debug, Default)]
pub(crate) enum OnError {
    /// It follows its error edge, or ends the enclosing scope.
    #[default]
    Fail,
    /// The run goes on as if the node had succeeded, with `{error, code}` as its output.
    Continue,
    /// The run goes on with this as the node's output.
    Default(Template),
}

impl BodyNode {
    /// Without edges, and without calls.
    pub(crate) fn new(id: Arc<str>, kind: Arc<KindSpec>, node: Box<dyn Node>) -> Self {
        Self {
            id,
            kind,
            node,
            outputs: OutputFields::Any,
            call: None,
            inner: None,
            edges: Vec::new(),
            waits_for: 0,
            controls: 0,
            catches_error: false,
            result_reads_error: false,
            on_error: OnError::Fail,
        }
    }

    pub(crate) fn is_remark(&self) -> bool {
        self.kind.role == Role::Remark
    }
}

/// How a node's calls are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallSettings {
    pub retry: Retry,
    /// Timeout of one attempt.
    pub timeout: Duration,
    pub at_most_once: bool,
}

impl CallSettings {
    /// Those of a node without settings.
    pub(crate) fn plain(limits: CallLimits) -> Self {
        let timeout = limits.default_timeout;
        Self { retry: Retry::NEVER, timeout, at_most_once: false }
    }
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
    /// A control edge decides whether its target runs; for a data edge the target only waits.
    pub control: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum When {
    Done,
    Branch(usize),
    Error,
}

impl Workflow {
    /// Returns all problems, and a workflow if none of them is an error.
    pub fn compile(document: &Document) -> (Option<Self>, Vec<Problem>) {
        Self::compile_with(document, &CompileOptions::default())
    }

    pub fn compile_with(
        document: &Document,
        options: &CompileOptions,
    ) -> (Option<Self>, Vec<Problem>) {
        let (workflow, problems) = compile::compile(document, options);
        let sound = problems.iter().all(|problem| problem.severity != Severity::Error);
        (workflow.filter(|_| sound), problems)
    }

    /// Compiles as [`Self::compile_with`] does, and draws up the document's outline, whether it has
    /// problems or not.
    pub fn compile_with_outline(
        document: &Document,
        options: &CompileOptions,
    ) -> (Option<Self>, Vec<Problem>, Outline) {
        let (workflow, problems, outline) = compile::compile_with_outline(document, options);
        let sound = problems.iter().all(|problem| problem.severity != Severity::Error);
        (workflow.filter(|_| sound), problems, outline)
    }

    /// All nodes, including those inside loops and parallels, the input (`api`) and the output
    /// section.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeInfo> {
        self.infos.iter()
    }

    /// Finds a node by id or name; ignores case, spaces and dots.
    pub fn find_node(&self, text: &str) -> Option<&NodeInfo> {
        self.names.get(&normalise(text)).map(|index| &self.infos[*index])
    }

    /// Returns the names of the secrets that the workflow uses.
    pub fn secrets(&self) -> BTreeSet<String> {
        self.secrets.iter().map(|used| used.name.clone()).collect()
    }

    /// Each use of a secret, models' own keys included.
    pub fn secret_uses(&self) -> &[SecretUse] {
        &self.secrets
    }

    /// When it starts by itself while it is active.
    pub fn schedules(&self) -> &[Schedule] {
        &self.schedules
    }

    /// Returns the declared fields; empty without an `input` section.
    pub fn input_fields(&self) -> &[InputField] {
        self.input.fields()
    }

    /// Returns whether there is an `input` section. Without one any object is accepted.
    pub fn declares_input(&self) -> bool {
        self.input.is_declared()
    }

    /// Returns the input for trying out the workflow: each field's `value`, else its default.
    pub fn sample_input(&self) -> Value {
        self.input.sample()
    }

    /// Returns the input with defaults filled in, or all problems with it.
    pub fn accept_input(
        &self,
        input: Value,
        rules: InputRules,
    ) -> Result<Value, Vec<InputProblem>> {
        self.input.accept(input, rules)
    }
}
