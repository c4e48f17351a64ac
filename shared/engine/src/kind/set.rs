//! `set`: builds an object, whose values other nodes read as fields of the node.

use std::sync::Arc;

use super::output::{FIELDS, Output, outputs};
use super::{Group, KindSpec, Role, Touches};

const DETAILS: &str = "\
The values are the node's fields: `<order.total>`. A value that is exactly one reference keeps
its JSON type, any other text is text. Values may be lists and objects with references inside. A
name that the node does not set is an error at publish.";

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "set".into(),
        summary: "Builds an object.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs,
        call: None,
        role: Role::Step,
        operation: None,
        group: Group::Data,
        touches: Touches::Names(&["/values"]),
        example:
            "{ id: order, type: set, values: { total: <api.total>, title: Order of <api.name> } }"
                .into(),
        read: Arc::new(|fields| Box::new(Output::read(fields))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::run::tests::{error, output};
    use crate::{Document, Workflow};

    fn yaml(values: &Value, output: &Value) -> String {
        json!({ "nodes": [{ "id": "s", "type": "set", "values": values }], "output": output })
            .to_string()
    }

    #[test]
    fn values_keep_their_types() {
        let values = json!({
            "n": "<api.input.n>", "text": "n=<api.input.n>", "list": ["<api.input.o.k>", 1.5],
            "o": { "deep": { "b": "<api.input.b>" } }, "gone": "<api.input.gone>", "null": null,
            "raw": { "$raw": "<api.input.n>" }, "two words": 1,
        });
        let read = json!({
            "all": "<s.o>", "n": "<s.n>", "text": "<s.text>", "list": "<s.list[1]>",
            "b": "<s.o.deep.b>", "gone": "<s.gone>", "null": "<s.null>", "raw": "<s.raw>",
            "first": "<s.list[0]>", "quoted": "<s[\"two words\"]>",
        });
        let input = json!({ "n": 7, "o": { "k": ["v"] }, "b": false });
        assert_eq!(
            output(&yaml(&values, &read), input),
            json!({
                "all": { "deep": { "b": false } }, "n": 7, "text": "n=7", "list": 1.5, "b": false,
                "gone": null, "null": null, "raw": "<api.input.n>", "first": ["v"], "quoted": 1,
            })
        );
    }

    #[test]
    fn unknown_names_are_errors_with_a_suggestion() {
        let problems = |values: &Value, read: &str| {
            let document = yaml(values, &json!({ "o": read }));
            let (_, problems) = Workflow::compile(&Document::parse(&document).unwrap());
            problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>()
        };
        let wrong = "<s.totl>: `s` (set) has no field `totl`; did you mean `total`?";
        assert_eq!(problems(&json!({ "total": 1 }), "<s.totl>"), [wrong]);
        assert_eq!(problems(&json!({ "total": 1 }), "<s.total> <s.error>"), [""; 0]);
        assert_eq!(problems(&json!(null), "x"), ["`values` is missing"]);
        assert_eq!(problems(&json!([1]), "x"), ["`values` must be an object"]);
        let secret = problems(&json!({ "k": "{{KEY}}" }), "x");
        assert!(secret[0].contains("{{KEY}} cannot be used here"), "{secret:?}");
    }

    #[test]
    fn the_whole_object_is_counted() {
        let values = json!({ "a": "<api.input.t>", "b": "<api.input.t>" });
        let input = json!({ "t": "x".repeat(3 << 20) });
        assert_eq!(error(&yaml(&values, &json!({})), input).code, "value_too_large");
    }
}
