//! `template`: renders text.

use std::sync::Arc;

use serde_json::json;

use super::{
    Done, Group, KindSpec, Node, NodeError, OutputFields, OutputType, Plan, Role, Touches,
};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::Text;
use crate::field::{FieldSpec, FieldType};

const TEMPLATE: FieldSpec =
    FieldSpec::new("template", FieldType::Text, "text with references").required();

const FIELDS: &[FieldSpec] = &[TEMPLATE];

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "template".into(),
        summary: "Renders text.".into(),
        details: "A template that is exactly one reference keeps that value's JSON type.".into(),
        fields: FIELDS.into(),
        outputs: |_| OutputFields::only(&[("content", OutputType::Any)]),
        call: None,
        role: Role::Step,
        operation: None,
        group: Group::Data,
        touches: Touches::Text(&["/template"]),
        example: r#"{ id: greeting, type: template, template: "Hello <api.name> x<api.n>" }"#
            .into(),
        read: Arc::new(|fields| Box::new(Template::read(fields))),
    }
}

#[derive(Debug)]
struct Template {
    template: Text,
}

impl Template {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self { template: fields.text(&TEMPLATE).unwrap_or_default() }
    }
}

impl Node for Template {
    fn plan(&self, scope: &Scope<'_>, _done: &Done) -> Result<Plan, NodeError> {
        Ok(Plan::done(json!({ "content": self.template.render(scope)? })))
    }
}

#[cfg(test)]
mod tests {
    use crate::run::tests::output;

    use super::*;

    #[test]
    fn text_is_put_together() {
        let check = |template: &str, expected: serde_json::Value| {
            let yaml =
                format!("nodes: [{{ id: t, type: template, template: {} }}]", json!(template));
            let input = json!({
                "s": "é",
                "n": 1.5,
                "big": u64::MAX,
                "b": false,
                "z": null,
                "o": {"k": ["<t.content>"]}
            });
            assert_eq!(output(&yaml, input), json!({ "content": expected }), "{template}");
        };
        check("", json!(""));
        check("<api.input.n>", json!(1.5));
        check(" <api.input.n>", json!(" 1.5"));
        check("<api.input.s><api.input.s>", json!("éé"));
        check(
            "<api.input.big>,<api.input.b>,<api.input.z>,<api.input.gone.deep[3]>.",
            json!("18446744073709551615,false,,."),
        );
        check("<api.input.o>", json!({"k": ["<t.content>"]}));
        check("x<api.input.o>", json!("x{\"k\":[\"<t.content>\"]}"));
        check("<api.input.s.deep>", json!(null));
        check("<b>a < b</b> <api.input.s>", json!("<b>a < b</b> é"));
        check("API <API.input.s>", json!("API é"));
        check("<api.input.o['k'][0]>", json!("<t.content>"));
        check("<api.input[\"a b\"][\"it's\"].x>!", json!("!"));
    }

    #[test]
    fn marked_text_is_not_scanned_or_stays_text() {
        let check = |template: serde_json::Value, expected: serde_json::Value| {
            let yaml = format!("nodes: [{{ id: t, type: template, template: {template} }}]");
            assert_eq!(output(&yaml, json!({"n": 7})), json!({ "content": expected }));
        };
        let prompt = "<<SYS>> {{x}} {{KEY}} <api.input.n> <t.nothing> <api.in put>";
        check(json!({ "raw": prompt }), json!(prompt));
        check(json!({ "$raw": prompt }), json!(prompt));
        check(json!({ "text": "<api.input.n>" }), json!("7"));
        check(json!({ "$text": "<api.input.n>" }), json!("7"));
        check(json!({ "text": "n <api.input.n>" }), json!("n 7"));
        check(json!({ "text": "" }), json!(""));
    }
}
