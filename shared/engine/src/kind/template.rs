//! `template`: puts text together.
//!
//! | field | |
//! |---|---|
//! | `template` | text with references |
//!
//! Leaves `{content}`. A template that is exactly one reference keeps that value's JSON type.
//!
//! ```yaml
//! - { id: greeting, type: template, template: "Hello <api.name> x<api.n>" }
//! ```

use serde_json::json;

use super::fields::{Fields, Secrets};
use super::{NodeError, Plan};
use crate::run::Reader;
use crate::template::Text;

#[derive(Debug)]
pub(crate) struct Template {
    template: Text,
}

impl Template {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self { template: fields.required_text("template", Secrets::Refused) }
    }

    pub(super) fn plan(&self, reader: &Reader<'_>) -> Result<Plan, NodeError> {
        Ok(Plan::Done(json!({ "content": self.template.render(reader)? })))
    }
}

#[cfg(test)]
mod tests {
    use crate::run::tests::output;

    use super::*;

    #[test]
    fn text_is_put_together() {
        let check = |template: &str, expected: serde_json::Value| {
            let yaml = format!("nodes: [{{ id: t, type: template, template: {} }}]", json!(template));
            let input = json!({"s": "é", "n": 1.5, "big": u64::MAX, "b": false, "z": null, "o": {"k": ["<t.content>"]}});
            assert_eq!(output(&yaml, input), json!({ "content": expected }), "{template}");
        };
        check("", json!(""));
        check("<api.input.n>", json!(1.5));
        check(" <api.input.n>", json!(" 1.5"));
        check("<api.input.s><api.input.s>", json!("éé"));
        check("<api.input.big>,<api.input.b>,<api.input.z>,<api.input.gone.deep[3]>.", json!("18446744073709551615,false,,."));
        check("<api.input.o>", json!({"k": ["<t.content>"]}));
        check("x<api.input.o>", json!("x{\"k\":[\"<t.content>\"]}"));
        check("<api.input.s.deep>", json!(null));
        check("<b>a < b</b> <api.input.s>", json!("<b>a < b</b> é"));
        check("API <API.input.s>", json!("API é"));
    }
}
