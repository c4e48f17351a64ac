//! `note`: a remark for readers of the workflow. It has no edges and never runs.
//!
//! | field | |
//! |---|---|
//! | `text` | the remark |
//!
//! ```yaml
//! - { id: why, type: note, text: The second draft is there because editors asked for it. }
//! ```

use serde_json::Value;

use super::fields::Fields;
use super::{NodeError, Plan};
use crate::run::Reader;

#[derive(Debug)]
pub(crate) struct Note;

impl Note {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        fields.string("text");
        fields.refuse("after", "a note has no edges");
        Self
    }

    /// Not asked: a note is settled from the start.
    pub(super) fn plan(&self, _reader: &Reader<'_>) -> Result<Plan, NodeError> {
        Ok(Plan::Done(Value::Null))
    }
}
