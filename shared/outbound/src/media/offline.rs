//! `offline/picture` draws stripes and `offline/tone` hums. They are for trials and tests without a
//! key: they are no models, and cost nothing.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use flowgate_engine::call::{CallError, ImageRequest, ImageSize, MediaRequest};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::wire::{Ask, Made, Source, Used};
use super::{failed, invalid_field, wav};

const DEFAULT_SIDE: u32 = 256;
const MAX_SIDE: u32 = 2048;
const STRIPES: u32 = 8;
const RATE: u32 = 8_000;
const MILLIS_PER_CHARACTER: u32 = 60;
const MAX_MILLIS: u32 = 60_000;

pub(super) fn answer(ask: &Ask<'_>) -> Result<Made, CallError> {
    let usage = Used { has_no_tokens: true, ..Used::default() };
    match (ask.model, ask.request) {
        ("picture", MediaRequest::Image(image)) => {
            let bytes = png(image)?;
            let fields = Map::from_iter([("prompt".to_owned(), Value::Null)]);
            Ok(Made { source: Some(Source::Bytes { said: None, bytes }), fields, usage })
        }
        ("tone", MediaRequest::Speech(speech)) => {
            if speech.format.as_deref().is_some_and(|format| format != "wav") {
                return Err(invalid_field("offline/tone hums as wav"));
            }
            let length = u32::try_from(speech.text.chars().count()).unwrap_or(u32::MAX);
            let millis = length.saturating_mul(MILLIS_PER_CHARACTER).min(MAX_MILLIS);
            let source = Some(Source::Bytes { said: None, bytes: hum(millis) });
            Ok(Made { source, fields: Map::new(), usage })
        }
        ("tone", MediaRequest::Transcription(_)) => {
            let file = ask.files.first();
            let text =
                file.map(|file| format!("{} bytes of {}", file.bytes.len(), file.media_type));
            let mut fields = Map::from_iter([("text".to_owned(), json!(text))]);
            for name in ["language", "duration", "segments"] {
                fields.insert(name.to_owned(), Value::Null);
            }
            Ok(Made { source: None, fields, usage })
        }
        (model, _) => {
            let message =
                format!("offline has picture for images and tone for speech, not {model:?}");
            Err(failed("unknown_model", message))
        }
    }
}

/// The prompt and the seed choose the colours.
fn png(image: &ImageRequest) -> Result<Vec<u8>, CallError> {
    let (width, height) = match image.size {
        Some(ImageSize::Pixels(width, height)) => (width, height),
        Some(size) => {
            let (width, height) = size.ratio().unwrap_or((1, 1));
            (DEFAULT_SIDE, (DEFAULT_SIDE * height / width).max(1))
        }
        None => (DEFAULT_SIDE, DEFAULT_SIDE),
    };
    if width.max(height) > MAX_SIDE {
        return Err(invalid_field(format!("offline/picture has at most {MAX_SIDE} pixels a side")));
    }
    let seed = image.seed.unwrap_or(0).to_le_bytes();
    let colours = Sha256::new().chain_update(&image.prompt).chain_update(seed).finalize();
    let mut pixels = ZlibEncoder::new(Vec::new(), Compression::fast());
    let mut line = vec![0];
    for x in 0..width {
        let stripe = (x * STRIPES / width * 3) as usize;
        line.extend_from_slice(&colours[stripe..stripe + 3]);
    }
    let drawn = (0..height).try_for_each(|_| pixels.write_all(&line));
    let pixels = drawn.and_then(|()| pixels.finish());
    let pixels = pixels.map_err(|_| failed("internal", "the picture cannot be compressed"))?;
    let mut head = [width.to_be_bytes(), height.to_be_bytes()].concat();
    head.extend_from_slice(&[8, 2, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    push_chunk(&mut png, b"IHDR", &head);
    push_chunk(&mut png, b"IDAT", &pixels);
    push_chunk(&mut png, b"IEND", &[]);
    Ok(png)
}

fn push_chunk(png: &mut Vec<u8>, name: &[u8; 4], content: &[u8]) {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    png.extend_from_slice(&length.to_be_bytes());
    png.extend_from_slice(name);
    png.extend_from_slice(content);
    let mut sum = crc32fast::Hasher::new();
    sum.update(name);
    sum.update(content);
    png.extend_from_slice(&sum.finalize().to_be_bytes());
}

fn hum(millis: u32) -> Vec<u8> {
    let wave = (0..RATE / 1000 * millis).flat_map(|at| {
        let is_up = at / 20 % 2 == 0;
        (if is_up { 2_000_i16 } else { -2_000 }).to_le_bytes()
    });
    wav::wav(RATE, wave.collect())
}
