//! `loop`: runs its nodes repeatedly, one iteration after the other.

use std::sync::Arc;

use serde_json::Value;

use super::{Done, Items, KindSpec, Node, NodeError, OutputFields, OutputType, Plan, Role};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::Template;
use crate::field::{FieldSpec, FieldType};
use crate::workflow::MAX_ITERATIONS;

pub(super) const EACH: FieldSpec =
    FieldSpec::new("each", FieldType::Each, "a list, or a reference to one")
        .one_of(&["each", "for"]);
pub(super) const FOR: FieldSpec =
    FieldSpec::new("for", FieldType::Count, "the number of iterations, or a reference to one")
        .one_of(&["each", "for"]);
pub(super) const NODES: FieldSpec =
    FieldSpec::new("nodes", FieldType::Nodes, "the nodes that run in each iteration").required();
/// The compiler reads it, in the scope of the nodes.
pub(super) const RESULT: FieldSpec = FieldSpec::with_default(
    "result",
    FieldType::Any,
    "as a workflow's output",
    "the result of an iteration, read at its end",
);

const DETAILS: &str = "\
`<loop.item>` and `<loop.index>` (from 0) change with each iteration; with `for` the item is the index. `results` has one
entry per iteration. At most 1,000 iterations, and at most 10 nested loops and parallels. `null` for `each` or
`for` means no iteration. A node that fails without an error edge fails the loop.";

const EXAMPLE: &str = "\
id: chapters
type: loop
each: <outline.result>
nodes:
  - { id: write, type: agent, model: offline/echo, prompt: \"Chapter <loop.index>: <loop.item>\" }
result: <write.content>";

const FIELDS: &[FieldSpec] = &[EACH, FOR, NODES, RESULT];

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "loop".into(),
        summary: "Runs its nodes repeatedly, one iteration after the other.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs: |_| OutputFields::only(&[("results", OutputType::List)]),
        call: None,
        role: Role::Container,
        example: EXAMPLE.into(),
        read: Arc::new(|fields| Box::new(Loop { over: Over::read(fields) })),
    }
}

#[derive(Debug)]
struct Loop {
    over: Over,
}

impl Node for Loop {
    fn plan(&self, scope: &Scope<'_>, _done: &Done) -> Result<Plan, NodeError> {
        Ok(Plan::Iterate { items: self.over.items(scope)?, width: 1 })
    }
}

/// What a loop or parallel iterates over, as written.
#[derive(Debug)]
pub(super) enum Over {
    Each(Template),
    Count(Template),
}

impl Over {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let null = Template::Literal(Value::Null);
        let (each, count) = (fields.template(&EACH), fields.template(&FOR));
        match each {
            Some(each) => Self::Each(each),
            None => Self::Count(count.unwrap_or(null)),
        }
    }

    /// A skipped node counts as an empty list, or as zero.
    pub(super) fn items(&self, scope: &Scope<'_>) -> Result<Items, NodeError> {
        let items = match self {
            Self::Each(each) => match each.render(scope)? {
                Value::Null => Items::Count(0),
                Value::Array(items) => Items::List(items.into_iter()),
                _ => return Err(NodeError::new("not_a_list", "`each` must be a list")),
            },
            Self::Count(count) => match count.render(scope)? {
                Value::Null => Items::Count(0),
                value => Items::Count(count_of(&value).ok_or_else(not_a_count)?),
            },
        };
        let length = match &items {
            Items::Count(count) => *count,
            Items::List(items) => items.len(),
        };
        if length > MAX_ITERATIONS {
            let message = format!("{length} iterations; at most {MAX_ITERATIONS} are allowed");
            return Err(NodeError::new("too_many_iterations", message));
        }
        Ok(items)
    }
}

fn not_a_count() -> NodeError {
    NodeError::new("not_a_count", "`for` must be a whole number, not negative")
}

fn count_of(value: &Value) -> Option<usize> {
    let is_whole = |number: &f64| number.fract() == 0.0 && (0.0..1e15).contains(number);
    let whole = value.as_u64().or_else(|| value.as_f64().filter(is_whole).map(|n| n as u64))?;
    usize::try_from(whole).ok()
}
