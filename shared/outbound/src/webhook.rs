//! Sends one attempt of a webhook and returns its outcome. The caller decides what comes next.

use std::time::Duration;

use flowgate_core::clock::timeout;
use flowgate_core::secret::SecretUser;
use flowgate_core::time::millis;
use flowgate_engine::call::{CallError, Piece, Rendered};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::client::describe;
use super::header::add_header;
use super::mask::Masks;
use super::status::retry_after;
use super::{Outbound, failed, retryable};

const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
const MAX_READ_BYTES: usize = 64 * 1024;
const MAX_KEPT_BYTES: usize = 4 * 1024;
/// Masking shorter values, such as `true`, would black out ordinary text in the answer.
const MIN_MASKED_HEADER_BYTES: usize = 8;

/// A webhook with secrets still as names.
#[derive(Debug, Clone, Default)]
pub struct OutgoingWebhook {
    pub method: String,
    pub url: Vec<Piece>,
    /// Added to the query of the URL.
    pub query: Vec<(String, String)>,
    /// What the author or the caller asked for.
    pub headers: Vec<(String, Vec<Piece>)>,
    /// Ours: content type, signature and the like.
    pub own_headers: Vec<(String, String)>,
    pub body: Option<String>,
}

/// The result of an attempt. If the answer broke off, it has both a status and an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SendOutcome {
    pub status: Option<u16>,
    /// Why there is no complete answer: refused address, no connection, timeout.
    pub error: Option<String>,
    /// The address, the URL or a header is refused, so no later attempt can succeed.
    pub refused: bool,
    pub retry_after: Option<Duration>,
    /// The answer's first 4 KiB.
    pub answer: String,
    pub duration_ms: u64,
}

/// Codes of errors that every attempt would meet again.
const FINAL: [&str; 5] =
    ["refused_address", "invalid_url", "invalid_method", "forbidden_header", "invalid_header"];

impl Outbound {
    /// Fills in the secrets that `user` may use and sends the request within 20 s, without
    /// following redirects. Masks secrets in the answer, since a receiver may repeat what it got.
    pub async fn send_webhook(&self, webhook: OutgoingWebhook, user: &SecretUser) -> SendOutcome {
        let started = tokio::time::Instant::now();
        let mut masks = Masks::default();
        let mut outcome = SendOutcome::default();
        let attempt = self.attempt(webhook, user, &mut masks, &mut outcome);
        let ended = timeout(&*self.clock, ATTEMPT_TIMEOUT, attempt).await;
        let ended = ended.unwrap_or_else(|| {
            Err(retryable(
                "timeout",
                format!("no whole answer within {} s", ATTEMPT_TIMEOUT.as_secs()),
            ))
        });
        if let Err(error) = ended {
            outcome.refused = FINAL.contains(&error.code.as_str());
            outcome.error = Some(masks.text(&error.message));
        }
        outcome.answer = masks.text(&outcome.answer);
        outcome.duration_ms = millis(started.elapsed());
        outcome
    }

    async fn attempt(
        &self,
        webhook: OutgoingWebhook,
        user: &SecretUser,
        masks: &mut Masks,
        outcome: &mut SendOutcome,
    ) -> Result<(), CallError> {
        let given: Vec<(String, Rendered)> = webhook
            .headers
            .into_iter()
            .map(|(name, pieces)| (name, Rendered::Text(pieces)))
            .collect();
        let fields = given.iter().map(|(_, value)| value);
        let cleared = self.clear(&webhook.url, fields, user, masks).await?;
        let mut url = cleared.url.clone();
        if !webhook.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&webhook.query);
        }
        let method = Method::from_bytes(webhook.method.as_bytes())
            .map_err(|_| failed("invalid_method", "the method is invalid"))?;
        let mut headers = own_headers(&webhook.own_headers)?;
        for (name, value) in &given {
            let value = cleared.fill_text(value)?;
            mask_header(masks, name, &value);
            add_header(&mut headers, name, &value)?;
        }
        let mut request = cleared.way.client()?.request(method, url).headers(headers);
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
fn mask_header(masks: &mut Masks, name: &str, value: &str) {
    // Values that are not secret may appear in an answer.
    if name.eq_ignore_ascii_case("content-type") {
        return;
    }
    let words = value.split_whitespace().chain([value]);
    words.filter(|word| word.len() >= MIN_MASKED_HEADER_BYTES).for_each(|word| masks.add(word));
}

fn own_headers(headers: &[(String, String)]) -> Result<HeaderMap, CallError> {
    let mut parsed = HeaderMap::new();
    for (name, value) in headers {
        let header = HeaderName::from_bytes(name.as_bytes())
            .ok()
            .zip(HeaderValue::from_bytes(value.as_bytes()).ok());
        let added = header.and_then(|(name, value)| parsed.try_append(name, value).ok());
        added.ok_or_else(|| failed("internal", format!("{name:?} cannot be sent as a header")))?;
    }
    Ok(parsed)
}
