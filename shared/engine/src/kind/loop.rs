//! `loop`: runs its nodes again and again, one iteration after the other.
//!
//! | field | |
//! |---|---|
//! | `each` | a list, or a reference to one; or |
//! | `for` | how many times, or a reference to a number |
//! | `nodes` | the body; `<loop.item>` and `<loop.index>` (from 0) change with each iteration |
//! | `result` | what an iteration gives, read at its end; default: like a workflow's output |
//!
//! At most 1,000 iterations. Leaves `{results}`, one per iteration. A node that fails without an error edge fails the loop.
//!
//! ```yaml
//! - id: chapters
//!   type: loop
//!   each: <outline.result>
//!   nodes:
//!     - { id: write, type: agent, model: anthropic/claude-sonnet-4-5, prompt: "Chapter <loop.index>: <loop.item>" }
//!   result: <write.content>
//! ```

use serde_json::Value;

use super::fields::{Fields, Secrets};
use super::{Items, NodeError, Plan};
use crate::run::Reader;
use crate::shape::Shape;
use crate::template::Template;
use crate::workflow::MAX_ITERATIONS;

#[derive(Debug)]
pub(crate) struct Loop {
    pub body: usize,
    over: Over,
}

impl Loop {
    pub(super) fn read(fields: &mut Fields<'_, '_>, body: usize) -> Self {
        Self { body, over: Over::read(fields) }
    }

    pub(super) fn plan(&self, reader: &Reader<'_>) -> Result<Plan, NodeError> {
        Ok(Plan::Iterate { items: self.over.items(reader)?, width: 1 })
    }
}

/// What a loop or parallel goes through, as written.
#[derive(Debug)]
pub(crate) enum Over {
    Each(Template),
    Count(Template),
}

impl Over {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Self {
        // Read where they are in scope: the body by the compiler, `result` inside it.
        fields.leave_required("nodes", Shape::Nodes);
        fields.leave("result", Shape::Any);
        fields.require_one(["each", "for"]);
        fields.get("each", Shape::Each);
        fields.get("for", Shape::Count);
        let null = Template::Literal(Value::Null);
        match fields.given("each") {
            Some(_) => Self::Each(fields.template("each", Secrets::Refused).unwrap_or(null)),
            None => Self::Count(fields.template("for", Secrets::Refused).unwrap_or(null)),
        }
    }

    /// What a skipped node would have given is an empty list, or zero.
    pub(crate) fn items(&self, reader: &Reader<'_>) -> Result<Items, NodeError> {
        let items = match self {
            Self::Each(each) => match each.render(reader)? {
                Value::Null => Items::Count(0),
                Value::Array(items) => Items::List(items.into_iter()),
                _ => return Err(NodeError::new("not_a_list", "`each` must be a list")),
            },
            Self::Count(count) => match count.render(reader)? {
                Value::Null => Items::Count(0),
                value => Items::Count(
                    count_of(&value).ok_or_else(|| NodeError::new("not_a_count", "`for` must be a whole number, not negative"))?,
                ),
            },
        };
        let length = match &items {
            Items::Count(count) => *count,
            Items::List(items) => items.len(),
        };
        if length > MAX_ITERATIONS {
            return Err(NodeError::new("too_many_iterations", format!("{length} iterations; at most {MAX_ITERATIONS} are allowed")));
        }
        Ok(items)
    }
}

fn count_of(value: &Value) -> Option<usize> {
    let whole = value.as_u64().or_else(|| value.as_f64().filter(|n| n.fract() == 0.0 && (0.0..1e15).contains(n)).map(|n| n as u64))?;
    usize::try_from(whole).ok()
}
