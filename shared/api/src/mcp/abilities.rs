//! What the client of a request can do. There are no sessions: every request says it again.

use serde_json::{Map, Value, json};

use super::era::Era;
use super::headers::CAPABILITIES_META;
use super::refusal::Refusal;

/// Calls as tasks:
/// <https://modelcontextprotocol.github.io/ext-tasks/specification/2026-07-28/tasks>.
pub(super) const EXTENSION: &str = "io.modelcontextprotocol/tasks";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Abilities {
    /// It takes a task in place of a result.
    pub(super) tasks: bool,
    /// It asks a person to fill in a form.
    pub(super) forms: bool,
    /// It asks a person to open a page.
    pub(super) pages: bool,
}

impl Abilities {
    /// A client of the first era can declare nothing that would hold for a later request.
    pub(super) fn of(era: Era, params: &Map<String, Value>) -> Self {
        let declared = params.get("_meta").and_then(|meta| meta.get(CAPABILITIES_META));
        let Some(declared) = declared.filter(|_| era == Era::Stateless) else {
            return Self::default();
        };
        let extension = declared.get("extensions").and_then(|extensions| extensions.get(EXTENSION));
        let elicitation = declared.get("elicitation").and_then(Value::as_object);
        let mode = |name: &str| elicitation.is_some_and(|modes| modes.contains_key(name));
        Self {
            tasks: extension.is_some_and(Value::is_object),
            // Clients that are older than the modes name none.
            forms: elicitation.is_some_and(Map::is_empty) || mode("form"),
            pages: mode("url"),
        }
    }

    pub(super) fn require_tasks(self) -> Result<(), Refusal> {
        if self.tasks {
            return Ok(());
        }
        Err(Refusal::missing_capability(json!({ "extensions": { EXTENSION: {} } })))
    }
}
