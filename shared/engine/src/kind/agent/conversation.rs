//! What the model reads before its first turn.

use serde_json::Value;

use super::fields::{CONTENT, FILES, IMAGES, MESSAGE, MESSAGES, PROMPT, ROLE, SYSTEM};
use crate::call::{Content, ContentPart, Image, ModelMessage};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::Text;
use crate::file::FileRef;
use crate::kind::NodeError;

#[derive(Debug)]
pub(super) struct Conversation {
    system: Option<Text>,
    messages: Messages,
    prompt: Option<Text>,
    images: Vec<Text>,
    files: Vec<Text>,
}

#[derive(Debug)]
enum Messages {
    Written(Vec<(Role, Text)>),
    /// A list that another node or the caller gives.
    Referenced(Text),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    System,
    User,
    Assistant,
}

impl Conversation {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let conversation = Self {
            system: fields.text(&SYSTEM),
            messages: read_messages(fields),
            prompt: fields.text(&PROMPT),
            images: fields.text_list(&IMAGES),
            files: fields.text_list(&FILES),
        };
        conversation.check(fields);
        conversation
    }

    /// A question with instructions.
    pub(super) fn asking(system: Text, prompt: Text) -> Self {
        let messages = Messages::Written(Vec::new());
        let (images, files) = (Vec::new(), Vec::new());
        Self { system: Some(system), messages, prompt: Some(prompt), images, files }
    }

    fn check(&self, fields: &mut Fields<'_, '_>) {
        let is_given = fields.is_given(&PROMPT) || fields.is_given(&MESSAGES);
        let asks = match &self.messages {
            Messages::Written(messages) => messages.iter().any(|(role, _)| *role != Role::System),
            Messages::Referenced(_) => true,
        };
        if is_given && !asks && self.prompt.is_none() {
            fields.error_here(
                "there is nothing to answer: a `prompt` or a message of the role `user` is \
                 needed",
            );
        }
        for (field, given) in [(&IMAGES, &self.images), (&FILES, &self.files)] {
            if !given.is_empty() && self.prompt.is_none() {
                let message = format!("`{}` belong to a `prompt`, which is missing", field.name);
                fields.error(&field.name, message);
            }
        }
    }

    pub(super) fn messages(&self, scope: &Scope<'_>) -> Result<Vec<ModelMessage>, NodeError> {
        let mut messages = Vec::new();
        if let Some(system) = &self.system {
            messages.push(ModelMessage::system(system.render_string(scope)?));
        }
        match &self.messages {
            Messages::Written(written) => {
                for (role, text) in written {
                    messages.push(role.message(text.render_string(scope)?));
                }
            }
            Messages::Referenced(text) => messages.extend(given_messages(text.render(scope)?)?),
        }
        if let Some(prompt) = &self.prompt {
            let content = self.with_parts(prompt.render_string(scope)?, scope)?;
            messages.push(ModelMessage::User { content });
        }
        Ok(messages)
    }

    fn with_parts(&self, prompt: String, scope: &Scope<'_>) -> Result<Content, NodeError> {
        let mut parts = Vec::new();
        for image in &self.images {
            match image.render(scope)? {
                Value::Array(images) => {
                    for image in &images {
                        parts.extend(image_part(image)?);
                    }
                }
                image => parts.extend(image_part(&image)?),
            }
        }
        for file in &self.files {
            match file.render(scope)? {
                Value::Array(files) => {
                    for file in &files {
                        parts.extend(file_part(file)?);
                    }
                }
                file => parts.extend(file_part(&file)?),
            }
        }
        if parts.is_empty() {
            return Ok(Content::Text(prompt));
        }
        parts.insert(0, ContentPart::Text { text: prompt });
        Ok(Content::Parts(parts))
    }
}

impl Role {
    fn named(name: &str) -> Option<Self> {
        match name {
            "system" | "developer" => Some(Self::System),
            "user" => Some(Self::User),
            "assistant" => Some(Self::Assistant),
            _ => None,
        }
    }

    fn message(self, content: String) -> ModelMessage {
        match self {
            Self::System => ModelMessage::System { content },
            Self::User => ModelMessage::user(content),
            Self::Assistant => ModelMessage::Assistant { content },
        }
    }
}

fn read_messages(fields: &mut Fields<'_, '_>) -> Messages {
    let written = match fields.get(&MESSAGES) {
        Some(Value::Array(written)) => written,
        Some(_) => {
            let text = fields.text(&MESSAGES).unwrap_or_default();
            if text.single().is_none() {
                fields.error(&MESSAGES.name, "`messages` needs a list, or one reference to it");
            }
            return Messages::Referenced(text);
        }
        None => return Messages::Written(Vec::new()),
    };
    let path = fields.path_of(&MESSAGES.name);
    let mut messages = Vec::new();
    for (index, message) in written.iter().enumerate() {
        let Value::Object(object) = message else {
            fields.error(&MESSAGES.name, "a message is an object with `role` and `content`");
            continue;
        };
        let path = format!("{path}/{index}");
        messages.push(fields.inner(&path, object, MESSAGE, |message| {
            let role = message.string(&ROLE).and_then(Role::named).unwrap_or(Role::User);
            (role, message.text(&CONTENT).unwrap_or_default())
        }));
    }
    Messages::Written(messages)
}

/// Reads messages in the shape that all chat APIs share. Null is no message.
fn given_messages(value: Value) -> Result<Vec<ModelMessage>, NodeError> {
    let invalid = |what: &str| NodeError::new("invalid_field", format!("`messages` {what}"));
    let messages = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(messages) => messages,
        _ => return Err(invalid("is a list of messages, `{role, content}`")),
    };
    let message = |(index, message): (usize, Value)| {
        let role = message.get("role").and_then(Value::as_str).and_then(Role::named);
        let role = role.ok_or_else(|| {
            invalid(&format!("[{index}] has no role of system, user and assistant"))
        })?;
        match (role, message.get("content")) {
            (role, Some(Value::String(text))) => Ok(role.message(text.clone())),
            (Role::User, Some(Value::Array(parts))) => {
                let parts = parts.iter().map(given_part).collect::<Result<_, _>>()?;
                Ok(ModelMessage::User { content: Content::Parts(parts) })
            }
            _ => Err(invalid(&format!("[{index}] has no `content` that is text"))),
        }
    };
    messages.into_iter().enumerate().map(message).collect()
}

fn given_part(part: &Value) -> Result<ContentPart, NodeError> {
    let text = |pointer| part.pointer(pointer).and_then(Value::as_str);
    match text("/type") {
        Some("text") => {
            Ok(ContentPart::Text { text: text("/text").unwrap_or_default().to_owned() })
        }
        Some("image_url") => {
            let url = text("/image_url/url").or(text("/image_url")).unwrap_or_default();
            Ok(ContentPart::Image { image: read_image(url)? })
        }
        Some("file") => {
            let file = file_part(part.get("file").unwrap_or(&Value::Null))?;
            file.ok_or_else(|| NodeError::new("invalid_file", "a part of a message has no `file`"))
        }
        _ => Err(NodeError::new(
            "invalid_field",
            "the content of a message is text, or parts of the types `text`, `image_url` and \
             `file`",
        )),
    }
}

/// A picture; `None` for an empty text and null.
fn image_part(value: &Value) -> Result<Option<ContentPart>, NodeError> {
    match value {
        Value::String(text) if text.trim().is_empty() => Ok(None),
        Value::String(text) => Ok(Some(ContentPart::Image { image: read_image(text.trim())? })),
        Value::Null => Ok(None),
        file if FileRef::is_marked(file) => file_part(file),
        _ => Err(not_an_image()),
    }
}

/// A file; `None` for null: of a node that did not run.
fn file_part(value: &Value) -> Result<Option<ContentPart>, NodeError> {
    if value.is_null() {
        return Ok(None);
    }
    let invalid = |message| NodeError::new("invalid_file", format!("a file {message}"));
    let file = FileRef::id_of(value).map_err(invalid)?;
    Ok(Some(ContentPart::File { file }))
}

/// The first bytes of pictures, in base64.
const PICTURES: [(&str, &str); 4] = [
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
];

fn read_image(text: &str) -> Result<Image, NodeError> {
    if text.starts_with("https://") || text.starts_with("http://") {
        return Ok(Image::Url(text.to_owned()));
    }
    let (media_type, data) = match text.strip_prefix("data:") {
        Some(rest) => rest.split_once(";base64,").ok_or_else(not_an_image)?,
        None => {
            let known = PICTURES.iter().find(|(start, _)| text.starts_with(start));
            (known.ok_or_else(not_an_image)?.1, text)
        }
    };
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    let is_picture = media_type.starts_with("image/") && !media_type.contains(['"', '\\', ' ']);
    if data.is_empty() || !is_picture || !data.bytes().all(is_base64) {
        return Err(not_an_image());
    }
    Ok(Image::Base64 { media_type: media_type.to_owned(), data: data.to_owned() })
}

fn not_an_image() -> NodeError {
    NodeError::new(
        "invalid_image",
        "an image is a file, an https or data URL, or base64 of a PNG, JPEG, GIF or WebP",
    )
}
