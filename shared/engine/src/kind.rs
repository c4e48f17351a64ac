//! The kinds of nodes there are. Each has a file of its own, which begins with its documentation for authors.
//!
//! What every node may have:
//!
//! | field | |
//! |---|---|
//! | `id` | by which others refer to it: a letter or digit, then up to 63 letters, digits, `-` or `_` |
//! | `type` | the kind |
//! | `name` | for people; references may use it, too |
//! | `description` | for people |
//! | `after` | what it waits for beyond what it refers to: node ids, `x.branch` for a branch of a condition, `x.error` for a failure |
//! | `retry` | `{ max_attempts: 3, backoff: 1s }`: up to 10 attempts, the pause doubles up to a minute |
//! | `timeout` | of one attempt, such as `90s` |
//! | `at_most_once` | `true`: after a crash the node fails as `interrupted` rather than to be tried again; not together with `retry` |

pub mod agent;
pub mod condition;
pub(crate) mod embedded;
pub(crate) mod fields;
pub mod function;
pub mod http;
pub mod input;
pub mod r#loop;
pub mod note;
pub mod output;
pub mod parallel;
pub mod response;
pub mod template;
pub mod webhook;

use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::call::Action;
use crate::run::Reader;
use fields::Fields;

/// The list of node kinds.
#[derive(Debug)]
pub(crate) enum Kind {
    Input(input::Input),
    Output(output::Output),
    Template(template::Template),
    Function(function::Function),
    Http(http::Http),
    Condition(condition::Condition),
    Agent(Box<agent::Agent>),
    Webhook(webhook::Webhook),
    Response(response::Response),
    Loop(r#loop::Loop),
    Parallel(parallel::Parallel),
    Note(note::Note),
}

/// The names an author may write as `type`.
pub(crate) const KIND_NAMES: [&str; 11] =
    ["output", "template", "function", "http", "condition", "agent", "webhook", "response", "loop", "parallel", "note"];

impl Kind {
    /// Reads the fields of a node of the named kind; what is wrong with them is told to `fields`.
    pub(crate) fn read(kind: &str, fields: &mut Fields<'_, '_>, body: Option<usize>) -> Option<Self> {
        Some(match kind {
            "output" => Self::Output(output::Output::read(fields)),
            "template" => Self::Template(template::Template::read(fields)),
            "function" => Self::Function(function::Function::read(fields)),
            "http" => Self::Http(http::Http::read(fields)),
            "condition" => Self::Condition(condition::Condition::read(fields)),
            "agent" => Self::Agent(Box::new(agent::Agent::read(fields))),
            "webhook" => Self::Webhook(webhook::Webhook::read(fields)),
            "response" => Self::Response(response::Response::read(fields)),
            "loop" => Self::Loop(r#loop::Loop::read(fields, body?)),
            "parallel" => Self::Parallel(parallel::Parallel::read(fields, body?)),
            "note" => Self::Note(note::Note::read(fields)),
            _ => return None,
        })
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Input(_) => "input",
            Self::Output(_) => "output",
            Self::Template(_) => "template",
            Self::Function(_) => "function",
            Self::Http(_) => "http",
            Self::Condition(_) => "condition",
            Self::Agent(_) => "agent",
            Self::Webhook(_) => "webhook",
            Self::Response(_) => "response",
            Self::Loop(_) => "loop",
            Self::Parallel(_) => "parallel",
            Self::Note(_) => "note",
        }
    }

    /// What the node does, given everything it refers to.
    pub(crate) fn plan(&self, reader: &Reader<'_>) -> Result<Plan, NodeError> {
        match self {
            Self::Input(node) => node.plan(reader),
            Self::Output(node) => node.plan(reader),
            Self::Template(node) => node.plan(reader),
            Self::Function(node) => node.plan(reader),
            Self::Http(node) => node.plan(reader),
            Self::Condition(node) => node.plan(reader),
            Self::Agent(node) => node.plan(reader),
            Self::Webhook(node) => node.plan(reader),
            Self::Response(node) => node.plan(reader),
            Self::Loop(node) => node.plan(reader),
            Self::Parallel(node) => node.plan(reader),
            Self::Note(node) => node.plan(reader),
        }
    }
}

/// How long a call of this kind may take where the author says nothing, and at most; `None` for kinds that make no call.
pub(crate) fn timeouts(kind: &str) -> Option<(Duration, Duration)> {
    const MINUTE: Duration = Duration::from_secs(60);
    match kind {
        "http" | "agent" => Some((5 * MINUTE, 10 * MINUTE)),
        "function" => Some((MINUTE / 2, MINUTE)),
        "webhook" => Some((MINUTE / 2, 10 * MINUTE)),
        _ => None,
    }
}

/// The first path step that references to a node may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Leaves {
    Anything,
    Only(Vec<String>),
}

impl Leaves {
    /// Read from the document before anything is compiled: references need it.
    pub(crate) fn of(kind: &str, object: &Map<String, Value>) -> Self {
        match kind {
            "output" => output::leaves(object),
            "agent" => agent::leaves(object),
            "template" => Self::only(&["content"]),
            "function" => Self::only(&["result", "stdout"]),
            "http" | "response" => Self::only(&["data", "status", "headers"]),
            "condition" => Self::only(&["branch"]),
            "webhook" => Self::only(&["delivery_id", "data"]),
            "loop" | "parallel" => Self::only(&["results"]),
            "note" => Self::only(&[]),
            _ => Self::Anything,
        }
    }

    pub(crate) fn only(names: &[&str]) -> Self {
        Self::Only(names.iter().map(|name| (*name).to_owned()).collect())
    }
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a plan is carried out as soon as it is made")]
pub(crate) enum Plan {
    Done(Value),
    /// Leaves the run's input behind, which is shared.
    Input,
    /// The edges of the branch with this index live, those of the others die.
    Branch {
        taken: Option<usize>,
        output: Value,
    },
    Perform(Action),
    Iterate {
        items: Items,
        width: usize,
    },
    /// Ends the run with this output.
    Respond(Value),
}

/// What a loop or parallel goes through.
#[derive(Debug)]
pub(crate) enum Items {
    Count(usize),
    List(std::vec::IntoIter<Value>),
}

/// Why a node failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodeError {
    pub code: Cow<'static, str>,
    pub message: String,
}

impl NodeError {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), message: message.into() }
    }

    pub(crate) fn value_too_large() -> Self {
        Self::new("value_too_large", format!("a value is at most {} bytes as JSON", crate::template::MAX_VALUE_BYTES))
    }

    pub(crate) fn run_too_large() -> Self {
        Self::new("value_too_large", format!("a run keeps at most {} bytes of outputs", crate::run::MAX_RUN_BYTES))
    }
}
