//! OpenAI's `images/generations` and `images/edits`, as other servers speak them, too.

use flowgate_engine::call::{CallError, ImageRequest, ImageSize, MediaRequest};
use serde_json::{Map, Value, json};

use super::multipart::Multipart;
use super::wire::{
    Answer, Ask, Encoded, Made, Source, Used, Wire, count_at, extension, take_blob, text_at,
};
use super::{failed, invalid_answer, invalid_field};

pub(super) struct OpenAiImages;

const BASE64_KEY: &str = "b64_json";

impl Wire for OpenAiImages {
    fn encode(&self, ask: &Ask<'_>) -> Result<Encoded, CallError> {
        let MediaRequest::Image(image) = ask.request else { return Err(not_ours()) };
        let fields = fields(ask, image)?;
        if ask.files.is_empty() {
            let body: Map<String, Value> =
                fields.into_iter().map(|(name, field)| (name.to_owned(), json!(field))).collect();
            return Ok(Encoded::json("images/generations", &Value::Object(body), BASE64_KEY));
        }
        let mut form = Multipart::new();
        fields.iter().for_each(|(name, field)| form.text(name, field));
        let name = if ask.files.len() == 1 { "image" } else { "image[]" };
        for file in ask.files {
            let filename = format!("image.{}", extension(file.media_type));
            form.file(name, &filename, file.media_type, &file.bytes);
        }
        let (content_type, body) = form.encode();
        Ok(Encoded::of("images/edits", &content_type, body, BASE64_KEY))
    }

    fn decode(&self, _ask: &Ask<'_>, answer: Answer) -> Result<Made, CallError> {
        let (value, mut blobs) = answer.into_json()?;
        let Some(first) = value.pointer("/data/0") else {
            return Err(invalid_answer("answered without a picture"));
        };
        let source = match take_blob(first.get(BASE64_KEY), &mut blobs) {
            Some(bytes) => {
                let said = text_at(&value, "/output_format").map(|name| format!("image/{name}"));
                Source::Bytes { said, bytes }
            }
            None => Source::Url(
                text_at(first, "/url")
                    .ok_or_else(|| invalid_answer("answered without a picture"))?
                    .to_owned(),
            ),
        };
        let mut fields = Map::new();
        fields.insert("prompt".to_owned(), json!(text_at(first, "/revised_prompt")));
        Ok(Made { source: Some(source), fields, usage: usage(&value) })
    }
}

/// Older models count no tokens.
fn usage(value: &Value) -> Used {
    let count = |place: &str| count_at(value, &format!("/usage/{place}"));
    let image_in = count("input_tokens_details/image_tokens");
    let all_in = count("input_tokens");
    Used {
        text_in: count("input_tokens_details/text_tokens")
            .or(all_in.map(|all| all.saturating_sub(image_in.unwrap_or(0)))),
        image_in,
        media_out: count("output_tokens"),
        has_no_tokens: value.get("usage").is_none_or(Value::is_null),
        ..Used::default()
    }
}

/// In the order in which they are sent.
fn fields(ask: &Ask<'_>, image: &ImageRequest) -> Result<Vec<(&'static str, String)>, CallError> {
    let is_gpt = is_gpt(ask.model);
    let mut fields = vec![("model", ask.model.to_owned()), ("prompt", image.prompt.clone())];
    if let Some(size) = image.size.and_then(|size| size_of(ask.model, size).transpose()) {
        fields.push(("size", size?));
    }
    if let Some(quality) = &image.quality {
        fields.push(("quality", quality.clone()));
    }
    match &image.format {
        Some(format) if is_gpt => fields.push(("output_format", format.clone())),
        Some(format) if format != "png" => {
            return Err(invalid_field(format!("{} has no `format` but png", ask.model)));
        }
        _ => {}
    }
    if !is_gpt {
        fields.push(("response_format", "b64_json".to_owned()));
    }
    if ask.provider == "openai" && (image.negative.is_some() || image.seed.is_some()) {
        return Err(invalid_field("openai has no place for `negative` and `seed`"));
    }
    if let Some(negative) = &image.negative {
        fields.push(("negative_prompt", negative.clone()));
    }
    if let Some(seed) = image.seed {
        fields.push(("seed", seed.to_string()));
    }
    Ok(fields)
}

/// They always answer with base64, and refuse to be asked for it.
fn is_gpt(model: &str) -> bool {
    model.starts_with("gpt-image") || model.starts_with("chatgpt-image")
}

/// `None`: the field is left out.
fn size_of(model: &str, size: ImageSize) -> Result<Option<String>, CallError> {
    let of_ratio = |sizes: &[((u32, u32), &str)]| {
        let found = sizes.iter().find(|(ratio, _)| Some(*ratio) == size.ratio());
        found.map(|(_, size)| Some((*size).to_owned())).ok_or_else(|| {
            let names: Vec<&str> = sizes.iter().map(|(_, size)| *size).collect();
            invalid_field(format!("{model} has no size {size}; it has {}", names.join(", ")))
        })
    };
    match size {
        ImageSize::Auto if is_gpt(model) => Ok(Some("auto".to_owned())),
        ImageSize::Auto => Ok(None),
        ImageSize::Pixels(..) => Ok(Some(size.to_string())),
        ImageSize::Ratio(..) if model.starts_with("dall-e-3") => {
            of_ratio(&[((1, 1), "1024x1024"), ((16, 9), "1792x1024"), ((9, 16), "1024x1792")])
        }
        ImageSize::Ratio(..) if is_gpt(model) => {
            of_ratio(&[((1, 1), "1024x1024"), ((3, 2), "1536x1024"), ((2, 3), "1024x1536")])
        }
        ImageSize::Ratio(..) | ImageSize::Scale(_) => Err(invalid_field(format!(
            "{model} has sizes in pixels, such as 1024x1024, not {size}"
        ))),
    }
}

fn not_ours() -> CallError {
    failed("internal", "the request is of another kind")
}
