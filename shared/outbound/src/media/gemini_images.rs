//! Gemini's models that draw.

use flowgate_engine::call::{CallError, ImageSize, MediaRequest};
use http::HeaderMap;
use serde_json::{Map, Value, json};

use super::wire::{Answer, Ask, Encoded, Made, Source, Wire};
use super::{failed, gemini, invalid_field};

pub(super) const RATIOS: [(u32, u32); 10] =
    [(1, 1), (2, 3), (3, 2), (3, 4), (4, 3), (4, 5), (5, 4), (9, 16), (16, 9), (21, 9)];

pub(super) struct GeminiImages;

impl Wire for GeminiImages {
    fn encode(&self, ask: &Ask<'_>) -> Result<Encoded, CallError> {
        let MediaRequest::Image(image) = ask.request else {
            return Err(failed("internal", "the request is of another kind"));
        };
        refuse(
            ask,
            &[("negative", image.negative.is_some()), ("quality", image.quality.is_some())],
        )?;
        refuse(ask, &[("format", image.format.is_some())])?;
        let mut config = json!({ "responseModalities": ["TEXT", "IMAGE"] });
        match image.size {
            None | Some(ImageSize::Auto) => {}
            Some(size @ ImageSize::Scale(_)) => {
                config["imageConfig"] = json!({ "imageSize": size.to_string() });
            }
            Some(size) => {
                config["imageConfig"] = json!({ "aspectRatio": ratio(ask, size, &RATIOS)? });
            }
        }
        if let Some(seed) = image.seed {
            config["seed"] = json!(seed % (1 << 31));
        }
        let prompt = json!({ "text": image.prompt });
        Ok(gemini::generate(ask.model, &[prompt], ask.files, &config))
    }

    fn decode(&self, _ask: &Ask<'_>, answer: Answer) -> Result<Made, CallError> {
        let (value, mut blobs) = answer.into_json()?;
        let generated = gemini::read(&value, &mut blobs)?;
        let usage = gemini::usage(&value, "IMAGE");
        let Some((said, bytes)) = generated.file else {
            return Err(gemini::nothing("a picture", &generated));
        };
        let fields = Map::from_iter([("prompt".to_owned(), Value::Null)]);
        Ok(Made { source: Some(Source::Bytes { said, bytes }), fields, usage })
    }

    fn authorize(&self, key: &str) -> Result<HeaderMap, CallError> {
        gemini::authorize(key)
    }
}

/// The name of the size's ratio, if the provider has it.
pub(super) fn ratio(
    ask: &Ask<'_>,
    size: ImageSize,
    known: &[(u32, u32)],
) -> Result<String, CallError> {
    // Written 21:9, whose lowest terms are 7:3.
    let lowest = |(width, height): (u32, u32)| ImageSize::Ratio(width, height).ratio();
    let found = known.iter().find(|known| lowest(**known) == size.ratio());
    found.map(|(width, height)| format!("{width}:{height}")).ok_or_else(|| {
        let names: Vec<String> = known.iter().map(|(w, h)| format!("{w}:{h}")).collect();
        let model = ask.model;
        invalid_field(format!("{model} has no size {size}; it has {}", names.join(", ")))
    })
}

/// Refuses fields that the provider has no place for.
pub(super) fn refuse(ask: &Ask<'_>, given: &[(&str, bool)]) -> Result<(), CallError> {
    match given.iter().find(|(_, is_given)| *is_given) {
        None => Ok(()),
        Some((name, _)) => {
            let (provider, model) = (ask.provider, ask.model);
            Err(invalid_field(format!("{provider}/{model} has no place for `{name}`")))
        }
    }
}
