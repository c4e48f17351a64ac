//! The call that embeds: turns texts into vectors, and counts what that costs.

mod wire;
mod words;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flowgate_core::knowledge::MAX_DIMENSIONS;
use flowgate_core::secret::SecretUser;
use flowgate_engine::call::{CallError, CallOutput, EmbedCall, ModelCall};
use flowgate_engine::cost::dollars;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};

use super::failure::{MAX_ERROR_BYTES, about, of_status};
use super::provider::Provider;
use super::reply::Usage;
use super::target::Target;
use super::wire::Unsigned;
use super::{failed, price, unsent};
use crate::client::{check_encoding, describe};
use crate::mask::Masks;
use crate::{Metered, Outbound, too_large};
use wire::{EmbedWire, Embedded};

/// The answer as bytes, as JSON, and as the call's value.
const COPIES_OF_ANSWER: usize = 3;
/// A vector of 4,096 numbers is 90 KB as JSON, and a call has 32 of them.
const MAX_ANSWER: usize = 16 << 20;

impl Outbound {
    pub(crate) async fn perform_embed(
        &self,
        call: &EmbedCall,
        user: &SecretUser,
        masks: &mut Masks,
        memory: &Metered,
    ) -> Result<CallOutput, CallError> {
        let named = call
            .model
            .split_once('/')
            .filter(|(provider, model)| !provider.is_empty() && !model.is_empty());
        let Some((provider, model)) = named else {
            let message = format!("{:?} is not of the form provider/model", call.model);
            return Err(unsent(failed("unknown_model", message)));
        };
        if provider == "offline" {
            return offline(call, model);
        }
        let wire = EmbedWire::of(provider, call.base_url.is_some()).map_err(unsent)?;
        let provider = Provider::named(provider);
        // Where a call goes, and with which key, is the same for all models of a provider.
        let as_asked = ModelCall {
            model: call.model.clone(),
            has_given_provider: call.has_given_provider,
            base_url: call.base_url.clone(),
            api_key: call.api_key.clone(),
            ..ModelCall::default()
        };
        let target = self.target(&provider, model, &as_asked, user, masks).await.map_err(unsent)?;
        let answer = self.ask_embedder((provider.name, model), wire, call, &target, masks, memory);
        let answer = answer.await?;
        let broken = |error| about(provider.name, error);
        let embedded = wire.decode(&answer).map_err(broken)?;
        let usage = Usage { input: embedded.tokens, output: Some(0), ..Usage::default() };
        let cost = price::cost(provider.name, model, &usage);
        value_of(call, &embedded, cost)
            .map_err(|error| broken(error).having_used(embedded.tokens, cost))
    }

    async fn ask_embedder(
        &self,
        (provider, model): (&str, &str),
        wire: EmbedWire,
        call: &EmbedCall,
        target: &Target<'_>,
        masks: &Masks,
        memory: &Metered,
    ) -> Result<Value, CallError> {
        let (path, body) = wire.encode(model, &call.texts, call.is_query);
        let url = target.base_url.join(&path);
        let url = url.map_err(|_| unsent(failed("invalid_url", "the base URL has no path")))?;
        let (body, now) = (body.to_string().into_bytes(), self.clock.now());
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = &target.key {
            let unsigned = Unsigned { url: &url, body: &body, now };
            headers.extend(target.wire.authorize(key, &unsigned).map_err(unsent)?);
        }
        let request = target.way.client()?.post(url).headers(headers).body(body);
        let mut response = request.send().await.map_err(|error| {
            let error = describe(&error);
            let error =
                CallError { message: format!("cannot be asked: {}", error.message), ..error };
            let error = about(provider, error);
            let was_sent = !matches!(error.code.as_str(), "connect" | "refused_address");
            if was_sent { error } else { unsent(error) }
        })?;
        let (status, encoding) = (response.status(), check_encoding(response.headers()));
        let max = if status.is_success() { MAX_ANSWER } else { MAX_ERROR_BYTES };
        let mut bytes = Vec::new();
        if status.is_success() {
            encoding.map_err(|error| about(provider, error))?;
        }
        while let Some(part) =
            response.chunk().await.map_err(|error| about(provider, describe(&error)))?
        {
            if bytes.len() + part.len() > max {
                if status.is_success() {
                    return Err(about(provider, too_large("the answer", max)));
                }
                break;
            }
            memory.add(COPIES_OF_ANSWER * part.len())?;
            bytes.extend_from_slice(&part);
        }
        if !status.is_success() {
            return Err(of_status(provider, status, response.headers(), &bytes, masks, now));
        }
        flowgate_engine::json::parse(&bytes).map_err(|_| {
            about(provider, failed("model_error", "answered with something that is no JSON"))
        })
    }
}

/// The call's value: a vector for each text.
fn value_of(
    call: &EmbedCall,
    embedded: &Embedded,
    cost_nano_usd: Option<u64>,
) -> Result<CallOutput, CallError> {
    let Embedded { vectors, tokens } = embedded;
    let dimensions = vectors.first().map_or(0, Vec::len);
    if vectors.len() != call.texts.len() {
        let message = format!("answered {} vectors for {} texts", vectors.len(), call.texts.len());
        return Err(failed("model_error", message));
    }
    let is_vector = |vector: &Vec<f32>| {
        vector.len() == dimensions && vector.iter().all(|number| number.is_finite())
    };
    if !(1..=MAX_DIMENSIONS).contains(&dimensions) || !vectors.iter().all(is_vector) {
        let message =
            format!("answered vectors that differ, or have not 1 to {MAX_DIMENSIONS} numbers");
        return Err(failed("model_error", message));
    }
    let text = |vector: &Vec<f32>| {
        let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
        STANDARD.encode(bytes)
    };
    let value = json!({
        "vectors": vectors.iter().map(text).collect::<Vec<_>>(),
        "dimensions": dimensions,
        "model": call.model,
        "tokens": tokens,
        "cost": cost_nano_usd.map(dollars),
    });
    Ok(CallOutput { value, tokens: *tokens, cost_nano_usd })
}

/// `offline/words` is no model: it compares words.
fn offline(call: &EmbedCall, model: &str) -> Result<CallOutput, CallError> {
    if model != "words" {
        let message = "the offline model that embeds is offline/words";
        return Err(unsent(failed("unknown_model", message)));
    }
    let vectors = call.texts.iter().map(|text| words::vector(text)).collect();
    value_of(call, &Embedded { vectors, tokens: Some(0) }, Some(0))
}

#[cfg(test)]
mod tests;
