//! Sends one attempt of a webhook and says how it went; what that means for the delivery is decided elsewhere.

use std::time::Duration;

use flowgate_core::clock::timeout;
use flowgate_engine::call::CallError;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::client::describe;
use super::secret::Masks;
use super::status::retry_after;
use super::{Outbound, failed, retryable};

const WHOLE_ATTEMPT: Duration = Duration::from_secs(20);
const READ_BYTES: usize = 64 * 1024;
const KEPT_BYTES: usize = 4 * 1024;
/// Shorter values are words such as `true`, which would blacken the answer.
const SHORTEST_MASKED_HEADER: usize = 8;

/// Bytes as they go out, signature headers among the others. Header rules for what a user gave: [`super::check_header`].
#[derive(Debug, Clone)]
pub struct PreparedWebhook {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<String>,
}

/// A status without a whole answer has an error beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SendOutcome {
    pub status: Option<u16>,
    /// Why there was no whole answer: refused address, no connection, time.
    pub error: Option<String>,
    /// The outbound rule forbids the address: no later attempt will do better.
    pub refused: bool,
    pub retry_after: Option<Duration>,
    /// The answer's first 4 KiB.
    pub answer: String,
    pub duration_ms: u64,
}

impl Outbound {
    /// 20 s in all; redirects are not followed. What the receiver sends back is masked: it may repeat what it got.
    pub async fn send_webhook(&self, webhook: PreparedWebhook) -> SendOutcome {
        let started = tokio::time::Instant::now();
        let mut masks = self.secrets.masks();
        let given = webhook.headers.iter().filter(|(name, value)| !is_ours(name) && value.len() >= SHORTEST_MASKED_HEADER);
        given.for_each(|(_, value)| add_header(&mut masks, value));
        let mut outcome = SendOutcome::default();
        let ended = timeout(&*self.clock, WHOLE_ATTEMPT, self.attempt(webhook, &mut outcome)).await;
        let ended = ended.unwrap_or_else(|| Err(retryable("timeout", format!("no whole answer within {} s", WHOLE_ATTEMPT.as_secs()))));
        if let Err(error) = ended {
            outcome.refused = error.code == "refused_address";
            outcome.error = Some(masks.text(&error.message));
        }
        outcome.answer = masks.text(&outcome.answer);
        outcome.duration_ms = millis(started.elapsed());
        outcome
    }

    async fn attempt(&self, webhook: PreparedWebhook, outcome: &mut SendOutcome) -> Result<(), CallError> {
        let url = self.rule.check_url(&webhook.url)?;
        let method = Method::from_bytes(webhook.method.as_bytes()).map_err(|_| failed("invalid_method", "the method is not one"))?;
        let mut request = self.client()?.request(method, url).headers(parse_headers(&webhook.headers)?);
        if let Some(body) = webhook.body {
            request = request.body(body);
        }
        let mut response = request.send().await.map_err(|error| describe(&error))?;
        outcome.status = Some(response.status().as_u16());
        outcome.retry_after = retry_after(response.headers(), self.clock.now());

        let (mut kept, mut read) = (Vec::new(), 0);
        while read < READ_BYTES
            && let Some(part) = response.chunk().await.map_err(|error| describe(&error))?
        {
            read += part.len();
            let room = KEPT_BYTES - kept.len();
            kept.extend_from_slice(&part[..part.len().min(room)]);
            outcome.answer = String::from_utf8_lossy(&kept).into_owned();
        }
        Ok(())
    }
}

/// A receiver may repeat the token alone, without the scheme before it.
fn add_header(masks: &mut Masks, value: &str) {
    masks.add(value);
    value.split_whitespace().filter(|word| word.len() >= SHORTEST_MASKED_HEADER).for_each(|word| masks.add(word));
}

/// Headers that are no secret, whose values may well stand in an answer.
fn is_ours(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "content-type" || name.starts_with("webhook-") || name.starts_with("flowgate-")
}

fn parse_headers(headers: &[(String, String)]) -> Result<HeaderMap, CallError> {
    let mut parsed = HeaderMap::new();
    for (name, value) in headers {
        let header = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_bytes(value.as_bytes()).ok());
        let added = header.and_then(|(name, value)| parsed.try_append(name, value).ok());
        added.ok_or_else(|| failed("invalid_header", format!("{name:?} cannot be sent as a header")))?;
    }
    Ok(parsed)
}
