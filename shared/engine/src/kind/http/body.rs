//! The body of a request: plain, a form, several parts, or bytes.

use std::borrow::Cow;

use serde_json::Value;

use super::render_texts;
use crate::call::{Body, FormPart, PartContent, Rendered};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::{Template, Text};
use crate::field::{FieldSpec, FieldType};
use crate::file::{ANY_TYPE, FileId, FileRef};
use crate::kind::NodeError;
use crate::run::budget::within_budget;

pub(super) const NAMES: &[&str] = &["body", "form", "multipart", "binary"];

pub(super) const FORM: FieldSpec =
    FieldSpec::new("form", FieldType::Texts, "name to text, sent as a web form sends it")
        .with_secrets()
        .at_most_one_of(NAMES);
pub(super) const MULTIPART: FieldSpec = FieldSpec::new(
    "multipart",
    FieldType::Items(Cow::Borrowed(PART)),
    "the parts of a form with files: `[{ name, value | base64 | file, filename, content_type }]`",
)
.at_most_one_of(NAMES);
pub(super) const BINARY: FieldSpec = FieldSpec::new(
    "binary",
    FieldType::Fields(Cow::Borrowed(BYTES)),
    "bytes in base64 and their content type: `{ base64: <x.data>, type: image/png }`; or a file: \
     `{ file: <api.photo> }`",
)
.at_most_one_of(NAMES);

const CONTENT: &[&str] = &["value", "base64", "file"];
const NAME: FieldSpec = FieldSpec::new("name", FieldType::Text, "the name of the part").required();
const VALUE: FieldSpec =
    FieldSpec::new("value", FieldType::Text, "its text").with_secrets().one_of(CONTENT);
const PART_BASE64: FieldSpec =
    FieldSpec::new("base64", FieldType::Text, "its bytes in base64").with_secrets().one_of(CONTENT);
const PART_FILE: FieldSpec =
    FieldSpec::new("file", FieldType::Text, "its bytes: a file").one_of(CONTENT);
const FILENAME: FieldSpec = FieldSpec::new(
    "filename",
    FieldType::Text,
    "the name of its file; with `file`, its own unless given",
);
const CONTENT_TYPE: FieldSpec = FieldSpec::new(
    "content_type",
    FieldType::Text,
    "the content type of the part; with `file`, its own unless given",
);
const PART: &[FieldSpec] = &[NAME, VALUE, PART_BASE64, PART_FILE, FILENAME, CONTENT_TYPE];

const BYTES_CONTENT: &[&str] = &["base64", "file"];
const BASE64: FieldSpec = FieldSpec::new("base64", FieldType::Text, "the bytes in base64")
    .with_secrets()
    .one_of(BYTES_CONTENT);
const FILE: FieldSpec = FieldSpec::new("file", FieldType::Text, "a file").one_of(BYTES_CONTENT);
const TYPE: FieldSpec = FieldSpec::with_default(
    "type",
    FieldType::Text,
    ANY_TYPE,
    "the content type of the bytes; with `file`, its own",
);
const BYTES: &[FieldSpec] = &[BASE64, FILE, TYPE];

#[derive(Debug)]
pub(super) enum BodyFields {
    Plain(Template),
    Form(Vec<(String, Text)>),
    Multipart(Vec<Part>),
    Binary { base64: Text, media_type: Option<Text> },
    File { file: Text, media_type: Option<Text> },
}

#[derive(Debug)]
pub(super) struct Part {
    name: Text,
    content: Content,
    filename: Option<Text>,
    content_type: Option<Text>,
}

#[derive(Debug)]
enum Content {
    Value(Text),
    Base64(Text),
    File(Text),
}

impl BodyFields {
    pub(super) fn read(fields: &mut Fields<'_, '_>, plain: &FieldSpec) -> Option<Self> {
        let binary = fields.object(&BINARY).map(|object| {
            let path = fields.path_of(&BINARY.name);
            fields.inner(&path, object, BYTES, |bytes| match bytes.text(&FILE) {
                Some(file) => Self::File { file, media_type: bytes.text(&TYPE) },
                None => Self::Binary {
                    base64: bytes.text(&BASE64).unwrap_or_default(),
                    media_type: bytes.text(&TYPE),
                },
            })
        });
        let multipart = read_parts(fields).map(Self::Multipart);
        let form = fields.texts(&FORM);
        let form = fields.is_given(&FORM).then_some(Self::Form(form));
        fields.template(plain).map(Self::Plain).or(form).or(multipart).or(binary)
    }

    pub(super) fn render(&self, scope: &Scope<'_>) -> Result<Body, NodeError> {
        Ok(match self {
            Self::Plain(body) => Body::Plain(body.render_outgoing(scope)?),
            Self::Form(fields) => Body::Form(render_texts(fields, scope)?),
            Self::Multipart(parts) => {
                within_budget(parts.iter().map(|part| part.content.text().weight(scope)).sum())?;
                Body::Multipart(
                    parts.iter().map(|part| part.render(scope)).collect::<Result<_, _>>()?,
                )
            }
            Self::Binary { base64, media_type } => Body::Binary {
                base64: base64.render_optional(scope)?,
                media_type: match media_type {
                    Some(media_type) => media_type.render_string(scope)?,
                    None => TYPE.default.clone().into_owned(),
                },
            },
            Self::File { file, media_type } => Body::File {
                file: file_id(&file.render(scope)?, &BINARY.name)?,
                media_type: render_text(media_type.as_ref(), scope)?,
            },
        })
    }
}

impl Part {
    fn render(&self, scope: &Scope<'_>) -> Result<FormPart, NodeError> {
        Ok(FormPart {
            name: self.name.render_string(scope)?,
            content: match &self.content {
                Content::Value(value) => PartContent::Value(value.render_optional(scope)?),
                Content::Base64(base64) => PartContent::Base64(base64.render_optional(scope)?),
                Content::File(file) => match file.render(scope)? {
                    // Left out, as any part that is null.
                    Value::Null => PartContent::Value(Rendered::Json(Value::Null)),
                    file => PartContent::File(file_id(&file, &MULTIPART.name)?),
                },
            },
            filename: render_text(self.filename.as_ref(), scope)?,
            content_type: render_text(self.content_type.as_ref(), scope)?,
        })
    }
}

fn render_text(text: Option<&Text>, scope: &Scope<'_>) -> Result<Option<String>, NodeError> {
    text.map(|text| text.render_string(scope)).transpose()
}

fn file_id(value: &Value, field: &str) -> Result<FileId, NodeError> {
    let invalid = |message: String| NodeError::new("invalid_file", format!("`{field}` {message}"));
    FileRef::id_of(value).map_err(invalid)
}

impl Content {
    fn text(&self) -> &Text {
        match self {
            Self::Value(text) | Self::Base64(text) | Self::File(text) => text,
        }
    }
}

fn read_parts(fields: &mut Fields<'_, '_>) -> Option<Vec<Part>> {
    let path = fields.path_of(&MULTIPART.name);
    let mut parts = Vec::new();
    for (index, part) in fields.list(&MULTIPART)?.iter().enumerate() {
        let Value::Object(object) = part else {
            fields.error(&MULTIPART.name, "a part is an object with `name` and a content");
            continue;
        };
        parts.push(fields.inner(&format!("{path}/{index}"), object, PART, |part| Part {
            name: part.text(&NAME).unwrap_or_default(),
            content: match (part.text(&PART_BASE64), part.text(&PART_FILE)) {
                (Some(base64), _) => Content::Base64(base64),
                (None, Some(file)) => Content::File(file),
                (None, None) => Content::Value(part.text(&VALUE).unwrap_or_default()),
            },
            filename: part.text(&FILENAME),
            content_type: part.text(&CONTENT_TYPE),
        }));
    }
    Some(parts)
}
