//! What a caller says to a workflow, in the words that protocols of messages share.

pub(crate) mod input;

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flowgate_app::error::FieldProblem;
use serde_json::Value;

#[derive(Debug, Default)]
pub(crate) struct Conversation {
    /// In the form of chat completions, with all parts.
    pub(crate) messages: Vec<Value>,
    /// What system and developer say.
    pub(crate) system: Vec<String>,
    /// The text of the last message of the user.
    pub(crate) user_text: Option<String>,
    /// Its files.
    pub(crate) files: Vec<Attached>,
    pub(crate) problems: Vec<FieldProblem>,
}

impl Conversation {
    pub(crate) fn problem(&mut self, pointer: &str, message: impl Into<String>) {
        self.problems.push(FieldProblem { pointer: pointer.to_owned(), message: message.into() });
    }
}

/// A file in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attached {
    pub(crate) pointer: String,
    pub(crate) name: Option<String>,
    pub(crate) source: FileSource,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileSource {
    /// Also `data:`.
    Url(String),
    /// The id of an upload.
    Upload(String),
    /// As they were sent.
    Bytes { media_type: Option<String>, bytes: Vec<u8> },
}

impl FileSource {
    /// As a message shows it: a URL, or the id of an upload.
    pub(crate) fn shown(&self) -> Cow<'_, str> {
        match self {
            Self::Url(shown) | Self::Upload(shown) => shown.into(),
            Self::Bytes { media_type, bytes } => {
                let media_type = media_type.as_deref().unwrap_or_default();
                format!("data:{media_type};base64,{}", BASE64.encode(bytes)).into()
            }
        }
    }
}
