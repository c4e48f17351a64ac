//! `python`: runs Python.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{
    CallLimits, Done, Group, KindSpec, Node, NodeError, OutputFields, OutputType, Plan, Planned,
    Price, Role, Touches,
};
use crate::call::{Action, CodeCall, Language};
use crate::compile::fields::Fields;
use crate::expr::code::Code;
use crate::expr::scope::Scope;
use crate::expr::template::Template;
use crate::field::{FieldSpec, FieldType};

const CODE: FieldSpec = FieldSpec::new(
    "code",
    FieldType::Code,
    "a function `main`, which is called with the `variables`, or lines that `return` the result",
)
.required();
const VARIABLES: FieldSpec = FieldSpec::new(
    "variables",
    FieldType::Object,
    "name to any JSON: what `main` gets by name; without `main`, variables of the code",
);

const DETAILS: &str = "\
`result` is JSON, made as `json.dumps` does; `stdout` is what `print` printed, at most 64 KiB.

```yaml
- id: total
  type: python
  variables: { items: <api.items>, rate: 0.19 }
  code: |
    def main(items: list, rate: float) -> dict:
        net = sum(item[\"price\"] for item in items)
        return {\"net\": net, \"gross\": round(net * (1 + rate), 2)}
```

- A reference is a variable that holds the value, never text spliced into the code, so do not put
  it inside quotes; inside the braces of an f-string it works. `api` is the whole input. Secrets
  cannot be used in code, and `{{NAME}}` means one in an f-string, too.
- This is [Monty](https://github.com/pydantic/monty), not CPython: there are `json`, `re`, `math`,
  `datetime`, `base64`, `collections`, `itertools`, `functools`, `dataclasses` and `typing`; no
  packages, no `time`, `random`, `hashlib`, `uuid`, `string`, `urllib`, `html`, `csv`, `io`, `copy`,
  `decimal`, `enum` and `statistics`. The kinds `hash`, `random`, `http` and `document` do some of
  it.
- It lacks `%` formatting (f-strings and `format` work), `yield`, inheritance (so own exceptions),
  `@staticmethod`, `@classmethod` and `@property`, `del`, `match`, functions as the replacement of
  `re.sub`, `dict | dict`, `str.maketrans`, `datetime.fromtimestamp`, `itertools.product` and
  `itertools.combinations`. `round(2.675, 2)` is 2.68.
- `datetime.now()` is the start of the run, in UTC. There is no network, no file and no environment.
- At most 64 MiB of memory, and calls 500 deep. Python runs in the same places as JavaScript does.";

pub(super) const FIELDS: &[FieldSpec] = &[CODE, VARIABLES];

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "python".into(),
        summary: "Runs Python (Monty, a subset).".into(),
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
        example: r#"{ id: words, type: python, code: "return len(<api.text>.split())" }"#.into(),
        read: Arc::new(|fields| Box::new(Python::read(fields))),
    }
}

#[derive(Debug)]
struct Python {
    code: Code,
    variables: Option<Template>,
    /// Bound only if the code names it, since it may be large.
    binds_api: bool,
}

impl Python {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let names = fields.object(&VARIABLES).into_iter().flat_map(Map::keys);
        let wrong: Vec<&String> = names.filter(|name| !is_identifier(name)).collect();
        for name in wrong {
            let message = format!("`{name}` is no name of a variable in Python");
            fields.error(&VARIABLES.name, message);
        }
        let code = Code::read(fields, &CODE);
        let variables = fields.object_template(&VARIABLES);
        Self { binds_api: code.text.contains("api"), code, variables }
    }
}

impl Node for Python {
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
        let arguments = match &self.variables {
            Some(template) => match template.render(scope)? {
                Value::Object(arguments) => arguments,
                _ => return Err(NodeError::internal("variables that are no object")),
            },
            None => Map::new(),
        };
        let call = CodeCall {
            language: Language::Python,
            code: self.code.text.clone(),
            variables,
            arguments,
            sources: self.code.sources.clone(),
            now_ms: scope.started_at_ms(),
        };
        Ok(Plan::Perform(vec![Planned::call("code", Action::Code(call), Price::Free)]))
    }
}

const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
];

fn is_identifier(name: &str) -> bool {
    let mut characters = name.chars();
    let starts = characters.next().is_some_and(|first| first == '_' || first.is_ascii_alphabetic());
    let goes_on = characters.all(|one| one == '_' || one.is_ascii_alphanumeric());
    starts && goes_on && !KEYWORDS.contains(&name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::run::tests::only_call;
    use crate::{Document, Workflow};

    fn asked(node: &Value) -> Value {
        let yaml = json!({ "nodes": [node] }).to_string();
        let call = only_call(&yaml, json!({"n": 2, "s": "x"}));
        serde_json::to_value(&call.action).unwrap()
    }

    #[test]
    fn references_and_variables_are_bound() {
        let node = json!({
            "id": "p", "type": "python", "code": "def main(a):\n  return {'r': a + <api.input.n>}",
            "variables": {"a": "<api.input.n>", "b": {"deep": ["<api.input.s>!"]}}
        });
        let expected = json!({
            "kind": "code", "language": "python",
            "code": "def main(a):\n  return {'r': a + __ref0}",
            "variables": {"__ref0": 2}, "arguments": {"a": 2, "b": {"deep": ["x!"]}},
            "now_ms": 1_000
        });
        assert_eq!(asked(&node), expected);
        let body = json!({ "id": "p", "type": "python", "code": "return api['n']" });
        assert_eq!(asked(&body)["variables"], json!({"api": {"n": 2, "s": "x"}}));
    }

    #[test]
    fn wrong_names_and_secrets_are_refused() {
        let node = json!({
            "id": "p", "type": "python", "code": "return {{KEY}}",
            "variables": {"class": 1, "a b": 2, "": 3, "1a": 4, "ok_1": 5}
        });
        let document = json!({ "nodes": [node] }).to_string();
        let (_, problems) = Workflow::compile(&Document::parse(&document).unwrap());
        let messages: Vec<&str> = problems.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(messages.len(), 5, "{messages:?}");
        assert!(messages.iter().any(|one| one.contains("`class` is no name")), "{messages:?}");
        assert!(messages.iter().any(|one| one.contains("the secret {{KEY}}")), "{messages:?}");
    }

    #[test]
    fn a_reference_inside_an_f_string_is_right() {
        let warnings = |code: &str| {
            let node = json!({ "id": "p", "type": "python", "code": code });
            let document = json!({ "nodes": [node] }).to_string();
            Workflow::compile(&Document::parse(&document).unwrap()).1.len()
        };
        assert_eq!(warnings("return f\"{<api.input.n>} of {<api.input.s>}\""), 0);
        assert_eq!(warnings("return \"<api.input.n>\""), 1);
        assert_eq!(warnings("x = f'a'\nreturn '<api.input.n>'"), 1);
    }
}
