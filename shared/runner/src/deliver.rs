//! Delivers webhooks: signed, on a schedule, each attempt logged.

use std::time::Duration;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flowgate_app::delivery::{
    AfterAttempt, Attempt, Delivery, DeliveryId, FrozenRequest, HeaderValue,
};
use flowgate_app::group::Group;
use flowgate_app::lease::{OwnerToken, Written};
use flowgate_app::limit::Acquired;
use flowgate_app::metric;
use flowgate_app::receivers::{DISABLED_AFTER, Failing};
use flowgate_app::secret::hmac_sha256;
use flowgate_app::time::Timestamp;
use flowgate_app::work::Message;
use flowgate_app::{hops, trace_context};
use flowgate_engine::call::Piece;
use flowgate_outbound::{OutgoingWebhook, SendOutcome};

use crate::Runner;

/// The wait before each attempt, ±20 %, so that deliveries that failed together do not retry
/// together.
const SCHEDULE: [Duration; 10] = [
    Duration::ZERO,
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(5 * 3600),
    Duration::from_secs(10 * 3600),
    Duration::from_secs(14 * 3600),
    Duration::from_secs(20 * 3600),
    Duration::from_secs(24 * 3600),
];
/// Longer than the timeout of an attempt.
const ATTEMPT_LEASE: Duration = Duration::from_secs(60);
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);
const GONE: u16 = 410;
/// The workflow starts itself: another attempt would be refused alike.
const LOOP_DETECTED: u16 = 508;
/// Attempts under way to one receiving host.
pub const MAX_PER_RECEIVER: u32 = 4;
/// When a delivery asks again for a place of its receiver.
const MIN_PUT_BACK: Duration = Duration::from_secs(1);
const PUT_BACK_SPREAD: Duration = Duration::from_secs(4);

impl Runner {
    /// Processes a `WebhookV1` message: makes one attempt, if one is due.
    pub async fn deliver(&self, id: &DeliveryId) -> Result<()> {
        let Some(_flight) = self.in_flight.begin(id) else { return Ok(()) };
        let (owner, now) = (self.app.owner_token(), self.app.now());
        let Some(delivery) =
            self.app.ports.deliveries.claim(id, &owner, now, now + ATTEMPT_LEASE).await?
        else {
            return Ok(());
        };
        let Some(delivery) = self.once_ended(delivery, &owner).await? else { return Ok(()) };
        if !self.enter(&delivery, now).await? {
            return self.put_back(&delivery, &owner).await;
        }
        let attempted = self.attempt(&delivery, &owner, now).await;
        self.leave(&delivery).await;
        attempted
    }

    /// Makes one attempt and records it with what comes next.
    async fn attempt(&self, delivery: &Delivery, owner: &OwnerToken, now: Timestamp) -> Result<()> {
        let id = &delivery.id;
        let deliveries = &self.app.ports.deliveries;
        let failing = deliveries.failing(&delivery.workflow_uid, &delivery.receiver).await?;
        let (attempt, next) = match failing.and_then(|failing| failing.disabled_at) {
            Some(since) => (disabled(now, since), AfterAttempt::Exhausted),
            None => self.send(delivery, now).await,
        };
        metric::webhook_attempted(&self.app.meter, delivery, attempt.status, &next);
        let written = deliveries.record(id, owner, attempt, next.clone()).await?;
        self.note(delivery, &next, failing).await;
        match next {
            _ if written == Written::Lost => {}
            AfterAttempt::RetryAt(at) => {
                let message = Message::WebhookV1 { delivery: id.clone() };
                self.app.send_later(message, &delivery.receiver, at).await
            }
            AfterAttempt::Delivered | AfterAttempt::Exhausted => {
                self.app.wipe_if_unsaved(&delivery.run).await?
            }
        }
        Ok(())
    }

    /// Sends the request, unless it cannot be made.
    async fn send(&self, delivery: &Delivery, now: Timestamp) -> (Attempt, AfterAttempt) {
        match self.prepare(delivery, now).await {
            Ok(request) => {
                let user = delivery.secret_user();
                let outcome = self.outbound.send_webhook(request, &user).await;
                let next = self.next_step(delivery, &outcome);
                (attempt(now, outcome), next)
            }
            // Something is missing that a person must fix: retry on the schedule.
            Err(error) => {
                tracing::warn!(
                    delivery.id = delivery.id.as_str(),
                    error = format!("{error:#}"),
                    "could not prepare a webhook"
                );
                (not_sent(now, format!("{error:#}")), self.retry(delivery.step, None))
            }
        }
    }

    /// Notes how the receiver does, and disables one that has failed for long.
    async fn note(&self, delivery: &Delivery, next: &AfterAttempt, before: Option<Failing>) {
        let noted = match (next, before) {
            (_, Some(Failing { disabled_at: Some(_), .. })) | (AfterAttempt::Delivered, None) => {
                Ok(())
            }
            (AfterAttempt::Delivered, Some(_)) => {
                let deliveries = &self.app.ports.deliveries;
                deliveries.enable(&delivery.workflow_uid, &delivery.receiver).await
            }
            (AfterAttempt::RetryAt(_) | AfterAttempt::Exhausted, _) => {
                self.note_failure(delivery).await
            }
        };
        if let Err(error) = noted {
            tracing::warn!(error = format!("{error:#}"), "could not note how a receiver does");
        }
    }

    async fn note_failure(&self, delivery: &Delivery) -> Result<()> {
        let (deliveries, now) = (&self.app.ports.deliveries, self.app.now());
        let (uid, receiver) = (&delivery.workflow_uid, &delivery.receiver);
        let failing = deliveries.note_failure(uid, receiver, now).await?;
        if now.since(failing.since) >= DISABLED_AFTER
            && deliveries.disable(uid, receiver, now).await?
        {
            metric::receiver_disabled(&self.app.meter, delivery, failing.since);
        }
        Ok(())
    }

    /// Takes one of the receiver's places. A receiver that hangs delays its own deliveries alone.
    pub(crate) async fn enter(&self, delivery: &Delivery, now: Timestamp) -> Result<bool> {
        let (of, holder) = (place_of(&delivery.receiver), delivery.id.as_str());
        let until = now + ATTEMPT_LEASE;
        let entered =
            self.app.ports.limits.acquire(&of, holder, MAX_PER_RECEIVER, now, until).await?;
        Ok(entered == Acquired::Acquired)
    }

    pub(crate) async fn leave(&self, delivery: &Delivery) {
        let (of, holder) = (place_of(&delivery.receiver), delivery.id.as_str());
        if let Err(error) = self.app.ports.limits.release(&of, holder).await {
            tracing::warn!(
                delivery.id = holder,
                error = format!("{error:#}"),
                "could not free the place; it counts for its receiver until its lease ends"
            );
        }
    }

    /// Waits for a place without an attempt.
    async fn put_back(&self, delivery: &Delivery, owner: &OwnerToken) -> Result<()> {
        let [random] = self.app.random::<1>();
        let at = self.app.now() + MIN_PUT_BACK + PUT_BACK_SPREAD.mul_f64(f64::from(random) / 255.0);
        self.app.ports.deliveries.put_back(&delivery.id, owner, at).await?;
        let message = Message::WebhookV1 { delivery: delivery.id.clone() };
        self.app.send_later(message, &delivery.receiver, at).await;
        Ok(())
    }

    /// Adds the standard headers and the signature.
    pub(crate) async fn prepare(
        &self,
        delivery: &Delivery,
        now: Timestamp,
    ) -> Result<OutgoingWebhook> {
        let frozen = &*delivery.request;
        let has_body = !matches!(frozen.method.as_str(), "GET" | "DELETE");
        let body = if has_body { frozen.body.as_str() } else { "" };
        let mut headers = Vec::with_capacity(frozen.headers.len());
        for (name, value) in frozen.headers.iter().filter(|(name, _)| !hops::is_header(name)) {
            headers.push((name.clone(), self.header_value(value).await?));
        }
        let mut own_headers = Vec::with_capacity(6);
        if has_body && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            own_headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        let seconds = now.millis().div_euclid(1000).to_string();
        let keys = self.signing_keys(delivery, now).await?;
        own_headers.extend([
            ("webhook-id".to_owned(), delivery.id.as_str().to_owned()),
            ("webhook-timestamp".to_owned(), seconds.clone()),
            (
                "webhook-signature".to_owned(),
                signature(&keys, delivery.id.as_str(), &seconds, body),
            ),
            ("flowgate-run-id".to_owned(), delivery.run.to_string()),
            ("flowgate-event".to_owned(), frozen.event.clone()),
            (hops::HEADER.to_owned(), frozen.hops.max(1).to_string()),
        ]);
        if let Some(trace) = frozen.trace
            && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(trace_context::HEADER))
        {
            own_headers.push((trace_context::HEADER.to_owned(), trace.to_string()));
        }
        Ok(OutgoingWebhook {
            method: frozen.method.clone(),
            url: frozen.url.clone(),
            query: if has_body { Vec::new() } else { status_query(delivery, frozen) },
            headers,
            own_headers,
            body: has_body.then(|| body.to_owned()),
        })
    }

    async fn header_value(&self, value: &HeaderValue) -> Result<Vec<Piece>> {
        Ok(match value {
            HeaderValue::Author(pieces) => pieces.clone(),
            HeaderValue::Sealed(sealed) => vec![Piece::Value(self.app.unseal(sealed).await?)],
        })
    }

    /// Returns the signing keys, newest first. During a rotation there are two.
    async fn signing_keys(&self, delivery: &Delivery, now: Timestamp) -> Result<Vec<Vec<u8>>> {
        let stored = self.app.ports.workflows.read(&delivery.workflow_id).await?;
        let pins = match stored.filter(|workflow| workflow.uid == delivery.workflow_uid) {
            Some(workflow) => workflow.live_pins(now),
            None => vec![delivery.signing],
        };
        let mut keys = Vec::with_capacity(pins.len());
        for pin in pins {
            keys.push(self.app.signing_key(&delivery.workflow_uid, pin).await?);
        }
        Ok(keys)
    }

    fn next_step(&self, delivery: &Delivery, outcome: &SendOutcome) -> AfterAttempt {
        match outcome.status {
            Some(200..300) => AfterAttempt::Delivered,
            Some(GONE | LOOP_DETECTED) => AfterAttempt::Exhausted,
            _ if outcome.refused => AfterAttempt::Exhausted,
            _ => self.retry(delivery.step, outcome.retry_after),
        }
    }

    fn retry(&self, step: u32, retry_after: Option<Duration>) -> AfterAttempt {
        let next = usize::try_from(step).unwrap_or(usize::MAX).saturating_add(1);
        let Some(wait) = SCHEDULE.get(next) else { return AfterAttempt::Exhausted };
        let [random] = self.app.random::<1>();
        let jittered = wait.mul_f64(0.8 + 0.4 * f64::from(random) / 255.0);
        let wait = retry_after.map_or(jittered, |asked| jittered.max(asked.min(MAX_RETRY_AFTER)));
        AfterAttempt::RetryAt(self.app.now() + wait)
    }
}

/// Under which the places of a receiver are counted. No key has such an id.
fn place_of(receiver: &Group) -> String {
    format!("receiver/{}", receiver.as_str())
}

/// Signs as Standard Webhooks does: per key, `v1,` and the base64 HMAC-SHA256 of
/// `id.timestamp.body`.
fn signature(keys: &[Vec<u8>], id: &str, timestamp: &str, body: &str) -> String {
    let signed = format!("{id}.{timestamp}.{body}");
    let signatures: Vec<_> = keys
        .iter()
        .map(|key| format!("v1,{}", BASE64.encode(hmac_sha256(key, signed.as_bytes()))))
        .collect();
    signatures.join(" ")
}

/// Returns the run, workflow and status, which deliveries without a body have in their query.
fn status_query(delivery: &Delivery, frozen: &FrozenRequest) -> Vec<(String, String)> {
    // Requests that were stored without it say the event's word.
    let of_event = || frozen.event.strip_prefix("run.").unwrap_or("running");
    let status = frozen.status.as_deref().unwrap_or_else(of_event);
    vec![
        ("workflowRunId".to_owned(), delivery.run.to_string()),
        ("workflowId".to_owned(), delivery.workflow_id.clone()),
        ("status".to_owned(), status.to_owned()),
    ]
}

pub(crate) fn attempt(at: Timestamp, outcome: SendOutcome) -> Attempt {
    Attempt {
        at,
        duration_ms: outcome.duration_ms,
        status: outcome.status,
        error: outcome.error,
        answer: outcome.answer,
    }
}

pub(crate) fn not_sent(at: Timestamp, why: String) -> Attempt {
    Attempt { at, duration_ms: 0, status: None, error: Some(why), answer: String::new() }
}

fn disabled(at: Timestamp, since: Timestamp) -> Attempt {
    let why = format!(
        "not sent: the receiver has failed for five days and is disabled since {since}; recover \
         its deliveries to enable it"
    );
    not_sent(at, why)
}
