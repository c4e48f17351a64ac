//! An agent's memory: the earlier turns of a session, and the turn that it adds.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::fields::{MEMORY, MEMORY_FIELDS, SESSION, TURNS};
use crate::call::{Action, KeptTurn, ModelMessage, SessionCall, SessionRequest, session_name};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::Text;
use crate::kind::{Done, NodeError, Plan, Planned, Price};

const DEFAULT_TURNS: u64 = 20;
const RECALL: &str = "memory";
const REMEMBER: &str = "memory.kept";
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Memory {
    session: Text,
    turns: usize,
}

/// What an agent remembers. Without a session, nothing.
#[derive(Debug, Default)]
pub(super) struct Recalled {
    session: Option<String>,
    turns: Vec<KeptTurn>,
}

impl Memory {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let memory = fields.object(&MEMORY)?;
        let path = fields.path_of(&MEMORY.name);
        fields.keeps_session(&MEMORY.name);
        fields.inner(&path, memory, MEMORY_FIELDS, |memory| {
            let turns = memory.integer(&TURNS).unwrap_or(DEFAULT_TURNS);
            let session = memory.text(&SESSION)?;
            Some(Self { session, turns: usize::try_from(turns).unwrap_or(usize::MAX) })
        })
    }

    /// Returns what is remembered, or the call that reads it.
    pub(super) fn recall(
        &self,
        scope: &Scope<'_>,
        done: &Done,
    ) -> Result<Result<Recalled, Box<Planned>>, NodeError> {
        let Some(session) = session_name(&self.session.render_string(scope)?)? else {
            return Ok(Ok(Recalled::default()));
        };
        let Some(output) = done.value(RECALL)? else {
            let request = SessionRequest::Recall { last: self.turns };
            return Ok(Err(Box::new(call(RECALL, session, request))));
        };
        let turns = Vec::deserialize(&output["turns"])
            .map_err(|_| NodeError::internal("recorded turns cannot be read"))?;
        Ok(Ok(Recalled { session: Some(session), turns }))
    }
}

impl Recalled {
    /// Puts the earlier turns before what is said now, behind the instructions.
    pub(super) fn insert_into(&self, messages: &mut Vec<ModelMessage>) {
        let is_instruction =
            |message: &ModelMessage| matches!(message, ModelMessage::System { .. });
        let at = messages.iter().position(|message| !is_instruction(message));
        let earlier = self.turns.iter().flat_map(|turn| {
            [ModelMessage::user(&*turn.user), ModelMessage::Assistant { content: turn.said() }]
        });
        let at = at.unwrap_or(messages.len());
        messages.splice(at..at, earlier);
    }

    /// Returns the call that adds the turn, unless it was made or there is no session.
    pub(super) fn remember(
        &self,
        done: &Done,
        turn: impl FnOnce() -> Result<KeptTurn, NodeError>,
    ) -> Result<Option<Plan>, NodeError> {
        let Some(session) = &self.session else { return Ok(None) };
        if done.value(REMEMBER)?.is_some() {
            return Ok(None);
        }
        let request = SessionRequest::Remember { turn: turn()? };
        Ok(Some(Plan::Perform(vec![call(REMEMBER, session.clone(), request)])))
    }
}

/// What the last message of the user says, without its pictures.
pub(super) fn last_said_by_user(messages: &[ModelMessage]) -> String {
    use crate::call::{Content, ContentPart};
    let texts = messages.iter().rev().find_map(|message| match message {
        ModelMessage::User { content: Content::Text(text) } => Some(text.clone()),
        ModelMessage::User { content: Content::Parts(parts) } => {
            let text = |part: &ContentPart| match part {
                ContentPart::Text { text } => Some(text.clone()),
                ContentPart::Image { .. }
                | ContentPart::File { .. }
                | ContentPart::Document { .. } => None,
            };
            Some(parts.iter().filter_map(text).collect::<Vec<_>>().join("\n"))
        }
        _ => None,
    });
    texts.unwrap_or_default()
}

/// A session is written once however often it is asked: such a call may be made again.
fn call(name: &'static str, session: String, request: SessionRequest) -> Planned {
    let action = Action::Session(SessionCall { session, request });
    let planned = Planned::call(name, action, Price::Free);
    Planned { timeout: Some(TIMEOUT), at_most_once: Some(false), ..planned }
}

/// The text of the answer, as it is kept.
pub(super) fn content_of(answer: &Value) -> String {
    match &answer["content"] {
        Value::String(text) if !text.is_empty() => text.clone(),
        _ => answer
            .get("data")
            .filter(|data| !data.is_null())
            .map_or_else(String::new, Value::to_string),
    }
}
