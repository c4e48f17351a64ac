//! `function`: runs JavaScript.
//!
//! | field | |
//! |---|---|
//! | `code` | the body of a function; what it returns is the result |
//! | `timeout` | at most `60s`, default `30s` |
//!
//! A reference in the code is a variable that holds the value (`<api.n> * 2`), never text put into the code; so it does not
//! belong inside quotes. `api` is the whole input. Secrets cannot be used in code. Leaves `{result, stdout}`.
//!
//! ```yaml
//! - { id: double, type: function, code: "return <api.n> * 2" }
//! ```

use serde_json::Map;

use super::embedded::Embedded;
use super::fields::Fields;
use super::{NodeError, Plan};
use crate::call::{Action, CodeCall};
use crate::run::Reader;

#[derive(Debug)]
pub(crate) struct Function {
    code: Embedded,
    /// Bound only where the code speaks of it: it may be large.
    binds_api: bool,
}

impl Function {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        fields.require("code");
        let code = Embedded::read(fields, "code");
        Self { binds_api: code.code.contains("api"), code }
    }

    pub(super) fn plan(&self, reader: &Reader<'_>) -> Result<Plan, NodeError> {
        let mut variables: Map<_, _> = self.code.read_variables(reader)?.map(|(name, value)| (name.to_owned(), value.clone())).collect();
        if self.binds_api {
            variables.insert("api".into(), reader.input().clone());
        }
        Ok(Plan::Perform(Action::Code(CodeCall { code: self.code.code.clone(), variables, now_ms: reader.started_at_ms() })))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::run::tests::only_call;
    use crate::{Document, Workflow};

    fn check(code: &str, expected_code: &str, expected_variables: serde_json::Value) {
        let yaml = format!("nodes: [{{ id: f, type: function, code: {} }}]", json!(code));
        let call = only_call(&yaml, json!({"n": 2, "s": "'; evil()"}));
        assert_eq!((call.timeout.as_secs(), call.at_most_once), (30, false));
        let Action::Code(call) = call.action else { panic!() };
        assert_eq!(
            (call.code.as_str(), serde_json::Value::Object(call.variables), call.now_ms),
            (expected_code, expected_variables, 1_000)
        );
    }

    #[test]
    fn references_become_variables() {
        check("return <api.input.n> * 2", "return __ref0 * 2", json!({"__ref0": 2}));
        check(
            "return <api.input.n> + <api.input.s> + <api.input.n>",
            "return __ref0 + __ref1 + __ref0",
            json!({"__ref0": 2, "__ref1": "'; evil()"}),
        );
        check("let __ref0 = 1; return <api.input.gone>", "let __ref0 = 1; return __ref_0", json!({"__ref_0": null}));
        check("return api.n", "return api.n", json!({"api": {"n": 2, "s": "'; evil()"}}));
        check("if (a < b && c > d) return x<y>z", "if (a < b && c > d) return x<y>z", json!({}));
        check("return `${<api.input.n>}`", "return `${__ref0}`", json!({"__ref0": 2}));
    }

    #[test]
    fn quotes_and_secrets_are_told() {
        let messages = |code: &str| {
            let yaml = format!("nodes: [{{ id: f, type: function, code: {} }}]", json!(code));
            let (_, problems) = Workflow::compile(&Document::parse(&yaml).unwrap());
            problems.into_iter().map(|problem| format!("{:?} {}", problem.severity, problem.message)).collect::<Vec<_>>()
        };
        assert!(messages("return 'x <api.input.n>'")[0].starts_with("Warning <api.input.n> stands inside quotes"));
        assert!(messages("return {{KEY}}")[0].starts_with("Error the secret {{KEY}}"));
        assert!(messages("return 'it' + <api.input.n> // it's")[..].is_empty());
    }
}
