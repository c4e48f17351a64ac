//! `function`: runs JavaScript.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Map;

use super::{
    CallLimits, Done, Group, KindSpec, Node, NodeError, OutputFields, OutputType, Plan, Planned,
    Price, Role, Touches,
};
use crate::call::{Action, CodeCall, Language};
use crate::compile::fields::Fields;
use crate::expr::code::Code;
use crate::expr::scope::Scope;
use crate::field::{FieldSpec, FieldType};

/// An agent's tool has the field too.
pub(super) const CODE_FIELD: &str = "code";

const CODE: FieldSpec = FieldSpec::new(
    CODE_FIELD,
    FieldType::Code,
    "the body of an async function; its return value is the result",
)
.required();

const DETAILS: &str = "\
`result` is JSON; `stdout` is what `console` printed, at most 64 KiB.

- A reference is a variable that holds the value, never text spliced into the code, so do not put
  it inside quotes. `api` is the whole input. Secrets cannot be used in code.
- A whole number beyond 2^53 is a `BigInt` in code, and a `BigInt` in the result is a whole number,
  which must fit in 64 bits. `JSON.stringify` in code refuses a `BigInt`, as everywhere.
- Beside the language there are `URL`, `URLSearchParams`, `TextEncoder` and `TextDecoder` (UTF-8),
  `Buffer` (`from`, `alloc`, `concat`, `toString`: UTF-8, hex, base64, base64url, latin1), `atob`,
  `btoa`, `structuredClone`, `crypto.randomUUID()` and `crypto.getRandomValues()`.
- Times are in UTC. There is no `Intl`: `toLocaleString()` ignores its arguments and gives
  `09/25/2025, 01:55:23 AM` for a date, `1234567.5` for a number.
- There is no network, no file and no environment. `Date.now()` is the start of the run, and
  `Math.random()` and `crypto` follow a seed of the run, so that a run that continues after a crash
  computes the same.
- At most 64 MiB of memory.
- A server runs a few functions at a time, shared fairly between keys. Further functions wait, at
  most 60 s, which do not count in their `timeout`.";

const FIELDS: &[FieldSpec] = &[CODE];

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "function".into(),
        summary: "Runs JavaScript (QuickJS).".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs: |_| {
            OutputFields::only(&[("result", OutputType::Any), ("stdout", OutputType::Text)])
        },
        call: Some(CallLimits {
            default_timeout: Duration::from_secs(30),
            max_timeout: Duration::from_secs(60),
        }),
        role: Role::Step,
        operation: None,
        group: Group::Data,
        touches: Touches::Text(&["/code"]),
        example: r#"{ id: double, type: function, code: "return <api.n> * 2" }"#.into(),
        read: Arc::new(|fields| Box::new(Function::read(fields))),
    }
}

#[derive(Debug)]
struct Function {
    code: Code,
    /// Bound only if the code names it, since it may be large.
    binds_api: bool,
}

impl Function {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let code = Code::read(fields, &CODE);
        Self { binds_api: code.text.contains("api"), code }
    }
}

impl Node for Function {
    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        if let Some(output) = done.value("code")? {
            return Ok(Plan::Done(output));
        }
        let variables = self.code.read_variables(scope)?;
        let mut variables: Map<_, _> =
            variables.map(|(name, value)| (name.to_owned(), value.clone())).collect();
        if self.binds_api {
            variables.insert("api".into(), scope.input().clone());
        }
        let call = CodeCall {
            language: Language::Javascript,
            code: self.code.text.clone(),
            variables,
            arguments: Map::new(),
            sources: self.code.sources.clone(),
            now_ms: scope.started_at_ms(),
        };
        Ok(Plan::Perform(vec![Planned::call("code", Action::Code(call), Price::Free)]))
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
        check(
            "let __ref0 = 1; return <api.input.gone>",
            "let __ref0 = 1; return __ref_0",
            json!({"__ref_0": null}),
        );
        check("return api.n", "return api.n", json!({"api": {"n": 2, "s": "'; evil()"}}));
        check("if (a < b && c > d) return x<y>z", "if (a < b && c > d) return x<y>z", json!({}));
        check("return `${<api.input.n>}`", "return `${__ref0}`", json!({"__ref0": 2}));
    }

    #[test]
    fn references_are_restored_in_what_comes_back() {
        let code = "return <api.input['a b']> + <api.input.n>5 + <api.input['a b']>";
        let yaml = format!("nodes: [{{ id: f, type: function, code: {} }}]", json!(code));
        let Action::Code(call) = only_call(&yaml, json!({})).action else { panic!() };
        let sources = call.sources;
        let restored = sources.restore("__ref15 is not defined: __ref0.__ref1");
        assert_eq!(restored, "<api.input.n>5 is not defined: <api.input['a b']>.<api.input.n>");
        assert_eq!(sources.restore("__ref2 __ref __ref00"), "__ref2 __ref <api.input['a b']>0");
        assert!(sources.may_be_named_in("x__ref") && !sources.may_be_named_in("__re"));

        let code = "return <api.input[\"a\"]>";
        let yaml = format!("nodes: [{{ id: f, type: function, code: {} }}]", json!(code));
        let Action::Code(call) = only_call(&yaml, json!({})).action else { panic!() };
        let restored = call.sources.restore_json("{\"__ref0\":1}", 100);
        assert_eq!(restored.as_deref(), Some("{\"<api.input[\\\"a\\\"]>\":1}"));
        assert_eq!(call.sources.restore_json("{\"__ref0\":1}", 20), None);
        let none = crate::call::Sources::default();
        assert_eq!(none.restore("__ref0"), "__ref0");
        assert!(!none.may_be_named_in("__ref0"));
    }

    #[test]
    fn a_trace_shows_the_authors_references() {
        let yaml = "nodes: [{ id: f, type: function, code: 'return <api.input.n> + api.n' }]";
        let document = Document::parse(yaml).unwrap();
        let workflow = Workflow::compile(&document).0.unwrap();
        let mut run = crate::run::tests::start(&workflow.into(), json!({"n": 2}));
        let input = loop {
            match run.step() {
                crate::Step::Emit(crate::RunEvent::NodeStarted { input: Some(input), .. }) => {
                    break input;
                }
                crate::Step::Wait(_) | crate::Step::Done => panic!(),
                _ => {}
            }
        };
        assert_eq!(
            *input,
            json!({
                "kind": "code", "code": "return <api.input.n> + api.n", "now_ms": 1_000,
                "variables": {"<api.input.n>": 2, "api": {"n": 2}}
            })
        );
    }

    #[test]
    fn quotes_and_secrets_are_told() {
        let messages = |code: &str| {
            let yaml = format!("nodes: [{{ id: f, type: function, code: {} }}]", json!(code));
            let (_, problems) = Workflow::compile(&Document::parse(&yaml).unwrap());
            problems
                .into_iter()
                .map(|problem| format!("{:?} {}", problem.severity, problem.message))
                .collect::<Vec<_>>()
        };
        assert!(
            messages("return 'x <api.input.n>'")[0]
                .starts_with("Warning <api.input.n> stands inside quotes")
        );
        assert!(messages("return {{KEY}}")[0].starts_with("Error the secret {{KEY}}"));
        assert!(messages("return 'it' + <api.input.n> // it's")[..].is_empty());
    }
}
