mod connectors;
mod mcp;
mod memory;
pub(crate) mod turns;

use serde_json::json;

use crate::run::tests::only_call;
use crate::{Document, Workflow};

#[test]
fn messages_come_in_order() {
    let yaml = "
nodes:
  - id: a
    type: agent
    model: '<api.input.provider>/m'
    system: Be <api.input.mood>.
    messages: [{ role: user, content: hi }, { role: assistant, content: hello }]
    prompt: '{{not a secret}} <api.input.gone>'
    temperature: 0.5
    max_tokens: 100
    schema: { type: object, properties: { title: { type: string } } }
    base_url: 'http://localhost:1/{{BASE}}'
    api_key: '{{KEY}}'
    echo_delay: 20ms
";
    assert_eq!(
        serde_json::to_value(
            only_call(yaml, json!({"provider": "offline", "mood": "kind"})).action
        )
        .unwrap(),
        json!({
            "kind": "model", "model": "offline/m",
            "messages": [
                {"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"},
                {"role": "assistant", "content": "hello"},
                {"role": "user", "content": "{{not a secret}} "}
            ],
            "temperature": 0.5, "max_tokens": 100, "schema": {
                "type": "object", "properties": {"title": {"type": "string"}}
            },
            "base_url": "http://localhost:1/{{BASE}}", "api_key": "{{KEY}}", "echo_delay": 20
        })
    );
}

#[test]
fn fields_are_checked() {
    let messages = |fields: &str| -> Vec<String> {
        let yaml = format!(
            "nodes:\n  - {{ id: a, type: agent, {fields} }}\n  - {{ id: t, type: template, \
                 template: '<a.title><a.content>' }}"
        );
        let (_, problems) = Workflow::compile(&Document::parse(&yaml).unwrap());
        problems.into_iter().map(|problem| problem.message).collect()
    };
    let schema = "schema: { type: object, properties: { title: {} } }";
    assert_eq!(messages(&format!("model: openai/m, prompt: x, {schema}")), [""; 0]);
    assert_eq!(messages("model: openai/m, prompt: x, schema: { type: object }"), [""; 0]);
    assert_eq!(
        messages("model: openai/m, prompt: x"),
        ["<a.title>: `a` (agent) has no field `title`"]
    );
    assert_eq!(
        messages(&format!(
            "{schema}, temperature: 3, messages: [{{ role: tool, content: '{{{{KEY}}}}' }}]"
        )),
        [
            "one of `model` and `models` is needed",
            "`temperature` must be a number from 0 to 2, or a reference to one",
            "`role` must be one of system, user, assistant",
            "the secret {{KEY}} cannot be used here: secrets are filled in only on the way \
                 out, in urls, headers, queries and http bodies"
        ]
    );
    assert_eq!(
        messages(&format!("model: openai/m, {schema}")),
        ["`prompt` or `messages` is missing"]
    );
}
