//! `workflow`: runs another workflow as a part of this run.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Done, Group, KindSpec, Node, NodeError, OutputFields, Plan, Planned, Role, Touches};
use crate::child::ChildName;
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::Template;
use crate::field::{FieldSpec, FieldType};

pub(super) const WORKFLOW: FieldSpec =
    FieldSpec::new("workflow", FieldType::Words, "the id of a published workflow").required();
pub(super) const VERSION: FieldSpec = FieldSpec::with_default(
    "version",
    FieldType::Words,
    "the active one when the run starts",
    "a version of it, such as `1.0.3`",
);
const INPUT: FieldSpec = FieldSpec::with_default(
    "input",
    FieldType::Any,
    "no fields",
    "its input: name to template, or a reference to an object",
);

const FIELDS: &[FieldSpec] = &[WORKFLOW, VERSION, INPUT];
/// The one call of the node. It is the first: the child's nodes stand under the node's own path.
const CALL: &str = "child";
const MAX_VERSION: usize = 32;

const DETAILS: &str = "\
The node leaves what the child returns: `<lookup.answer>` is the field `answer` of its output.
Where the child is published, fields that its `output` section does not have are errors at publish.

The child is a part of the run. Its version is pinned when the run starts, so that a run goes on
with it whatever is published in the meantime; one that is not published refuses the start (409).
Its nodes have a path, `lookup/draft`, in events and in the trace, and count among the 10,000 of
the run. Its input is checked as a caller's would be: what does not fit is the failure
`invalid_input`. Its `deadline` and its `budget` hold for the child, beside those of the run; its
own `webhook`, `schedule` and `save` do not count. A `response` ends the child alone. If the child
fails, the node fails with its code. A run that is resumed after the version was deleted fails as
`version_gone`.

Children run at most 4 deep in one another, and never in a circle. Whoever publishes needs the
scope `author` for each child; whoever calls needs no right to it. The secrets that a child may use
are those of its own publisher.";

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "workflow".into(),
        summary: "Runs another workflow as a part of this run.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs: |_| OutputFields::Any,
        call: None,
        role: Role::Step,
        operation: None,
        group: Group::Flow,
        touches: Touches::Text(&["/workflow"]),
        example: "{ id: lookup, type: workflow, workflow: customer-lookup, \
                  input: { email: <api.email> } }"
            .into(),
        read: Arc::new(|fields| Box::new(RunChild::read(fields))),
    }
}

/// Reads a child's name, and notes that the document uses it.
pub(super) fn read_name(fields: &mut Fields<'_, '_>) -> ChildName {
    let workflow = fields.string(&WORKFLOW).unwrap_or_default().to_owned();
    let version = fields.string(&VERSION).map(str::to_owned);
    if fields.is_given(&WORKFLOW) && !crate::compile::outline::is_id(&workflow) {
        let message = "`workflow` is the id of a workflow: letters, digits, `_` and `-`";
        fields.error(&WORKFLOW.name, message);
    }
    let is_version = |name: &String| {
        let is_allowed = |byte: u8| byte.is_ascii_digit() || byte == b'.';
        !name.is_empty() && name.len() <= MAX_VERSION && name.bytes().all(is_allowed)
    };
    if version.as_ref().is_some_and(|version| !is_version(version)) {
        fields.error(&VERSION.name, "`version` is the name of a version, such as `1.0.3`");
    }
    let name = ChildName { workflow, version };
    fields.uses_child(&WORKFLOW, name.clone());
    name
}

/// The child that a node names, as far as it can be read: to look up what it leaves.
pub(crate) fn name_in(node: &Map<String, Value>) -> Option<ChildName> {
    let text = |spec: &FieldSpec| node.get(&*spec.name).and_then(Value::as_str).map(str::to_owned);
    Some(ChildName { workflow: text(&WORKFLOW)?, version: text(&VERSION) })
}

#[derive(Debug)]
struct RunChild {
    name: ChildName,
    input: Option<Template>,
}

impl RunChild {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let name = read_name(fields);
        if fields
            .get(&INPUT)
            .is_some_and(|input| !matches!(input, Value::Object(_) | Value::String(_)))
        {
            fields.error(&INPUT.name, "`input` must be an object, or a reference to one");
        }
        Self { name, input: fields.template(&INPUT) }
    }
}

impl Node for RunChild {
    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        if let Some(output) = done.value(CALL)? {
            return Ok(Plan::Done(output));
        }
        let input = match &self.input {
            Some(input) => input.render(scope)?,
            None => Value::Object(Map::new()),
        };
        let child = scope.child(&self.name, input)?;
        Ok(Plan::Perform(vec![Planned::child(CALL, child)]))
    }
}
