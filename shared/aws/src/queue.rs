//! The SQS queues that carry work to the worker and to the webhook function.

use std::sync::PoisonError;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
};
use flowgate_core::deadline;
use flowgate_core::group::Group;
use flowgate_core::hash::sha256_hex;
use flowgate_core::time::Timestamp;
use flowgate_core::work::{Message, Queue};

use crate::Aws;
use crate::retry::{bounded, failed};

/// The maximum delay of an SQS message.
const MAX_DELAY: Duration = Duration::from_secs(15 * 60);
const MAX_GROUP_ID: usize = 128;
/// A queue that is not available must not delay the answer to a run that is stored: its due row
/// brings it back.
const PATIENCE: Duration = Duration::from_secs(2);

#[async_trait]
impl Queue for Aws {
    async fn send(&self, message: Message, group: &Group) -> Result<()> {
        self.send_in(message, group, Duration::ZERO).await
    }

    /// Sends nothing beyond the maximum delay: the due row covers it.
    async fn send_later(&self, message: Message, group: &Group, at: Timestamp) -> Result<()> {
        let delay = at.since(self.now());
        if delay > MAX_DELAY {
            return Ok(());
        }
        self.send_in(message, group, delay).await
    }
}

impl Aws {
    async fn send_in(&self, message: Message, group: &Group, delay: Duration) -> Result<()> {
        let queue = match message {
            Message::RunV1 { .. }
            | Message::JobV1 { .. }
            | Message::FileV1 { .. }
            | Message::ScheduleV1 { .. }
            | Message::MetricsV1 { .. } => &self.inner.config.run_queue_url,
            Message::WebhookV1 { .. } => &self.inner.config.webhook_queue_url,
        };
        let trace = self.inner.trace.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut request = self
            .inner
            .clients
            .sqs()
            .send_message()
            .queue_url(queue)
            .message_body(serde_json::to_string(&message)?)
            .set_message_group_id(group_id(group));
        if let Some(traceparent) = trace.traceparent {
            let traceparent = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(traceparent)
                .build()?;
            request = request.message_attributes("traceparent", traceparent);
        }
        if let Some(xray) = trace.xray {
            let xray = MessageSystemAttributeValue::builder()
                .data_type("String")
                .string_value(xray)
                .build()?;
            request = request.message_system_attributes(
                MessageSystemAttributeNameForSends::AwsTraceHeader,
                xray,
            );
        }
        if !delay.is_zero() {
            request = request.delay_seconds(whole_seconds(delay));
        }
        let sent = async { request.send().await.map_err(|error| failed("SendMessage", error)) };
        let until = self.now() + PATIENCE;
        let until = deadline::current().map_or(until, |deadline| deadline.min(until));
        deadline::within(Some(until), bounded(&*self.inner.clock, "SendMessage", sent)).await?;
        Ok(())
    }
}

/// On a standard queue, groups are served fairly: a backlog of one does not delay the others. An id
/// has at most 128 letters, digits and punctuation.
fn group_id(group: &Group) -> Option<String> {
    let text = group.as_str();
    let fits = text.len() <= MAX_GROUP_ID && text.bytes().all(|byte| byte.is_ascii_graphic());
    match text {
        "" => None,
        _ if fits => Some(text.to_owned()),
        _ => Some(sha256_hex(text.as_bytes())),
    }
}

/// Rounds up, so that no message arrives early.
fn whole_seconds(delay: Duration) -> i32 {
    let up = delay.as_millis().div_ceil(1000);
    i32::try_from(up).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_fits_into_an_id() {
        let check = |text: &str| group_id(&Group::new(text));
        assert_eq!(check(""), None);
        assert_eq!(check("[::1]:443").as_deref(), Some("[::1]:443"));
        assert_eq!(check(&"a".repeat(129)).map(|id| id.len()), Some(64));
        assert_eq!(check("ä b").map(|id| id.len()), Some(64));
    }

    #[test]
    fn delays_are_rounded_up() {
        assert_eq!(
            [1, 1000, 1001, 900_000].map(|millis| whole_seconds(Duration::from_millis(millis))),
            [1, 1, 2, 900]
        );
    }
}
