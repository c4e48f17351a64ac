//! The kinds of nodes. Each declares itself once, in a file of its own, and stands in one list:
//! [`BUILT_IN`].

mod agent;
pub(crate) mod condition;
mod function;
pub(crate) mod http;
pub(crate) mod input;
mod r#loop;
mod note;
pub(crate) mod output;
mod parallel;
mod response;
mod template;
pub(crate) mod webhook;

pub(crate) mod node_fields;
mod plan;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::field::FieldSpec;

pub use plan::{Bindings, CallEnd, CallName, CallOutcome, Done, Items, MAX_DELAY, NodeError, Plan, Planned, Price, Work};

/// The kinds that every workflow may use, in the order of the docs.
const BUILT_IN: [fn() -> KindSpec; 11] = [
    template::spec,
    function::spec,
    http::spec,
    agent::spec,
    condition::spec,
    r#loop::spec,
    parallel::spec,
    webhook::spec,
    response::spec,
    output::spec,
    note::spec,
];

/// All there is to know of one kind: the parser, the JSON Schema, `docs/kinds.md` and did-you-mean
/// read it.
pub struct KindSpec {
    /// What authors write as `type`.
    pub name: Arc<str>,
    /// What a node of this kind does, in one sentence.
    pub summary: Cow<'static, str>,
    /// What authors must know beyond the fields, in Markdown; may be empty.
    pub details: Cow<'static, str>,
    /// Its own fields, beside those that every node has.
    pub fields: Cow<'static, [FieldSpec]>,
    /// What a node leaves behind, told from its fields as written: references need it before
    /// anything is compiled.
    pub outputs: fn(&Map<String, Value>) -> OutputFields,
    /// `None`: the kind makes no call.
    pub call: Option<CallLimits>,
    pub role: Role,
    /// A node as authors write it, in YAML.
    pub example: Cow<'static, str>,
    pub read: ReadNode,
}

pub type ReadNode = Arc<dyn Fn(&mut Fields<'_, '_>) -> Box<dyn Node> + Send + Sync>;

/// One node of a workflow, compiled.
pub trait Node: fmt::Debug + Send + Sync {
    /// What the node does next, given everything it refers to and the calls it has made. Pure: the
    /// same scope and the same calls give the same plan. Asked again only when none of the node's
    /// calls is open.
    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError>;

    /// The branches on which others may hang: `after: [id.branch]`.
    fn branches(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// How long one call may take: where the author says nothing, and at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    pub default_timeout: Duration,
    pub max_timeout: Duration,
}

/// What a kind is to the graph around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Step,
    /// Runs a list of nodes of its own: `<kind.item>` and `<kind.index>` are bound in there.
    Container,
    /// What it leaves is part of the run's output.
    Output,
    /// The run's input.
    Input,
    /// For readers only: has no edges and never runs.
    Remark,
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
        Self::Only(fields.iter().map(|(name, output_type)| OutputField::new(*name, *output_type)).collect())
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

/// The kinds that a document may use, by name.
#[derive(Debug, Clone)]
pub struct Kinds(Vec<Arc<KindSpec>>);

static STANDARD: LazyLock<Kinds> = LazyLock::new(|| Kinds(BUILT_IN.iter().map(|spec| Arc::new(spec())).collect()));

impl Kinds {
    pub fn standard() -> &'static Self {
        &STANDARD
    }

    /// These kinds and one more, which goes before an earlier one of its name.
    pub fn with(mut self, kind: KindSpec) -> Self {
        self.0.retain(|known| known.name != kind.name);
        self.0.push(Arc::new(kind));
        self
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<KindSpec>> {
        self.0.iter()
    }

    pub fn find(&self, name: &str) -> Option<&Arc<KindSpec>> {
        self.0.iter().find(|kind| &*kind.name == name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|kind| &*kind.name)
    }
}

impl fmt::Debug for KindSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KindSpec({})", self.name)
    }
}
