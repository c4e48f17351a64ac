//! Whose work it is. Groups take turns, so that nobody's backlog delays the others.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The runs of one key, or the webhooks of one receiving host. Empty for rows that predate it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Group(Arc<str>);

impl Group {
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// `None` for the operator's own credential.
    pub fn of_key(key_id: Option<&str>) -> Self {
        Self::new(key_id.unwrap_or("admin"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}
