//! `image`: draws pictures with a model, or changes them.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::agent::{ADDRESS, Connection, KEY, LIMITS};
use super::media::{Sums, files, optional};
use super::setting::{self, Setting, integer};
use super::{
    Done, Group, KindSpec, Node, NodeError, OutputField, OutputFields, OutputType, Plan, Planned,
    Price, Role, Touches,
};
use crate::call::{Action, ImageRequest, ImageSize, MediaCall, MediaRequest};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::Text;
use crate::field::{FieldSpec, FieldType};
use crate::provider;

const MAX_PICTURES: u64 = 10;
/// As many as OpenAI takes.
const MAX_IMAGES: usize = 16;
const MAX_SEED: u64 = 4_294_967_294;

const MODEL: FieldSpec = FieldSpec::new(
    "model",
    FieldType::Text,
    "`provider/model`, such as `openai/gpt-image-1`; `offline/picture` needs no key and draws \
     stripes",
)
.required();
const PROMPT: FieldSpec =
    FieldSpec::new("prompt", FieldType::Text, "what the picture shows").required();
const IMAGE: FieldSpec = FieldSpec::new(
    "image",
    FieldType::Text,
    "a file, or a list of files, by a reference: pictures to change or to draw from; `null` and \
     empty lists count as none",
);
const SIZE: FieldSpec = FieldSpec::with_default(
    "size",
    FieldType::Text,
    "the provider's",
    "`1024x1536`, a ratio such as `16:9`, a scale such as `2K`, or `auto`",
);
const N: FieldSpec = FieldSpec::with_default(
    "n",
    FieldType::IntegerRef(1, MAX_PICTURES),
    "1",
    "how many pictures; each is a call of its own",
);
const QUALITY: FieldSpec = FieldSpec::with_default(
    "quality",
    FieldType::Text,
    "the provider's",
    "in the provider's words, such as `high` or `hd`",
);
const NEGATIVE: FieldSpec = FieldSpec::new(
    "negative",
    FieldType::Text,
    "what the picture must not show, for providers that have a field for it",
);
const FORMAT: FieldSpec = FieldSpec::with_default(
    "format",
    FieldType::OneOf(&["png", "jpeg", "webp"]),
    "the provider's",
    "of the file",
);
const SEED: FieldSpec = FieldSpec::new(
    "seed",
    FieldType::IntegerRef(0, MAX_SEED),
    "the same seed and prompt give a similar picture, for providers that have a field for it; of \
     several pictures each gets the next one",
);
const FIELDS: &[FieldSpec] =
    &[MODEL, PROMPT, IMAGE, SIZE, N, QUALITY, NEGATIVE, FORMAT, SEED, ADDRESS, KEY];

const DETAILS: &str = "\
**Output.** `images` is the list of the files, `image` its first one, and `url` the address of
that. `prompt` is the prompt as the provider rewrote it, else `null`. `cost` is in dollars, `null`
where nobody knows it. Each picture is a call of its own, so that none that is there is drawn again
after a crash or a failure.

A picture that a filter refused fails as `filter`, with the provider's words. An answer without a
picture, or with bytes that are none, fails as `invalid_answer`. A picture has at most 50 MB.

| provider | models | key |
|---|---|---|
| `openai` | `gpt-image-…`, `dall-e-…` | `OPENAI_API_KEY` |
| `gemini`, `google` | those of Gemini that draw, such as `gemini-3-pro-image`, and `imagen-…` | \
`GEMINI_API_KEY` |
| `stability` | `core`, `ultra`, `sd3.5-large`, `sd3.5-medium` and others of `sd3` | \
`STABILITY_API_KEY` |
| any other name | must speak OpenAI's protocol, and needs `base_url` | `<NAME>_API_KEY` |
| `offline/picture` | draws stripes, for trials and tests | needs none |

A ratio is put into the sizes that the provider has, and fails as `invalid_field` where it has
none of that ratio.";

const EXAMPLE: &str = r#"{ id: picture, type: image, model: openai/gpt-image-1, prompt: "A watercolour for this story: <draft.content>", size: "3:2" }"#;

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "image".into(),
        summary: "Draws pictures with a model, or changes them.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs: |_| {
            OutputFields::Only(vec![
                OutputField::new("url", OutputType::Text),
                OutputField::new("image", OutputType::Object),
                OutputField::new("images", OutputType::List),
                OutputField::new("prompt", OutputType::Text).nullable(),
                OutputField::new("model", OutputType::Text),
                OutputField::new("cost", OutputType::Number).nullable(),
            ])
        },
        call: Some(LIMITS),
        role: Role::Step,
        operation: None,
        group: Group::Model,
        touches: Touches::Model,
        example: EXAMPLE.into(),
        read: Arc::new(|fields| Box::new(Image::read(fields))),
    }
}

#[derive(Debug)]
struct Image {
    connection: Connection,
    prompt: Text,
    image: Option<Text>,
    size: Option<Text>,
    n: Option<Setting<u64>>,
    quality: Option<Text>,
    negative: Option<Text>,
    format: Option<String>,
    seed: Option<Setting<u64>>,
}

impl Image {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let connection = Connection::read(fields, &MODEL, &provider::OF_IMAGES);
        check_taken(fields, &connection);
        let size = fields.text(&SIZE);
        if let Some(written) = size.as_ref().and_then(Text::literal)
            && ImageSize::parse(&written).is_none()
        {
            fields.error(&SIZE.name, not_a_size(&written));
        }
        Self {
            connection,
            prompt: fields.text(&PROMPT).unwrap_or_default(),
            image: super::media::file_field(fields, &IMAGE),
            size,
            n: integer(fields, &N),
            quality: fields.text(&QUALITY),
            negative: fields.text(&NEGATIVE),
            format: fields.string(&FORMAT).map(str::to_owned),
            seed: integer(fields, &SEED),
        }
    }

    fn request(&self, scope: &Scope<'_>) -> Result<ImageRequest, NodeError> {
        let size = match optional(self.size.as_ref(), scope)? {
            None => None,
            Some(text) => Some(
                ImageSize::parse(&text)
                    .ok_or_else(|| NodeError::new("invalid_field", not_a_size(&text)))?,
            ),
        };
        let prompt = self.prompt.render_string(scope)?;
        if prompt.trim().is_empty() {
            return Err(NodeError::new("invalid_field", "`prompt` is empty"));
        }
        Ok(ImageRequest {
            prompt,
            images: files(self.image.as_ref(), &IMAGE.name, MAX_IMAGES, scope)?,
            size,
            quality: optional(self.quality.as_ref(), scope)?,
            negative: optional(self.negative.as_ref(), scope)?,
            format: self.format.clone(),
            seed: setting::read(self.seed.as_ref(), &SEED, scope)?,
        })
    }

    /// The call of each picture. They differ in their seeds at most.
    fn calls(&self, count: u64, scope: &Scope<'_>) -> Result<Vec<Planned>, NodeError> {
        let request = self.request(scope)?;
        let connection = &self.connection;
        let mut calls = Vec::new();
        for number in 0..count {
            let seed = request.seed.map(|seed| (seed + number) % (MAX_SEED + 1));
            let call = MediaCall {
                model: connection.model(scope)?,
                has_given_provider: connection.provider().is_none(),
                request: MediaRequest::Image(ImageRequest { seed, ..request.clone() }),
                base_url: connection.base_url(scope)?,
                api_key: connection.api_key(scope)?,
            };
            calls.push(Planned::call(name(number), Action::Media(call), Price::Priced));
        }
        Ok(calls)
    }
}

impl Node for Image {
    fn plan(&self, scope: &Scope<'_>, done: &Done) -> Result<Plan, NodeError> {
        let count = setting::read(self.n.as_ref(), &N, scope)?.unwrap_or(1);
        if done.is_empty() {
            return Ok(Plan::Perform(self.calls(count, scope)?));
        }
        let (mut drawn, mut sums) = (Vec::new(), Sums::default());
        for number in 0..count {
            let name = name(number);
            let Some(value) = done.value(&name)? else {
                return Err(NodeError::internal("a picture was not drawn"));
            };
            sums.add(done.get(&name));
            drawn.push(value);
        }
        Ok(Plan::done(output(&drawn, &sums)))
    }
}

fn output(drawn: &[Arc<Value>], sums: &Sums) -> Value {
    let image = |value: &Arc<Value>| value.get("image").cloned().unwrap_or_default();
    let first = drawn.first().and_then(|value| value.as_object());
    let field = |name: &str| first.and_then(|first: &Map<_, _>| first.get(name)).cloned();
    json!({
        "url": field("url").unwrap_or_default(),
        "image": field("image").unwrap_or_default(),
        "images": drawn.iter().map(image).collect::<Vec<_>>(),
        "prompt": field("prompt").unwrap_or_default(),
        "model": field("model").unwrap_or_default(),
        "cost": sums.dollars(),
    })
}

/// The first call's name is not seen: it keeps the node's path.
fn name(number: u64) -> String {
    format!("picture{}", number + 1)
}

fn not_a_size(text: &str) -> String {
    let shown: String = text.chars().take(40).collect();
    format!("`size` is such as 1024x1536, 16:9, 2K or auto, not {shown:?}")
}

/// Refuses what the provider has no field for: a picture that ignores it would look like success.
fn check_taken(fields: &mut Fields<'_, '_>, connection: &Connection) {
    let without: &[&FieldSpec] = match connection.provider() {
        Some("openai") if !connection.has_own_url() => &[&NEGATIVE, &SEED],
        Some("gemini" | "google") => &[&NEGATIVE, &QUALITY, &FORMAT],
        Some("stability") => &[&QUALITY],
        _ => &[],
    };
    let provider = connection.provider().unwrap_or_default().to_owned();
    for spec in without.iter().filter(|spec| fields.is_given(spec)).collect::<Vec<_>>() {
        let message = format!("`{}` has no place in a request to {provider}", spec.name);
        fields.error(&spec.name, message);
    }
}

#[cfg(test)]
mod tests;
