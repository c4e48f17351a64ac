//! Imagen's `predict`, as the Gemini API has it.

use flowgate_engine::call::{CallError, ImageSize, MediaRequest};
use http::HeaderMap;
use serde_json::{Map, json};

use super::gemini_images::{ratio, refuse};
use super::wire::{Answer, Ask, Encoded, Made, Source, Used, Wire, list_at, take_blob, text_at};
use super::{failed, gemini, invalid_answer};

const BASE64_KEY: &str = "bytesBase64Encoded";
const RATIOS: [(u32, u32); 5] = [(1, 1), (3, 4), (4, 3), (9, 16), (16, 9)];

pub(super) struct Imagen;

impl Wire for Imagen {
    fn encode(&self, ask: &Ask<'_>) -> Result<Encoded, CallError> {
        let MediaRequest::Image(image) = ask.request else {
            return Err(failed("internal", "the request is of another kind"));
        };
        refuse(
            ask,
            &[
                ("image", !ask.files.is_empty()),
                ("negative", image.negative.is_some()),
                ("quality", image.quality.is_some()),
                ("format", image.format.is_some()),
                ("seed", image.seed.is_some()),
            ],
        )?;
        let mut parameters = json!({ "sampleCount": 1 });
        match image.size {
            None | Some(ImageSize::Auto) => {}
            Some(size @ ImageSize::Scale(_)) => {
                parameters["sampleImageSize"] = json!(size.to_string());
            }
            Some(size) => parameters["aspectRatio"] = json!(ratio(ask, size, &RATIOS)?),
        }
        let body = json!({ "instances": [{ "prompt": image.prompt }], "parameters": parameters });
        Ok(Encoded::json(format!("models/{}:predict", ask.model), &body, BASE64_KEY))
    }

    fn decode(&self, _ask: &Ask<'_>, answer: Answer) -> Result<Made, CallError> {
        let (value, mut blobs) = answer.into_json()?;
        let predictions = list_at(&value, "/predictions");
        if let Some(reason) = predictions.iter().find_map(|one| text_at(one, "/raiFilteredReason"))
        {
            let reason: String = reason.chars().take(300).collect();
            return Err(failed("filter", format!("a filter stopped it: {reason}")));
        }
        let Some(first) = predictions.first() else {
            // Without a reason, it leaves out what it filtered.
            return Err(failed("filter", "answered without a picture: a filter stopped it"));
        };
        let bytes = take_blob(first.get(BASE64_KEY), &mut blobs)
            .ok_or_else(|| invalid_answer("answered without a picture"))?;
        let said = text_at(first, "/mimeType").map(str::to_owned);
        let fields = Map::from_iter([("prompt".to_owned(), json!(text_at(first, "/prompt")))]);
        let usage = Used { has_no_tokens: true, ..Used::default() };
        Ok(Made { source: Some(Source::Bytes { said, bytes }), fields, usage })
    }

    fn authorize(&self, key: &str) -> Result<HeaderMap, CallError> {
        gemini::authorize(key)
    }
}
