//! For other kinds that ask a model: one question, and an answer of a fixed form.

use std::time::Duration;

use serde_json::Value;

use super::conversation::Conversation;
use super::fields::{API_KEY, BASE_URL, ECHO_DELAY, MAX_TOKENS, MODEL, MODELS, SEED, TEMPERATURE};
use super::setting::{integer, number};
use super::{Agent, note_providers, read_models};
use crate::compile::fields::Fields;
use crate::expr::template::Text;
use crate::field::FieldSpec;
use crate::kind::CallLimits;

/// The fields that say which model is asked, and how. Those of the question are the kind's own.
pub(in crate::kind) const ASKING: [FieldSpec; 8] =
    [MODEL, MODELS, TEMPERATURE, SEED, MAX_TOKENS, BASE_URL, API_KEY, ECHO_DELAY];

pub(in crate::kind) const LIMITS: CallLimits =
    CallLimits { default_timeout: Duration::from_secs(300), max_timeout: Duration::from_secs(600) };

impl Agent {
    /// Reads an agent without tools, whose answer fits the schema.
    pub(in crate::kind) fn asking(
        fields: &mut Fields<'_, '_>,
        instructions: &str,
        prompt: Text,
        schema: Value,
    ) -> Self {
        let models = read_models(fields);
        let base_url = fields.url(&BASE_URL);
        note_providers(fields, &models, base_url.as_ref());
        Self {
            models,
            conversation: Conversation::asking(Text::raw(instructions), prompt),
            memory: None,
            tools: Vec::new(),
            servers: Vec::new(),
            children: Vec::new(),
            max_turns: 1,
            temperature: number(fields, &TEMPERATURE),
            top_p: None,
            stop: Vec::new(),
            seed: integer(fields, &SEED),
            max_tokens: integer(fields, &MAX_TOKENS),
            schema: Some(schema),
            base_url,
            api_key: fields.text(&API_KEY),
            echo_delay: fields.duration(&ECHO_DELAY).unwrap_or_default(),
        }
    }
}
