//! `parallel`: runs its nodes once per item, many at a time.
//!
//! | field | |
//! |---|---|
//! | `each` or `for` | as in a `loop` |
//! | `nodes` | the body; `<parallel.item>` and `<parallel.index>` (from 0) differ in each iteration |
//! | `width` | how many run at a time: 1 to 20 (default) |
//! | `result` | what an iteration gives, read at its end; default: like a workflow's output |
//!
//! Leaves `{results}`, in the order of the items whatever ended first. A node that fails without an error edge fails the
//! parallel: nothing new starts in it, and what runs finishes.
//!
//! ```yaml
//! - id: pages
//!   type: parallel
//!   each: <api.urls>
//!   nodes:
//!     - { id: page, type: http, url: <parallel.item> }
//!   result: <page.data>
//! ```

use super::fields::Fields;
use super::r#loop::Over;
use super::{NodeError, Plan};
use crate::run::Reader;
use crate::workflow::MAX_WIDTH;

#[derive(Debug)]
pub(crate) struct Parallel {
    pub body: usize,
    over: Over,
    width: usize,
}

impl Parallel {
    pub(super) fn read(fields: &mut Fields<'_, '_>, body: usize) -> Self {
        let width = fields.integer("width", 1..=MAX_WIDTH as u64).map_or(MAX_WIDTH, |width| width as usize);
        Self { body, over: Over::read(fields), width }
    }

    pub(super) fn plan(&self, reader: &Reader<'_>) -> Result<Plan, NodeError> {
        Ok(Plan::Iterate { items: self.over.items(reader)?, width: self.width })
    }
}
