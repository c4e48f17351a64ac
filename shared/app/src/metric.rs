//! Metrics: log events with target [`TARGET`], whose fields `metric.<Name>` are numbers. A
//! deployment that collects metrics extracts them from its log. Some are counted in the
//! [`Meter`], too.

use flowgate_core::delivery::{AfterAttempt, Delivery};
use flowgate_core::run::{RunHead, RunRecord, RunState};
use flowgate_core::time::{Timestamp, millis};
use flowgate_core::work::Swept;

use crate::meter::Meter;

pub const TARGET: &str = "flowgate::metric";

/// Runs of drafts are no production.
pub fn run_started(head: &RunHead) {
    if head.is_draft() {
        return;
    }
    tracing::debug!(
        target: TARGET,
        {
            metric.RunsStarted = 1u64,
            run.id = %head.id,
            workflow = head.workflow_id,
            version = head.version
        },
        "run started"
    );
}

pub fn run_ended(record: &RunRecord) {
    let (head, Some(end)) = (&record.head, record.end.as_deref()) else { return };
    if head.is_draft() {
        return;
    }
    let count = |state| (record.state == state).then_some(1u64);
    tracing::debug!(
        target: TARGET,
        {
            metric.RunsSucceeded = count(RunState::Succeeded),
            metric.RunsFailed = count(RunState::Failed),
            metric.RunsCancelled = count(RunState::Cancelled),
            metric.RunDuration = millis(end.ended_at.since(end.started_at)),
            metric.CostNanoUsd = end.usage.cost_nano_usd,
            run.id = %head.id,
            workflow = head.workflow_id,
            version = head.version,
            state = record.state.as_str(),
            error.code = end.error.as_ref().map(|error| error.code.as_str())
        },
        "run ended"
    );
}

pub fn owner_lost(meter: &Meter, head: &RunHead) {
    meter.lease_lost();
    tracing::debug!(
        target: TARGET,
        { metric.LeasesLost = 1u64, run.id = %head.id, workflow = head.workflow_id },
        "run lost to another owner"
    );
}

pub fn webhook_attempted(
    meter: &Meter,
    delivery: &Delivery,
    status: Option<u16>,
    next: &AfterAttempt,
) {
    meter.webhook_attempted(next);
    let count = |counted: bool| counted.then_some(1u64);
    tracing::debug!(
        target: TARGET,
        {
            metric.WebhookAttempts = 1u64,
            metric.WebhooksDelivered = count(*next == AfterAttempt::Delivered),
            metric.WebhooksExhausted = count(*next == AfterAttempt::Exhausted),
            delivery.id = delivery.id.as_str(),
            run.id = %delivery.run,
            workflow = delivery.workflow_id,
            status
        },
        "webhook attempted"
    );
}

/// Nothing is sent to the receiver until its deliveries are recovered.
pub fn receiver_disabled(meter: &Meter, delivery: &Delivery, failing_since: Timestamp) {
    meter.receiver_disabled();
    tracing::warn!(
        target: TARGET,
        {
            metric.ReceiversDisabled = 1u64,
            workflow = delivery.workflow_id,
            receiver = delivery.receiver.as_str(),
            failing_since = %failing_since
        },
        "a receiver of webhooks failed for five days and is disabled"
    );
}

/// Emitted even if nothing was due: silence means that the sweeper is dead.
pub fn swept(swept: Swept) {
    tracing::debug!(
        target: TARGET,
        { metric.SweeperLag = swept.lag_ms, metric.DueSent = swept.sent },
        "swept"
    );
}

/// Records the time until a worker first claimed the run.
pub fn run_waited(meter: &Meter, head: &RunHead, now: Timestamp) {
    let waited = now.since(head.created_at);
    meter.run_waited(waited);
    let waited = millis(waited);
    tracing::debug!(
        target: TARGET,
        { metric.RunWaited = waited, run.id = %head.id, workflow = head.workflow_id },
        "run first claimed"
    );
}

/// The collector did not take them.
pub fn spans_dropped(spans: usize) {
    tracing::debug!(target: TARGET, { metric.SpansDropped = spans as u64 }, "spans dropped");
}

/// A queue message failed and will be retried.
pub fn message_given_back() {
    tracing::debug!(
        target: TARGET,
        { metric.MessagesGivenBack = 1u64 },
        "message returned to its queue"
    );
}

/// A queue message can never be processed.
pub fn bad_message() {
    tracing::debug!(target: TARGET, { metric.BadMessages = 1u64 }, "bad message");
}
