//! Stability's `v2beta/stable-image/generate`: a form goes out, a picture comes back.

use flowgate_engine::call::{CallError, ImageSize, MediaRequest};
use http::{HeaderValue, header};
use serde_json::{Map, Value};

use super::gemini_images::{ratio, refuse};
use super::multipart::Multipart;
use super::wire::{
    Answer, Ask, Content, Encoded, Made, Reads, Source, Used, Wire, extension, text_at,
};
use super::{failed, invalid_answer, invalid_field};

const RATIOS: [(u32, u32); 9] =
    [(16, 9), (1, 1), (21, 9), (2, 3), (3, 2), (4, 5), (5, 4), (9, 16), (9, 21)];
/// How far a picture may move from the one that it is drawn from; their own default of `sd3`.
const STRENGTH: &str = "0.7";

pub(super) struct Stability;

impl Wire for Stability {
    fn encode(&self, ask: &Ask<'_>) -> Result<Encoded, CallError> {
        let MediaRequest::Image(image) = ask.request else {
            return Err(failed("internal", "the request is of another kind"));
        };
        refuse(ask, &[("quality", image.quality.is_some())])?;
        let service = match ask.model {
            "core" | "ultra" => ask.model,
            model if model.starts_with("sd3") => "sd3",
            model => {
                let message = format!("stability has core, ultra and those of sd3, not {model}");
                return Err(failed("unknown_model", message));
            }
        };
        let ratio = match image.size {
            None | Some(ImageSize::Auto) => None,
            Some(size) => Some(ratio(ask, size, &RATIOS)?),
        };
        let seed = image.seed.map(|seed| seed.to_string());
        let mut form = Multipart::new();
        form.text("prompt", &image.prompt);
        if service == "sd3" {
            form.text("model", ask.model);
        }
        let fields = [
            ("negative_prompt", &image.negative),
            ("seed", &seed),
            ("output_format", &image.format),
        ];
        for (name, field) in fields {
            if let Some(field) = field {
                form.text(name, field);
            }
        }
        match (ask.files, service) {
            ([], _) => {
                if let Some(ratio) = &ratio {
                    form.text("aspect_ratio", ratio);
                }
            }
            ([file], "ultra" | "sd3") => {
                if ratio.is_some() {
                    return Err(invalid_field("a picture drawn from another keeps its size"));
                }
                if service == "sd3" {
                    form.text("mode", "image-to-image");
                }
                form.text("strength", STRENGTH);
                let filename = format!("image.{}", extension(file.media_type));
                form.file("image", &filename, file.media_type, &file.bytes);
            }
            _ => {
                let message = "stability draws from one `image`, with ultra and those of sd3";
                return Err(invalid_field(message));
            }
        }
        let (content_type, body) = form.encode();
        let path = format!("v2beta/stable-image/generate/{service}");
        let mut encoded = Encoded::of(path, &content_type, body, "");
        encoded.headers.insert(header::ACCEPT, HeaderValue::from_static("image/*"));
        Ok(Encoded { reads: Reads::Bytes, ..encoded })
    }

    fn decode(&self, _ask: &Ask<'_>, answer: Answer) -> Result<Made, CallError> {
        let header = |name: &str| {
            let value = answer.headers.get(name).map(HeaderValue::as_bytes);
            value.map(|value| String::from_utf8_lossy(value).into_owned())
        };
        // A filtered picture comes blurred, under a status of success.
        match header("finish-reason").as_deref() {
            None | Some("SUCCESS") => {}
            Some("CONTENT_FILTERED") => {
                return Err(failed("filter", "a filter stopped it: CONTENT_FILTERED"));
            }
            Some(other) => return Err(invalid_answer(format!("it stopped: {other}"))),
        }
        let said = header("content-type");
        let bytes = match answer.content {
            Content::Bytes(bytes) => bytes,
            Content::Json { value, .. } => return Err(no_picture(&value)),
        };
        let fields = Map::from_iter([("prompt".to_owned(), Value::Null)]);
        let usage = Used { has_no_tokens: true, ..Used::default() };
        Ok(Made { source: Some(Source::Bytes { said, bytes }), fields, usage })
    }
}

fn no_picture(value: &Value) -> CallError {
    let said = text_at(value, "/errors/0").or(text_at(value, "/message"));
    let said = said.map(|said| format!(": {}", said.chars().take(300).collect::<String>()));
    invalid_answer(format!("answered without a picture{}", said.unwrap_or_default()))
}
