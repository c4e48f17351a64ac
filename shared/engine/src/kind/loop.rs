//! `loop`: runs its nodes repeatedly, one iteration after the other.

use std::sync::Arc;

use serde_json::Value;

use super::setting::{self, Setting, integer};
use super::{
    Done, Group, Items, KindSpec, Moment, Node, NodeError, Order, OutputFields, OutputType, Plan,
    Role, Touches,
};
use crate::compile::fields::Fields;
use crate::expr::cel::{Allowance, Expression, Form, MAX_MATCHES};
use crate::expr::scope::Scope;
use crate::expr::template::Template;
use crate::field::{FieldSpec, FieldType};
use crate::workflow::MAX_ITERATIONS;

const OVER: &[&str] = &["each", "for", "while", "until"];
const MAX_BATCH: u64 = 100_000;

pub(super) const EACH: FieldSpec =
    FieldSpec::new("each", FieldType::Each, "a list, or a reference to one").one_of(OVER);
pub(super) const FOR: FieldSpec =
    FieldSpec::new("for", FieldType::Count, "the number of iterations, or a reference to one")
        .one_of(OVER);
const WHILE: FieldSpec = FieldSpec::new(
    "while",
    FieldType::Code,
    "a condition, tested before each iteration: the loop goes on while it holds",
)
.one_of(OVER);
const UNTIL: FieldSpec = FieldSpec::new(
    "until",
    FieldType::Code,
    "a condition, tested after each iteration: the loop goes on until it holds, so that the nodes \
     run at least once",
)
.one_of(OVER);
pub(super) const BREAK_WHEN: FieldSpec = FieldSpec::new(
    "break_when",
    FieldType::Code,
    "a condition, tested after each iteration: no further one starts once it holds",
);
pub(super) const BATCH: FieldSpec = FieldSpec::new(
    "batch",
    FieldType::IntegerRef(1, MAX_BATCH),
    "the items of `each` arrive as lists of that many, the last one may be shorter",
);
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
`<loop.item>` and `<loop.index>` (from 0) change with each iteration; without `each` the item is
the index. `<loop.last>` is the `result` of the iteration before, `null` in the first. `results`
has one entry per iteration. At most 1,000 iterations, and at most 10 nested loops and
parallels. `null` for `each` or `for` means no iteration. A node that fails without an error
edge fails the loop.

`while`, `until` and `break_when` are conditions in CEL, as [`condition`](#condition) has them.
In them `<loop.last>` is the result of the iteration that has just ended. `until` and
`break_when` may also read the nodes of the loop. `while` is tested before they run, and cannot.
A loop that would still go on after 1,000 iterations fails as `too_many_iterations`.

```yaml
- id: halve
  type: loop
  while: <loop.last> == null || <loop.last> > 1
  nodes:
    - { id: half, type: function, code: return (<loop.last> ?? <api.n>) / 2 }
  result: <half.result>
```";

const EXAMPLE: &str = "\
id: chapters
type: loop
each: <outline.result>
nodes:
  - { id: write, type: agent, model: offline/echo, prompt: \"Chapter <loop.index>: <loop.item>\" }
result: <write.content>";

const FIELDS: &[FieldSpec] = &[EACH, FOR, WHILE, UNTIL, BATCH, NODES, RESULT, BREAK_WHEN];

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "loop".into(),
        summary: "Runs its nodes repeatedly, one iteration after the other.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs: |_| OutputFields::only(&[("results", OutputType::List)]),
        call: None,
        role: Role::Container { order: Order::OneByOne },
        operation: None,
        group: Group::Flow,
        touches: Touches::Text(&["/each", "/for", "/while", "/until"]),
        example: EXAMPLE.into(),
        read: Arc::new(|fields| Box::new(Loop::read(fields))),
    }
}

#[derive(Debug)]
struct Loop {
    over: Over,
    before: Option<Expression>,
    /// The loop ends after an iteration for which one of these holds.
    after: Vec<Expression>,
}

impl Loop {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let (before, reads_nodes) = condition(fields, &WHILE);
        if reads_nodes {
            let message = "`while` is tested before the nodes of the loop run, and cannot read \
                           them: read <loop.last>, or use `until`";
            fields.error(&WHILE.name, message);
        }
        let after = [&UNTIL, &BREAK_WHEN].map(|spec| condition(fields, spec).0);
        Self { over: Over::read(fields), before, after: after.into_iter().flatten().collect() }
    }
}

impl Node for Loop {
    fn plan(&self, scope: &Scope<'_>, _done: &Done) -> Result<Plan, NodeError> {
        Ok(Plan::Iterate { items: self.over.items(scope)?, width: 1 })
    }

    fn goes_on(&self, moment: Moment, scope: &Scope<'_>) -> Result<bool, NodeError> {
        match moment {
            Moment::BeforeIteration => {
                self.before.as_ref().map_or(Ok(true), |test| holds(test, scope))
            }
            Moment::AfterIteration => {
                for test in &self.after {
                    if holds(test, scope)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }

    fn is_slow(&self) -> bool {
        self.before.iter().chain(&self.after).any(Expression::is_slow)
    }
}

/// Reads a condition that an iteration decides. Says whether it reads a node of the iteration.
pub(super) fn condition(
    fields: &mut Fields<'_, '_>,
    spec: &FieldSpec,
) -> (Option<Expression>, bool) {
    let (test, reads_nodes) =
        fields.inside(|fields| Expression::read(fields, spec, Form::Condition));
    if test.as_ref().is_some_and(|test| test.matches() > MAX_MATCHES) {
        fields.error(&spec.name, format!("at most {MAX_MATCHES} `matches` in `{}`", spec.name));
    }
    (test, reads_nodes)
}

/// Each test may read as much as a node may.
pub(super) fn holds(test: &Expression, scope: &Scope<'_>) -> Result<bool, NodeError> {
    test.holds(scope, &Allowance::new()).map_err(|error| NodeError {
        message: format!("`{}`: {}", test.name(), error.message),
        ..error
    })
}

/// What a loop or parallel iterates over, as written.
#[derive(Debug)]
pub(super) enum Over {
    Each(Template, Option<Setting<u64>>),
    Count(Template),
    /// As long as the conditions say.
    Open,
}

impl Over {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let null = Template::Literal(Value::Null);
        let (each, count) = (fields.template(&EACH), fields.template(&FOR));
        let batch = integer(fields, &BATCH);
        if fields.is_given(&BATCH) && !fields.is_given(&EACH) {
            fields.warning(&BATCH.name, "`batch` has no effect without `each`");
        }
        match (each, count) {
            (Some(each), _) => Self::Each(each, batch),
            (None, Some(count)) => Self::Count(count),
            (None, None) if fields.is_given(&WHILE) || fields.is_given(&UNTIL) => Self::Open,
            (None, None) => Self::Count(null),
        }
    }

    /// A skipped node counts as an empty list, or as zero.
    pub(super) fn items(&self, scope: &Scope<'_>) -> Result<Items, NodeError> {
        match self {
            Self::Each(each, batch) => match each.render(scope)? {
                Value::Null => Ok(Items::Count(0)),
                Value::Array(items) => listed(items, batch.as_ref(), scope),
                _ => Err(NodeError::new("not_a_list", "`each` must be a list")),
            },
            Self::Count(count) => match count.render(scope)? {
                Value::Null => Ok(Items::Count(0)),
                value => {
                    let count = count_of(&value).ok_or_else(not_a_count)?;
                    check_length(count)?;
                    Ok(Items::Count(count))
                }
            },
            Self::Open => Ok(Items::Open),
        }
    }
}

fn listed(
    items: Vec<Value>,
    batch: Option<&Setting<u64>>,
    scope: &Scope<'_>,
) -> Result<Items, NodeError> {
    let Some(batch) = batch else {
        check_length(items.len())?;
        return Ok(Items::List(items.into_iter()));
    };
    let size = setting::read(Some(batch), &BATCH, scope)?;
    let size = size.and_then(|size| usize::try_from(size).ok()).ok_or_else(|| {
        NodeError::new("invalid_field", "`batch` must be a whole number, and is null")
    })?;
    check_length(items.len().div_ceil(size))?;
    Ok(Items::List(chunks(items, size).into_iter()))
}

/// The items as lists of that many, without copying them.
pub(super) fn chunks(items: Vec<Value>, size: usize) -> Vec<Value> {
    let mut items = items.into_iter();
    let chunk = || {
        let chunk: Vec<Value> = items.by_ref().take(size).collect();
        (!chunk.is_empty()).then_some(Value::Array(chunk))
    };
    std::iter::from_fn(chunk).collect()
}

fn check_length(length: usize) -> Result<(), NodeError> {
    if length > MAX_ITERATIONS {
        let message = format!("{length} iterations; at most {MAX_ITERATIONS} are allowed");
        return Err(NodeError::new("too_many_iterations", message));
    }
    Ok(())
}

fn not_a_count() -> NodeError {
    NodeError::new("not_a_count", "`for` must be a whole number, not negative")
}

fn count_of(value: &Value) -> Option<usize> {
    let is_whole = |number: &f64| number.fract() == 0.0 && (0.0..1e15).contains(number);
    let whole = value.as_u64().or_else(|| value.as_f64().filter(is_whole).map(|n| n as u64))?;
    usize::try_from(whole).ok()
}
