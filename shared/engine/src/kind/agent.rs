//! `agent`: asks a language model.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{
    CallLimits, Done, KindSpec, Node, NodeError, OutputField, OutputFields, OutputType, Plan,
    Planned, Price, Role,
};
use crate::call::{Action, ModelCall, ModelMessage};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::{Part, Text};
use crate::field::{FieldSpec, FieldType};
use crate::provider;
use crate::schema::Schema;
use crate::url::Host;

const MODEL: FieldSpec = FieldSpec::new(
    "model",
    FieldType::Text,
    "`provider/model`, such as `anthropic/claude-sonnet-4-5`; `offline/echo` needs no key and \
     echoes the prompt",
)
.required();
const PROMPT: FieldSpec =
    FieldSpec::new("prompt", FieldType::Text, "the user's message").any_of(&["prompt", "messages"]);
const MESSAGES: FieldSpec = FieldSpec::new(
    "messages",
    FieldType::Items(Cow::Borrowed(MESSAGE)),
    "`[{ role: system | user | assistant, content }]`; a `prompt` is appended",
)
.any_of(&["prompt", "messages"]);
const ROLE: FieldSpec = FieldSpec::new(
    "role",
    FieldType::OneOf(&["system", "user", "assistant"]),
    "the author of the message",
)
.required();
const CONTENT: FieldSpec =
    FieldSpec::new("content", FieldType::Text, "the text of the message").required();
const MESSAGE: &[FieldSpec] = &[ROLE, CONTENT];
const SYSTEM: FieldSpec = FieldSpec::new("system", FieldType::Text, "the model's instructions");
const TEMPERATURE: FieldSpec = FieldSpec::with_default(
    "temperature",
    FieldType::Number(0.0, 2.0),
    "the provider's",
    "the sampling temperature",
);
const MAX_TOKENS: FieldSpec = FieldSpec::with_default(
    "max_tokens",
    FieldType::Integer(1, 10_000_000),
    "the provider's",
    "the maximum length of the answer",
);
const SCHEMA: FieldSpec = FieldSpec::new(
    "schema",
    FieldType::JsonSchema,
    "a JSON Schema of an object that the answer must match; its fields become fields of the node",
);
const BASE_URL: FieldSpec = FieldSpec::with_default(
    "base_url",
    FieldType::Text,
    "the secret `<PROVIDER>_BASE_URL`, else the provider's address",
    "the provider's address",
)
.with_secrets();
const API_KEY: FieldSpec = FieldSpec::with_default(
    "api_key",
    FieldType::Text,
    "the secret `<PROVIDER>_API_KEY`",
    "the provider's key",
)
.with_secrets();
const ECHO_DELAY: FieldSpec = FieldSpec::with_default(
    "echo_delay",
    FieldType::Duration("0s", "10s"),
    "0s",
    "pause between the words of `offline/echo`",
);

const DETAILS: &str = "\
The answer is streamed. `tokens` is `{input, output, total}`. `cost` is in dollars, `null` if the model's price is
unknown. `tool_calls` is an empty list for now. Secrets cannot be used in what the model reads.

| provider | secret with its key |
|---|---|
| `openai`, `anthropic`, `groq`, `deepseek`, `xai`, `cohere`, `openrouter`, `together`, `mistral`, `fireworks`, `moonshot`, `nebius`, `qwen`, `zai`, `minimax` | the name in capitals, `OPENAI_API_KEY` |
| `gemini`, `google` | `GEMINI_API_KEY` |
| `ollama` | needs none |
| any other name | `<NAME>_API_KEY`. It must speak the protocol of OpenAI and needs `base_url` or the secret `<NAME>_BASE_URL` |
| `offline/echo` | needs none: echoes the last user message, word by word. For trials and tests; it is not a model |";

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "agent".into(),
        summary: "Asks a language model and streams its answer.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs,
        call: Some(CallLimits {
            default_timeout: Duration::from_secs(300),
            max_timeout: Duration::from_secs(600),
        }),
        role: Role::Step,
        example: EXAMPLE.into(),
        read: Arc::new(|fields| Box::new(Agent::read(fields))),
    }
}

const FIELDS: &[FieldSpec] = &[
    MODEL,
    PROMPT,
    MESSAGES,
    SYSTEM,
    TEMPERATURE,
    MAX_TOKENS,
    SCHEMA,
    BASE_URL,
    API_KEY,
    ECHO_DELAY,
];

const EXAMPLE: &str = r#"{ id: draft, type: agent, model: anthropic/claude-sonnet-4-5, prompt: "Write <api.words> words about <api.character>." }"#;

/// The schema's properties become output fields of the node. Without properties, any field is
/// allowed.
fn outputs(node: &Map<String, Value>) -> OutputFields {
    let own = [
        OutputField::new("content", OutputType::Text),
        OutputField::new("model", OutputType::Text),
        OutputField::new("tokens", OutputType::Object),
        OutputField::new("tool_calls", OutputType::List),
        OutputField::new("cost", OutputType::Number).nullable(),
    ];
    let schema = node.get(&*SCHEMA.name).filter(|schema| !schema.is_null());
    let Some(schema) = schema else { return OutputFields::Only(own.into()) };
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return OutputFields::Any;
    };
    let answer =
        properties.keys().map(|name| OutputField::new(name.clone(), OutputType::Any).nullable());
    OutputFields::Only(own.into_iter().chain(answer).collect())
}

#[derive(Debug)]
struct Agent {
    model: Text,
    messages: Vec<(MessageRole, Text)>,
    temperature: Option<f64>,
    max_tokens: Option<u32>,
    schema: Option<Value>,
    base_url: Option<Text>,
    api_key: Option<Text>,
    echo_delay: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MessageRole {
    System,
    User,
    Assistant,
}

impl Agent {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let model = fields.text(&MODEL).unwrap_or_default();
        let base_url = fields.url(&BASE_URL);
        note_provider(fields, &model, base_url.as_ref());
        Self {
            model,
            messages: read_messages(fields),
            temperature: fields.number(&TEMPERATURE),
            max_tokens: fields.integer(&MAX_TOKENS).and_then(|tokens| u32::try_from(tokens).ok()),
            schema: read_schema(fields),
            base_url,
            api_key: fields.text(&API_KEY),
            echo_delay: fields.duration(&ECHO_DELAY).unwrap_or_default(),
        }
    }

    fn request(&self, scope: &Scope<'_>) -> Result<ModelCall, NodeError> {
        let message = |(role, text): &(MessageRole, Text)| {
            let content = text.render_string(scope)?;
            Ok(match role {
                MessageRole::System => ModelMessage::System { content },
                MessageRole::User => ModelMessage::user(content),
                MessageRole::Assistant => ModelMessage::Assistant { content },
            })
        };
        Ok(ModelCall {
            model: self.model.render_string(scope)?,
            has_given_provider: written_provider(&self.model).is_none(),
            messages: self.messages.iter().map(message).collect::<Result<_, NodeError>>()?,
            temperature: self.temperature,
            max_tokens: self.max_tokens,
            schema: self.schema.clone(),
            base_url: self.base_url.as_ref().map(|url| url.render_url(scope)).transpose()?,
            api_key: self.api_key.as_ref().map(|key| key.render_outgoing(scope)).transpose()?,
            echo_delay: self.echo_delay,
            ..ModelCall::default()
        })
    }
}

impl Node for Agent {
    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        if let Some(output) = done.value("turn1")? {
            return Ok(Plan::Done(output));
        }
        let request = Action::Model(self.request(scope)?);
        Ok(Plan::Perform(vec![Planned::call("turn1", request, Price::Priced)]))
    }
}

/// Returns the provider if the author's text names it.
fn written_provider(model: &Text) -> Option<&str> {
    let Some(Part::Text(written)) = model.parts.first() else { return None };
    written.split_once('/').map(|(provider, _)| provider)
}

/// Notes where the node's secrets go, and the provider's key that it uses without naming it.
fn note_provider(fields: &mut Fields<'_, '_>, model: &Text, base_url: Option<&Text>) {
    let provider = written_provider(model);
    let host = match (base_url, provider) {
        (Some(url), _) => Host::of(url),
        (None, Some(_)) => Host::Provider,
        (None, None) => Host::Referenced,
    };
    if base_url.is_none() {
        fields.goes_to(host.clone());
    }
    let uses_own_key = !fields.is_given(&API_KEY);
    if let Some(provider) = provider.filter(|name| uses_own_key && provider::uses_secrets(name)) {
        fields.implicit_secret(provider::api_key(provider), host);
    }
}

fn read_messages(fields: &mut Fields<'_, '_>) -> Vec<(MessageRole, Text)> {
    let system = fields.text(&SYSTEM).map(|text| (MessageRole::System, text));
    let path = fields.path_of(&MESSAGES.name);
    let mut messages: Vec<_> = system.into_iter().collect();
    for (index, message) in fields.list(&MESSAGES).unwrap_or_default().iter().enumerate() {
        let Value::Object(object) = message else {
            fields.error(&MESSAGES.name, "a message is an object with `role` and `content`");
            continue;
        };
        let path = format!("{path}/{index}");
        messages.push(fields.inner(&path, object, MESSAGE, |message| {
            (read_role(message), message.text(&CONTENT).unwrap_or_default())
        }));
    }
    messages.extend(fields.text(&PROMPT).map(|text| (MessageRole::User, text)));
    let is_given = fields.is_given(&PROMPT) || fields.is_given(&MESSAGES);
    if is_given && messages.iter().all(|(role, _)| *role == MessageRole::System) {
        fields.error_here(
            "there is nothing to answer: a `prompt`, or a message of the role `user`, is needed",
        );
    }
    messages
}

fn read_role(message: &mut Fields<'_, '_>) -> MessageRole {
    match message.string(&ROLE) {
        Some("system") => MessageRole::System,
        Some("assistant") => MessageRole::Assistant,
        _ => MessageRole::User,
    }
}

fn read_schema(fields: &mut Fields<'_, '_>) -> Option<Value> {
    let schema = fields.get(&SCHEMA)?;
    if let Err(message) = Schema::compile(schema) {
        fields.error(&SCHEMA.name, message);
    }
    Some(schema.clone())
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
        assert_eq!(messages(&format!("model: m/m, prompt: x, {schema}")), [""; 0]);
        assert_eq!(messages("model: m/m, prompt: x, schema: { type: object }"), [""; 0]);
        assert_eq!(
            messages("model: m/m, prompt: x"),
            ["<a.title>: `a` (agent) has no field `title`"]
        );
        assert_eq!(
            messages(&format!(
                "{schema}, temperature: 3, messages: [{{ role: tool, content: '{{{{KEY}}}}' }}]"
            )),
            [
                "`model` is missing",
                "`temperature` must be a number from 0 to 2",
                "`role` must be one of system, user, assistant",
                "the secret {{KEY}} cannot be used here: secrets are filled in only on the way \
                 out, in urls, headers, queries and http bodies"
            ]
        );
        assert_eq!(
            messages(&format!("model: m/m, {schema}")),
            ["`prompt` or `messages` is missing"]
        );
    }
}
