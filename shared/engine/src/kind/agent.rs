//! `agent`: asks a language model, which may call tools.

mod asking;
mod connection;
mod fields;
mod conversation;
mod memory;
mod tool;
mod child;
mod mcp;
mod operation;
mod toolbox;
mod turns;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::setting::{self, Setting, integer, number};
use super::{
    Done, Group, KindSpec, Node, NodeError, OutputField, OutputFields, OutputType, Plan, Role,
    Touches,
};
use crate::call::{ModelCall, ModelTool};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::{Part, Text};
use crate::provider;
use crate::schema::Schema;
use crate::url::Host;
pub(super) use asking::{ASKING, LIMITS};
use child::ChildTool;
pub(super) use connection::{ADDRESS, Connection, KEY};
use conversation::Conversation;
pub(super) use fields::{API_KEY, BASE_URL};
use fields::{
    ECHO_DELAY, FIELDS, MAX_TOKENS, MAX_TURNS, MODEL, MODELS, SCHEMA, SEED, STOP, TEMPERATURE,
    TOP_P,
};
use mcp::Server;
use memory::{Memory, Recalled};
use tool::Tool;
use toolbox::{Opened, Toolbox};
use turns::Turns;

const EXAMPLE: &str = r#"{ id: draft, type: agent, model: anthropic/claude-sonnet-4-5, prompt: "Write <api.words> words about <api.character>." }"#;
const DEFAULT_MAX_TURNS: u64 = 10;

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "agent".into(),
        summary: "Asks a language model, which may call tools, and streams its answer.".into(),
        details: fields::DETAILS.into(),
        fields: FIELDS.into(),
        outputs,
        call: Some(LIMITS),
        role: Role::Step,
        operation: None,
        group: Group::Model,
        touches: Touches::Model,
        example: EXAMPLE.into(),
        read: Arc::new(|fields| Box::new(Agent::read(fields))),
    }
}

/// The fields of every agent. A property of the schema that has one of these names hides none.
fn own_outputs() -> Vec<OutputField> {
    vec![
        OutputField::new("content", OutputType::Text),
        OutputField::new("model", OutputType::Text),
        OutputField::new("tokens", OutputType::Object),
        OutputField::new("tool_calls", OutputType::List),
        OutputField::new("turns", OutputType::Number),
        OutputField::new("finish_reason", OutputType::Text),
        OutputField::new("cost", OutputType::Number).nullable(),
        OutputField::new("data", OutputType::Object).nullable(),
    ]
}

/// The schema's properties become output fields of the node. Without properties, any field is
/// allowed.
fn outputs(node: &Map<String, Value>) -> OutputFields {
    let mut fields = own_outputs();
    let schema = node.get(&*SCHEMA.name).filter(|schema| !schema.is_null());
    let Some(schema) = schema.map(unwrapped) else { return OutputFields::Only(fields) };
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return OutputFields::Any;
    };
    for name in properties.keys() {
        if !fields.iter().any(|field| field.name == *name) {
            fields.push(OutputField::new(name.clone(), OutputType::Any).nullable());
        }
    }
    OutputFields::Only(fields)
}

#[derive(Debug)]
pub(super) struct Agent {
    /// The next one is asked where one fails for good.
    models: Vec<Text>,
    conversation: Conversation,
    memory: Option<Memory>,
    tools: Vec<Tool>,
    servers: Vec<Server>,
    children: Vec<ChildTool>,
    max_turns: usize,
    temperature: Option<Setting<f64>>,
    top_p: Option<Setting<f64>>,
    stop: Vec<Text>,
    seed: Option<Setting<u64>>,
    max_tokens: Option<Setting<u64>>,
    schema: Option<Value>,
    base_url: Option<Text>,
    api_key: Option<Text>,
    echo_delay: Duration,
}

impl Agent {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let models = read_models(fields);
        let base_url = fields.url(&BASE_URL);
        note_providers(fields, &models, base_url.as_ref());
        let tool::Written { tools, servers, children } = tool::read(fields);
        let max_turns = fields.integer(&MAX_TURNS).unwrap_or(DEFAULT_MAX_TURNS);
        Self {
            conversation: Conversation::read(fields),
            memory: Memory::read(fields),
            tools,
            servers,
            children,
            max_turns: usize::try_from(max_turns).unwrap_or(usize::MAX),
            temperature: number(fields, &TEMPERATURE),
            top_p: number(fields, &TOP_P),
            stop: fields.text_list(&STOP),
            seed: integer(fields, &SEED),
            max_tokens: integer(fields, &MAX_TOKENS),
            schema: read_schema(fields),
            models,
            base_url,
            api_key: fields.text(&API_KEY),
            echo_delay: fields.duration(&ECHO_DELAY).unwrap_or_default(),
        }
    }

    /// The call of the first turn, to one of the models.
    fn request(
        &self,
        scope: &Scope<'_>,
        model: usize,
        tools: Vec<ModelTool>,
    ) -> Result<ModelCall, NodeError> {
        let model = &self.models[model];
        let max_tokens = setting::read(self.max_tokens.as_ref(), &MAX_TOKENS, scope)?;
        Ok(ModelCall {
            model: model.render_string(scope)?,
            has_given_provider: written_provider(model).is_none(),
            messages: self.conversation.messages(scope)?,
            tools,
            temperature: setting::read(self.temperature.as_ref(), &TEMPERATURE, scope)?,
            top_p: setting::read(self.top_p.as_ref(), &TOP_P, scope)?,
            stop: self
                .stop
                .iter()
                .map(|text| text.render_string(scope))
                .collect::<Result<_, _>>()?,
            seed: setting::read(self.seed.as_ref(), &SEED, scope)?,
            max_tokens: max_tokens.and_then(|tokens| u32::try_from(tokens).ok()),
            schema: self.schema.as_ref().map(|schema| schema_as_sent(schema, scope).clone()),
            base_url: self.base_url.as_ref().map(|url| url.render_url(scope)).transpose()?,
            api_key: self.api_key.as_ref().map(|key| key.render_outgoing(scope)).transpose()?,
            echo_delay: self.echo_delay,
        })
    }
}

impl Node for Agent {
    /// What a turn says before it asks for tools is taken back.
    fn thinks_aloud(&self) -> bool {
        !(self.tools.is_empty() && self.servers.is_empty() && self.children.is_empty())
    }

    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        let recalled = match self.memory.as_ref().map(|memory| memory.recall(scope, done)) {
            None => Recalled::default(),
            Some(recalled) => match recalled? {
                Ok(recalled) => recalled,
                Err(call) => return Ok(Plan::Perform(vec![*call])),
            },
        };
        match Toolbox::open(self, scope, done)? {
            Opened::Ready(toolbox) => Turns::new(self, toolbox, recalled, scope, done).plan(),
            Opened::Listing(calls) => Ok(Plan::Perform(calls)),
        }
    }
}

/// Returns the provider if the author's text names it.
pub(super) fn written_provider(model: &Text) -> Option<&str> {
    let Some(Part::Text(written)) = model.parts.first() else { return None };
    written.split_once('/').map(|(provider, _)| provider)
}

fn read_models(fields: &mut Fields<'_, '_>) -> Vec<Text> {
    let mut models: Vec<Text> = fields.text(&MODEL).into_iter().collect();
    models.extend(fields.text_list(&MODELS));
    if models.is_empty() && fields.is_given(&MODELS) {
        fields.error(&MODELS.name, "`models` needs at least one model");
    }
    let has_address = fields.is_given(&BASE_URL);
    let field = if fields.is_given(&MODEL) { &MODEL } else { &MODELS };
    for model in &models {
        check_model(fields, &field.name, model, has_address, &provider::KNOWN);
    }
    models
}

/// Refuses a model without a provider, and a provider whose address nobody knows.
pub(super) fn check_model(
    fields: &mut Fields<'_, '_>,
    field: &str,
    model: &Text,
    has_address: bool,
    known: &[&str],
) {
    let Some(Part::Text(written)) = model.parts.first() else { return };
    match written_provider(model) {
        None if model.parts.len() > 1 => {}
        None => {
            let hint = provider::of_model(written).map_or_else(String::new, |provider| {
                format!("; did you mean `{provider}/{written}`?")
            });
            fields.later_rule(field, format!("`{written}` names no provider{hint}"));
        }
        Some(name) if has_address || known.contains(&name) => {}
        Some(name) => {
            let hint = crate::problem::did_you_mean(name, known.iter().copied());
            let end = if hint.is_empty() { "." } else { "" };
            let message = format!(
                "`{name}` is not a known provider{hint}{end} A server that speaks OpenAI's \
                 protocol needs a `base_url`, such as \"{{{{{}}}}}\"",
                provider::base_url(name)
            );
            fields.later_rule(field, message);
        }
    }
}

/// Notes where the node's secrets go, and the providers' keys that it uses without naming them.
pub(super) fn note_providers(
    fields: &mut Fields<'_, '_>,
    models: &[Text],
    base_url: Option<&Text>,
) {
    let uses_own_key = !fields.is_given(&API_KEY);
    for model in models {
        let provider = written_provider(model);
        let host = match (base_url, provider) {
            (Some(url), _) => Host::of(url),
            (None, Some(_)) => Host::Provider,
            (None, None) => Host::Referenced,
        };
        if base_url.is_none() {
            fields.goes_to(host.clone());
        }
        if let Some(provider) = provider.filter(|name| uses_own_key && provider::uses_secrets(name))
        {
            fields.implicit_secret(provider::api_key(provider), host);
        }
    }
}

fn read_schema(fields: &mut Fields<'_, '_>) -> Option<Value> {
    let written = fields.get(&SCHEMA)?;
    let schema = unwrapped(written);
    if let Err(message) = Schema::compile(schema) {
        fields.error(&SCHEMA.name, message);
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    let own = own_outputs();
    let hides = |name: &&String| own.iter().any(|field| field.name == **name);
    for name in properties.into_iter().flat_map(Map::keys).filter(hides) {
        fields.warning(
            &SCHEMA.name,
            format!("the property `{name}` is read as `data.{name}`: `{name}` is the node's own"),
        );
    }
    Some(written.clone())
}

/// Earlier runs hashed their calls with the schema as it was written.
fn schema_as_sent<'a>(written: &'a Value, scope: &Scope<'_>) -> &'a Value {
    if scope.engine() >= 3 { unwrapped(written) } else { written }
}

/// Authors copy schemas as providers want them: `{name, strict, schema}`, alone or as
/// `json_schema` of a response format.
fn unwrapped(written: &Value) -> &Value {
    let inner = written.get("json_schema").unwrap_or(written);
    let is_wrapping = inner.get("type").is_none() && inner.get("properties").is_none();
    inner.get("schema").filter(|schema| is_wrapping && schema.is_object()).unwrap_or(inner)
}

#[cfg(test)]
pub(crate) mod tests;
