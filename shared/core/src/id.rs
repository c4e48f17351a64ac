//! Run ids.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// `run_` and a UUIDv7, so that ids sort by creation time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Arc<str>);

impl RunId {
    pub fn new(uuid: uuid::Uuid) -> Self {
        Self(format!("run_{}", uuid.simple()).into())
    }

    /// Returns `None` for text that is not a run id, so that no store is asked for it.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("run_")?;
        let hex = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        hex.then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
