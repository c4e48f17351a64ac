//! Pictures, speech and predictions: one request to a provider, and the file or text that comes of
//! it.

mod vendor;
mod wire;
mod exchange;
mod lifted;
mod counted;
mod multipart;
mod proof;
mod openai_images;
mod openai_speech;
mod gemini;
mod gemini_images;
mod gemini_speech;
mod wav;
mod imagen;
mod stability;
mod replicate;
mod offline;
mod price;

use flowgate_core::secret::SecretUser;
use flowgate_engine::call::{CallError, CallOutput, MediaCall, MediaRequest};
use flowgate_engine::cost::dollars;
use flowgate_engine::file::{FileRef, MAX_FILE};
use flowgate_engine::provider;
use serde_json::{Map, Value, json};

use super::mask::Masks;
use super::model::unsent;
use super::reach::check_model;
use super::{Metered, Outbound, RunFiles, failed, too_large};
use vendor::Vendor;
use wire::{Ask, Loaded, Made, Source, Used};

impl Outbound {
    pub(super) async fn perform_media(
        &self,
        call: &MediaCall,
        user: &SecretUser,
        masks: &mut Masks,
        (memory, files): (&Metered, &RunFiles),
    ) -> Result<CallOutput, CallError> {
        if call.model == provider::REPLICATE {
            return self.perform_prediction(call, user, masks, (memory, files)).await;
        }
        let (provider, model) = split(&call.model).map_err(unsent)?;
        let loaded = load(&call.request, memory, files).await.map_err(unsent)?;
        let ask = Ask { provider, model, request: &call.request, files: &loaded };
        let made = if provider == "offline" {
            offline::answer(&ask).map_err(unsent)?
        } else {
            check_model(model).map_err(unsent)?;
            let vendor = Vendor::named(provider);
            let target =
                self.media_target(call, &vendor, &[], user, masks).await.map_err(unsent)?;
            let wire = vendor.wire(&ask, target.has_own_url).map_err(unsent)?;
            let exchanged = self.ask_vendor(&ask, wire, &target, masks, memory).await?;
            wire.decode(&ask, exchanged).map_err(|error| about(provider, error))?
        };
        self.keep(call, &ask, made, (masks, memory, files)).await
    }

    /// Stores what came as a file of the run, and builds the call's value.
    async fn keep(
        &self,
        call: &MediaCall,
        ask: &Ask<'_>,
        made: Made,
        (masks, memory, files): (&Masks, &Metered, &RunFiles),
    ) -> Result<CallOutput, CallError> {
        let (tokens, cost_nano_usd) = (made.usage.tokens(), price::cost(ask, &made.usage));
        let paid = |error: CallError| error.having_used(tokens, cost_nano_usd);
        let mut value = made.fields;
        if let Some(source) = made.source {
            let (said, bytes) = match source {
                Source::Bytes { said, bytes } => (said, bytes),
                Source::Url(url) => (None, self.fetch_made(&url, memory).await.map_err(paid)?),
            };
            let proven = proof::prove(ask, said.as_deref(), &bytes);
            let media_type = proven.map_err(|error| paid(about(ask.provider, error)))?;
            let name = wire::file_name(ask.request, media_type);
            let stored = files.store((&name, media_type), &bytes, masks).await;
            let file = stored.map_err(paid)?;
            self.show(&mut value, wire::field_of_file(ask.request), &file);
        }
        value.insert("model".to_owned(), call.model.clone().into());
        value.insert("tokens".to_owned(), json!(tokens));
        value.insert("cost".to_owned(), json!(cost_nano_usd.map(dollars)));
        Ok(CallOutput { value: Value::Object(value), tokens, cost_nano_usd })
    }

    fn show(&self, value: &mut Map<String, Value>, field: &str, file: &FileRef) {
        let url = format!("{}/v1/files/{}", self.settings.public_url, file.id);
        value.insert(field.to_owned(), file.to_value());
        value.insert("url".to_owned(), url.into());
    }
}

/// Whether the cost of a call will be known if it ends well.
pub(super) fn is_priced(call: &MediaCall) -> bool {
    split(&call.model)
        .is_ok_and(|(provider, model)| price::is_known(provider, model, &call.request))
}

/// Estimates the tokens and the cost of a call that was sent so many tokens of text.
pub(super) fn estimate(call: &MediaCall, text: u64) -> (u64, Option<u64>) {
    let used = match &call.request {
        MediaRequest::Image(_) => {
            Used { text_in: Some(text), media_out: Some(TOKENS_OF_PICTURE), ..Used::default() }
        }
        MediaRequest::Speech(_) => {
            let media_out = Some(text.saturating_mul(SPOKEN_PER_TOKEN));
            Used { text_in: Some(text), media_out, ..Used::default() }
        }
        MediaRequest::Transcription(_) => Used {
            text_in: Some(0),
            audio_in: Some(TOKENS_OF_AUDIO),
            text_out: Some(TOKENS_OF_AUDIO),
            seconds: Some(SECONDS_OF_AUDIO),
            ..Used::default()
        },
        MediaRequest::Prediction(_) | MediaRequest::Look { .. } | MediaRequest::Cancel { .. } => {
            return (0, None);
        }
    };
    let cost = split(&call.model).ok().and_then(|(provider, model)| {
        price::cost(&Ask { provider, model, request: &call.request, files: &[] }, &used)
    });
    (used.tokens().unwrap_or(0), cost)
}

/// A large picture of high quality.
const TOKENS_OF_PICTURE: u64 = 6_500;
/// A token of text is spoken in about a third of a second.
const SPOKEN_PER_TOKEN: u64 = 8;
/// Ten minutes.
const SECONDS_OF_AUDIO: f64 = 600.0;
const TOKENS_OF_AUDIO: u64 = 6_000;

fn split(model: &str) -> Result<(&str, &str), CallError> {
    let parts = model.split_once('/');
    parts.filter(|(provider, model)| !provider.is_empty() && !model.is_empty()).ok_or_else(|| {
        failed("unknown_model", format!("{model:?} is not of the form provider/model"))
    })
}

/// Reads the files that go out. Their types are those of their bytes.
async fn load(
    request: &MediaRequest,
    memory: &Metered,
    files: &RunFiles,
) -> Result<Vec<Loaded>, CallError> {
    let (ids, kind) = match request {
        MediaRequest::Image(image) => (image.images.as_slice(), "image"),
        MediaRequest::Transcription(asked) => (std::slice::from_ref(&asked.audio), "audio"),
        _ => return Ok(Vec::new()),
    };
    let (mut loaded, mut left) = (Vec::new(), MAX_FILE);
    for id in ids {
        let (file, bytes) = files.read(id, left, memory).await?;
        left -= file.size;
        let media_type = proof::of_input(kind, &file, &bytes)?;
        loaded.push(Loaded { media_type, bytes });
    }
    Ok(loaded)
}

/// Names the provider in an error.
fn about(provider: &str, error: CallError) -> CallError {
    CallError { message: format!("{provider}: {}", error.message), ..error }
}

/// An answer that is not what it says.
fn invalid_answer(message: impl Into<String>) -> CallError {
    failed("invalid_answer", message)
}

/// What the provider has no place for.
fn invalid_field(message: impl Into<String>) -> CallError {
    failed("invalid_field", message)
}

#[cfg(test)]
mod tests;
