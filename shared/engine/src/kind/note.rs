//! `note`: a remark for readers of the workflow.

use std::sync::Arc;

use serde_json::Value;

use super::{Done, Group, KindSpec, Node, NodeError, OutputFields, Plan, Role, Touches};
use crate::expr::scope::Scope;
use crate::field::{FieldSpec, FieldType};

const TEXT: FieldSpec = FieldSpec::new("text", FieldType::Words, "the remark");
const AFTER: FieldSpec = FieldSpec::new("after", FieldType::Nothing, "a note has no edges");

const FIELDS: &[FieldSpec] = &[TEXT, AFTER];

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "note".into(),
        summary: "A remark for readers of the document. It has no edges and never runs.".into(),
        details: "".into(),
        fields: FIELDS.into(),
        outputs: |_| OutputFields::only(&[]),
        call: None,
        role: Role::Remark,
        operation: None,
        group: Group::Data,
        touches: Touches::Text(&["/text"]),
        example: EXAMPLE.into(),
        read: Arc::new(|fields| {
            fields.string(&TEXT);
            Box::new(Note)
        }),
    }
}

const EXAMPLE: &str =
    "{ id: why, type: note, text: The second draft is there because editors asked for it. }";

#[derive(Debug)]
struct Note;

impl Node for Note {
    /// Never called: a note is settled from the start.
    fn plan(&self, _scope: &Scope<'_>, _done: &Done) -> Result<Plan, NodeError> {
        Ok(Plan::done(Value::Null))
    }
}
