//! Webhook deliveries (frozen bytes, target, attempts) and the port that stores them.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use flowgate_engine::call::Piece;
use serde::{Deserialize, Serialize};

use crate::group::Group;
use crate::id::RunId;
use crate::lease::{OwnerToken, Written};
use crate::page::{Page, PageRequest};
use crate::receiver::Receivers;
use crate::secret::{Publisher, SecretUser, SigningPin};
use crate::time::Timestamp;
use crate::trace_context::TraceContext;

/// `whd_` and 32 hex digits derived from the run and the webhook's place in it, so that a repeated
/// write is stored once. Sent as `webhook-id`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryId(Arc<str>);

impl DeliveryId {
    /// `place` is `end/<index>` for a webhook at the run's end, the call's place for a webhook
    /// node.
    pub fn of(run: &RunId, place: &str) -> Self {
        use sha2::Digest;
        let digest = sha2::Sha256::digest(format!("{run}/{place}"));
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self(format!("whd_{hex}").into())
    }

    /// Of the webhook at the run's end with this index: the caller's come first.
    pub fn of_end(run: &RunId, index: usize) -> Self {
        Self::of(run, &format!("end/{index}"))
    }

    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("whd_")?;
        (digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A webhook requested by a caller or an author, sent when the run has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebhookTarget {
    pub url: Vec<Piece>,
    pub method: String,
    /// Includes `AI_FLOW_SIGNATURE` if one was given.
    pub headers: Vec<(String, HeaderValue)>,
    pub body: WebhookBody,
}

/// A header's value; how it is stored depends on its source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderValue {
    /// The author's. Secrets stay names until it is sent.
    Author(Vec<Piece>),
    /// The caller's. Never scanned for secrets, encrypted at rest, masked in every log.
    Sealed(String),
}

/// The body of a webhook sent at the run's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookBody {
    /// The native run object.
    Run,
    /// The answer of GPTBots' `query/result`.
    GptbotsResult,
    /// The outputs, flat; on failure `{"status", "run_id", "error"}`.
    Outputs,
    /// The run as a task of A2A.
    A2aTask,
}

/// The log of a delivery drops its oldest attempts: each holds up to 4 KiB of an answer, and a
/// delivery can be sent again as often as a caller likes.
pub const MAX_LOGGED_ATTEMPTS: usize = 40;

/// A delivery as the store holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    pub id: DeliveryId,
    pub run: RunId,
    pub workflow_id: String,
    pub workflow_uid: String,
    /// Signs the delivery if the workflow is gone by then.
    pub signing: SigningPin,
    pub created_at: Timestamp,
    /// The receiving host, with its port.
    pub receiver: Group,
    pub request: Arc<FrozenRequest>,
    pub state: DeliveryState,
    /// When the next attempt is due; `None` once delivered or exhausted.
    pub due_at: Option<Timestamp>,
    /// Holds the delivery while an attempt is in flight.
    pub owner: Option<OwnerToken>,
    /// The last [`MAX_LOGGED_ATTEMPTS`].
    pub attempts: Vec<Attempt>,
    /// All of them.
    pub attempts_made: u32,
    /// Position in the schedule. A redelivery resets it but keeps the log of attempts.
    pub step: u32,
}

impl Delivery {
    /// Returns on whose behalf it uses secrets.
    pub fn secret_user(&self) -> SecretUser {
        let FrozenRequest { published_by, child, .. } = &*self.request;
        let workflow_id = child.clone().unwrap_or_else(|| self.workflow_id.clone());
        SecretUser { workflow_id, published_by: *published_by }
    }
}

/// The request of every attempt: the same bytes each time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrozenRequest {
    pub method: String,
    pub url: Vec<Piece>,
    pub headers: Vec<(String, HeaderValue)>,
    pub body: String,
    /// `run.succeeded`, `run.failed`, `run.cancelled`, or `node` for a webhook node; sent as
    /// `flowgate-event`.
    pub event: String,
    /// Who published the version that asked for it: decides which secrets it may use.
    #[serde(default, skip_serializing_if = "Publisher::is_platform")]
    pub published_by: Publisher,
    /// The run's status in the words of its API, for the query of requests without a body. `None`
    /// in requests that were stored without it, and for webhook nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Those of the run that sends it, plus one; 0 in rows that predate it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hops: u32,
    /// The trace that it carries on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
    /// The child of the run whose node sends it; `None`: the run's own workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child: Option<String>,
    /// The caller of the run asked for it, and no author. `false` in rows that predate it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_caller: bool,
    /// Set for a delivery that waits for its run's end: its body is made of the ended run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_end: Option<AtEnd>,
}

/// What a delivery sends that was asked for while its run went on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtEnd {
    pub body: WebhookBody,
    /// The caller's own name for the delivery.
    pub name: String,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl FrozenRequest {
    /// What a wipe keeps: nothing that the run rendered. Without it, it cannot be sent again.
    #[must_use]
    pub fn wiped(&self) -> Self {
        Self {
            method: self.method.clone(),
            url: Vec::new(),
            headers: Vec::new(),
            body: String::new(),
            event: self.event.clone(),
            hops: self.hops,
            trace: self.trace,
            published_by: self.published_by,
            status: self.status.clone(),
            child: self.child.clone(),
            of_caller: self.of_caller,
            at_end: None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    Pending,
    Delivered,
    Exhausted,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub at: Timestamp,
    pub duration_ms: u64,
    /// `None` if no answer came.
    pub status: Option<u16>,
    /// Why the attempt failed.
    pub error: Option<String>,
    /// The answer's first 4 KiB.
    pub answer: String,
}

impl Attempt {
    /// What a wipe keeps: a receiver may repeat what it was sent, and an error may quote it.
    #[must_use]
    pub fn wiped(&self) -> Self {
        let Self { at, duration_ms, status, .. } = *self;
        Self { at, duration_ms, status, error: None, answer: String::new() }
    }
}

/// Webhook deliveries. [`crate::run::Runs::finish`] writes those of a run's end.
#[async_trait]
pub trait Deliveries: Receivers {
    /// Put-if-absent by id.
    async fn put(&self, delivery: Delivery) -> Result<()>;
    /// Claims the attempt that is due, until `until`. `None` if none is due or another owner has
    /// it.
    async fn claim(
        &self,
        id: &DeliveryId,
        owner: &OwnerToken,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Delivery>>;
    /// Logs the attempt and applies `next`, if the claim is still ours. Of a wiped delivery it
    /// logs [`Attempt::wiped`].
    async fn record(
        &self,
        id: &DeliveryId,
        owner: &OwnerToken,
        attempt: Attempt,
        next: AfterAttempt,
    ) -> Result<Written>;
    /// Gives the claim back without an attempt; the delivery is due again at `at`.
    async fn put_back(&self, id: &DeliveryId, owner: &OwnerToken, at: Timestamp)
    -> Result<Written>;
    async fn read(&self, id: &DeliveryId) -> Result<Option<Delivery>>;
    /// Those of these workflows, newest first. A page reads a bounded number of deliveries: it may
    /// be short, even empty, and not be the last.
    async fn list_of(
        &self,
        workflow_uids: &[String],
        state: Option<DeliveryState>,
        page: PageRequest,
    ) -> Result<Page<Delivery>>;
    /// In creation order.
    async fn of_run(&self, run: &RunId) -> Result<Vec<Delivery>>;
    /// Makes it pending and due again, at the schedule's start; an attempt in flight continues.
    /// `None` if it is unknown or its body is wiped.
    async fn redeliver(&self, id: &DeliveryId, now: Timestamp) -> Result<Option<Delivery>>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfterAttempt {
    Delivered,
    RetryAt(Timestamp),
    Exhausted,
}

/// Renders a URL or header value for logs: secrets stay names.
pub fn shown(pieces: &[Piece]) -> String {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) | Piece::Value(text) => text.clone(),
            Piece::Secret(name) => format!("{{{{{name}}}}}"),
        })
        .collect()
}
