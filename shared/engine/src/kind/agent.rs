//! `agent`: asks a language model.
//!
//! | field | |
//! |---|---|
//! | `model` | `provider/model`, such as `anthropic/claude-sonnet-4-5`; `offline/echo` needs no key and says the prompt back, for trying and testing |
//! | `prompt` | what the user says; or |
//! | `messages` | `[{ role: system \| user \| assistant, content }]`; a `prompt` comes after them |
//! | `system` | what the model is told first |
//! | `temperature`, `max_tokens` | as the provider takes them |
//! | `schema` | a JSON Schema: the answer is an object of it, and its fields become fields of the node |
//! | `base_url`, `api_key` | where the provider is reached and with what key; secrets allowed |
//! | `echo_delay` | pause between the words of `offline/echo` |
//! | `timeout` | at most `10m`, default `5m` |
//!
//! Leaves `{content, model, tokens, tool_calls, cost}` and the schema's fields. Secrets cannot stand in what the model reads.
//!
//! ```yaml
//! - { id: draft, type: agent, model: anthropic/claude-sonnet-4-5, prompt: "Write <api.words> words about <api.character>." }
//! ```

use std::time::Duration;

use serde_json::{Map, Value};

use super::fields::{Fields, Secrets};
use super::{Leaves, NodeError, Plan};
use crate::call::{Action, ModelCall, ModelMessage, ModelRole};
use crate::input::compile_schema;
use crate::run::Reader;
use crate::shape::Shape;
use crate::template::Text;

const LEAVES: [&str; 5] = ["content", "model", "tokens", "tool_calls", "cost"];

#[derive(Debug)]
pub(crate) struct Agent {
    model: Text,
    messages: Vec<(ModelRole, Text)>,
    temperature: Option<f64>,
    max_tokens: Option<u32>,
    schema: Option<Value>,
    base_url: Option<Text>,
    api_key: Option<Text>,
    echo_delay: Duration,
}

impl Agent {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            model: fields.required_text("model", Secrets::Refused),
            messages: read_messages(fields),
            temperature: fields.number("temperature", 0.0..=2.0),
            max_tokens: fields.integer("max_tokens", 1..=10_000_000).and_then(|tokens| u32::try_from(tokens).ok()),
            schema: read_schema(fields),
            base_url: fields.text("base_url", Secrets::Allowed),
            api_key: fields.text("api_key", Secrets::Allowed),
            echo_delay: fields.duration("echo_delay", "0s"..="10s").unwrap_or_default(),
        }
    }

    pub(super) fn plan(&self, reader: &Reader<'_>) -> Result<Plan, NodeError> {
        let message = |(role, text): &(ModelRole, Text)| Ok(ModelMessage { role: *role, content: text.render_string(reader)? });
        Ok(Plan::Perform(Action::Model(ModelCall {
            model: self.model.render_string(reader)?,
            messages: self.messages.iter().map(message).collect::<Result<_, NodeError>>()?,
            temperature: self.temperature,
            max_tokens: self.max_tokens,
            schema: self.schema.clone(),
            base_url: self.base_url.as_ref().map(|url| url.render_outgoing(reader)).transpose()?,
            api_key: self.api_key.as_ref().map(|key| key.render_outgoing(reader)).transpose()?,
            echo_delay: self.echo_delay,
        })))
    }
}

fn read_messages(fields: &mut Fields<'_, '_>) -> Vec<(ModelRole, Text)> {
    let system = fields.text("system", Secrets::Refused).map(|text| (ModelRole::System, text));
    let path = fields.path_of("messages");
    let mut messages: Vec<_> = system.into_iter().collect();
    for (index, message) in fields.list("messages").unwrap_or_default().iter().enumerate() {
        let Value::Object(object) = message else {
            fields.error("messages", "a message is an object with `role` and `content`");
            continue;
        };
        let mut message = Fields::new(fields.compiler, object, &format!("{path}/{index}"), fields.scope);
        let role = read_role(&mut message);
        messages.push((role, message.required_text("content", Secrets::Refused)));
        message.finish();
    }
    messages.extend(fields.text("prompt", Secrets::Refused).map(|text| (ModelRole::User, text)));
    fields.require_any(["prompt", "messages"]);
    let is_given = ["prompt", "messages"].iter().any(|name| fields.given(name).is_some());
    if is_given && messages.iter().all(|(role, _)| *role == ModelRole::System) {
        fields.error_here("there is nothing to answer: a `prompt`, or a message of the role `user`, is needed");
    }
    messages
}

fn read_role(message: &mut Fields<'_, '_>) -> ModelRole {
    message.require("role");
    match message.one_of("role", &["system", "user", "assistant"]) {
        Some("system") => ModelRole::System,
        Some("assistant") => ModelRole::Assistant,
        _ => ModelRole::User,
    }
}

fn read_schema(fields: &mut Fields<'_, '_>) -> Option<Value> {
    let schema = fields.get("schema", Shape::JsonSchema)?;
    if let Err(message) = compile_schema(schema) {
        fields.error("schema", message);
    }
    Some(schema.clone())
}

/// A schema that names no properties leaves open what the answer holds.
pub(crate) fn leaves(node: &Map<String, Value>) -> Leaves {
    let schema = match node.get("schema") {
        None | Some(Value::Null) => return Leaves::only(&LEAVES),
        Some(schema) => schema,
    };
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return Leaves::Anything };
    let names = LEAVES.into_iter().chain(properties.keys().map(String::as_str));
    Leaves::Only(names.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
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
            serde_json::to_value(only_call(yaml, json!({"provider": "offline", "mood": "kind"})).action).unwrap(),
            json!({
                "kind": "model", "model": "offline/m",
                "messages": [
                    {"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"},
                    {"role": "assistant", "content": "hello"}, {"role": "user", "content": "{{not a secret}} "}
                ],
                "temperature": 0.5, "max_tokens": 100, "schema": {"type": "object", "properties": {"title": {"type": "string"}}},
                "base_url": "http://localhost:1/{{BASE}}", "api_key": "{{KEY}}", "echo_delay": 20
            })
        );
    }

    #[test]
    fn fields_are_checked() {
        let messages = |fields: &str| -> Vec<String> {
            let yaml = format!(
                "nodes:\n  - {{ id: a, type: agent, {fields} }}\n  - {{ id: t, type: template, template: '<a.title><a.content>' }}"
            );
            let (_, problems) = Workflow::compile(&Document::parse(&yaml).unwrap());
            problems.into_iter().map(|problem| problem.message).collect()
        };
        let schema = "schema: { type: object, properties: { title: {} } }";
        assert_eq!(messages(&format!("model: m/m, prompt: x, {schema}")), [""; 0]);
        assert_eq!(messages("model: m/m, prompt: x, schema: { type: object }"), [""; 0]);
        assert_eq!(messages("model: m/m, prompt: x"), ["<a.title>: `a` (agent) has no field `title`"]);
        assert_eq!(
            messages(&format!("{schema}, temperature: 3, messages: [{{ role: tool, content: '{{{{KEY}}}}' }}]")),
            [
                "`model` is missing",
                "`temperature` must be a number from 0 to 2",
                "`role` must be one of system, user, assistant",
                "the secret {{KEY}} cannot be used here: secrets are filled in only on the way out, in urls, headers, queries and http bodies"
            ]
        );
        assert_eq!(messages(&format!("model: m/m, {schema}")), ["`prompt` or `messages` is missing"]);
    }
}
