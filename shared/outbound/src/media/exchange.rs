//! One request to a provider and its answer, over the same client as every other request.

use flowgate_core::secret::SecretUser;
use flowgate_engine::call::{CallError, MediaCall, Rendered};
use flowgate_engine::file::MAX_FILE;
use http::{HeaderMap, HeaderValue, Method, header};
use reqwest::Response;
use serde_json::Value;
use url::Url;

use super::counted::Counted;
use super::lifted::Lifted;
use super::vendor::Vendor;
use super::wire::{Answer, Ask, Content, Encoded, Reads, Wire};
use super::{about, failed, invalid_answer, too_large, unsent};
use crate::assembled::GivenBy;
use crate::client::{check_encoding, describe};
use crate::mask::Masks;
use crate::model::failure::{self, MAX_ERROR_BYTES};
use crate::reach::{Connection, Reached, with_slash};
use crate::secret::Cleared;
use crate::{Metered, Outbound};

/// Words by which providers say that a filter stopped a request.
const FILTERED: [&str; 6] = [
    "moderation_blocked",
    "content_policy_violation",
    "content_filter",
    "content_moderation",
    "content_filtered",
    "safety_violation",
];

pub(super) struct Target<'a> {
    pub(super) cleared: Cleared<'a>,
    /// Ends with a slash.
    pub(super) base_url: Url,
    pub(super) key: Option<String>,
    pub(super) has_own_url: bool,
}

impl Outbound {
    /// `fields` are those of the request that may hold secrets.
    pub(super) async fn media_target<'s>(
        &'s self,
        call: &MediaCall,
        vendor: &Vendor<'_>,
        fields: &[&Rendered],
        user: &SecretUser,
        masks: &mut Masks,
    ) -> Result<Target<'s>, CallError> {
        let connection = Connection {
            provider: vendor.name,
            default: vendor.address(),
            base_url: call.base_url.as_ref(),
            api_key: call.api_key.as_ref(),
            has_given_provider: call.has_given_provider,
        };
        let stored = self.stored_url(&connection, user, masks).await?;
        let has_own_url = connection.has_own_url(&stored);
        if vendor.address().is_none() && !has_own_url {
            let secret = flowgate_engine::provider::base_url(vendor.name);
            let message = format!(
                "provider {:?} is not known; set the secret {secret} if it speaks OpenAI's \
                 protocol",
                vendor.name
            );
            return Err(failed("unknown_model", message));
        }
        let Reached { cleared, key } =
            self.reach(&connection, &stored, fields, user, masks).await?;
        if let Some(key) = &key {
            masks.add(key);
        }
        let base_url = with_slash(cleared.url.clone());
        Ok(Target { cleared, base_url, key, has_own_url })
    }

    pub(super) async fn ask_vendor(
        &self,
        ask: &Ask<'_>,
        wire: &dyn Wire,
        target: &Target<'_>,
        masks: &Masks,
        memory: &Metered,
    ) -> Result<Answer, CallError> {
        // The files once more, as they are sent.
        memory.add(ask.files.iter().map(|file| file.bytes.len() * 4 / 3).sum()).map_err(unsent)?;
        let encoded = wire.encode(ask).map_err(unsent)?;
        let auth =
            target.key.as_ref().map(|key| wire.authorize(key)).transpose().map_err(unsent)?;
        let answer = self.send_media(ask.provider, encoded, auth, target, masks, memory).await?;
        // A prediction has a field of this name, too: it says what came of the prediction.
        match &answer.content {
            Content::Json { value, .. } => match failure::error_in(value) {
                Some(error) => Err(about(ask.provider, error)),
                None => Ok(answer),
            },
            Content::Bytes(_) => Ok(answer),
        }
    }

    /// Sends a request and reads its answer.
    pub(super) async fn send_media(
        &self,
        provider: &str,
        encoded: Encoded,
        auth: Option<HeaderMap>,
        target: &Target<'_>,
        masks: &Masks,
        memory: &Metered,
    ) -> Result<Answer, CallError> {
        let Encoded { method, path, mut headers, body, reads } = encoded;
        let url = target.base_url.join(&path);
        let url = url.map_err(|_| unsent(failed("invalid_url", "the base URL has no path")))?;
        headers.extend(auth.unwrap_or_default());
        let client = target.cleared.way.client()?;
        let request = client.request(method, url).headers(headers).body(body);
        let response = request.send().await.map_err(|error| {
            let error = about(provider, describe(&error));
            let was_sent = !matches!(error.code.as_str(), "connect" | "refused_address");
            if was_sent { error } else { unsent(error) }
        })?;
        if !response.status().is_success() {
            return Err(self.media_refusal(provider, response, masks).await);
        }
        read(response, reads, memory).await.map_err(|error| about(provider, error))
    }

    /// Returns the error of a status of failure, in the provider's words.
    async fn media_refusal(
        &self,
        provider: &str,
        mut response: Response,
        masks: &Masks,
    ) -> CallError {
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while check_encoding(&headers).is_ok()
            && body.len() < MAX_ERROR_BYTES
            && let Ok(Some(part)) = response.chunk().await
        {
            body.extend_from_slice(&part[..part.len().min(MAX_ERROR_BYTES - body.len())]);
        }
        let error = failure::of_status(provider, status, &headers, &body, masks, self.clock.now());
        if is_filtered(&body) {
            return CallError { code: "filter".to_owned(), retryable: false, ..error };
        }
        error
    }

    /// Fetches what a provider keeps at an address that its answer named. No key goes there.
    pub(super) async fn fetch_made(
        &self,
        url: &str,
        memory: &Metered,
    ) -> Result<Vec<u8>, CallError> {
        let way = self.way(GivenBy::Value);
        let url = way.rule.check_url(url)?;
        let at = |error: CallError| about("what it made cannot be fetched", error);
        let response = way.client()?.request(Method::GET, url).send().await;
        let response = response.map_err(|error| at(describe(&error)))?;
        if !response.status().is_success() {
            let status = response.status().as_u16();
            return Err(at(failed("http_status", format!("its address answered {status}"))));
        }
        let answer = read(response, Reads::Bytes, memory).await.map_err(at)?;
        match answer.content {
            Content::Bytes(bytes) => Ok(bytes),
            Content::Json { .. } => Err(at(invalid_answer("it is JSON"))),
        }
    }
}

async fn read(mut response: Response, reads: Reads, memory: &Metered) -> Result<Answer, CallError> {
    let headers = response.headers().clone();
    check_encoding(&headers)?;
    let max = usize::try_from(MAX_FILE).unwrap_or(usize::MAX);
    let length = response.content_length().and_then(|length| usize::try_from(length).ok());
    let reads = if is_json(&headers) && reads == Reads::Bytes {
        Reads::Json { base64_key: "" }
    } else {
        reads
    };
    let content = match reads {
        Reads::Json { base64_key } => {
            let mut lifted = Lifted::new(base64_key, memory);
            while let Some(part) = response.chunk().await.map_err(|error| describe(&error))? {
                lifted.push(&part)?;
            }
            let (value, blobs) = lifted.finish()?;
            Content::Json { value, blobs }
        }
        Reads::Bytes if length.is_some_and(|length| length > max) => {
            return Err(too_large("its answer", max));
        }
        Reads::Bytes => {
            let mut counted = Counted::new(max, memory);
            counted.make_room(length.unwrap_or(0).min(max))?;
            while let Some(part) = response.chunk().await.map_err(|error| describe(&error))? {
                counted.push(&part)?;
            }
            Content::Bytes(counted.take())
        }
    };
    Ok(Answer { headers, content })
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let text = String::from_utf8_lossy(content_type.unwrap_or_default()).to_ascii_lowercase();
    text.starts_with("application/json")
}

fn is_filtered(body: &[u8]) -> bool {
    let parsed: Value = flowgate_engine::json::parse(body).unwrap_or_default();
    let places = ["/error/code", "/error/type", "/code", "/name", "/type"];
    let words = places.iter().filter_map(|place| parsed.pointer(place)?.as_str());
    words.map(str::to_ascii_lowercase).any(|word| FILTERED.iter().any(|name| word.contains(name)))
}
