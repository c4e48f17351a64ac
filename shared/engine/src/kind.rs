//! The kinds of nodes. Each is declared once, in its own file, and listed in `BUILT_IN`.

pub(crate) mod agent;
mod approval;
pub(crate) mod condition;
mod document;
mod evaluator;
mod fetch;
mod function;
mod hash;
mod html;
pub(crate) mod http;
mod image;
pub(crate) mod input;
mod json;
mod knowledge;
mod list;
mod r#loop;
mod note;
pub(crate) mod output;
mod parallel;
mod python;
mod random;
mod replace;
mod replicate;
mod response;
mod router;
mod set;
mod speech;
mod split;
mod template;
pub(crate) mod variables;
mod wait;
pub(crate) mod webhook;
pub(crate) mod workflow;

mod media;
pub(crate) mod node_fields;
mod plan;
mod setting;
pub(crate) mod touches;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::compile::fields::Fields;
use crate::connector::{self, Operation};
use crate::expr::scope::Scope;
use crate::field::FieldSpec;

pub use node_fields::FIELDS as NODE_FIELDS;
pub use plan::{
    Bindings, CallEnd, CallName, CallOutcome, Done, Items, MAX_DELAY, NodeError, Plan, Planned,
    Price, Work,
};
pub use touches::Touches;

/// The kinds that every workflow may use, in the order of the docs.
const BUILT_IN: &[fn() -> KindSpec] = &[
    template::spec,
    set::spec,
    variables::spec,
    list::spec,
    json::spec,
    split::spec,
    replace::spec,
    hash::spec,
    random::spec,
    function::spec,
    python::spec,
    http::spec,
    fetch::spec,
    html::spec,
    document::spec,
    agent::spec,
    router::spec,
    evaluator::spec,
    image::spec,
    speech::spec,
    replicate::spec,
    knowledge::spec,
    condition::spec,
    r#loop::spec,
    parallel::spec,
    workflow::spec,
    wait::spec,
    approval::spec,
    webhook::spec,
    response::spec,
    output::spec,
    note::spec,
];

/// What authors write as `type`. Borrowed for the standard kinds: events carry it, and cost nothing
/// to copy.
pub type KindName = Cow<'static, str>;

/// The declaration of a kind, read by the parser, the JSON Schema, `docs/kinds.md` and
/// did-you-mean.
pub struct KindSpec {
    pub name: KindName,
    /// What a node of this kind does, in one sentence.
    pub summary: Cow<'static, str>,
    /// What authors must know beyond the fields, in Markdown; may be empty.
    pub details: Cow<'static, str>,
    /// Its own fields, in addition to those that every node has.
    pub fields: Cow<'static, [FieldSpec]>,
    /// The output fields of a node, derived from its fields as written: references need them before
    /// anything is compiled. An operation of a connector has its own: [`Self::outputs_of`].
    pub outputs: fn(&Map<String, Value>) -> OutputFields,
    /// `None`: the kind makes no call.
    pub call: Option<CallLimits>,
    pub role: Role,
    /// The operation of a connector that its nodes run.
    pub operation: Option<Arc<Operation>>,
    /// What kind of work it does, for those who show it.
    pub group: Group,
    /// What a node of this kind is about, in one line.
    pub touches: Touches,
    /// A node as authors write it, in YAML.
    pub example: Cow<'static, str>,
    pub read: ReadNode,
}

pub type ReadNode = Arc<dyn Fn(&mut Fields<'_, '_>) -> Box<dyn Node> + Send + Sync>;

/// One node of a workflow, compiled.
pub trait Node: fmt::Debug + Send + Sync {
    /// Returns what the node does next, given everything it refers to and the calls it has made.
    /// Pure: the same scope and calls give the same plan. Called again only when none of the node's
    /// calls is open.
    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError>;

    /// Whether a container goes on, as an iteration sees it: asked before each one and after it.
    fn goes_on(&self, _moment: Moment, _scope: &Scope<'_>) -> Result<bool, NodeError> {
        Ok(true)
    }

    /// Whether one plan may take long although its values are small.
    fn is_slow(&self) -> bool {
        false
    }

    /// Whether text that it streams may turn out not to be its answer.
    fn thinks_aloud(&self) -> bool {
        false
    }

    /// The branches that other nodes may depend on: `after: [id.branch]`.
    fn branches(&self) -> Vec<&str> {
        Vec::new()
    }

    /// The branch that a given output takes; `None`: none of them. Fails with the field that does
    /// not say it, and what it must be.
    fn branch_of(&self, output: &Value) -> Result<Option<usize>, (&'static str, String)> {
        let branches = self.branches();
        let taken = match output.get("branch") {
            Some(Value::Null) => return Ok(None),
            taken => taken.and_then(Value::as_str),
        };
        let taken = taken.and_then(|name| branches.iter().position(|branch| *branch == name));
        let wrong = || ("branch", format!("must be null or one of {}", branches.join(", ")));
        taken.map(Some).ok_or_else(wrong)
    }
}

/// When a container is asked whether it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    BeforeIteration,
    AfterIteration,
}

/// The default and maximum timeout of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    pub default_timeout: Duration,
    pub max_timeout: Duration,
}

/// The role of a kind in the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Step,
    /// Runs its own list of nodes, in which `<kind.item>` and `<kind.index>` are bound.
    Container {
        order: Order,
    },
    /// Its output is part of the run's output.
    Output,
    /// The run's input.
    Input,
    /// For readers only: has no edges and never runs.
    Remark,
}

/// What a kind does for a workflow, as a console groups and colours it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// What comes in and goes out.
    Gate,
    /// Asks a model.
    Model,
    /// Calls another server.
    Call,
    /// Decides what runs next, and how often.
    Flow,
    /// Computes.
    Data,
    /// Waits for people or for a time.
    People,
}

/// How a container's iterations follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Each begins when the one before has ended, and reads its result: `<kind.last>`.
    OneByOne,
    SideBySide,
}

impl KindSpec {
    /// Returns the output fields of a node with these fields.
    pub fn outputs_of(&self, node: &Map<String, Value>) -> OutputFields {
        match &self.operation {
            Some(operation) => operation.outputs(),
            None => (self.outputs)(node),
        }
    }
}

impl Group {
    pub fn name(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Model => "model",
            Self::Call => "call",
            Self::Flow => "flow",
            Self::Data => "data",
            Self::People => "people",
        }
    }
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Container { .. } => "container",
            Self::Output => "output",
            Self::Input => "input",
            Self::Remark => "remark",
        }
    }

    pub(crate) fn is_container(self) -> bool {
        matches!(self, Self::Container { .. })
    }
}

/// The first path step that a reference to a node may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputFields {
    Any,
    Only(Vec<OutputField>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputField {
    pub name: Cow<'static, str>,
    pub output_type: OutputType,
    /// Whether it may be `null` after the node has succeeded.
    pub nullable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputType {
    Any,
    Text,
    Number,
    Object,
    List,
}

impl OutputFields {
    pub fn only(fields: &[(&'static str, OutputType)]) -> Self {
        Self::Only(
            fields
                .iter()
                .map(|(name, output_type)| OutputField::new(*name, *output_type))
                .collect(),
        )
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let fields = match self {
            Self::Any => [].as_slice(),
            Self::Only(fields) => fields,
        };
        fields.iter().map(|field| &*field.name)
    }
}

impl OutputField {
    pub fn new(name: impl Into<Cow<'static, str>>, output_type: OutputType) -> Self {
        Self { name: name.into(), output_type, nullable: false }
    }

    pub fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }
}

/// The kinds that a document may use, by name: these, and the operations of shipped connectors.
#[derive(Debug, Clone)]
pub struct Kinds(Vec<Arc<KindSpec>>);

static STANDARD: LazyLock<Kinds> = LazyLock::new(|| {
    let own = BUILT_IN.iter().map(|spec| spec());
    Kinds(own.map(Arc::new).collect())
});

impl Kinds {
    pub fn standard() -> &'static Self {
        &STANDARD
    }

    /// Adds a kind; it replaces an earlier one of the same name.
    pub fn with(mut self, kind: KindSpec) -> Self {
        self.0.retain(|known| known.name != kind.name);
        self.0.push(Arc::new(kind));
        self
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<KindSpec>> {
        self.0.iter().chain(connector::shipped_kinds())
    }

    pub fn find(&self, name: &str) -> Option<&Arc<KindSpec>> {
        let own = self.0.iter().find(|kind| &*kind.name == name);
        own.or_else(|| connector::shipped_kind(name))
    }

    /// The kinds that are no operation of a connector.
    pub fn plain(&self) -> impl Iterator<Item = &Arc<KindSpec>> {
        self.0.iter().filter(|kind| kind.operation.is_none())
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|kind| &*kind.name)
    }
}

impl fmt::Debug for KindSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KindSpec({})", self.name)
    }
}
