//! Sends one attempt of a webhook and returns its outcome. The caller decides what comes next.

use std::time::Duration;

use flowgate_core::clock::timeout;
use flowgate_core::time::millis;
use flowgate_engine::call::CallError;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::client::describe;
use super::secret::Masks;
use super::status::retry_after;
use super::{Outbound, failed, retryable};

const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
const MAX_READ_BYTES: usize = 64 * 1024;
const MAX_KEPT_BYTES: usize = 4 * 1024;
/// Masking shorter values, such as `true`, would black out ordinary text in the answer.
const MIN_MASKED_HEADER_BYTES: usize = 8;

/// A request exactly as it goes out, signature headers included. [`super::check_header`] has
/// checked the user's headers.
#[derive(Debug, Clone)]
pub struct PreparedWebhook {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<String>,
}

/// The result of an attempt. If the answer broke off, it has both a status and an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SendOutcome {
    pub status: Option<u16>,
    /// Why there is no complete answer: refused address, no connection, timeout.
    pub error: Option<String>,
    /// The address rule forbids the address, so no later attempt can succeed.
    pub refused: bool,
    pub retry_after: Option<Duration>,
    /// The answer's first 4 KiB.
    pub answer: String,
    pub duration_ms: u64,
}

impl Outbound {
    /// Sends the request within 20 s, without following redirects. Masks secrets in the answer,
    /// since a receiver may repeat what it got.
    pub async fn send_webhook(&self, webhook: PreparedWebhook) -> SendOutcome {
        let started = tokio::time::Instant::now();
        let mut masks = self.secrets.masks();
        let given = webhook
            .headers
            .iter()
            .filter(|(name, value)| !is_ours(name) && value.len() >= MIN_MASKED_HEADER_BYTES);
        given.for_each(|(_, value)| add_header(&mut masks, value));
        let mut outcome = SendOutcome::default();
        let ended =
            timeout(&*self.clock, ATTEMPT_TIMEOUT, self.attempt(webhook, &mut outcome)).await;
        let ended = ended.unwrap_or_else(|| {
            Err(retryable(
                "timeout",
                format!("no whole answer within {} s", ATTEMPT_TIMEOUT.as_secs()),
            ))
        });
        if let Err(error) = ended {
            outcome.refused = error.code == "refused_address";
            outcome.error = Some(masks.text(&error.message));
        }
        outcome.answer = masks.text(&outcome.answer);
        outcome.duration_ms = millis(started.elapsed());
        outcome
    }

    async fn attempt(
        &self,
        webhook: PreparedWebhook,
        outcome: &mut SendOutcome,
    ) -> Result<(), CallError> {
        let url = self.rule.check_url(&webhook.url)?;
        let method = Method::from_bytes(webhook.method.as_bytes())
            .map_err(|_| failed("invalid_method", "the method is invalid"))?;
        let mut request =
            self.client()?.request(method, url).headers(parse_headers(&webhook.headers)?);
        if let Some(body) = webhook.body {
            request = request.body(body);
        }
        let mut response = request.send().await.map_err(|error| describe(&error))?;
        outcome.status = Some(response.status().as_u16());
        outcome.retry_after = retry_after(response.headers(), self.clock.now());

        let (mut kept, mut read) = (Vec::new(), 0);
        while read < MAX_READ_BYTES
            && let Some(part) = response.chunk().await.map_err(|error| describe(&error))?
        {
            read += part.len();
            let room = MAX_KEPT_BYTES - kept.len();
            kept.extend_from_slice(&part[..part.len().min(room)]);
            outcome.answer = String::from_utf8_lossy(&kept).into_owned();
        }
        Ok(())
    }
}

/// A receiver may repeat the token alone, without its scheme.
fn add_header(masks: &mut Masks, value: &str) {
    masks.add(value);
    value
        .split_whitespace()
        .filter(|word| word.len() >= MIN_MASKED_HEADER_BYTES)
        .for_each(|word| masks.add(word));
}

/// Headers that are not secret and whose values may appear in an answer.
fn is_ours(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "content-type" || name.starts_with("webhook-") || name.starts_with("flowgate-")
}

fn parse_headers(headers: &[(String, String)]) -> Result<HeaderMap, CallError> {
    let mut parsed = HeaderMap::new();
    for (name, value) in headers {
        let header = HeaderName::from_bytes(name.as_bytes())
            .ok()
            .zip(HeaderValue::from_bytes(value.as_bytes()).ok());
        let added = header.and_then(|(name, value)| parsed.try_append(name, value).ok());
        added.ok_or_else(|| {
            failed("invalid_header", format!("{name:?} cannot be sent as a header"))
        })?;
    }
    Ok(parsed)
}
