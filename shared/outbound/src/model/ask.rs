//! A call as its wire encodes it: with the schema held to in the way that the model allows.

use std::borrow::Cow;

use flowgate_engine::call::{ModelCall, ModelMessage, ModelTool};
use serde_json::Value;

use super::reply::{Finish, Reply};
use super::wire::Enforcement;

/// The tool whose parameters are the schema, where a provider enforces no other one.
const ANSWER_TOOL: &str = "answer";

pub(super) struct Ask<'a> {
    pub(super) provider: &'a str,
    /// The model's name at its provider.
    pub(super) model: &'a str,
    pub(super) call: &'a ModelCall,
    /// The schema that the provider enforces.
    pub(super) schema: Option<&'a Value>,
    /// The answer must be JSON, of any shape.
    pub(super) wants_json: bool,
    /// Instructions in addition to the author's.
    instructions: Option<String>,
    answer_tool: Option<ModelTool>,
}

impl<'a> Ask<'a> {
    pub(super) fn new(
        provider: &'a str,
        model: &'a str,
        call: &'a ModelCall,
        enforcement: Enforcement,
    ) -> Self {
        let mut ask = Self {
            provider,
            model,
            call,
            schema: None,
            wants_json: false,
            instructions: None,
            answer_tool: None,
        };
        let Some(schema) = &call.schema else { return ask };
        match enforcement {
            Enforcement::Provider => ask.schema = Some(schema),
            Enforcement::Tool => ask.answer_tool = Some(answer_tool(call, schema)),
            Enforcement::Prompt => {
                ask.wants_json = true;
                ask.instructions = Some(instructions(schema));
            }
        }
        ask
    }

    pub(super) fn tools(&self) -> impl Iterator<Item = &ModelTool> {
        self.call.tools.iter().chain(&self.answer_tool)
    }

    pub(super) fn has_tools(&self) -> bool {
        self.tools().next().is_some()
    }

    /// Whether the model must call a tool.
    pub(super) fn must_call(&self) -> bool {
        self.answer_tool.is_some()
    }

    /// The messages in order, with our own instructions before them.
    pub(super) fn messages(&self) -> impl Iterator<Item = Cow<'_, ModelMessage>> {
        let own = self.instructions.as_deref().map(ModelMessage::system).map(Cow::Owned);
        own.into_iter().chain(self.call.messages.iter().map(Cow::Borrowed))
    }

    /// The system messages as one text, for protocols that set them apart. Empty if there are none.
    pub(super) fn system(&self) -> String {
        let system = |message: Cow<'_, ModelMessage>| match &*message {
            ModelMessage::System { content } => Some(content.clone()),
            _ => None,
        };
        self.messages().filter_map(system).collect::<Vec<_>>().join("\n\n")
    }

    /// The messages other than those of [`Self::system`].
    pub(super) fn conversation(&self) -> impl Iterator<Item = &ModelMessage> {
        let is_said = |message: &&ModelMessage| !matches!(message, ModelMessage::System { .. });
        self.call.messages.iter().filter(is_said)
    }

    /// Turns a call of the answer tool into the answer.
    pub(super) fn settle(&self, mut reply: Reply) -> Reply {
        let Some(tool) = &self.answer_tool else { return reply };
        let Some(at) = reply.calls.iter().position(|call| call.name == tool.name) else {
            return reply;
        };
        let call = reply.calls.swap_remove(at);
        reply.content = call.invalid.unwrap_or_else(|| Value::Object(call.arguments).to_string());
        reply.calls.clear();
        reply.finish = Some(Finish::Stop);
        reply
    }
}

/// Asks for an answer that fits the schema where nobody enforces it.
pub(super) fn instructions(schema: &Value) -> String {
    format!(
        "Answer with one JSON object that matches this JSON Schema, and with nothing else:\n\
         {schema}"
    )
}

/// An author's tool may have the name already.
fn answer_tool(call: &ModelCall, schema: &Value) -> ModelTool {
    let mut name = ANSWER_TOOL.to_owned();
    while call.tools.iter().any(|tool| tool.name == name) {
        name.push('_');
    }
    ModelTool {
        name,
        description: "Gives the final answer.".to_owned(),
        parameters: schema.clone(),
    }
}
