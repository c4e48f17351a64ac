//! `parallel`: runs its nodes once per item, with many concurrent iterations.

use std::sync::Arc;

use super::r#loop::{BATCH, BREAK_WHEN, EACH, FOR, NODES, Over, RESULT, condition, holds};
use super::{
    Done, Group, KindSpec, Moment, Node, NodeError, Order, OutputFields, OutputType, Plan, Role,
    Touches,
};
use crate::compile::fields::Fields;
use crate::expr::cel::Expression;
use crate::expr::scope::Scope;
use crate::field::{FieldSpec, FieldType};
use crate::workflow::MAX_WIDTH;

const OVER: &[&str] = &["each", "for"];
const WIDTH: FieldSpec = FieldSpec::with_default(
    "width",
    FieldType::Integer(1, MAX_WIDTH as u64),
    "20",
    "how many iterations run concurrently",
);
const NO_ORDER: &str = "a parallel has no `while` and no `until`: its iterations do not follow one \
                        another; use a `loop`";

const DETAILS: &str = "\
`<parallel.item>` and `<parallel.index>` (from 0) differ in each iteration. `results` is in the
order of the items, whichever ended first. A node that fails without an error edge fails the
parallel: nothing new starts in it, and open calls finish.

With `batch` the items arrive as lists; `width` stays the number of iterations at a time. Once
`break_when` holds for an iteration that has ended, no further one starts; those in progress
finish. `results` then has the iterations that ran, and which ones these are may depend on what
ended first.";

const EXAMPLE: &str = "\
id: pages
type: parallel
each: <api.urls>
width: 5
nodes:
  - { id: page, type: http, url: <parallel.item> }
result: <page.data>";

const FIELDS: &[FieldSpec] = &[
    EACH.one_of(OVER),
    FOR.one_of(OVER),
    BATCH,
    WIDTH,
    NODES,
    RESULT,
    BREAK_WHEN,
    FieldSpec::new("while", FieldType::Nothing, NO_ORDER),
    FieldSpec::new("until", FieldType::Nothing, NO_ORDER),
];

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "parallel".into(),
        summary: "Runs its nodes once per item, with many concurrent iterations.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs: |_| OutputFields::only(&[("results", OutputType::List)]),
        call: None,
        role: Role::Container { order: Order::SideBySide },
        operation: None,
        group: Group::Flow,
        touches: Touches::Text(&["/each", "/for"]),
        example: EXAMPLE.into(),
        read: Arc::new(|fields| Box::new(Parallel::read(fields))),
    }
}

#[derive(Debug)]
struct Parallel {
    over: Over,
    width: usize,
    break_when: Option<Expression>,
}

impl Parallel {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        for spec in FIELDS.iter().filter(|spec| spec.field_type == FieldType::Nothing) {
            fields.get(spec);
        }
        let width = fields.integer(&WIDTH).map_or(MAX_WIDTH, |width| width as usize);
        let over = Over::read(fields);
        Self { over, width, break_when: condition(fields, &BREAK_WHEN).0 }
    }
}

impl Node for Parallel {
    fn plan(&self, scope: &Scope<'_>, _done: &Done) -> Result<Plan, NodeError> {
        Ok(Plan::Iterate { items: self.over.items(scope)?, width: self.width })
    }

    fn goes_on(&self, moment: Moment, scope: &Scope<'_>) -> Result<bool, NodeError> {
        match (moment, &self.break_when) {
            (Moment::AfterIteration, Some(test)) => Ok(!holds(test, scope)?),
            _ => Ok(true),
        }
    }

    fn is_slow(&self) -> bool {
        self.break_when.as_ref().is_some_and(Expression::is_slow)
    }
}
