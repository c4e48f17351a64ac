//! `parallel`: runs its nodes once per item, with many concurrent iterations.

use std::sync::Arc;

use super::r#loop::{EACH, FOR, NODES, Over, RESULT};
use super::{Done, KindSpec, Node, NodeError, OutputFields, OutputType, Plan, Role};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::field::{FieldSpec, FieldType};
use crate::workflow::MAX_WIDTH;

const WIDTH: FieldSpec = FieldSpec::with_default(
    "width",
    FieldType::Integer(1, MAX_WIDTH as u64),
    "20",
    "how many iterations run concurrently",
);

const DETAILS: &str = "\
`<parallel.item>` and `<parallel.index>` (from 0) differ in each iteration. `results` is in the order of the items,
whichever ended first. A node that fails without an error edge fails the parallel: nothing new starts in it, and open
calls finish.";

const EXAMPLE: &str = "\
id: pages
type: parallel
each: <api.urls>
width: 5
nodes:
  - { id: page, type: http, url: <parallel.item> }
result: <page.data>";

const FIELDS: &[FieldSpec] = &[EACH, FOR, WIDTH, NODES, RESULT];

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "parallel".into(),
        summary: "Runs its nodes once per item, with many concurrent iterations.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs: |_| OutputFields::only(&[("results", OutputType::List)]),
        call: None,
        role: Role::Container,
        example: EXAMPLE.into(),
        read: Arc::new(|fields| Box::new(Parallel::read(fields))),
    }
}

#[derive(Debug)]
struct Parallel {
    over: Over,
    width: usize,
}

impl Parallel {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let width = fields.integer(&WIDTH).map_or(MAX_WIDTH, |width| width as usize);
        Self { over: Over::read(fields), width }
    }
}

impl Node for Parallel {
    fn plan(&self, scope: &Scope<'_>, _done: &Done) -> Result<Plan, NodeError> {
        Ok(Plan::Iterate { items: self.over.items(scope)?, width: self.width })
    }
}
