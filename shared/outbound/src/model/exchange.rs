//! One request to a provider and its answer, over the same client as every other request.

use flowgate_engine::call::{CallError, Chunk};
use http::{HeaderMap, HeaderValue, header};

use super::ask::Ask;
use super::failure::{MAX_ERROR_BYTES, about, of_status};
use super::reading::Reading;
use super::reply::{Draft, Reply};
use super::target::Target;
use super::wire::Unsigned;
use super::{failed, send_text, unsent};
use crate::client::{check_encoding, describe};
use crate::mask::Masks;
use crate::{Metered, Outbound};

/// The answer as text, as pieces of the protocol, and as the call's value.
const COPIES_OF_TEXT: usize = 3;

/// What came of an answer.
pub(super) struct Exchanged {
    reading: Reading,
    /// Why the rest of it did not come.
    pub(super) error: Option<CallError>,
}

impl Outbound {
    /// Sends the request and reads its answer. Fails if there is none.
    pub(super) async fn ask_model(
        &self,
        ask: &Ask<'_>,
        target: &Target<'_>,
        masks: &Masks,
        memory: &Metered,
        chunks: &mut (dyn FnMut(Chunk) + Send),
    ) -> Result<Exchanged, CallError> {
        let mut response = self.send_turn(ask, target, masks).await?;
        let mut reading = Reading::new(target.wire, self.settings.max_answer_bytes);
        let mut masked = masks.stream();
        let (mut shown, mut counted) = (0, 0);
        let error = loop {
            let part = match response.chunk().await {
                Ok(part) => part,
                Err(error) => break Some(prefixed("was interrupted", describe(&error))),
            };
            let read = match &part {
                Some(bytes) => reading.push(bytes),
                None => reading.end(),
            };
            send_text(chunks, masked.push(&reading.draft.content[shown..]));
            shown = reading.draft.content.len();
            let held = reading.held().max(counted);
            let counting = memory.add(COPIES_OF_TEXT * (held - counted));
            counted = held;
            if let Err(error) = read.and(counting) {
                break Some(error);
            }
            if part.is_none() {
                break None;
            }
        };
        send_text(chunks, masked.end());
        Ok(Exchanged { reading, error })
    }

    async fn send_turn(
        &self,
        ask: &Ask<'_>,
        target: &Target<'_>,
        masks: &Masks,
    ) -> Result<reqwest::Response, CallError> {
        let encoded = target.wire.encode(ask).map_err(unsent)?;
        let url = target.base_url.join(&encoded.path);
        let url = url.map_err(|_| unsent(failed("invalid_url", "the base URL has no path")))?;
        let body = encoded.body.to_string().into_bytes();
        let now = self.clock.now();
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = &target.key {
            let unsigned = Unsigned { url: &url, body: &body, now };
            headers.extend(target.wire.authorize(key, &unsigned).map_err(unsent)?);
        }
        let request = target.way.client()?.post(url).headers(headers).body(body);
        let mut response = request.send().await.map_err(|error| {
            let error = about(ask.provider, prefixed("cannot be asked", describe(&error)));
            let was_sent = !matches!(error.code.as_str(), "connect" | "refused_address");
            if was_sent { error } else { unsent(error) }
        })?;
        let status = response.status();
        let encoding = check_encoding(response.headers());
        if status.is_success() {
            let unread = |error| about(ask.provider, prefixed("answered", error));
            return encoding.map(|()| response).map_err(unread);
        }
        let mut body = Vec::new();
        while encoding.is_ok()
            && let Ok(Some(part)) = response.chunk().await
        {
            body.extend_from_slice(&part[..part.len().min(MAX_ERROR_BYTES - body.len())]);
            if body.len() == MAX_ERROR_BYTES {
                break;
            }
        }
        Err(of_status(ask.provider, status, response.headers(), &body, masks, now))
    }
}

impl Exchanged {
    pub(super) fn draft(&self) -> &Draft {
        &self.reading.draft
    }

    pub(super) fn reply(self) -> Reply {
        self.reading.reply()
    }
}

fn prefixed(what: &str, error: CallError) -> CallError {
    CallError { message: format!("{what}: {}", error.message), ..error }
}
