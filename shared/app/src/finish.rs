//! Ends runs: writes terminal state, webhooks with frozen bodies, and retention in one transaction.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use flowgate_core::delivery::{
    Delivery, DeliveryId, DeliveryState, FrozenRequest, HeaderValue, WebhookBody, WebhookTarget,
};
use flowgate_core::event::{Event, Trace};
use flowgate_core::group::Group;
use flowgate_core::id::RunId;
use flowgate_core::lease::Lease;
use flowgate_core::run::{Finished, FinishedRun, RunEnd, RunHead, RunRecord, RunState};
use flowgate_core::stats::Tally;
use flowgate_core::time::Timestamp;
use flowgate_core::work::{DueItem, Message};
use flowgate_engine::call::{Piece, Rendered, WebhookCall};
use flowgate_engine::{RunError, Step, Usage};
use serde_json::{Value, json};

use crate::platform::App;
use crate::receiver::receiver;
use crate::{metric, webhook_body};

/// When the sweeper checks an ended run with `save: false`, in case its owner did not wipe it.
const WIPE_GRACE: Duration = Duration::from_secs(60);

impl App {
    /// Returns what to write with the end that `record` holds.
    pub fn finished_run(
        &self,
        record: &RunRecord,
        of_workflow: Option<WebhookCall>,
        trace: Trace,
        events: Vec<Event>,
    ) -> Result<FinishedRun> {
        let end = record.end.clone().context("the run has no end")?;
        let targets = record.head.webhooks.iter().cloned().chain(of_workflow.map(author_webhook));
        let deliveries = targets
            .enumerate()
            .map(|(index, target)| self.end_delivery(record, index, target, end.ended_at))
            .collect::<Result<_>>()?;
        let due_at = (!record.head.save).then(|| end.ended_at + WIPE_GRACE);
        Ok(FinishedRun {
            workflow_uid: record.head.workflow_uid.clone(),
            trace,
            results: Vec::new(),
            events,
            deliveries,
            expires_at: end.ended_at + self.settings.retention,
            due_at,
            tally: Some(Tally::of(&record.head, &end)),
            end,
        })
    }

    /// Counts the end, sends the deliveries and releases the key's count. Wipes a run with `save:
    /// false` if it has no deliveries.
    pub async fn after_end(&self, ended: &RunRecord, deliveries: Vec<(DeliveryId, Group)>) {
        metric::run_ended(ended);
        // Before a wipe takes its trace.
        self.report(ended).await;
        let head = &ended.head;
        if deliveries.is_empty()
            && !head.save
            && let Err(error) = self.wipe_or_wait(&head.id).await
        {
            tracing::warn!(
                run.id = %head.id,
                error = format!("{error:#}"),
                "could not wipe the run; the sweeper will retry"
            );
        }
        for (delivery, receiver) in deliveries {
            self.send(Message::WebhookV1 { delivery }, &receiver).await;
        }
        self.release_slot(head).await;
    }

    /// Ends a run whose lease is ours, without running it any further.
    pub async fn finish_leased(
        &self,
        lease: &Lease,
        record: &RunRecord,
        state: RunState,
        error: Option<RunError>,
    ) -> Result<Finished> {
        let now = self.now();
        let started_at = record.started_at.unwrap_or(now);
        let output = if state == RunState::Cancelled { Value::Null } else { json!({}) };
        let end = RunEnd {
            state,
            output: Arc::new(output),
            error,
            // Nobody knows what its earlier owners spent.
            usage: record.started_at.map_or_else(Usage::default, |_| Usage::UNKNOWN),
            started_at,
            ended_at: now.max(started_at),
        };
        let mut ended = record.clone();
        (ended.state, ended.fence, ended.owner, ended.end) =
            (state, lease.fence, None, Some(Arc::new(end)));
        let of_workflow = self.workflow_webhook(&record.head, started_at).await;
        let finished_run = self.finished_run(
            &ended,
            of_workflow,
            self.trace_so_far(&lease.run).await?,
            Vec::new(),
        )?;
        let deliveries = sent_at_end(&finished_run);
        let finished = match self.ports.runs.finish(lease, finished_run).await? {
            Finished::Finished => {
                self.after_end(&ended, deliveries).await;
                Finished::Already(Box::new(ended))
            }
            other => other,
        };
        Ok(finished)
    }

    /// The same for a run whose record is not at hand. `None` if it was never written.
    pub async fn finish_stored(
        &self,
        lease: &Lease,
        state: RunState,
        error: Option<RunError>,
    ) -> Result<Option<Finished>> {
        let Some(record) = self.ports.runs.read(&lease.run).await? else { return Ok(None) };
        Ok(Some(self.finish_leased(lease, &record, state, error).await?))
    }

    /// Renders the workflow's webhook with the outputs that the run has before its first call. No
    /// failure here stops the run from ending: neither an unreadable version nor a panic.
    async fn workflow_webhook(&self, head: &RunHead, started_at: Timestamp) -> Option<WebhookCall> {
        let program = match self.program(head).await {
            Ok(program) => program.ok()?,
            Err(error) => {
                tracing::error!(
                    run.id = %head.id,
                    error = &error as &dyn std::error::Error,
                    "could not read the workflow of the run; its webhook is not sent"
                );
                return None;
            }
        };
        let render = || {
            let mut run = program.run(head, started_at);
            while !matches!(run.step(), Step::Wait(_) | Step::Done) {}
            run.workflow_webhook()
        };
        catch_unwind(AssertUnwindSafe(render)).unwrap_or_default()
    }

    fn end_delivery(
        &self,
        record: &RunRecord,
        index: usize,
        target: WebhookTarget,
        at: Timestamp,
    ) -> Result<Delivery> {
        let body = webhook_body::render(target.body, record, &self.settings.public_url)?;
        let event = format!("run.{}", record.state.as_str());
        let status = Some(webhook_body::status(target.body, record.state).to_owned());
        let request = FrozenRequest {
            method: target.method,
            url: target.url,
            headers: target.headers,
            body,
            event,
            published_by: record.head.published_by,
            status,
            hops: record.head.hops + 1,
            trace: self.trace_of_end(&record.head),
            child: None,
            // Those of the caller come first.
            of_caller: index < record.head.webhooks.len(),
            at_end: None,
        };
        Ok(new_delivery(&record.head, &format!("end/{index}"), request, at))
    }

    /// Returns the delivery of a webhook node; does not write it.
    /// `workflow` is that of its [call](flowgate_engine::Call::workflow).
    pub fn node_delivery(
        &self,
        head: &RunHead,
        place: &str,
        webhook: &WebhookCall,
        workflow: usize,
    ) -> Delivery {
        let body = serde_json::to_string(&webhook.body).unwrap_or_default();
        self.delivery_with(head, place, (webhook, workflow), ("node", body))
    }

    /// Returns the delivery of an author's webhook with this body; does not write it.
    pub(crate) fn delivery_with(
        &self,
        head: &RunHead,
        place: &str,
        (webhook, workflow): (&WebhookCall, usize),
        (event, body): (&str, String),
    ) -> Delivery {
        let user = head.secret_user(workflow);
        let target = author_webhook(webhook.clone());
        let request = FrozenRequest {
            method: target.method,
            url: target.url,
            headers: target.headers,
            body,
            event: event.to_owned(),
            published_by: user.published_by,
            status: None,
            hops: head.hops + 1,
            trace: self.trace_of_attempt(head, place, 1),
            child: (workflow > 0).then_some(user.workflow_id),
            of_caller: false,
            at_end: None,
        };
        new_delivery(head, place, request, self.now())
    }

    /// Wipes an ended run with `save: false` if no delivery is open; otherwise returns the time of
    /// the next attempt.
    async fn wipe_or_wait(&self, run: &RunId) -> Result<Option<Timestamp>> {
        let deliveries = self.ports.deliveries.of_run(run).await?;
        let open = deliveries.iter().filter(|delivery| delivery.state == DeliveryState::Pending);
        let next = open.map(|delivery| delivery.due_at.unwrap_or(self.now())).min();
        if next.is_none() {
            self.ports.runs.wipe(run).await?;
        }
        Ok(next)
    }

    /// The same for any run: does nothing unless it has ended with `save: false`. While a delivery
    /// is open, postpones the sweep to its next attempt. Wipes again what is wiped: an owner that
    /// was frozen may have written a delivery since.
    pub async fn wipe_if_unsaved(&self, run: &RunId) -> Result<()> {
        let record = self
            .ports
            .runs
            .read(run)
            .await?
            .filter(|record| record.state.has_ended() && !record.head.save);
        let Some(record) = record else { return Ok(()) };
        let (Some(next), Some(sweep_at)) = (self.wipe_or_wait(run).await?, record.due_at) else {
            return Ok(());
        };
        let seen = DueItem { what: Message::RunV1 { run: run.clone() }, since: sweep_at, sweep_at };
        // `false`: somebody else moved it.
        self.ports.due.postpone(&seen, next.max(self.now()) + WIPE_GRACE).await?;
        Ok(())
    }
}

/// Returns what [`App::after_end`] sends.
pub fn sent_at_end(finished: &FinishedRun) -> Vec<(DeliveryId, Group)> {
    let sent = |delivery: &Delivery| (delivery.id.clone(), delivery.receiver.clone());
    finished.deliveries.iter().map(sent).collect()
}

pub(crate) fn new_delivery(
    head: &RunHead,
    place: &str,
    request: FrozenRequest,
    at: Timestamp,
) -> Delivery {
    Delivery {
        id: DeliveryId::of(&head.id, place),
        run: head.id.clone(),
        workflow_id: head.workflow_id.clone(),
        workflow_uid: head.workflow_uid.clone(),
        signing: head.signing,
        created_at: at,
        receiver: receiver(&request.url, &head.workflow_uid),
        request: Arc::new(request),
        state: DeliveryState::Pending,
        due_at: Some(at),
        owner: None,
        attempts: Vec::new(),
        attempts_made: 0,
        step: 0,
    }
}

/// Converts a webhook that a node or the workflow asks for.
fn author_webhook(webhook: WebhookCall) -> WebhookTarget {
    let header = |(name, value): (String, Rendered)| (name, HeaderValue::Author(pieces(value)));
    let given = webhook.headers.into_iter().filter(|(_, value)| !value.is_null());
    let mut headers: Vec<_> = given.map(header).collect();
    if let Some(signature) = webhook.signature {
        headers.push(("AI_FLOW_SIGNATURE".to_owned(), HeaderValue::Author(pieces(signature))));
    }
    WebhookTarget {
        url: webhook.url.0,
        method: webhook.method,
        headers,
        body: WebhookBody::Outputs,
    }
}

/// Returns text with secrets as names; other values as JSON.
fn pieces(rendered: Rendered) -> Vec<Piece> {
    match rendered {
        Rendered::Text(pieces) => pieces,
        Rendered::Json(Value::String(text)) => vec![Piece::Text(text)],
        other => vec![Piece::Text(serde_json::to_string(&other).unwrap_or_default())],
    }
}

#[cfg(test)]
mod tests {
    use flowgate_engine::call::RenderedUrl;
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_header_that_is_null_is_left_out() {
        let text = |text: &str| Rendered::Json(text.into());
        let webhook = author_webhook(WebhookCall {
            url: RenderedUrl::of_author("https://x/"),
            method: "POST".to_owned(),
            headers: vec![("a".into(), Rendered::Json(Value::Null)), ("b".into(), text(""))],
            body: Value::Null,
            signature: None,
        });
        let names: Vec<_> = webhook.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["b"]);
    }
}
