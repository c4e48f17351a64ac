//! A node's plan, as plain data, and the results of its calls as the node sees them.

use std::borrow::{Borrow, Cow};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::Node;
use crate::call::{Action, CallError, CallOutput};
use crate::child::PlannedChild;
use crate::run::Usage;

/// What a node does next.
#[derive(Debug)]
pub enum Plan {
    /// Finishes with this output.
    Done(Arc<Value>),
    /// Makes these calls, concurrently. The node plans again when the last of them has ended.
    Perform(Vec<Planned>),
    /// Takes the edges of the branch with this index; those of the others die.
    Branch { taken: Option<usize>, output: Value },
    /// Runs the node's list of nodes once per item, `width` of them at a time.
    Iterate { items: Items, width: usize },
    /// Ends the run with this output.
    Respond(Value),
}

impl Plan {
    pub fn done(output: Value) -> Self {
        Self::Done(Arc::new(output))
    }
}

/// One call that a node plans.
#[derive(Debug)]
pub struct Planned {
    /// Unique within the node. Its result is recorded under it, whatever ends first.
    pub name: CallName,
    pub work: Work,
    /// Delay before the call goes out; at most [`MAX_DELAY`].
    pub delay: Duration,
    /// Timeout of one attempt. `None`: the author's setting, else the kind's default.
    pub timeout: Option<Duration>,
    pub price: Price,
    /// Must not go out twice. `None`: the author's setting.
    pub at_most_once: Option<bool>,
}

/// Longer pauses are waits, not calls.
pub const MAX_DELAY: Duration = Duration::from_secs(300);

impl Planned {
    pub fn call(name: impl Into<CallName>, action: Action, price: Price) -> Self {
        Self::of(name.into(), Work::Call(action), price)
    }

    /// A node that runs under this call's name. Its own calls carry their costs.
    pub fn node(name: impl Into<CallName>, node: Arc<dyn Node>, bindings: Bindings) -> Self {
        Self::of(name.into(), Work::Node(node, bindings), Price::Free)
    }

    /// A child workflow that runs under this call's name. Its own calls carry their costs.
    pub fn child(name: impl Into<CallName>, child: PlannedChild) -> Self {
        Self::of(name.into(), Work::Workflow(child), Price::Free)
    }

    pub fn refused(name: impl Into<CallName>, error: CallError) -> Self {
        Self::of(name.into(), Work::Refused(error), Price::Free)
    }

    fn of(name: CallName, work: Work, price: Price) -> Self {
        Self { name, work, delay: Duration::ZERO, timeout: None, price, at_most_once: None }
    }

    /// Returns whether the call only reads or writes a session.
    pub(crate) fn is_of_session(&self) -> bool {
        matches!(self.work, Work::Call(Action::Session(_)))
    }

    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a plan is carried out as soon as it is made")]
pub enum Work {
    Call(Action),
    /// Runs a node in place of the call. The node's output is the call's output.
    Node(Arc<dyn Node>, Bindings),
    /// Runs a child in place of the call. The child's output is the call's output.
    Workflow(PlannedChild),
    /// The call is not made: it has failed, so that later plans need not judge it again. It is no
    /// call of the node, and not recorded.
    Refused(CallError),
}

/// Whether a call costs money. A priced call of unknown cost makes the run's cost unknown, never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Price {
    Free,
    Priced,
}

/// The value that an inner node's bound name reads: `<tool.city>` reads `city` of it.
#[derive(Debug, Clone)]
pub struct Bindings(pub Arc<Value>);

/// `turn2`, `turn2.tool0`: letters, digits, `.`, `_` and `-`, 1 to 64 of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallName(Cow<'static, str>);

const MAX_CALL_NAME: usize = 64;

impl CallName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Refuses other characters, with which a name could look like another node's place.
    pub(crate) fn is_valid(&self) -> bool {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        (1..=MAX_CALL_NAME).contains(&self.0.len()) && self.0.bytes().all(is_allowed)
    }
}

impl Borrow<str> for CallName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&'static str> for CallName {
    fn from(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }
}

impl From<String> for CallName {
    fn from(name: String) -> Self {
        Self(Cow::Owned(name))
    }
}

/// How the calls of a node ended, by name. Unordered, so that which ends first changes nothing.
#[derive(Debug, Default)]
pub struct Done(BTreeMap<CallName, CallEnd>);

/// How one call ended, after its retries.
#[derive(Debug, Clone)]
pub struct CallEnd {
    pub result: Result<CallOutcome, CallError>,
    /// The recorded end in ms since the epoch; the run's start if none was recorded.
    pub ended_at_ms: i64,
}

/// The output of a call, shared.
#[derive(Debug, Clone)]
pub struct CallOutcome {
    pub value: Arc<Value>,
    pub tokens: Option<u64>,
    pub cost_nano_usd: Option<u64>,
}

impl CallOutcome {
    pub(crate) fn used(&self) -> Usage {
        Usage::of_call(self.tokens, self.cost_nano_usd, Some(&self.value))
    }
}

impl From<CallOutput> for CallOutcome {
    fn from(output: CallOutput) -> Self {
        let CallOutput { value, tokens, cost_nano_usd } = output;
        Self { value: Arc::new(value), tokens, cost_nano_usd }
    }
}

impl Done {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn get(&self, name: &str) -> Option<&CallEnd> {
        self.0.get(name)
    }

    /// Returns the call's output, or why it failed; `None` if it was not made.
    pub fn value(&self, name: &str) -> Result<Option<Arc<Value>>, NodeError> {
        let Some(end) = self.get(name) else { return Ok(None) };
        match &end.result {
            Ok(outcome) => Ok(Some(Arc::clone(&outcome.value))),
            Err(error) => Err(NodeError::from(error.clone())),
        }
    }

    /// Returns the latest recorded end of the calls made so far; `None` if there are none.
    pub fn last_ended_at_ms(&self) -> Option<i64> {
        self.0.values().map(|end| end.ended_at_ms).max()
    }

    pub(crate) fn insert(&mut self, name: CallName, end: CallEnd) {
        self.0.insert(name, end);
    }
}

/// What a loop or parallel iterates over.
#[derive(Debug)]
pub enum Items {
    Count(usize),
    List(std::vec::IntoIter<Value>),
    /// As many as the node [goes on](super::Node::goes_on), at most
    /// [`MAX_ITERATIONS`](crate::workflow::MAX_ITERATIONS). An item is the index.
    Open,
}

/// Why a node failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeError {
    /// Stable, for programs.
    pub code: Cow<'static, str>,
    /// For people.
    pub message: String,
    /// What the failed call left, as the fields that an output has.
    pub output: Option<Box<Value>>,
}

impl NodeError {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), message: message.into(), output: None }
    }

    /// The kind broke a rule of the engine.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new("internal", message)
    }

    pub(crate) fn value_too_large() -> Self {
        let max = crate::run::budget::MAX_VALUE_BYTES;
        Self::new(
            "value_too_large",
            format!("a value is at most {max} bytes as JSON, and 32 MiB in memory"),
        )
    }

    pub(crate) fn run_too_large() -> Self {
        let max = crate::run::budget::MAX_RUN_BYTES;
        Self::new("value_too_large", format!("a run keeps at most {max} bytes in memory"))
    }
}

impl From<CallError> for NodeError {
    fn from(error: CallError) -> Self {
        Self { code: error.code.into(), message: error.message, output: error.output }
    }
}

impl From<NodeError> for CallError {
    fn from(error: NodeError) -> Self {
        let NodeError { code, message, output } = error;
        Self { code: code.into_owned(), message, output, ..Self::default() }
    }
}
