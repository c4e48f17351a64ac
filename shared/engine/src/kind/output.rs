//! `output`: the run's output. Usually written as the workflow's `output` section.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    Done, Group, KindSpec, Node, NodeError, OutputField, OutputFields, OutputType, Plan, Role,
    Touches,
};
use crate::compile::Compiler;
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::Template;
use crate::field::{FieldSpec, FieldType, Secrets};

/// The field of the node that holds what the section is as a whole.
pub(crate) const VALUES_FIELD: &str = "values";
const VALUES: FieldSpec = FieldSpec::new(
    VALUES_FIELD,
    FieldType::Object,
    "name to template; a template that is one reference keeps its JSON type",
)
.required();

const DETAILS: &str = "\
Like the `output` section, but anywhere in the graph. The outputs of all output nodes that ran are merged, the section
last. When a run fails, its output is that of the output nodes that ran. The node's own output is its `values`.";

pub(super) const FIELDS: &[FieldSpec] = &[VALUES];

pub(crate) fn spec() -> KindSpec {
    KindSpec {
        name: "output".into(),
        summary: "Returns values to the caller.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs,
        call: None,
        role: Role::Output,
        operation: None,
        group: Group::Gate,
        touches: Touches::Names(&["/values"]),
        example: "{ id: answer, type: output, values: { story: <draft.content>, words: 80 } }"
            .into(),
        read: Arc::new(|fields| Box::new(Output::read(fields))),
    }
}

pub(super) fn outputs(node: &Map<String, Value>) -> OutputFields {
    node.get(&*VALUES.name).and_then(Value::as_object).map_or(OutputFields::Any, section_outputs)
}

/// The `output` section is the object of values itself.
pub(crate) fn section_outputs(values: &Map<String, Value>) -> OutputFields {
    let field = |name: &String| OutputField::new(name.clone(), OutputType::Any).nullable();
    OutputFields::Only(values.keys().map(field).collect())
}

#[derive(Debug)]
pub(crate) struct Output {
    values: Template,
}

impl Output {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let empty = || Template::Literal(Value::Object(Map::new()));
        Self { values: fields.object_template(&VALUES).unwrap_or_else(empty) }
    }

    pub(crate) fn read_section(compiler: &mut Compiler<'_>, values: &Map<String, Value>) -> Self {
        Self { values: compiler.object_template(values, "/output", 0, Secrets::Refused) }
    }
}

impl Node for Output {
    fn plan(&self, scope: &Scope<'_>, _done: &Done) -> Result<Plan, NodeError> {
        self.values.render(scope).map(Plan::done)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::run::tests::output;

    #[test]
    fn marks_in_json_have_a_dollar() {
        let check = |written: serde_json::Value, expected: serde_json::Value| {
            let node = json!({ "id": "o", "type": "output", "values": { "v": written } });
            let text = json!({ "nodes": [node] }).to_string();
            assert_eq!(output(&text, json!({"n": 7}))["v"], expected, "{written}");
        };
        check(json!({ "$raw": "<api.input.n> {{K}}" }), json!("<api.input.n> {{K}}"));
        check(json!({ "$text": "<api.input.n>" }), json!("7"));
        check(json!([{ "$text": "<api.input.n>" }, "<api.input.n>"]), json!(["7", 7]));
        // What a server may want stays an object.
        check(json!({ "text": "<api.input.n>" }), json!({ "text": 7 }));
        check(json!({ "raw": "<api.input.n>" }), json!({ "raw": 7 }));
        check(json!({ "$$raw": "<api.input.n>" }), json!({ "$raw": 7 }));
        check(json!({ "$$text": ["x"] }), json!({ "$text": ["x"] }));
        check(json!({ "$raw": 1 }), json!({ "$raw": 1 }));
        check(json!({ "$raw": "x", "y": 1 }), json!({ "$raw": "x", "y": 1 }));
        check(json!({ "$$raw": "x", "y": 1 }), json!({ "$$raw": "x", "y": 1 }));
    }

    #[test]
    fn names_of_values_are_no_marks() {
        let text = "{\"output\": {\"$raw\": \"<api.input.n>\"}, \"nodes\": [{\"id\": \"t\", \
                    \"type\": \"template\", \"template\": \"x\"}]}";
        assert_eq!(output(text, json!({"n": 7})), json!({ "$raw": 7 }));
    }
}
